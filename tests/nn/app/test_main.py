"""The main job, `python -m nn`: what it learns, prints and writes, and how it ends."""

import os
import re
import select
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NamedTuple

import pytest

import nn
from nn.__main__ import JOBS, main, neuron_drawing

PNG = b"\x89PNG\r\n\x1a\n"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(nn.__file__).parent.parent), "COLUMNS": "80"}
COMMAND = [sys.executable, "-W", "error", "-m", "nn"]
QUICK = ["--epochs", "2", "--hidden", "3"]


def run_nn(*arguments, cwd=None, **environment):
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**ENVIRONMENT, **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class Done(NamedTuple):
    """A finished run of the main job with its defaults."""

    code: int
    out: str
    err: str
    folder: Path


def finished(dataset, folder):
    run = run_nn(dataset, "--out", str(folder))
    return Done(run.returncode, run.stdout, run.stderr, folder)


@pytest.fixture(scope="module")
def moons(tmp_path_factory):
    return finished("moons", tmp_path_factory.mktemp("moons"))


@pytest.fixture(scope="module")
def iris(tmp_path_factory):
    return finished("iris", tmp_path_factory.mktemp("iris"))


@pytest.fixture(params=["moons", "iris"])
def job(request):
    return request.param, request.getfixturevalue(request.param)


def accuracy(out, kind):
    """Return the accuracy in percent, and of how many examples."""
    found = re.search(rf"^{kind}: loss \S+, accuracy ([\d.]+)% of (\d+) examples$", out, re.MULTILINE)
    assert found, out
    return float(found[1]), int(found[2])


def run_main(capsys, folder, *arguments):
    assert main([*arguments, "--out", str(folder)]) == 0
    return capsys.readouterr().out.replace(str(folder), "OUT")


def texts(svg):
    """Return the lines of text in a picture."""
    root = ElementTree.fromstring(svg.read_bytes())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    return ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]


# What it learns


def test_moons_are_all_learned(moons):
    assert (moons.code, moons.err) == (0, "")
    assert accuracy(moons.out, "training") == (100.0, 100)


def test_moons_train_the_promised_network(moons):
    assert moons.out.startswith("moons: 100 examples to train on, 2 features each\nMLP(2 -> 16 -> 16 -> 1, 337 param")


def test_iris_is_right_on_93_percent_of_the_flowers_it_has_not_seen(iris):
    assert (iris.code, iris.err) == (0, "")
    share, number = accuracy(iris.out, "held out")
    assert share >= 93.0
    assert number == 30


def test_iris_trains_on_the_other_flowers(iris):
    assert accuracy(iris.out, "training")[1] == 120
    assert iris.out.startswith("iris: 120 examples to train on, 4 features each\n")


@pytest.mark.parametrize("seed", ["1", "2"])
def test_other_seeds_learn_as_well(seed, tmp_path, capsys):
    assert main(["moons", "--seed", seed, "--out", str(tmp_path)]) == 0
    assert accuracy(capsys.readouterr().out, "training")[0] == 100.0
    assert main(["iris", "--seed", seed, "--out", str(tmp_path)]) == 0
    assert accuracy(capsys.readouterr().out, "held out")[0] >= 93.0


def test_iris_prints_the_scores_of_flowers_scaled_as_those_it_was_trained_on(tmp_path, capsys):
    training, testing = nn.datasets.split(nn.datasets.iris(), held_out=0.2, seed=3)
    seen, unseen = nn.datasets.standardized(training), nn.datasets.standardized(testing, like=training)
    model = nn.MLP(4, [3, 3], "tanh", seed=3)
    optimizer, size = nn.SGD(model.parameters(), lr=0.2), JOBS["iris"].batch_size
    nn.fit(model, seen.X, seen.y, loss=nn.cross_entropy, optimizer=optimizer, epochs=2, batch_size=size, seed=3)
    out = run_main(capsys, tmp_path, "iris", *QUICK, "--seed", "3")
    for kind, data in (("training", seen), ("held out", unseen)):
        score = nn.evaluate(model, data.X, data.y, loss=nn.cross_entropy)
        expected = f"{kind}: loss {score.loss:.4g}, accuracy {score.accuracy:.1%} of {len(data.X)} examples"
        assert expected in out.splitlines()


# What it writes


