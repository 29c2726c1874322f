"""`python -m nn`, as a person at a shell meets it, and its pictures."""

import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

import pytest

from nn import MLP
from nn.__main__ import main
from nn.plots import decision_boundary

PNG = b"\x89PNG\r\n\x1a\n"


def shell(*arguments, **options):
    command = [sys.executable, "-m", "nn", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_moons_are_learned_completely(tmp_path):
    done = shell("moons", "--out", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "accuracy 100.0% of 100 examples" in done.stdout
    assert "MLP(2 -> 16 -> 16 -> 1, 337 parameters)" in done.stdout
    for name in ("moons-boundary.png", "moons-neuron.svg"):
        assert str(tmp_path / name) in done.stdout
    assert (tmp_path / "moons-boundary.png").read_bytes().startswith(PNG)
    words = "".join(ET.parse(tmp_path / "moons-neuron.svg").getroot().itertext())
    assert all(word in words for word in ("Neuron", "w0", "w1", "grad", "relu", "x1"))
    assert "not yet" not in words


@pytest.mark.parametrize("seed", ["0", "1"])
def test_iris_reaches_93_percent_of_flowers_it_has_not_seen(tmp_path, capsys, seed):
    assert main(["iris", "--seed", seed, "--out", str(tmp_path)]) == 0
    held_out = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("held out"))
    assert float(held_out.split("accuracy ")[1].split("%")[0]) >= 93.0


def test_options_are_followed(tmp_path, capsys):
    folder = tmp_path / "new" / "folder"
    main(["moons", "--hidden", "3", "2", "--epochs", "2", "--lr", "0.01", "--seed", "5", "--out", str(folder)])
    out = capsys.readouterr().out
    assert "MLP(2 -> 3 -> 2 -> 1" in out
    assert "all 2 epochs done" in out
    assert (folder / "moons-boundary.png").exists()


def test_same_seed_prints_the_same(tmp_path, capsys):
    outputs = []
    for seed in ("7", "7", "8"):
        main(["moons", "--epochs", "3", "--seed", seed, "--out", str(tmp_path)])
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1] != outputs[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: dataset"),
        (["mons"], "invalid choice: 'mons'"),
        (["moons", "--epochs", "0"], "takes a whole number, 1 or more, got '0'"),
        (["moons", "--hidden", "4", "x"], "takes a whole number, 1 or more, got 'x'"),
        (["moons", "--lr", "-1"], "takes a number above 0, got '-1'"),
        (["moons", "--lr", "nan"], "takes a number above 0, got 'nan'"),
        (["moons", "--seed", "a"], "takes a whole number from 0 to 4294967295, got 'a'"),
        (["moons", "--colour", "red"], "unrecognized arguments: --colour red"),
    ],
)
def test_bad_option_is_one_clear_line_and_exit_code_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    error = capsys.readouterr().err
    assert exit_.value.code == 2
    assert error.count("\n") == 1
    assert message in error
    assert error.startswith("python -m nn: error: ")


def test_folder_that_cannot_be_made_is_one_clear_line(tmp_path, capsys):
    taken = tmp_path / "taken"
    taken.write_text("a file")
    assert main(["moons", "--out", str(taken)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "taken" in error


def test_help_explains_itself(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    out = capsys.readouterr().out
    assert exit_.value.code == 0
    for word in ("moons", "iris", "--seed", "--epochs", "--hidden", "--lr", "--out", "--quiet", "Ctrl-C", "default"):
        assert word in out


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to a whole console")
def test_ctrl_c_ends_with_what_was_learned(tmp_path):
    command = [sys.executable, "-u", "-m", "nn", "moons", "--epochs", "100000", "--out", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "moons" in process.stdout.readline()
    time.sleep(2.0)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, "")
    assert "interrupted in epoch" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["moons-boundary.png", "moons-neuron.svg"]


def test_missing_library_is_one_clear_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert main(["moons", "--out", str(tmp_path)]) == 1
    assert "pip install 'scalar-autograd[demo]'" in capsys.readouterr().err


# Plots


@pytest.mark.parametrize("outputs", [1, 3])
def test_decision_boundary_is_a_labelled_figure(tmp_path, outputs):
    X, y = [[0.0, 1.0, 5.0], [1.0, 0.0, 6.0], [2.0, 2.0, 7.0]], [0, 1, outputs - 1]
    names, classes = ("width", "height"), ("a", "b", "c")
    model = MLP(3, [4, outputs], seed=1)
    figure = decision_boundary(model, X, y, names=names, classes=classes, title="t", resolution=8)
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("width", "height", "t")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(classes[: max(2, outputs)])
    figure.savefig(tmp_path / "boundary.png")
    assert (tmp_path / "boundary.png").read_bytes().startswith(PNG)


def test_plot_without_matplotlib_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "nn.figure", raising=False)  # of the pictures before
    with pytest.raises(ImportError, match=r"pip install 'scalar-autograd\[demo\]'"):
        decision_boundary(MLP(2, [1], seed=1), [[0.0, 1.0], [1.0, 0.0]], [0, 1], resolution=4)
