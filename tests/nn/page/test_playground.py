"""playground(...): what it takes and refuses, what it leaves alone, and how it is saved and shown. Needs no browser."""

import json
import math
import random
import re
import subprocess
import sys
from functools import partial

import pytest

from autograd import Value, erf, fsum, mean, no_grad, sigmoid
from nn import MLP, SGD, Adam, Module, Neuron, binary_cross_entropy, fit, hinge, mae, mse, playground
from nn.__main__ import main
from nn.app.presets import JOBS
from nn.page import learning_page
from nn.page._network import NetworkCards
from nn.page._notebook_widget import widget_class
from nn.page.learning_page import OPTIMIZERS
from nn.schedules import Cosine
from tests.errors import error_of
from tests.nn.page.networks import Shared, case, points, sides, signed


def model_of(page):
    return json.loads(re.search(r'<script type="application/json" id="graph">(.*?)</script>', page.html, re.S)[1])


def small(model=None, **options):
    return signed(model or MLP(2, [3, 1], "tanh", seed=1), **options)


class Skipping(Module):
    """A network whose last neuron comes after two others in a row, and after a third beside them."""

    def __init__(self):
        self.first, self.second, self.beside, self.last = (Neuron(n, seed=n) for n in (1, 1, 1, 2))

    def forward(self, x):
        return self.last([self.second([self.first(x)]), self.beside(x)])


def test_wires_lead_to_the_cards_as_they_lie_in_columns():
    model, x, target = Skipping(), Value(0.5), Value(1.0)
    output = model([x])
    found = NetworkCards(model, mse([output], [target]), [output], [x], [target], ["x"])
    ends = [[getattr(end, "path", "x").removeprefix("model.") for end, _ in card.wires] for card in found.cards]
    assert [card.path for card in found.cards] == [f"model.{name}" for name in ("first", "beside", "second", "last")]
    assert ends == [["x"], ["x"], ["first"], ["second", "beside"]]
    assert [card.column for card in found.cards] == [1, 1, 2, 3]


def test_page_is_one_file_without_a_network_and_holds_functions_that_programs_share_once(tmp_path):
    page = small()
    file = page.save(tmp_path / "page.html")
    source = file.read_text(encoding="utf-8")
    assert source == page.html
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', source)[1]
    hashes = r"script-src 'sha256-\S+' 'sha256-\S+'; style-src 'sha256-\S+'"
    assert re.fullmatch(f"default-src 'none'; {hashes}; base-uri 'none'; form-action 'none'", policy)
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", source)
    page = small(penalty=lambda parameters: fsum([erf(p) for p in parameters]))
    assert page.html.count("const fn =") == 1


def test_model_optimizer_and_random_numbers_stay_as_they_are():
    model, X, y = case(mse)
    optimizer = Adam(model.parameters(), lr=0.1)
    before = model.state_dict(), optimizer.state, optimizer.steps, random.getstate()
    playground(model, X, y, loss=mse, optimizer=optimizer, seed=1, validation=0.2)
    assert (model.state_dict(), optimizer.state, optimizer.steps, random.getstate()) == before


def test_drawing_that_stands_in_for_the_page_has_the_loss_of_the_model_as_it_is():
    model, X, y = case(mse)
    page = playground(model, X, y, loss=mse)
    one = page.root.data
    assert one in [pytest.approx(mse([model(x)], [target]).data, rel=1e-12) for x, target in zip(X, y, strict=True)]


def test_page_knows_layers_from_one_on_and_which_optimizers_and_schedules_are_of_nn():
    class Slow(SGD):
        """An optimiser of one's own."""

    for lr in (Cosine(0.1, steps=9), lambda step: 0.5, 0.1):
        model = MLP(2, [3, 1], "tanh", seed=1)
        found = model_of(small(model, optimizer=Slow(model.parameters(), lr=lr)))
        assert found["python"]["schedule"] == (repr(lr) if isinstance(lr, Cosine) else None)
        ours = {one["name"]: one["ours"] for one in found["optimizers"]}
        assert ours == {"Slow": False} | {kind.__name__: True for kind in OPTIMIZERS}
        assert [layer["name"] for layer in found["layers"]] == ["layer 1", "layer 2"]


def test_batches_of_all_examples_are_none():
    sizes = {None: None, 1: 1, 39: 39, 40: None, 41: None}  # of 40 examples
    assert {size: model_of(small(batch_size=size))["batch"] for size in sizes} == sizes