def test_both_pictures_are_written_and_named(job):
    name, done = job
    boundary, neuron = done.folder / f"{name}-boundary.png", done.folder / f"{name}-neuron.svg"
    assert sorted(done.folder.iterdir()) == [boundary, done.folder / f"{name}-history.png", neuron]
    lines = done.out.splitlines()
    assert any(line.startswith(f"wrote {boundary}: ") for line in lines)
    assert any(line.startswith(f"wrote {neuron}: ") for line in lines)


def test_boundary_is_a_png_of_a_readable_size(job):
    name, done = job
    data = (done.folder / f"{name}-boundary.png").read_bytes()
    assert data.startswith(PNG)
    assert data.rstrip().endswith(b"IEND\xaeB`\x82")
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    assert width >= 600
    assert height >= 500


def test_neuron_is_a_well_formed_svg_with_weights_data_and_gradients(job):
    name, done = job
    shown = texts(done.folder / f"{name}-neuron.svg")
    features = ["x1", "x2"] if name == "moons" else nn.datasets.iris().features
    assert set(features) <= set(shown)
    assert {f"w of {feature}" for feature in features} | {"b"} <= set(shown)
    assert any(line.startswith("Neuron") for line in shown)
    assert any(line.startswith("data ") for line in shown)
    key = {"grad above 0", "grad below 0"}
    gradients = [line.removeprefix("grad ") for line in shown if line.startswith("grad ") and line not in key]
    assert len(gradients) >= len(features) + 2
    assert "not yet" not in gradients
    assert any(float(gradient) != 0.0 for gradient in gradients)


MOONS = ["moons-boundary.png", "moons-history.png", "moons-neuron.svg"]


def test_folder_is_made_with_those_above_it(tmp_path, capsys):
    folder = tmp_path / "a" / "b"
    assert main(["moons", *QUICK, "--out", str(folder)]) == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "moons-boundary.png",
        "moons-history.png",
        "moons-neuron.svg",
    ]


def test_pictures_go_to_the_current_folder_if_not_said(tmp_path):
    run = run_nn("moons", *QUICK, cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "moons-boundary.png",
        "moons-history.png",
        "moons-neuron.svg",
    ]
    assert "wrote moons-boundary.png: " in run.stdout


def test_earlier_pictures_are_replaced(tmp_path, capsys):
    for name in ("moons-boundary.png", "moons-neuron.svg"):
        (tmp_path / name).write_text("old", encoding="utf-8")
    assert main(["moons", *QUICK, "--out", str(tmp_path)]) == 0
    assert (tmp_path / "moons-boundary.png").read_bytes().startswith(PNG)
    assert texts(tmp_path / "moons-neuron.svg")


def test_line_about_the_neuron_does_not_speak_of_the_loss_where_it_is_flat(moons):
    assert "training: loss 0," in moons.out
    assert "gradients of the loss" not in moons.out


def test_neuron_drawn_has_the_largest_gradient_on_the_example_with_the_largest_loss():
    data = nn.datasets.moons(n=20, seed=1)
    signs = [2 * y - 1 for y in data.y]
    model = nn.MLP(2, [4, 3, 1], "tanh", seed=1)
    losses = [nn.evaluate(model, [x], [sign], loss=nn.hinge).loss for x, sign in zip(data.X, signs, strict=True)]
    worst = losses.index(max(losses))
    model([0.5, 0.5]).backward()  # gradients from before, which do not count
    drawing, what = neuron_drawing(model, data, nn.hinge, binary=True)

    hidden = model.layers[0](data.X[worst])
    output = model.layers[2](model.layers[1](hidden))
    nn.hinge(output, [signs[worst]]).backward()
    largest = max(hidden, key=lambda node: abs(node.grad))
    assert (drawing.root.data, drawing.root.grad) == (largest.data, largest.grad)
    assert drawing.root.grad != 0.0
    assert what == "the loss"


def test_neuron_drawn_shows_gradients_of_one_backward_only():
    data = nn.datasets.moons(n=20, seed=1)
    model = nn.MLP(2, [4, 1], "tanh", seed=1)
    first, again = (neuron_drawing(model, data, nn.hinge, binary=True)[0].source for _ in range(2))
    assert again == first


# Options


