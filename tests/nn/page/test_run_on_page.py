"""The run on the page is fit's: the same parameters after a hundred steps, and the same again in exported Python."""

import json
import math
import re
import subprocess
import sys

import pytest

from autograd import sign
from nn import SGD, Adam, Optimizer, fit, hinge, l1, l2, load, mse, playground, schedules
from nn.page.learning_page import OPTIMIZERS
from tests.nn.page.networks import LOSS_CASES, Shared, case, name_of, points

STEPS = 100
OPTIONS = {"SGD": [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}]}


class Heavy(Optimizer):
    """An optimiser of one's own."""

    remembers = ("velocity",)

    def rule(self, lr, t):
        def update(p, g, v):
            v = 0.5 * v - lr * g
            return p + v, v

        return update


class Lion(Optimizer):
    """Evolved sign momentum (Chen et al. 2023, arXiv:2302.06675): a rule with a function of autograd."""

    remembers = ("mean",)

    def rule(self, lr, t):
        return lambda p, g, m: (p - lr * sign(0.9 * m + 0.1 * g), 0.99 * m + 0.01 * g)


class Damped(Optimizer):
    """An optimiser of one's own whose bounds may be infinite, which are none."""

    def __init__(self, parameters, lr=0.1, bounds=(math.inf, 2.0), largest=math.inf):
        super().__init__(parameters, lr, bounds=bounds, largest=largest)

    def rule(self, lr, t):
        return lambda p, g: (p - lr * g / (1.0 + g * g / self.bounds[0] + g * g / self.largest),)


KINDS = [*OPTIMIZERS, Heavy, Lion, Damped]
OPTIMIZER_CASES = [(kind, options) for kind in KINDS for options in OPTIONS.get(kind.__name__, [{}])]


def on_page(page, steps=STEPS):
    return page.evaluate("n => { playground.run(n); return [...playground.training.theta]; }", steps)


def undo(page, steps):
    page.evaluate("n => { for (let i = 0; i < n; i++) playground.undo(); playground.render(); }", steps)


def change(page, **settings):
    for name, value in settings.items():
        page.locator(f"#{name}").select_option(value)


def close_to(theta):
    return pytest.approx(theta, rel=1e-9, abs=1e-9)


def same(model, theta):
    assert [p.data for p in model.parameters()] == close_to(theta)


def trained(loss, make, batch_size=None, epochs=STEPS, compiled="auto", **settings):
    """A model after training by fit, and its page before any."""
    model, X, y = case(loss)
    before = [p.data for p in model.parameters()]
    options = {"loss": loss, "batch_size": batch_size, "seed": 7, **settings}
    page = playground(model, X, y, optimizer=make(model.parameters()), **options)
    assert [p.data for p in model.parameters()] == before
    fit(model, X, y, optimizer=make(model.parameters()), epochs=epochs, compiled=compiled, **options)
    return model, page


@pytest.mark.parametrize(("kind", "options"), OPTIMIZER_CASES, ids=lambda part: getattr(part, "__name__", str(part)))
def test_every_optimiser_takes_the_steps_of_fit(kind, options, opened):
    compiled = False if kind is Lion else "auto"
    model, page = trained(mse, lambda parameters: kind(parameters, lr=0.02, **options), compiled=compiled)
    same(model, on_page(opened(page)))


@pytest.mark.parametrize("penalty", [l1, lambda p: 0.01 * l2(p)], ids=["l1", "l2"])
def test_penalty_is_a_part_of_the_loss(penalty, opened):
    model, page = trained(hinge, lambda parameters: SGD(parameters, lr=0.05), penalty=penalty)
    page = opened(page)
    assert page.locator("#penalty").input_value() == "own"
    same(model, on_page(page))


def test_schedule_is_followed(opened):
    model, page = trained(mse, lambda ps: SGD(ps, lr=schedules.Cosine(0.3, steps=60, warmup=5)))
    page = opened(page)
    assert page.locator("#lr option:checked").inner_text() == "its schedule"
    same(model, on_page(page))


FAR = [7, 5000, 7000, 13000]
SCHEDULES = [
    *(schedules.Constant(0.1, warmup=8000), schedules.Constant(0.1), schedules.Step(0.1, every=6000)),
    *(
        schedules.Exponential(0.1, 0.9999),
        schedules.Exponential(0.1, 0.5),
        schedules.Exponential(0.1, 0.9, warmup=6000),
    ),
    *(schedules.Cosine(0.1, 12000), schedules.Cosine(0.1, 100, minimum=0.01), schedules.Cosine(0.1, 9000, warmup=6000)),
]


def test_schedules_have_samples():
    kinds = {
        kind for kind in vars(schedules).values() if isinstance(kind, type) and kind.__module__ == schedules.__name__
    }
    assert {type(schedule) for schedule in SCHEDULES} == kinds - {schedules.Schedule}


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_schedule_of_nn_is_followed_however_long_the_run_is(schedule, opened):
    model, X, y = case(mse)
    page = opened(playground(model, X, y, loss=mse, optimizer=SGD(model.parameters(), lr=schedule)))
    rates = page.evaluate("steps => steps.map((n) => playground.training.rate(n))", FAR)
    assert rates == pytest.approx([schedule(t) for t in FAR], rel=1e-12, abs=1e-300)


