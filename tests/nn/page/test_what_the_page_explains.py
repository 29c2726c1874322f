"""What a playground explains: why a gradient is small, what a neuron is made of, what goes wrong, and the loss."""

import re
import types

import pytest

from autograd import relu, sigmoid, softplus, tanh
from nn import MLP, SGD, hinge, mse, playground
from nn.__main__ import main
from nn.app.presets import JOBS
from nn.page.learning_page import OPTIMIZERS
from tests.nn.page.networks import COUNT, LOSS_CASES, case, choose_example, name_of, number, plane, points, signed, text


def deep(activation="sigmoid", layers=4):
    return signed(MLP(2, [*[4] * layers, 1], activation, seed=1))


def with_biases(biases, sizes=(4, 1), layer=0):
    """A network of relu in which the first neurons of a layer have these biases."""
    model = MLP(2, list(sizes), "relu", seed=1)
    for neuron, bias in zip(model.layers[layer].neurons, biases, strict=False):
        neuron.b.data = bias
    return model


@pytest.mark.parametrize("loss", LOSS_CASES, ids=name_of)
def test_loss_is_named_with_its_formula_and_sizes_of_gradients_are_means_over_single_examples(loss, opened):
    model, X, y = case(loss)
    sizes = [0.0] * len(model.parameters())
    for example, target in zip(X, y, strict=True):
        for parameter in model.parameters():
            parameter.grad = 0.0
        loss([model(example)], [target]).backward()
        sizes = [size + abs(p.grad) / len(X) for size, p in zip(sizes, model.parameters(), strict=True)]
    page = opened(playground(model, X, y, loss=loss))
    assert page.evaluate("[...playground.training.sizes()]") == pytest.approx(sizes, rel=1e-9, abs=1e-15)
    told = text(page, "#loss-told")
    name = getattr(loss, "func", loss).__name__
    assert told.startswith(f"The loss is {name}: the mean ")
    assert "(1/n) Σ" in told
    assert "-" not in told.replace("cross-entropy", "")
    assert ("delta = 0.3" in told) == (name_of(loss) == "partial")
    page.get_by_text("How this loss comes about").click()
    steps = page.locator("#told details .equation").all_inner_texts()
    assert steps[-1].startswith("loss = mean(")
    total = page.evaluate("playground.graph.values[playground.graph.root]")
    assert number(steps[-1].rsplit("= ", 1)[1]) == pytest.approx(total, rel=1e-3, abs=1e-12)
    assert all(re.match(r"loss(\.\d+)? = ", step) for step in steps)


def means(page):
    label = page.locator("#gradients").get_attribute("aria-label")
    return [number(mean) for mean in re.findall(r"layer \d+: (\S+) on average", label)]


def test_gradients_that_vanish_are_seen_though_examples_balance_and_why_is_told_factor_by_factor(opened):
    page = opened(deep())
    found = means(page)
    assert len(found) == 5
    assert found == sorted(found)
    assert found[0] < 0.03 * found[-1]
    said = r"They vanish: those of layer 1 are about [\d,]+ times smaller than those of layer 5, on average\."
    assert re.fullmatch(said, text(page, "#gradients-note"))
    page.locator("#why").click()
    details = text(page, "#details")
    assert re.match(r"w1\.\d\.\d a parameter, layers\.0", details)
    assert "The strongest of its 64 paths, factor by factor" in details
    assert re.search(r"Why it is so small: the 4 slopes of sigmoid, each at most 0\.25, multiply to [\d.e−]+;", details)
    assert re.search(r"∂h1\.(\d)/∂z1\.\1 = h1\.\1 × \(1 − h1\.\1\) = \S+ × \(1 − \S+\)\s+× 0\.2\d+", details)
    lit = page.evaluate("[...playground.network.lit].map(place => playground.model.parameters[place])")
    assert [name.partition(".")[0] for name in sorted(lit)] == ["w2", "w3", "w4", "w5"]


def test_layer_that_no_gradient_reaches_is_told(opened):
    page = opened(signed(with_biases([-100.0] * 3, (3, 3, 1), layer=1), mse))
    assert text(page, "#gradients-note") == "No gradient comes through to layer 1: all of them are 0."
    assert "h2.1, h2.2 and h2.3 give 0 for every example and are dead" in text(page, "#advice")
    page.locator("#why").click()
    assert "Nothing comes through here. One factor is 0" in text(page, "#details")