def pictures(folder):
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@pytest.mark.parametrize("dataset", ["moons", "iris"])
def test_same_seed_prints_and_draws_the_same(dataset, tmp_path, capsys):
    first = run_main(capsys, tmp_path / "1", dataset, *QUICK, "--seed", "5")
    second = run_main(capsys, tmp_path / "2", dataset, *QUICK, "--seed", "5")
    assert first == second
    assert pictures(tmp_path / "1") == pictures(tmp_path / "2")


def test_seed_is_zero_if_not_given(tmp_path, capsys):
    assert run_main(capsys, tmp_path, "iris", *QUICK) == run_main(capsys, tmp_path, "iris", *QUICK, "--seed", "0")


@pytest.mark.parametrize("dataset", ["moons", "iris"])
def test_another_seed_prints_something_else(dataset, tmp_path, capsys):
    first = run_main(capsys, tmp_path, dataset, *QUICK, "--seed", "5")
    assert first != run_main(capsys, tmp_path, dataset, *QUICK, "--seed", "6")


@pytest.mark.parametrize("epochs", ["1", "3"])
def test_epochs_are_as_many_as_asked_for(epochs, tmp_path, capsys):
    out = run_main(capsys, tmp_path, "moons", "--hidden", "2", "--epochs", epochs)
    assert f"stopped: all {epochs} epochs done\n" in out


@pytest.mark.parametrize(
    ("dataset", "hidden", "network"),
    [
        ("moons", ["5"], "MLP(2 -> 5 -> 1, 21 parameters)"),
        ("moons", ["4", "1", "3"], "MLP(2 -> 4 -> 1 -> 3 -> 1, 27 parameters)"),
        ("iris", ["2"], "MLP(4 -> 2 -> 3, 19 parameters)"),
    ],
)
def test_hidden_layers_are_those_asked_for(dataset, hidden, network, tmp_path, capsys):
    assert f"\n{network}\n" in run_main(capsys, tmp_path, dataset, "--epochs", "1", "--hidden", *hidden)


def test_learning_rate_is_the_one_asked_for(tmp_path, capsys):
    slow, fast = (run_main(capsys, tmp_path, "iris", *QUICK, "--lr", lr) for lr in ("1e-9", "0.5"))
    assert slow != fast
    losses = [float(re.search(r"^training: loss (\S+),", out, re.MULTILINE)[1]) for out in (slow, fast)]
    assert losses[1] < 0.8 * losses[0]


def test_default_learning_rate_is_that_of_the_help(tmp_path, capsys):
    assert run_main(capsys, tmp_path, "moons", *QUICK, "--lr", "0.3") == run_main(capsys, tmp_path, "moons", *QUICK)


def test_help_explains_itself():
    run = run_nn("--help")
    assert (run.returncode, run.stderr) == (0, "")
    help_text = " ".join(run.stdout.split())
    for word in ("--seed", "--epochs", "--hidden", "--lr", "--out", "--quiet", "moons", "iris", "default"):
        assert word in help_text
    for phrase in ("decision boundary (PNG)", "neuron with its gradients (SVG)", "Ctrl-C ends the training and keeps"):
        assert phrase in help_text
    assert "moons: 60, spirals: 300" in help_text
    assert "a table: 500 to 25, by its rows" in help_text
    assert "moons: 16 16, spirals: 24 24" in help_text
    assert "a table: 16 16" in help_text
    assert max(map(len, run.stdout.splitlines())) <= 80


