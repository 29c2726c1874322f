"""The main job, `python -m nn`: what it learns, prints and writes, and how it ends."""

import os
import re
import select
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

import pytest

import nn
from nn.__main__ import JOBS, neuron_drawing
from tests.nn.app.running import COMMAND, PNG, QUICK, VARIABLES, files, mistaken, output, process, refused, run

ENDS = ("boundary.png", "history.png", "neuron.svg")
PICTURES = {name: [f"{name}-{end}" for end in ENDS] for name in ("moons", "iris")}


def finished(dataset, folder):
    """Return the output of a process with the defaults of the job, in the folder of which it writes."""
    with process(dataset, cwd=folder, encoding="utf-8") as done:
        out, error = done.communicate(timeout=300)
    assert (done.returncode, error) == (0, "")
    return out


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {name: tmp_path_factory.mktemp(name) for name in PICTURES}


@pytest.fixture(scope="module")
def outputs(folders):
    return {name: finished(name, folder) for name, folder in folders.items()}


def accuracy(out, kind):
    """Return the accuracy in percent, and of how many examples."""
    found = re.search(rf"^{kind}: loss \S+, accuracy ([\d.]+)% of (\d+) examples$", out, re.MULTILINE)
    assert found, out
    return float(found[1]), int(found[2])


def printed(*arguments):
    """Return what a short run prints that draws nothing."""
    return output(*arguments, *(() if "--epochs" in arguments else QUICK), "--no-pictures")


def texts(svg):
    """Return the lines of text in a picture."""
    root = ElementTree.fromstring(svg.read_bytes())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    return ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]


def test_moons_are_all_learned_by_the_promised_network_and_iris_on_93_percent_of_the_flowers_not_seen(outputs):
    out = outputs["moons"]
    assert accuracy(out, "training") == (100.0, 100)
    assert out.startswith("moons: 100 examples to train on, 2 features each\nMLP(2 -> 16 -> 16 -> 1, 337 param")
    assert "training: loss 0," in out
    assert "gradients of the loss" not in out  # the line about the neuron, where the loss is flat
    share, number = accuracy(outputs["iris"], "held out")
    assert share >= 93.0
    assert (accuracy(outputs["iris"], "training")[1], number) == (120, 30)
    assert outputs["iris"].startswith("iris: 120 examples to train on, 4 features each\n")


def test_iris_prints_the_scores_of_flowers_scaled_as_those_it_was_trained_on():
    training, testing = nn.datasets.split(nn.datasets.iris(), held_out=0.2, seed=3)
    seen, unseen = nn.datasets.standardized(training), nn.datasets.standardized(testing, like=training)
    model = nn.MLP(4, [3, 3], "tanh", seed=3)
    optimizer, size = nn.SGD(model.parameters(), lr=0.2), JOBS["iris"].batch_size
    nn.fit(model, seen.X, seen.y, loss=nn.cross_entropy, optimizer=optimizer, epochs=2, batch_size=size, seed=3)
    out = printed("iris", "--seed", "3")
    for kind, data in (("training", seen), ("held out", unseen)):
        score = nn.evaluate(model, data.X, data.y, loss=nn.cross_entropy)
        expected = f"{kind}: loss {score.loss:.4g}, accuracy {score.accuracy:.1%} of {len(data.X)} examples"
        assert expected in out.splitlines()


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_written_to_the_current_folder_and_named(name, outputs, folders):
    boundary, _, neuron = PICTURES[name]
    assert files(folders[name]) == PICTURES[name]
    assert f"\nwrote {boundary}: " in outputs[name]
    assert f"\nwrote {neuron}: " in outputs[name]
    data = (folders[name] / boundary).read_bytes()
    assert data.startswith(PNG)
    assert data.rstrip().endswith(b"IEND\xaeB`\x82")
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    assert width >= 600
    assert height >= 500


@pytest.mark.parametrize("name", PICTURES)
def test_neuron_is_a_well_formed_svg_with_weights_data_and_gradients(name, outputs, folders):
    shown = texts(folders[name] / f"{name}-neuron.svg")
    features = ["x1", "x2"] if name == "moons" else nn.datasets.iris().features
    assert {*features, "b", *(f"w of {feature}" for feature in features)} <= set(shown)
    assert any(line.startswith("Neuron") for line in shown)
    assert any(line.startswith("data ") for line in shown)
    key = {"grad above 0", "grad below 0"}
    gradients = [line.removeprefix("grad ") for line in shown if line.startswith("grad ") and line not in key]
    assert len(gradients) >= len(features) + 2
    assert "not yet" not in gradients
    assert any(float(gradient) != 0.0 for gradient in gradients)