def test_output_that_the_loss_does_not_need_is_no_node():
    X = points()
    first = lambda outputs, targets: mse([output[0] for output in outputs], targets)
    found = model_of(playground(MLP(2, [3, 2], "tanh", seed=1), X, [x + y for x, y in X], loss=first))
    needed, other = [card["node"] for card in found["cards"] if card["name"].startswith("ŷ")]
    assert needed >= 0
    assert other == -1


def test_title_says_what_learns_from_what_and_the_same_arguments_give_the_same_page():
    assert small(seed=3).html == small(seed=3).html
    assert repr(small()) == "<page of MLP 2 → 3 → 1, learning from 40 examples>"
    assert model_of(small(validation=0.25))["title"] == "MLP 2 → 3 → 1, learning from 30 examples"
    assert repr(small(title="moons")) == "<page of moons>"
    assert (
        repr(playground(MLP(2, [1]), [[1.0, 2.0]], [0.0], loss=mse)) == "<page of MLP 2 → 1, learning from 1 example>"
    )
    own = playground(Own(lambda w, x: w * x), points(), [0.0] * 40, loss=mse)
    assert repr(own) == "<page of Own, learning from 40 examples>"


def test_classes_are_told_by_the_loss():
    assert model_of(small())["classes"] == ["class −1", "class 1"]
    assert model_of(small(classes=["in", "out"]))["classes"] == ["in", "out"]
    model, X, y = case(binary_cross_entropy)
    assert model_of(playground(model, X, y, loss=binary_cross_entropy))["classes"] == ["class 0", "class 1"]
    assert model_of(playground(MLP(2, [1]), points(), [x + y for x, y in points()], loss=mae))["classes"] == []
    doubled = model_of(signed(MLP(2, [1]), lambda o, t: 2 * hinge(o, t)))
    assert (doubled["classes"], doubled["reading"]) == (["class −1", "class 1"], "score")


def test_wires_are_found_in_any_wiring_of_neurons():
    class Skip(Module):
        def __init__(self):
            self.first, self.last = Neuron(2, seed=1), Neuron(3, None, seed=2)

        def forward(self, x):
            return self.last([x[1], self.first(x), x[0]])

    X = points()
    found = model_of(playground(Skip(), X, [0.0] * len(X), loss=mse))
    first, last = found["cards"]
    told = [(card["name"], card["path"], card["column"]) for card in found["cards"]]
    assert told == [("h1.1", "model.first", 1), ("ŷ", "model.last", 2)]
    assert first["wires"] == [["x", 0, 0], ["x", 1, 1]]
    assert last["wires"] == [["x", 1, 3], ["card", 0, 4], ["x", 0, 5]]
    assert found["parameters"] == ["w1.1.1", "w1.1.2", "b1.1", "w2.1.1", "w2.1.2", "w2.1.3", "b2.1"]


def test_large_graph_is_learned_from_and_not_drawn(monkeypatch):
    assert model_of(small())["graph"]["title"] == "loss"
    monkeypatch.setattr(learning_page, "MOST_NODES", 10)
    assert model_of(small())["graph"] is None


def test_model_that_cannot_be_saved_has_no_file():
    assert model_of(small())["file"]["architecture"]["nouts"] == [3, 1]
    assert model_of(small(MLP(2, [3, 1], lambda x: x * sigmoid(x), seed=1)))["file"] is None
    assert model_of(small(Shared()))["file"]["architecture"] == {"type": "Shared"}


def test_activation_that_is_not_defined_at_zero_has_no_value_there():
    model = MLP(2, [3, 1], lambda x: (x * x + 0.0).log(), seed=1)
    for neuron in (neuron for layer in model.layers for neuron in layer.neurons):
        neuron.b.data = 2.0
    assert [card["at_zero"] for card in model_of(small(model))["cards"]].count(None) == 3


def test_names_of_columns_are_those_of_a_table():
    pandas = pytest.importorskip("pandas")
    X = points()
    table = pandas.DataFrame(X, columns=["length", "width"])
    page = playground(MLP(2, [2, 1], "tanh"), table, pandas.Series(sides(X)), loss=hinge)
    assert model_of(page)["inputs"] == ["length", "width"]


class Own(Module):
    """A model of one parameter w."""

    def __init__(self, function):
        self.w, self.function = Value(1.0), function

    def forward(self, x):
        return self.function(self.w, x[0])


