"""Rare pages of playground: of models that are not saved, of large graphs, of losses of all, without a widget."""

import json
import math
import re
import sys

import pytest

import nn.page.learning_page as learning_page
from autograd import mean, sigmoid
from nn import MLP, mse, playground
from nn.page._notebook_widget import widget_class
from tests.nn.page.networks import Shared, points, sides


def model_of(page):
    return json.loads(re.search(r'<script type="application/json" id="graph">(.*?)</script>', page.html, re.S)[1])


def page_of(model=None, loss=mse, **options):
    X = points()
    return playground(
        model or MLP(2, [3, 1], "tanh", seed=1), X, [0.5 + 0.25 * s for s in sides(X)], loss=loss, **options
    )


def test_page_without_anywidget_is_the_page_alone(monkeypatch):
    widget_class.cache_clear()
    monkeypatch.setitem(sys.modules, "anywidget", None)
    page = page_of()
    bundle = page._repr_mimebundle_()
    assert (bundle["text/plain"], bundle["text/html"]) == (repr(page), page._repr_html_())
    assert not [media for media in bundle if "widget" in media]


def test_numbers_from_the_page_that_are_the_same_change_nothing():
    pytest.importorskip("anywidget")
    widget_class.cache_clear()
    page = page_of()
    widget = widget_class()(page, 100)
    first, *others = [parameter.data for parameter in page.parameters]
    changed, same = page.parameters[0] ** 2, page.parameters[1] ** 2
    widget.theta = [first + 1.0, *others]
    assert [parameter.data for parameter in page.parameters] == [first + 1.0, *others]
    widget.theta = [math.nan, *others]
    widget.theta = others
    assert [parameter.data for parameter in page.parameters] == [first + 1.0, *others]
    same.backward()  # the graph of a parameter that was assigned to would say so
    with pytest.raises(RuntimeError, match="changed"):
        changed.backward()


def test_large_graph_is_learned_from_and_not_drawn(monkeypatch):
    assert model_of(page_of())["graph"]["title"] == "loss"
    monkeypatch.setattr(learning_page, "MOST_NODES", 10)
    assert model_of(page_of())["graph"] is None


def test_model_that_cannot_be_saved_has_no_file():
    assert model_of(page_of())["file"]["architecture"]["nouts"] == [3, 1]
    assert model_of(page_of(MLP(2, [3, 1], lambda x: x * sigmoid(x), seed=1)))["file"] is None
    assert model_of(page_of(Shared()))["file"]["architecture"] == {"type": "Shared"}


def test_loss_of_all_examples_together_is_refused():
    def whole(outputs, targets):
        if len(outputs) < len(points()):
            raise ValueError("this loss is of all examples together")
        return mean([(a - b) ** 2 for a, b in zip(outputs, targets, strict=True)])

    with pytest.raises(ValueError, match="playground takes a loss that is the mean over its examples"):
        page_of(loss=whole)


def test_activation_that_is_not_defined_at_zero_has_no_value_there():
    model = MLP(2, [3, 1], lambda x: (x * x + 0.0).log(), seed=1)
    for layer in model.layers:
        for neuron in layer.neurons:
            neuron.b.data = 2.0
    found = model_of(page_of(model))
    assert len(re.findall(r'"at_zero": null', json.dumps(found))) == 3