class Late(schedules.Schedule):
    """A schedule of one's own that is constant for a long time."""

    def after(self, t):
        return self.lr if t < 9000 else 0.1 * self.lr


OWN = [lambda t: 0.1, lambda t: 0.1 / (1 + t), lambda t: 0.1 if t < 7000 else 0.01, Late(0.1)]


@pytest.mark.parametrize("schedule", OWN, ids=["constant", "falling", "step", "class"])
@pytest.mark.parametrize("taken", [0, 3])
def test_schedule_of_ones_own_ends_with_a_message_where_no_further_rate_is_written(schedule, taken, opened):
    model, X, y = case(mse)
    optimizer = SGD(model.parameters(), lr=schedule)
    optimizer.steps = taken
    page = opened(playground(model, X[:2], y[:2], loss=mse, optimizer=optimizer))
    on_page(page, 5100)
    assert page.evaluate("playground.training.steps") == 5000
    message = "no rate of the schedule is known in step 5001, so it is not taken; choose a learning rate. Undo"
    assert page.locator("#problem").inner_text().startswith(message)
    undo(page, 1)
    change(page, lr="0.1")
    on_page(page, 10)
    assert page.evaluate("playground.training.steps") == 5010
    assert page.locator("#problem").inner_text() == ""


def test_infinite_option_is_changed_and_written_in_python(opened):
    model, X, y = case(mse)
    page = opened(playground(model, X, y, loss=mse, optimizer=Damped(model.parameters())))
    page.locator("#more summary").click()
    field = page.get_by_label("largest")
    assert field.input_value() == page.get_by_label("bounds 1").input_value() == "∞"
    for given, kept in (("3", "3"), ("-1", "3"), ("∞", "∞")):
        field.fill(given)
        field.blur()
        assert field.input_value() == kept
    on_page(page, 1)
    page.locator("#export").click()
    written = 'Damped(model.parameters(), lr=0.1, bounds=(float("inf"), 2.0), largest=float("inf"))'
    assert written in page.locator("#source").input_value()


def test_optimiser_goes_on_from_where_it_was(opened):
    model, X, y = case(mse)
    optimizer = Adam(model.parameters(), lr=0.01)
    fit(model, X, y, loss=mse, optimizer=optimizer, epochs=5)
    page = opened(playground(model, X, y, loss=mse, optimizer=optimizer))
    fit(model, X, y, loss=mse, optimizer=optimizer, epochs=20)
    same(model, on_page(page, 20))


def test_model_of_ones_own_and_loss_of_ones_own(opened):
    def cube(outputs, targets):
        return sum(abs(o - t) ** 3 for o, t in zip(outputs, targets, strict=True)) / len(outputs)

    model, X = Shared(), points()
    y = [x[0] - x[1] for x in X]
    page = opened(playground(model, X, y, loss=cube, optimizer=SGD(model.parameters(), lr=0.1)))
    fit(model, X, y, loss=cube, optimizer=SGD(model.parameters(), lr=0.1), epochs=STEPS)
    same(model, on_page(page))
    assert "scale" in page.evaluate("playground.model.parameters")


def test_losses_shown_are_those_of_the_history(opened):
    model, X, y = case(mse)
    options = {"loss": mse, "validation": 0.25, "seed": 1}
    page = opened(playground(model, X, y, optimizer=SGD(model.parameters(), lr=0.1), **options))
    history = fit(model, X, y, optimizer=SGD(model.parameters(), lr=0.1), epochs=3, **options)
    for _ in range(3):
        on_page(page, 1)
    curve = page.evaluate("playground.training.curve")
    assert [loss for _, loss, _ in curve[:3]] == pytest.approx(history.loss, rel=1e-9)
    assert [held for _, _, held in curve[1:]] == pytest.approx(history.validation_loss, rel=1e-9)


def test_steps_taken_back_are_taken_again_alike_and_reset_begins_the_same_run_again(opened):
    _, page = trained(hinge, lambda ps: Adam(ps, lr=0.05), 8, 1)
    page = opened(page)
    states = [on_page(page, 1) for _ in range(12)]
    undo(page, 9)
    assert page.evaluate("[...playground.training.theta]") == states[2]
    assert page.locator("#steps").inner_text() == "3"
    assert [on_page(page, 1) for _ in range(9)] == states[3:]
    page.locator("#reset").click()
    assert page.locator("#steps").inner_text() == "0"
    assert [on_page(page, 1), on_page(page, 11)] == [states[0], states[-1]]