def worst(outputs, targets):
    losses = [(o - t) ** 2 for o, t in zip(outputs, targets, strict=True)]
    return max(losses, key=lambda loss: loss.data)


def of_all(outputs, targets):
    if len(outputs) < 40:
        raise ValueError("this loss is of all examples together")
    return mean([(o - t) ** 2 for o, t in zip(outputs, targets, strict=True)])


def bad():
    """What is refused, with the kind of the error and its words."""
    return [
        ({"model": lambda x: x}, TypeError, "playground takes a Module"),
        ({"y": [1]}, ValueError, "one target for each example.*got 40 and 1"),
        ({"X": [], "y": []}, ValueError, "at least one, got 0 and 0"),
        ({"batch_size": 0}, ValueError, "batch_size is a whole number of examples, 1 or more, got 0"),
        ({"features": ["a"]}, ValueError, "features names each of 2 inputs, got 1"),
        ({"classes": ["a", "b", "c"]}, ValueError, "classes names each of 2 classes, got 3"),
        ({"loss": mse, "classes": ["a", "b"]}, ValueError, "classes are for a classifier"),
        ({"validation": 1.5}, ValueError, "validation is a share between 0 and 1"),
        ({"y": [0] * 40}, ValueError, "hinge takes targets of -1 or 1, got 0"),
        ({"model": Own(lambda w, x: w * x * random.random()), "loss": mse}, ValueError, "draws random numbers"),
        ({"model": Own(lambda w, x: w * x if x > 0 else w), "loss": mse}, TypeError, "a branch on"),
        (
            {"model": Own(lambda w, x: (800.0 * w + 0.0 * x).exp()), "loss": mse},
            ValueError,
            r"finite loss, and exp\(x\)",
        ),
        ({"model": Own(lambda w, x: (1e155 + w * x) ** 2), "loss": mse}, ValueError, r"finite loss, and x \*\* 2 is"),
        ({"y": [1e200] * 40, "loss": mse}, ValueError, r"finite loss, and x \*\* 2 is"),
        ({"loss": worst}, (ValueError, TypeError), "."),
        ({"loss": of_all}, ValueError, "playground takes a loss that is the mean over its examples"),
        (
            {"X": [[0.0, 1.0], [math.nan, 0.0], *[[0.0, 1.0]] * 38]},
            ValueError,
            r"input number 1, counted from 0, is \[nan",
        ),
        ({"penalty": 3}, TypeError, "penalty is a function"),
        ({"optimizer": lambda: None}, TypeError, "optimizer is an Optimizer"),
        ({"optimizer": SGD([Value(1.0)])}, ValueError, "the loss depends on none of the optimizer's parameters"),
        ({"optimizer": SGD}, TypeError, "got the class SGD; write SGD"),
        ({"loss": "mse"}, TypeError, "loss is a function of outputs and targets"),
    ]


def test_what_it_cannot_show_is_an_error():
    X = points()
    for changed, kind, message in bad():
        given = {"model": MLP(2, [3, 1], "tanh", seed=1), "X": X, "y": sides(X), "loss": hinge, **changed}
        with pytest.raises(kind, match=message):
            playground(given.pop("model"), given.pop("X"), given.pop("y"), **given)


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_model_that_has_diverged_is_refused_and_an_optimiser_that_has_is_not(odd):
    model = MLP(2, [3, 1], "tanh", seed=1)
    optimizer = Adam(model.parameters())
    optimizer.state["squares"][1] = odd
    assert small(model, optimizer=optimizer).html
    model.parameters()[4].data = odd
    with pytest.raises(ValueError, match=rf"the parameter layers\.0\.neurons\.1\.w\.1 is {odd}; begin again"):
        small(model)


def test_what_fit_refuses_is_refused_with_its_words():
    X, compared = points(), 0
    for changed, *_ in bad():
        found = []
        for train in (partial(fit, epochs=1, compiled=False), playground):
            given = {"model": MLP(2, [3, 1], "tanh", seed=1), "X": X, "y": sides(X), "loss": hinge, **changed}
            found.append(error_of(train, given.pop("model"), given.pop("X"), given.pop("y"), **given))
        if found[0] and not changed.keys() & {"model", "features", "classes"}:
            compared += 1
            assert found[0].replace("fit takes", "playground takes") == found[1]
    assert compared > 8