def test_of_many_terms_the_largest_are_first_and_all_are_there(opened):
    X = [[float(i * k % 7) for k in range(40)] for i in range(8)]
    page = opened(playground(MLP(40, [2, 1], seed=1), X, [1, -1] * 4, loss=hinge))
    page.locator(".card.neuron").first.click()
    rows = page.locator(".contributions tbody tr")
    sizes = [abs(number(row.split()[6])) if "×" in row else 0.0 for row in rows.all_inner_texts()]
    assert len(sizes) == 24
    assert sizes[:20] == sorted(sizes[:20], reverse=True)
    page.get_by_role("button", name="These are the 24 largest: show all 41").click()
    assert rows.count() == 41


def test_loss_of_ones_own_is_told_as_far_as_it_is_known(opened):
    def halves(outputs, targets):
        """Return half the squared error, ½ (ŷ - y)². It is an example."""
        return 0.5 * mse(outputs, targets)

    model, X, y = case(mse)
    told = text(opened(playground(model, X, y, loss=halves)), "#loss-told")
    assert told == "The loss is halves: half the squared error, ½ (ŷ − y)²."
    told = text(opened(playground(model, X, y, loss=lambda o, t: mse(o, t))), "#loss-told")
    assert told == "The loss is your own loss."


def choose_largest_rate(page):
    largest = page.locator("#lr option").evaluate_all("options => options.at(-1).value")
    page.locator("#lr").select_option(largest)
    page.evaluate("() => { for (let i = 0; i < 30; i++) playground.run(10); }")
    told = text(page, "#advice") + text(page, "#problem")
    assert re.search(r"learning rate is too large|try a smaller learning rate|jumps up and down", told), told


@pytest.mark.parametrize("optimizer", ["given", *[kind.__name__ for kind in OPTIMIZERS if kind is not SGD]])
def test_largest_learning_rate_is_too_large_and_this_is_said(optimizer, opened):
    page = opened(plane())
    if optimizer != "given":
        page.locator("#optimizer").select_option(optimizer)
    choose_largest_rate(page)


@pytest.mark.parametrize("job", ["moons", "circles", "xor", "spirals", "iris"])
def test_largest_learning_rate_is_too_large_for_every_usual_network(job, opened, tmp_path):
    assert job in JOBS
    file = tmp_path / "job.html"
    assert main([job, "--playground", str(file)]) == 0
    choose_largest_rate(opened(types.SimpleNamespace(save=lambda path: file)))


def test_usual_run_is_not_warned_of_and_an_example_that_does_not_exist_is_answered(opened):
    page = opened(plane())
    for _ in range(20):
        page.evaluate("playground.run(5)")
    assert page.locator("#advice p").count() == 0
    before = page.locator("#which").input_value()
    for wrong in ("999", "0", "1.5", "1,2", "1e", ""):
        choose_example(page, wrong)
        assert text(page, "#range") == "There are 32 examples: choose one of 1 to 32."
        assert page.locator("#which").input_value() == before
    choose_example(page, 32)
    assert text(page, "#range") == ""
    assert page.evaluate("playground.example") == 31


def test_dead_neurons_are_told_and_marked(opened):
    page = opened(signed(with_biases([-50.0] * 2), mse))
    assert text(page, "#advice").startswith("h1.1 and h1.2 give 0 for every example and are dead")
    assert page.locator(".card.silent").count() == 2
    assert "dead" in page.locator(".card.neuron").first.inner_text()
    assert "dead" not in page.locator(".card.neuron").nth(2).inner_text()


def test_end_of_training_is_told_and_pauses_it(opened):
    model = MLP(1, [1], seed=1)
    finished = playground(model, [[-1.0], [1.0]], [-1, 1], loss=hinge, optimizer=SGD(model.parameters(), lr=1.0))
    page = opened(finished)
    page.keyboard.press(" ")
    page.wait_for_function("() => !playground.playing && playground.training.steps > 0", polling=100)
    page.evaluate("playground.run(40)")
    assert text(page, "#loss") == "0"
    assert text(page, "#advice").startswith("Training is finished: the loss is 0 and all gradients are 0")