def test_neuron_drawn_has_the_largest_gradient_on_the_example_with_the_largest_loss():
    data = nn.datasets.moons(n=20, seed=1)
    signs = [2 * y - 1 for y in data.y]
    model = nn.MLP(2, [4, 3, 1], "tanh", seed=1)
    losses = [nn.evaluate(model, [x], [sign], loss=nn.hinge).loss for x, sign in zip(data.X, signs, strict=True)]
    worst = losses.index(max(losses))
    model([0.5, 0.5]).backward()  # gradients from before, which do not count
    drawing, what = neuron_drawing(model, data, nn.hinge, binary=True)
    again, _ = neuron_drawing(model, data, nn.hinge, binary=True)
    assert again.source == drawing.source

    hidden = model.layers[0](data.X[worst])
    output = model.layers[2](model.layers[1](hidden))
    nn.hinge(output, [signs[worst]]).backward()
    largest = max(hidden, key=lambda node: abs(node.grad))
    assert (drawing.root.data, drawing.root.grad) == (largest.data, largest.grad)
    assert drawing.root.grad != 0.0
    assert what == "the loss"


@pytest.mark.thorough
@pytest.mark.parametrize("name", PICTURES)
def test_same_seed_prints_and_draws_the_same_in_folders_that_are_made_or_replaced(name, tmp_path):
    first, second = tmp_path / "a" / "b", tmp_path / "c"
    second.mkdir()
    (second / PICTURES[name][0]).write_text("old", encoding="utf-8")
    prints = [output(name, *QUICK, "--seed", "5", "--out", folder) for folder in (first, second)]
    assert prints[0].replace(str(first), "OUT") == prints[1].replace(str(second), "OUT")
    assert files(first) == files(second) == PICTURES[name]
    assert all((first / picture).read_bytes() == (second / picture).read_bytes() for picture in PICTURES[name])
    assert printed(name, "--seed", "5") != printed(name, "--seed", "6")
    assert printed(name, "--seed", "0") == printed(name)


def test_options_are_followed():
    assert printed("moons", "--lr", "0.3") == printed("moons")  # the rate of the help
    slow, fast = (printed("iris", "--lr", lr) for lr in ("1e-9", "0.5"))
    losses = [float(re.search(r"^training: loss (\S+),", out, re.MULTILINE)[1]) for out in (slow, fast)]
    assert losses[1] < 0.8 * losses[0]
    for dataset, epochs, hidden, network in (
        ("moons", 1, [5], "MLP(2 -> 5 -> 1, 21 parameters)"),
        ("moons", 3, [4, 1, 3], "MLP(2 -> 4 -> 1 -> 3 -> 1, 27 parameters)"),
        ("iris", 2, [2], "MLP(4 -> 2 -> 3, 19 parameters)"),
    ):
        out = printed(dataset, "--epochs", epochs, "--hidden", *hidden)
        assert f"\n{network}\n" in out
        assert f"stopped: all {epochs} epochs done\n" in out