def test_notebook_shows_the_page_in_a_frame_of_its_own():
    page = small()
    bundle = page._repr_mimebundle_()
    assert bundle["text/plain"] == repr(page)
    assert '<iframe sandbox="allow-scripts allow-downloads" title="MLP 2 → 3 → 1' in bundle["text/html"]
    assert "hinge" in bundle["image/svg+xml"]  # for where no script runs


def test_page_without_anywidget_is_the_page_alone(monkeypatch):
    widget_class.cache_clear()
    monkeypatch.setitem(sys.modules, "anywidget", None)
    page = small()
    bundle = page._repr_mimebundle_()
    assert (bundle["text/plain"], bundle["text/html"]) == (repr(page), page._repr_html_())
    assert not [media for media in bundle if "widget" in media]


def test_widget_gives_the_model_what_was_trained_and_numbers_that_are_the_same_change_nothing():
    pytest.importorskip("anywidget", reason="the widget needs anywidget")
    widget_class.cache_clear()
    page = small()
    widget = widget_class()(page, 500)
    before = first, *others = [parameter.data for parameter in page.parameters]
    for wrong in ([1.0], others, [math.nan, *others], [math.nan] * 13, ["1"] * 13, [None] * 13):
        widget.theta = wrong
        assert [*page.model.state_dict().values()] == before
    changed, same = page.parameters[0] ** 2, page.parameters[1] ** 2
    widget.theta = [first + 1.0, *others]
    assert [parameter.data for parameter in page.parameters] == [first + 1.0, *others]
    same.backward()  # the graph of a parameter that was assigned to would say so
    with pytest.raises(RuntimeError, match="changed"):
        changed.backward()
    widget.theta = [0.5] * 13
    assert set(page.model.state_dict().values()) == {0.5}
    with no_grad():
        assert page.model([1.0, 1.0]).data == pytest.approx(3 * 0.5 * math.tanh(1.5) + 0.5)
    assert set(widget.traits(sync=True)) >= {"page", "title", "height", "theta"}
    assert "application/vnd.jupyter.widget-view+json" in page._repr_mimebundle_()


def test_importing_nn_loads_nothing_of_the_page_and_a_missing_package_is_named():
    code = (
        "import nn, sys; print([name for name in sys.modules if name.startswith('nn.page.')])\n"
        "sys.modules['graphviz'] = None\n"
        "try: nn.playground(nn.MLP(1, [1]), [[1.0]], [1.0], loss=nn.mse)\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded, error = done.stdout.splitlines()
    assert loaded == "[]"
    assert "playground needs the graphviz package: python -m pip install 'scalar-autograd[compile,draw]'" in error


def test_optimizer_of_some_parameters_trains_these_alone():
    model, X, y = case(mse)
    last = model.layers[-1].parameters()
    found = model_of(playground(model, X, y, loss=mse, optimizer=SGD(last, lr=0.1)))
    assert len(found["theta"]) == len(last)
    assert found["parameters"] == [f"w3.1.{i}" for i in range(1, 6)] + ["b3.1"]
    assert [wire[2] for wire in found["cards"][0]["wires"]] == [-1, -1]


@pytest.mark.parametrize("name", JOBS)
def test_command_writes_the_page_of_every_data_set_and_does_not_train(name, tmp_path, capsys):
    file = tmp_path / "page.html"
    assert main([name, "--playground", str(file)]) == 0
    said = capsys.readouterr().out
    assert said.endswith(f"wrote {file}: open it in a browser, and press play\n")
    assert "stopped" not in said
    assert f"<title>{name}: " in file.read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html"]


def test_command_writes_the_page_of_a_table_and_says_where_it_cannot(tmp_path, capsys):
    table = tmp_path / "table.csv"
    rows = "".join(f"{i},{i % 7},{'ab'[i % 2]}\n" for i in range(60))
    table.write_text(f"length,width,kind\n{rows}", encoding="utf-8")
    arguments = [str(table), "--target", "kind", "--playground"]
    assert main([*arguments, str(tmp_path / "page.html")]) == 0
    with pytest.raises(SystemExit):
        main(arguments)
    in_a_folder = "--playground takes a file to write, in a folder that exists, and"
    for place, said in {
        tmp_path: f"{in_a_folder} {tmp_path}",
        table: f"--playground would replace {table}",
        tmp_path / "nowhere" / "page.html": f"{in_a_folder} there is no {tmp_path / 'nowhere'}",
    }.items():
        assert main([*arguments, str(place)]) == 1
        assert said in capsys.readouterr().err