def test_neurons_that_a_step_has_switched_off_tell_of_the_learning_rate(opened):
    model = MLP(2, [4, 1], "relu", seed=1)
    page = opened(signed(model, optimizer=SGD(model.parameters(), lr=100.0)))
    page.evaluate("playground.run(3)")
    assert page.locator(".card.silent").count() >= 2
    assert "The learning rate is too large" in text(page, "#advice")


def test_fold_of_a_neuron_is_drawn_on_its_card(opened):
    page = opened(signed(with_biases([0.0, -100.0], (2, 1)), mse))  # -100: it is 0 everywhere
    ink = """card => {
      const { width, height } = card.canvas;
      const colours = card.canvas.getContext("2d").getImageData(0, 0, width, height).data;
      const lightest = Array.from({ length: width * height }, (_, i) => Math.max(...colours.slice(4 * i, 4 * i + 3)));
      return lightest.filter((colour) => colour < 140).length;
    }"""
    cards = [f"playground.network.cards.find(c => c.kind === 'neuron' && c.index === {i})" for i in (0, 1)]
    seen, nowhere = (page.evaluate(f"({ink})({card})") for card in cards)
    assert seen > 10 > nowhere == 0


def test_fold_is_where_the_sum_is_zero():
    for activation in (relu, sigmoid, softplus, tanh):
        html = signed(MLP(2, [1, 1], activation.name, seed=1), mse).html
        found = [float(at) for at in re.findall(r'"at_zero": ?([^,]+)', html)]
        assert found == [activation(0.0), 0.0]


def test_steps_after_which_nothing_moves_are_told_too(opened):
    model, flat = MLP(2, [3, 1], "relu", seed=1), MLP(2, [2, 1], "tanh", "relu", seed=1)
    model.layers[-1].neurons[0].b.data, flat.layers[-1].neurons[0].b.data = 0.0, -9.0
    page, stuck = (opened(playground(network, points(), [1] * COUNT, loss=mse)) for network in (model, flat))
    assert "Training has come to an end" not in text(page, "#advice")
    assert text(stuck, "#advice").startswith("Training has come to an end: all gradients are 0")


def test_reset_and_undo_keep_the_settings_and_say_so(opened):
    page = opened(plane())
    assert page.locator("#kept").is_hidden()
    page.evaluate("playground.run(3)")
    first = page.evaluate("[...playground.training.theta]")
    page.locator("#lr").select_option("0.3")
    page.locator("#optimizer").select_option("SGD")
    page.locator("#penalty").select_option("l2")
    assert text(page, "#kept").startswith("Reset and undo take the weights back; the settings stay as you chose them.")
    wanted = page.evaluate("playground.training.wanted")
    for button in ("#undo", "#reset"):
        page.locator(button).click()
        assert page.evaluate("playground.training.wanted") == wanted
        assert page.locator("#optimizer").input_value() == "SGD"
    page.evaluate("playground.run(4)")
    page.locator("#as-first").click()
    assert page.evaluate("playground.training.wanted") == page.evaluate("playground.training.given")
    assert page.locator("#optimizer").input_value() == "Adam"
    assert page.locator("#lr").input_value() == "0.03"
    assert page.locator("#kept").is_hidden()
    page.locator("#reset").click()
    page.evaluate("playground.run(3)")
    assert page.evaluate("[...playground.training.theta]") == first


def test_classes_go_by_the_names_that_were_given(opened):
    page = opened(signed(MLP(2, [1], seed=1)))
    assert re.search(r"The network gives .*: class (−1|1)\.", text(page, "#told"))
    assert re.search(r"The right answer is class (−1|1) \(y = \1\)", text(page, "#told"))
    page = opened(plane(classes=["in", "out"]))
    assert re.search(r"The right answer is (in|out) \(y = [01]\)", text(page, "#told"))
    assert "out" in text(page, "#key")


def test_one_is_one(opened, tmp_path):
    model = MLP(1, [1], seed=1)
    page = opened(playground(model, [[1.0]], [2.0], loss=mse))
    assert text(page, "#title") == "MLP 1 → 1, learning from 1 example"
    page.locator("#step").click()
    page.locator("#export").click()
    assert text(page, "#python-note").startswith("1 epoch from")
    assert "a run of 1 step," in page.locator("#source").input_value()