def test_help_needs_none_of_the_libraries_of_the_job(monkeypatch, capsys):
    for name in ("sklearn", "matplotlib", "matplotlib.figure", "graphviz", "tqdm", "tqdm.auto"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    assert "usage: python -m nn" in capsys.readouterr().out


# Mistakes


MISTAKES = [
    ([], "required: dataset"),
    (["foo"], "'foo'.*choose from .*moons.*iris"),
    (["Moons"], "'Moons'"),
    ([""], "''"),
    (["mo\nons"], "choose from"),
    (["moons", "iris"], "unrecognized arguments: iris"),
    (["moons", "--bogus"], "unrecognized arguments: --bogus"),
    (["--bogus", "moons"], "unrecognized arguments: --bogus"),
    (["moons", "--epochs", "0"], "--epochs: takes a whole number, 1 or more, got '0'"),
    (["moons", "--epochs", "-3"], "--epochs: takes a whole number, 1 or more, got '-3'"),
    (["moons", "--epochs", "2.5"], r"--epochs: takes a whole number, 1 or more, got '2\.5'"),
    (["moons", "--epochs", "ten"], "--epochs: takes a whole number, 1 or more, got 'ten'"),
    (["moons", "--epochs", "²"], "--epochs: takes a whole number, 1 or more, got '²'"),
    (["moons", "--epochs"], "--epochs: expected one argument"),
    (["moons", "--hidden"], "--hidden: expected at least one argument"),
    (["moons", "--hidden", "4", "0"], "--hidden: takes a whole number, 1 or more, got '0'"),
    (["moons", "--hidden", "4,4"], "--hidden: takes a whole number, 1 or more, got '4,4'"),
    (["moons", "--lr", "0"], "--lr: takes a number above 0, got '0'"),
    (["moons", "--lr", "-0.1"], r"--lr: takes a number above 0, got '-0\.1'"),
    (["moons", "--lr", "nan"], "--lr: takes a number above 0, got 'nan'"),
    (["moons", "--lr", "inf"], "--lr: takes a number above 0, got 'inf'"),
    (["moons", "--lr", "fast"], "--lr: takes a number above 0, got 'fast'"),
    (["moons", "--seed", "1.5"], r"--seed: .*'1\.5'"),
    (["moons", "--seed", "x"], "--seed: .*'x'"),
    (["moons", "--out"], "--out: expected one argument"),
    (["moons", "--seed", "-1"], "--seed.*-1"),
    (["moons", "--seed", "4294967296"], "--seed.*4294967296"),
    (["moons", "--bo\ngus"], "unrecognized arguments"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES, ids=[" ".join(a).replace("\n", "|") for a, _ in MISTAKES])
def test_mistake_is_one_clear_line_and_exit_code_two(arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.fullmatch(r"python -m nn: error: .*; see python -m nn --help\n", shown.err)
    assert re.search(message, shown.err)


@pytest.mark.parametrize("arguments", [["foo"], ["moons", "--epochs", "0"], []])
def test_mistake_on_the_command_line_is_one_clear_line_and_exit_code_two(arguments):
    run = run_nn(*arguments)
    assert (run.returncode, run.stdout) == (2, "")
    assert re.fullmatch(r"python -m nn: error: .*; see python -m nn --help\n", run.stderr)


def test_mistake_writes_no_files(tmp_path):
    assert run_nn("moons", "--epochs", "0", "--out", str(tmp_path / "new")).returncode == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "folder"])
def test_file_where_the_folder_should_be_is_one_clear_line(below, tmp_path):
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    run = run_nn("moons", "--out", str(tmp_path / "file" / below))
    assert run.returncode != 0
    assert run.stdout == ""
    assert re.fullmatch(r"python -m nn: error: .*file.*\n", run.stderr)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("dataset", "module", "message"),
    [
        ("digits", "sklearn", r"digits comes from scikit-learn: python -m pip install 'scalar-autograd\[demo\]'"),
        ("moons", "matplotlib.figure", r"plots needs Matplotlib: python -m pip install 'scalar-autograd\[demo\]'"),
        ("moons", "graphviz", r"draw needs the graphviz package: python -m pip install 'scalar-autograd\[draw\]'.*"),
    ],
)
def test_missing_library_is_one_line_that_names_the_remedy(dataset, module, message, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, module, None)
    for ours in ("autograd.pictures.rendering", "nn.plots.canvas"):  # of the pictures before
        monkeypatch.delitem(sys.modules, ours, raising=False)
    assert main([dataset, *QUICK, "--out", str(tmp_path)]) == 1
    assert re.fullmatch(rf"python -m nn: error: {message}\n", capsys.readouterr().err)