def test_help_explains_itself_and_needs_none_of_the_libraries_of_the_job(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("sklearn", "matplotlib", "matplotlib.figure", "graphviz", "tqdm", "tqdm.auto"):
        monkeypatch.setitem(sys.modules, name, None)
    out = output("--help")
    assert "usage: python -m nn" in out
    for phrase in (
        *("--seed", "--epochs", "--hidden", "--lr", "--out", "--quiet", "moons", "iris", "default"),
        *("decision boundary (PNG)", "neuron with its gradients (SVG)", "Ctrl-C ends the training and keeps"),
        *("moons: 60, spirals: 300", "a table: 500 to 25, by its rows", "moons: 16 16, spirals: 24 24"),
        "a table: 16 16",
    ):
        assert phrase in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80


WHOLE, ABOVE_0 = "takes a whole number, 1 or more, got", "takes a number above 0, got"
MISTAKES = [
    *(([], "required: dataset"), (["foo"], "'foo'.*choose from .*moons.*iris")),
    *((["Moons"], "'Moons'"), ([""], "''"), (["mo\nons"], "choose from")),
    *((["moons", more], f"unrecognized arguments: {more}") for more in ("iris", "--bogus")),
    *((["--bogus", "moons"], "unrecognized arguments: --bogus"), (["moons", "--bo\ngus"], "unrecognized arguments")),
    *[(["moons", "--epochs", n], f"--epochs: {WHOLE} '{re.escape(n)}'") for n in ("0", "-3", "2.5", "ten", "²")],
    (["moons", "--epochs"], "--epochs: expected one argument"),
    (["moons", "--hidden"], "--hidden: expected at least one argument"),
    (["moons", "--hidden", "4", "0"], f"--hidden: {WHOLE} '0'"),
    (["moons", "--hidden", "4,4"], f"--hidden: {WHOLE} '4,4'"),
    *[(["moons", "--lr", n], f"--lr: {ABOVE_0} '{re.escape(n)}'") for n in ("0", "-0.1", "nan", "inf", "fast")],
    *[(["moons", "--seed", n], f"--seed.*{re.escape(n)}") for n in ("1.5", "x", "-1", "4294967296")],
    (["moons", "--out"], "--out: expected one argument"),
]


def test_mistake_is_one_clear_line_and_exit_code_two_and_writes_no_files(tmp_path):
    for arguments, message in MISTAKES:
        assert re.search(message, mistaken(*arguments)), arguments
    with process("moons", "--epochs", "0", "--out", tmp_path / "new", encoding="utf-8") as done:
        out, error = done.communicate(timeout=300)
    assert (done.returncode, out, error.count("\n"), files(tmp_path)) == (2, "", 1, [])


def test_file_where_the_folder_should_be_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for below in ("", "folder"):
        assert "file" in refused("moons", "--out", tmp_path / "file" / below)
        assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("missing", ["scikit-learn", "the command dot"])  # test_command.py has the other libraries
def test_what_is_missing_is_one_line_that_names_the_remedy(missing, tmp_path, monkeypatch):
    dataset, message = "moons", ".*pip install graphviz-pure.*"
    if missing == "the command dot":
        monkeypatch.setattr("shutil.which", lambda *arguments, **options: None)
    else:
        dataset, message = "digits", rf"digits comes from {missing}: python -m pip install 'scalar-autograd\[demo\]'"
        monkeypatch.setitem(sys.modules, "sklearn", None)
    code, _, error = run(dataset, *QUICK, "--out", tmp_path)
    assert code == 1
    assert re.fullmatch(rf"python -m nn: error: {message}\n", error)


@pytest.mark.parametrize(("dataset", "lr"), [("moons", "1e30"), ("iris", "1e100"), ("moons", "1e300")])
def test_huge_learning_rate_ends_without_a_traceback(dataset, lr, tmp_path):
    code, out, error = run(dataset, *QUICK, "--lr", lr, "--out", tmp_path)
    assert code in (0, 1)
    assert "stopped: " in out
    assert error.count("\n") <= 1


on_posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")


class Terminal:
    """The main job with a terminal as its stderr; `shown` is what has appeared on it so far."""

    def __init__(self, *arguments, columns=100):
        import termios

        reading, writing = os.openpty()
        termios.tcsetwinsize(writing, (24, columns))  # a new one is 0 columns wide, and the bar as well
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            env=os.environ | VARIABLES | {"TERM": "xterm"},
            stdout=subprocess.PIPE,
            stderr=writing,
            encoding="utf-8",
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
        out = self.process.communicate(timeout=300)[0]
        return self.process.returncode, out


@pytest.mark.thorough
@on_posix
def test_bar_of_80_columns_keeps_the_numbers_of_held_out_examples_and_quiet_shows_none():
    options = ["--epochs", "2", "--hidden", "4", "--no-pictures"]
    with Terminal("digits", *options, columns=80) as terminal, Terminal("moons", *options, "--quiet") as quiet:
        code, out = terminal.finish()
        quiet_code, quiet_out = quiet.finish()
    assert (code, quiet_code, quiet.shown) == (0, 0, "")
    assert "accuracy" in out
    assert "training: loss" in quiet_out
    last = [line for line in re.split(r"[\r\n]", terminal.shown) if "2/2" in line][-1]
    assert len(last) <= 80
    assert re.search(r"loss [\d.]+ \([\d.]+\), accuracy [\d.]+ \([\d.]+\)", last)


@pytest.mark.thorough
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


def interrupt(*arguments, **options):
    raise KeyboardInterrupt


def test_interrupt_before_the_training_is_one_line_and_in_the_first_epoch_both_pictures_are_written(
    tmp_path, monkeypatch
):
    with monkeypatch.context() as before:
        before.setattr(nn.datasets, "moons", interrupt)
        assert run("moons", "--out", tmp_path) == (130, "", "python -m nn: interrupted\n")
    monkeypatch.setattr(nn.SGD, "updated", interrupt)
    assert "stopped: interrupted in epoch 1\n" in output("moons", "--hidden", 3, "--out", tmp_path)
    assert files(tmp_path) == ["moons-boundary.png", "moons-neuron.svg"]