def test_step_that_diverges_is_not_taken(opened):
    model, X, y = case(mse)
    page = opened(playground(model, [[1e3 * a, b] for a, b in X], y, loss=mse, optimizer=SGD(model.parameters(), lr=3)))
    page.evaluate("playground.run(2000)")
    assert "try a smaller learning rate" in page.locator("#problem").inner_text()
    assert page.evaluate("playground.training.theta.every(Number.isFinite)")
    assert page.locator("#step").is_disabled()
    page.locator("#undo").click()
    assert page.locator("#problem").inner_text() == ""
    assert page.locator("#step").is_enabled()


@pytest.fixture
def in_python(tmp_path):
    """A function that runs the Python that a page gives: its parameters, and what it prints."""

    def run(page):
        page.locator("#export").click()
        source = page.locator("#source").input_value()
        page.locator("#close").click()
        file = tmp_path / "run.py"
        told = "import json\nprint(json.dumps([p.data for p in model.parameters()]))\n"
        file.write_text(source + told, encoding="utf-8")
        done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        *_, last = done.stdout.splitlines()
        return json.loads(last), done.stdout

    return run


@pytest.mark.parametrize("validation", [None, 0.2])
@pytest.mark.parametrize("loss", LOSS_CASES, ids=name_of)
def test_every_loss_has_the_steps_of_fit_and_of_the_python_that_prints_what_the_page_shows(
    loss, validation, opened, in_python
):
    model, page = trained(loss, lambda ps: SGD(ps, lr=0.05, momentum=0.5), 8, 3, validation=validation)
    page = opened(page)
    theta = on_page(page, 15 if validation is None else 12)
    same(model, theta)
    found, printed = in_python(page)
    assert found == close_to(theta)
    _, *losses = page.evaluate("playground.training.curve.at(-1)")
    said = re.findall(r"^(trained on|held out): loss (\S+?)(?:, accuracy (\S+)%)?$", printed, re.MULTILINE)
    assert [name for name, *_ in said] == ["trained on", "held out"][: 1 if validation is None else 2]
    for (_, number, accuracy), shown, place in zip(said, losses, ("#right", "#right-held"), strict=False):
        assert float(number) == pytest.approx(shown, rel=1e-5)
        if accuracy:  # both round to a tenth of a per cent, halves up and halves to even
            share = page.locator(place).inner_text().replace("held out", "").strip(" %")
            assert float(share) == pytest.approx(float(accuracy), abs=0.101)


def test_schedule_begins_again_with_an_optimiser_that_does(opened, in_python):
    _, page = trained(mse, lambda ps: SGD(ps, lr=schedules.Exponential(0.3, 0.9)), 8, 1)
    page = opened(page)
    on_page(page, 5)
    change(page, optimizer="Adam")
    on_page(page, 5)
    change(page, optimizer="SGD")
    theta = on_page(page, 5)
    assert in_python(page)[0] == close_to(theta)


def test_python_of_no_epoch_at_all_runs_too(opened, in_python):
    model, X, y = case(hinge)
    page = opened(playground(model, X, y, loss=hinge))
    assert in_python(page)[0] == [p.data for p in model.parameters()]


def test_python_follows_every_setting_that_was_changed(opened, in_python):
    _, page = trained(hinge, lambda ps: SGD(ps, lr=0.05), 8, 1)
    page = opened(page)
    on_page(page, 7)
    change(page, lr="0.1")  # within an epoch: at once
    on_page(page, 1)
    change(page, penalty="l2", optimizer="Adam")  # with the next epoch, and its learning rate with it
    assert page.locator("#waiting").inner_text().startswith("From epoch 3 on")
    on_page(page, 2)
    change(page, batch="16")
    on_page(page, 5)
    page.locator("#more summary").click()
    page.get_by_label("betas 1").fill("0.5")
    page.get_by_label("betas 1").blur()
    change(page, batch="", lr="0.03", penalty="none")
    theta = on_page(page, 6)
    assert page.evaluate("playground.training.position") == 0
    assert in_python(page)[0] == close_to(theta)


def test_python_of_a_run_that_was_partly_taken_back(opened, in_python):
    _, page = trained(hinge, lambda ps: SGD(ps, lr=0.05), None, 1)
    page = opened(page)
    on_page(page, 5)
    change(page, optimizer="RMSprop")
    on_page(page, 5)
    undo(page, 7)
    theta = on_page(page, 4)  # RMSprop is chosen still
    assert in_python(page)[0] == close_to(theta)


def test_file_that_the_page_gives_is_loaded(opened, tmp_path):
    model, page = trained(mse, lambda ps: SGD(ps, lr=0.05), epochs=20)
    page = opened(page)
    on_page(page, 20)
    page.locator("#export").click()
    with page.expect_download() as download:
        page.locator("#weights").click()
    download.value.save_as(tmp_path / "model.json")
    same(load(tmp_path / "model.json"), [p.data for p in model.parameters()])
    with page.expect_download() as download:
        page.locator("#download").click()
    assert download.value.suggested_filename == "run.py"