def test_missing_dot_command_is_one_line_that_names_the_remedy(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("shutil.which", lambda *arguments, **options: None)
    assert main(["moons", *QUICK, "--out", str(tmp_path)]) == 1
    assert re.fullmatch(r"python -m nn: error: .*pip install graphviz-pure.*\n", capsys.readouterr().err)


@pytest.mark.parametrize("lr", ["1e30", "1e100", "1e300"])
@pytest.mark.parametrize("dataset", ["moons", "iris"])
def test_huge_learning_rate_ends_without_a_traceback(dataset, lr, tmp_path, capsys):
    assert main([dataset, *QUICK, "--lr", lr, "--out", str(tmp_path)]) in (0, 1)
    shown = capsys.readouterr()
    assert "stopped: " in shown.out
    assert shown.err.count("\n") <= 1


# Progress


def test_nothing_is_written_to_stderr_that_is_no_terminal(job):
    assert job[1].err == ""


on_posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")


class Terminal:
    """The main job with a terminal as its stderr; `shown` is what has appeared on it so far."""

    def __init__(self, *arguments, columns=100):
        import termios

        reading, writing = os.openpty()
        termios.tcsetwinsize(writing, (24, columns))  # a new one is 0 columns wide, and the bar as well
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            env={**ENVIRONMENT, "TERM": "xterm"},
            stdout=subprocess.PIPE,
            stderr=writing,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # it may be ignored by whoever runs us
        )
        os.close(writing)
        self.reading, self.shown = reading, ""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.communicate()
        os.close(self.reading)

    def read_until(self, pattern, seconds=60.0):
        """Read until the pattern appears, or until the end where it is None."""
        end = time.monotonic() + seconds
        while pattern is None or not re.search(pattern, self.shown):
            assert time.monotonic() < end, f"{pattern} did not appear in {self.shown!r}"
            if select.select([self.reading], [], [], 0.1)[0]:
                try:
                    data = os.read(self.reading, 4096)
                except OSError:  # what Linux says at the end of a terminal
                    data = b""
                if not data:
                    assert pattern is None, f"{pattern} did not appear in {self.shown!r}"
                    return
                self.shown += data.decode()

    def finish(self):
        self.read_until(None)
        out = self.process.communicate(timeout=60)[0]
        return self.process.returncode, out


@on_posix
def test_bar_is_shown_on_a_terminal(tmp_path):
    with Terminal("moons", *QUICK, "--out", str(tmp_path)) as terminal:
        code, out = terminal.finish()
    assert code == 0
    assert "accuracy" in out
    assert "2/2" in terminal.shown
    assert "loss" in terminal.shown
    assert "accuracy" in terminal.shown


@on_posix
def test_bar_of_80_columns_keeps_the_numbers_of_held_out_examples(tmp_path):
    with Terminal("digits", "--epochs", "2", "--hidden", "4", "--no-pictures", columns=80) as terminal:
        code, _ = terminal.finish()
    assert code == 0
    last = [line for line in re.split(r"[\r\n]", terminal.shown) if "2/2" in line][-1]
    assert len(last) <= 80
    assert re.search(r"loss [\d.]+ \([\d.]+\), accuracy [\d.]+ \([\d.]+\)", last)


@on_posix
def test_quiet_shows_no_bar_on_a_terminal(tmp_path):
    with Terminal("moons", *QUICK, "--quiet", "--out", str(tmp_path)) as terminal:
        code, out = terminal.finish()
    assert code == 0
    assert "training: loss" in out
    assert terminal.shown == ""


# Ctrl-C


@on_posix
def test_interrupt_during_training_ends_cleanly_with_what_was_learned(tmp_path):
    with Terminal("moons", "--epochs", "100000", "--out", str(tmp_path)) as terminal:
        terminal.read_until(r"[1-9]\d*/100000")
        terminal.process.send_signal(signal.SIGINT)
        code, out = terminal.finish()
    assert code == 0
    assert re.search(r"^stopped: interrupted in epoch [1-9]\d*$", out, re.MULTILINE)
    assert accuracy(out, "training")[0] > 50.0
    assert (tmp_path / "moons-boundary.png").read_bytes().startswith(PNG)
    assert texts(tmp_path / "moons-neuron.svg")
    assert "Traceback" not in terminal.shown + out


def test_interrupt_before_the_training_is_one_line(tmp_path, monkeypatch, capsys):
    def interrupted(**options):
        raise KeyboardInterrupt

    monkeypatch.setattr(nn.datasets, "moons", interrupted)
    assert main(["moons", "--out", str(tmp_path)]) == 130
    assert capsys.readouterr() == ("", "python -m nn: interrupted\n")


def test_interrupt_in_the_first_epoch_still_writes_both_pictures(tmp_path, monkeypatch, capsys):
    def interrupted(optimizer, theta, gradient):
        raise KeyboardInterrupt

    monkeypatch.setattr(nn.SGD, "updated", interrupted)
    assert main(["moons", "--hidden", "3", "--out", str(tmp_path)]) == 0
    assert "stopped: interrupted in epoch 1\n" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["moons-boundary.png", "moons-neuron.svg"]
