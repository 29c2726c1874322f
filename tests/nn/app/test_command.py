"""`python -m nn` on tables, saved networks and pipes: what it says, writes and refuses."""

import gzip
import io
import json
import math
import os
import random
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

import nn
from nn.__main__ import main

PNG = b"\x89PNG\r\n\x1a\n"
QUICK = ["--epochs", "2", "--hidden", "3"]
ERROR = r"python -m nn: error: [^\n]*{}[^\n]*\n"


def run(*arguments):
    """Return the exit code of the main job, and what it writes to stdout and stderr."""
    out, error = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(error):
        try:
            code = main(list(map(str, arguments)))
        except SystemExit as exit_:
            code = exit_.code
    return code, out.getvalue(), error.getvalue()


def refused(*arguments):
    """Return the one line that a run ends with that writes nothing else."""
    code, out, error = run(*arguments)
    assert (code, out) == (1, "")
    assert re.fullmatch(ERROR.format(""), error)
    return error


def write(path, names, rows, delimiter=","):
    path.write_text("\n".join(delimiter.join(map(str, row)) for row in [names, *rows]) + "\n", encoding="utf-8")
    return path


def number(out, pattern):
    found = re.search(pattern, out, re.MULTILINE)
    assert found, out
    return float(found[1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder of tables: a wave, a plane, two kinds of shells, and three of leaves, each named in its way."""
    folder = tmp_path_factory.mktemp("tables")
    rng = random.Random(1)
    steps = [rng.uniform(-3.0, 3.0) for _ in range(120)]
    write(folder / "wave.csv", ["t", "height"], [[t, 100.0 + 20.0 * math.sin(2 * t)] for t in steps])
    points = [[rng.uniform(0.0, 9.0) for _ in range(3)] for _ in range(100)]
    write(folder / "plane.CSV", ["a", "b", "c", "price"], [[*p, 1000.0 * p[0] - 50.0 * p[2]] for p in points], ";")
    shells = [[x, y, "left" if x < y else "right"] for x, y, _ in points]
    write(folder / "my shells.csv", ["x", "y", "turn"], shells, "\t")
    leaves = [
        [7.0 + 0.1 * y, 3 * k + 0.1 * x, -x, ["$oak$", "$\\ash", "楓"][k]] for k in range(3) for x, y, _ in points[:20]
    ]
    write(folder / "leaves.csv", ['"nearly, the\nsame"', "$width$", "length", "tree"], leaves)
    return folder


@pytest.fixture(scope="module")
def wave(folder):
    places = ["--save", folder / "wave.json", "--out", folder / "wave"]
    return run(folder / "wave.csv", "--target", "height", *places)


@pytest.fixture(scope="module")
def shells(folder):
    places = ["--save", folder / "my model.json", "--out", folder / "a b"]
    return run(folder / "my shells.csv", "--target", "turn", *places)


@pytest.fixture(scope="module")
def leaves(folder):
    return run(folder / "leaves.csv", "--target", "tree", "--out", folder / "leaves", "--epochs", "40")


# Tables


def test_wave_of_one_feature_is_learned_in_its_own_units(wave):
    code, out, error = wave
    assert (code, error) == (0, "")
    assert "\nwave: 96 examples to train on, one input each\nMLP(1 -> 16 -> 16 -> 1, 321 parameters)\n" in out
    assert number(out, r"^held out: .* root mean squared error (\S+), .*, 24 examples$") < 4.0
    assert number(out, r"^held out: .* ([\d.]+)% of the variance explained") > 92.0


def test_regression_of_one_feature_draws_the_line_and_of_several_the_answers(wave, folder):
    assert {path.name for path in (folder / "wave").iterdir()} == {"wave-history.png", "wave-line.png"}
    code, _, error = run(folder / "plane.CSV", "--target", "price", *QUICK, "--out", folder / "plane")
    assert (code, error) == (0, "")
    assert {path.name for path in (folder / "plane").iterdir()} == {"plane-history.png", "plane-answers.png"}


def test_one_feature_that_is_no_plain_number_draws_the_answers(tmp_path):
    for name, cell in (
        ("missing", lambda i: i if i % 3 else ""),
        ("colour", lambda i: ["red", "blue", "green"][i % 3]),
    ):
        table = write(tmp_path / f"{name}.csv", [name, "y"], [[cell(i), i / 7] for i in range(40)])
        code, _, error = run(table, "--target", "y", *QUICK, "--out", tmp_path)
        assert (code, error) == (0, "")
        assert (tmp_path / f"{name}-answers.png").exists()


def test_text_target_is_learned_as_a_class(shells, folder):
    code, out, error = shells
    assert (code, error) == (0, "")
    assert number(out, r"^held out: .* accuracy ([\d.]+)% of 20 examples$") >= 90.0
    assert "; the parameters are those after epoch " in out
    names = {f"my shells-{end}.png" for end in ("history", "confusion", "boundary")}
    assert {path.name for path in (folder / "a b").iterdir()} == names
    assert all((folder / "a b" / name).read_bytes().startswith(PNG) for name in names)


def test_names_with_newlines_formulas_and_foreign_letters_are_drawn(leaves, folder):
    code, out, error = leaves
    assert (code, error) == (0, "")
    assert number(out, r"^held out: .* accuracy ([\d.]+)%") > 90.0
    confusion, boundary = folder / "leaves" / "leaves-confusion.png", folder / "leaves" / "leaves-boundary.png"
    lacking = "; a box stands for a character that its font lacks\n"
    assert f"wrote {confusion}: which class is taken for which{lacking}" in out
    assert f"wrote {boundary}: the decision boundary, the other features at their means{lacking}" in out


def test_boundary_is_drawn_of_numbers_and_not_of_categories(tmp_path, monkeypatch):
    rows = [[i % 7, ["red", "blue"][i % 2], i * 3 % 11, "" if i % 3 else i, ["p", "q"][i % 2]] for i in range(40)]
    table = write(tmp_path / "t.csv", ["a", "colour", "b", "c", "kind"], rows)
    asked = []
    drawn = nn.plots.decision_boundary
    monkeypatch.setattr(
        nn.plots, "decision_boundary", lambda *_, **options: asked.append(options) or drawn(*_, **options)
    )
    code, _, error = run(table, "--target", "kind", *QUICK, "--out", tmp_path)
    assert (code, error) == (0, "")
    assert set(asked[0]["names"]) < {"a", "b", "c"}
    names = ["a", "colour=blue", "colour=red", "b", "c", "c is missing"]
    assert [names[i] for i in asked[0]["features"]] == asked[0]["names"]


def test_target_of_numbers_is_a_class_on_request(tmp_path):
    table = write(tmp_path / "t.csv", ["x", "kind"], [[i, i // 5] for i in range(30)])
    arguments = [table, "--target", "kind", *QUICK, "--no-pictures", "--out", tmp_path]
    assert "MLP(1 -> 3 -> 1, " in run(*arguments, "--numbers")[1]
    assert "MLP(1 -> 3 -> 6, " in run(*arguments, "--classes")[1]


def test_table_called_like_a_built_in_data_set_is_the_table(tmp_path, monkeypatch):
    write(tmp_path / "moons.csv", ["x", "y"], [[i, 2 * i] for i in range(10)])
    monkeypatch.chdir(tmp_path)
    code, out, _ = run("moons.csv", "--target", "y", *QUICK)
    assert code == 0
    assert "\nmoons: 8 examples to train on, one input each\n" in out


def test_three_rows_are_enough_for_a_regression_and_one_example_is_one(tmp_path):
    table = write(tmp_path / "t.csv", ["x", "y"], [[0, 1], [1, 3], [2, 5]])
    code, out, error = run(table, "--target", "y", *QUICK, "--out", tmp_path)
    assert (code, error) == (0, "")
    assert re.search(r"^held out: .*, 1 example$", out, re.MULTILINE)


def test_answers_worse_than_the_mean_are_called_so(folder, tmp_path):
    out = run(folder / "wave.csv", "--target", "height", *QUICK, "--lr", "1e6", "--out", tmp_path)[1]
    assert re.search(r"^held out: .*, worse than to answer [\d.]+ always, 24 examples$", out, re.MULTILINE)
    assert "variance explained" not in out


NUMBERS = [[i, i * i] for i in range(9)]
TABLES = [
    ("x,k\n1,\n2,?\n3,NA\n", "k", "3 of 3 rows lack the target 'k'"),
    ("x,k\n1,a\n2,b\n", "K", "has no column 'K'; it has 'x', 'k'; did you mean 'k'"),
    ("x,k\n1,a\n2,a\n3,a\n", "k", "one class only, 'a'"),
    ("x,y\n1,5\n2,5\n3,5\n", "y", r"it is 5\.0 in all 3 rows, so there is nothing to learn"),
    ("", "k", "is empty: its first line must name the columns"),
    ("x,k\n", "k", "holds no examples"),
    ("1,2,a\n3,4,b\n", "k", "its first line must name the columns, and seems to be an example"),
    ("x,day,y\n1,2001-02-03,2\n1,2001-02-04,3\n", "y", "to learn from: 'x' is left out: it is '1' in every row; 'day'"),
    ("x,k\n1,2\n2,a\n3,4\n", "k", "numbers and texts are mixed"),
    ("x,y\n1,1e308\n2,5\n3,7\n", "y", r"column 'y', row 1: 1e\+308 is too large to compute with"),
    ("x,y\n-1e308,1\n2,5\n3,7\n", "y", r"column 'x', row 1: -1e\+308 is too large to compute with"),
    ("x,y\n1,2\n3,4,5\n", "y", "line 3 has 3 cells, where the first one names 2 columns"),
    ("x,y\n1,2\n2,3\n", "y", "is too small a table, since holding out 0.2 of 2 examples leaves none to test on"),
    ("x,k\n1,a\n2,b\n3,a\n", "k", "is too small a table, since holding out 0.2 of 3 examples of 2 classes"),
    ("x,y\n1,1e999\n2,3\n", "y", "'1e999' is infinite, or beyond the range of floats"),
    ("x\n1\n2\n", "x", "has no column but 'x' to learn from, and so no features"),
]


@pytest.mark.parametrize(("text", "target", "message"), TABLES, ids=[message[:30] for *_, message in TABLES])
def test_table_that_cannot_be_learned_from_is_one_clear_line(text, target, message, tmp_path):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    assert re.search(message, refused(tmp_path / "t.csv", "--target", target, "--out", tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_missing_file_and_folder_in_its_place_are_named(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    for name, reason in (("none.csv", "No such file or directory"), ("folder.csv", "Is a directory")):
        line = refused(tmp_path / name, "--target", "x")
        assert line == f"python -m nn: error: {tmp_path / name}: {reason}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["t.csv"], "--target COLUMN is missing: what is to be learned from t.csv, which does not exist"),
        (["t.xlsx", "--target", "x"], r"invalid choice: 't\.xlsx' \(choose from moons, .*, or a FILE\.csv\)"),
        (["moons", "--target", "x"], "are for a CSV file, and moons has its own classes"),
        (["xor", "--classes"], "are for a CSV file, and xor has its own classes"),
        (["iris", "--drop", "x", "--missing", "drop"], "--drop, --missing are for a CSV file, and iris"),
        (["t.csv", "--target", "x", "--classes", "--numbers"], "not allowed with argument --classes"),
        (["t.csv", "--target", "x", "--missing", "guess"], "invalid choice: 'guess'"),
        (["--hidden", "4", "moons"], "takes widths of layers, got 'moons'; write the data set in front of it"),
        (["predict"], r"required: MODEL\.json, FILE\.csv"),
        (["predict", "model.json"], r"required: FILE\.csv"),
    ],
)
def test_command_that_does_not_fit_a_table_is_a_mistake_of_code_two(arguments, message):
    code, out, error = run(*arguments)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert re.search(message, error)


def test_what_is_done_with_each_column_is_said_before_the_training(tmp_path):
    rows = [[i, "" if i == 3 else i % 7, ["red", "blue"][i % 2], f"2001-02-{i + 1:02}", i % 2] for i in range(28)]
    table = write(tmp_path / "t.csv", ["", "size", "colour", "day", "ill"], rows)
    code, out, error = run(table, "--target", "ill", *QUICK, "--no-pictures", "--out", tmp_path / "out")
    assert (code, error) == (0, "")
    assert out.splitlines()[:8] == [
        f"{table}: 28 examples, 5 columns",
        "  'column 1'  left out: it numbers the rows",
        "  'size'      numbers 0 to 6; 1 missing, filled with the median and marked",
        "  'colour'    texts of 2 values, one input each",
        "  'day'       left out: dates or times",
        "  'ill'       the target: 2 classes, 50.0% of the rows are '0'; "
        "taken for classes, since it is 0 or 1 (--numbers takes it for a number)",
        "t: 22 examples to train on, 4 inputs each",
        "MLP(4 -> 3 -> 1, 19 parameters)",
    ]
    assert list((tmp_path / "out").iterdir()) == []


def test_columns_are_chosen_and_rows_dropped_on_request(tmp_path):
    rows = [[i, "" if i == 3 else i % 7, i % 5, i / 7] for i in range(28)]
    table = write(tmp_path / "t.csv", ["a", "b", "c", "y"], rows)
    arguments = [table, "--target", "y", *QUICK, "--no-pictures", "--out", tmp_path]
    assert "t: 22 examples to train on, 2 inputs each" in run(*arguments, "--features", "a", "c")[1]
    assert "t: 22 examples to train on, 3 inputs each" in run(*arguments, "--drop", "a")[1]
    assert "t: 22 examples to train on, 4 inputs each" in run(*arguments)[1]
    dropped = run(*arguments, "--missing", "drop")[1]
    assert "1 of 28 rows lack a value and are left out" in dropped
    assert "examples to train on, 3 inputs each" in dropped


def test_names_of_the_columns_are_told_where_the_target_is_missing(tmp_path):
    table = write(tmp_path / "t.csv", ["a", "kind"], NUMBERS)
    code, out, error = run(table)
    assert (code, out) == (2, "")
    assert "--target COLUMN is missing: what is to be learned from " in error
    assert "t.csv, whose columns are 'a', 'kind'; see" in error


@pytest.mark.parametrize("name", ["t.tsv", "t.data", "t.csv.gz", "table"])
def test_tables_of_any_name_are_read_and_their_pictures_named_after_them(name, tmp_path):
    text = "a\ty\n" + "".join(f"{i}\t{i / 7}\n" for i in range(20))
    (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    code, out, error = run(tmp_path / name, "--target", "y", *QUICK, "--out", tmp_path)
    assert (code, error) == (0, "")
    assert f"wrote {tmp_path / name.partition('.')[0]}-history.png" in out


def test_accuracy_is_told_beside_the_share_of_the_most_frequent_class(tmp_path, shells):
    assert re.search(
        r"^always to answer '(left|right)', the most frequent class, is right for \d\d\.\d%$", shells[1], re.M
    )
    rng = random.Random(2)
    table = write(
        tmp_path / "t.csv", ["a", "state"], [[rng.random(), "bad" if i % 50 == 0 else "ok"] for i in range(500)]
    )
    out = run(table, "--target", "state", "--epochs", 20, "--no-pictures", "--out", tmp_path)[1]
    assert re.search(r"^held out: .*, accuracy 98\.0% of 100 examples$", out, re.MULTILINE)
    told = "always to answer 'ok', the most frequent class, is right for 98.0%; of the others, right are 0 of 2 'bad'"
    assert told in out.splitlines()


def test_training_of_a_wide_table_ends_early(tmp_path):
    rng = random.Random(3)
    rows = [[*(round(rng.gauss(0.0, 1.0), 3) for _ in range(300)), rng.choice("ab")] for _ in range(150)]
    table = write(tmp_path / "t.csv", [*(f"c{i}" for i in range(300)), "kind"], rows)
    out = run(table, "--target", "kind", "--no-pictures", "--out", tmp_path)[1]
    epoch, best = map(int, re.search(r"in epoch (\d+); the parameters are those after epoch (\d+)", out).groups())
    assert best < epoch < 150


@pytest.mark.parametrize("dataset", ["moons", "table"])
@pytest.mark.parametrize("width", ["100000000", "9" * 30])
def test_network_that_fits_no_memory_is_refused_at_once(dataset, width, tmp_path):
    name = write(tmp_path / "t.csv", ["x", "y"], NUMBERS) if dataset == "table" else dataset
    target = ["--target", "y"] if dataset == "table" else []
    line = refused(name, *target, "--hidden", width, "--out", tmp_path)
    assert "parameters, and 1,000,000 is the limit here; make the layers of --hidden smaller" in line


@pytest.mark.parametrize("scale", [1e-300, 1e-9, 1e90])
def test_targets_of_any_size_are_learned_alike(scale, tmp_path):
    table = write(tmp_path / "t.csv", ["x", "y"], [[i, (i * i % 11 + 0.5) * scale] for i in range(60)])
    code, out, error = run(table, "--target", "y", *QUICK, "--no-pictures", "--out", tmp_path)
    assert (code, error) == (0, "")
    assert re.search(r"^held out: loss \S+, root mean squared error \S+, .*12 examples$", out, re.MULTILINE)


# Networks saved, and asked


def predict(*arguments):
    code, out, error = run("predict", *arguments)
    assert (code, error) == (0, "")
    return out.splitlines()


def test_saved_network_says_how_to_ask_it_and_with_which_columns(shells, wave, folder):
    model = folder / "my model.json"
    assert (
        f"wrote {model}: the network, which answers for a table with the columns 'x', 'y':\n"
        f"  python -m nn predict '{model}' FILE.csv\n"
    ) in shells[1]
    assert "a table with the column 't':\n" in wave[1]


def test_saved_network_answers_classes_of_columns_in_any_order(shells, folder, tmp_path):
    table = write(tmp_path / "new.csv", ["note", "y", "x"], [["?", 8.0, 1.0], ["seen", 1.0, 8.0]], ";")
    assert predict(folder / "my model.json", table) == ["turn", "left", "right"]


def test_saved_network_answers_numbers_in_the_units_of_the_table(wave, folder, tmp_path):
    table = write(tmp_path / "new.csv", ["t"], [[math.pi / 4], [-math.pi / 4]])
    title, *answers = predict(folder / "wave.json", table)
    assert title == "height"
    assert list(map(float, answers)) == pytest.approx([120.0, 80.0], abs=4.0)


def test_saved_digits_name_their_64_columns_and_are_read_again(tmp_path):
    out = run("digits", *QUICK, "--save", tmp_path / "d.json", "--out", tmp_path)[1]
    assert "a table with the 64 columns 'pixel_0_0' to 'pixel_7_7':\n" in out
    data = nn.datasets.digits()
    table = write(tmp_path / "digits.csv", data.features, data.X[:20])
    assert set(predict(tmp_path / "d.json", table)[1:]) <= set("0123456789")


def test_prediction_that_cannot_be_made_is_one_clear_line(wave, folder, tmp_path):
    table = write(tmp_path / "t.csv", ["t"], [[1.0], [1e308]])
    nn.save(nn.MLP(1, [1], seed=1), tmp_path / "bare.json")
    (tmp_path / "other.json").write_text(json.dumps({"a": 1}), encoding="utf-8")
    (tmp_path / "empty.csv").write_text("t\n", encoding="utf-8")
    steep = nn.MLP(1, [1], seed=1)
    steep.layers[0].neurons[0].w[0].data = 1e300
    nn.save(steep, tmp_path / "steep.json", json.loads((folder / "wave.json").read_text(encoding="utf-8"))["extra"])
    model = folder / "wave.json"
    for arguments, message in [
        ((tmp_path / "steep.json", table), r"t\.csv, row 2: its numbers are too far from those"),
        ((model, folder / "my shells.csv"), "has no column 't'; it has 'x', 'y', 'turn'"),
        ((model, tmp_path / "empty.csv"), "holds no examples below them"),
        ((model, tmp_path / "none.csv"), r"none\.csv: No such file"),
        ((tmp_path / "none.json", table), r"none\.json: No such file"),
        ((tmp_path / "bare.json", table), "holds a model, but not what its inputs and outputs mean"),
        ((tmp_path / "other.json", table), "is not a model that can be read"),
        ((table, table), "is not a model that can be read: it is no JSON"),
        ((tmp_path, table), "is not a file"),
    ]:
        assert re.search(message, refused("predict", *arguments))


@pytest.fixture(scope="module")
def pets(folder):
    """Return a network that knows missing sizes, but not missing colours, and two colours."""
    rows = [["" if i == 3 else i, ["red", "blue"][i % 2], "Katze 猫" if i < 20 else "dog"] for i in range(40)]
    table = write(folder / "pets.csv", ["size", "colour", "kind"], rows)
    model = folder / "pets.json"
    assert run(table, "--target", "kind", *QUICK, "--no-pictures", "--save", model, "--out", folder)[0] == 0
    return model


def test_prediction_says_what_training_had_not_seen(pets, tmp_path):
    table = write(tmp_path / "t.csv", ["colour", "size"], [["red", 1], ["green", "NA"], ["?", 3], ["green", 4]])
    code, out, error = run("predict", pets, table)
    assert (code, out.count("\n")) == (0, 5)
    note = f"note: {table}, column 'colour': "
    assert error.splitlines() == [
        f"{note}'green' did not occur in training, and is taken for none of its values (2 rows)",
        f"{note}missing cells are taken for 'blue', as in training (1 row)",
    ]


def test_prediction_ignores_columns_that_nobody_asked_for(pets, tmp_path):
    rows = [[0, "red", "inf", 1.0, ""], [0, "blue", "1e999", 30, "?"]]
    table = write(tmp_path / "t.csv", ["", "colour", "", "size", "size "], rows)
    plain = write(tmp_path / "plain.csv", ["size", "colour"], [[1.0, "red"], [30, "blue"]], "\t")
    assert predict(pets, table) == predict(pets, plain)


def test_prediction_is_written_to_a_file_in_utf_8(pets, tmp_path):
    table = write(tmp_path / "t.csv", ["size", "colour"], [[i, "red"] for i in range(40)])
    code, out, error = run("predict", pets, table, "--out", tmp_path / "answers.csv")
    assert (code, out, error) == (0, f"wrote {tmp_path / 'answers.csv'}: 40 answers\n", "")
    lines = (tmp_path / "answers.csv").read_bytes().decode("utf-8").split("\n")
    assert lines == [*predict(pets, table), ""]
    assert "Katze 猫" in lines
    before = table.read_bytes()
    assert "--out would replace" in refused("predict", pets, table, "--out", table)
    assert table.read_bytes() == before


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "cp437", "shift-jis", "utf-8"])
@pytest.mark.parametrize("is_console", [False, True])
def test_any_encoding_of_the_console_is_survived(encoding, is_console, pets, folder, tmp_path, monkeypatch):
    table = write(tmp_path / "t.csv", ["size", "colour"], [[i, "red"] for i in range(40)])
    for arguments in (["predict", pets, table], [folder / "pets.csv", "--target", "kind", *QUICK, "--no-pictures"]):
        written = io.BytesIO()
        console = io.TextIOWrapper(written, encoding=encoding)
        monkeypatch.setattr(console, "isatty", lambda: is_console) if is_console else None
        monkeypatch.setattr(sys, "stdout", console)
        monkeypatch.chdir(tmp_path)
        assert main(list(map(str, arguments))) == 0
        console.flush()
        text = written.getvalue().decode(encoding if is_console else "utf-8")
        kind = "Katze 猫" if not is_console or encoding in ("utf-8", "shift-jis") else r"Katze \u732b"
        assert kind in text


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names of files are text there")
def test_name_of_a_file_may_be_no_text(tmp_path):
    named = lambda name: Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    write(tmp_path / "t.csv", ["size", "kind"], [[i, "cat" if i % 2 else "dog"] for i in range(20)]).rename(
        table := named(b"\xe9t\xe9.csv")
    )
    model, answers = named(b"m\xe9.json"), named(b"answers\xe9.csv")
    for arguments in (
        [table, "--target", "kind", *QUICK, "--out", tmp_path / "pictures", "--save", model],
        ["predict", model, table, "--out", answers],
        ["predict", model, table],
    ):
        process = shell(*arguments)
        _, error = process.communicate(timeout=100)
        assert (process.returncode, error) == (0, b"")
    assert answers.exists()
    assert {file.name[:3] for file in (tmp_path / "pictures").iterdir()} == {"\ufffdt\ufffd"}


@pytest.mark.parametrize("bias", [1e300, -1e300, 1.7e308])
def test_answer_beyond_floats_is_no_answer(bias, wave, folder, tmp_path):
    steep = nn.MLP(1, [1], seed=1)
    steep.layers[0].neurons[0].b.data = bias
    extra = json.loads((folder / "wave.json").read_text(encoding="utf-8"))["extra"]
    extra["encoder"]["target_scaling"] = [0.0, 1e10]
    nn.save(steep, tmp_path / "steep.json", extra)
    table = write(tmp_path / "t.csv", ["t"], [[1.0]])
    assert "t.csv, row 1: its numbers are too far from those" in refused("predict", tmp_path / "steep.json", table)


@pytest.mark.parametrize(
    ("place", "message"),
    [("", "is a folder"), ("none/model.json", "there is no"), ("t.csv", "would replace .*, the table")],
)
def test_place_to_save_in_is_checked_before_the_training(place, message, tmp_path):
    table = write(tmp_path / "t.csv", ["x", "y"], NUMBERS)
    before = table.read_bytes()
    line = refused(table, "--target", "y", "--save", tmp_path / place, "--out", tmp_path / "out")
    assert re.search(message, line)
    assert table.read_bytes() == before


def test_missing_matplotlib_is_told_before_the_training_and_nothing_is_lost(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "nn.plots.canvas", raising=False)
    table = write(tmp_path / "t.csv", ["x", "y"], NUMBERS)
    for arguments in (["xor"], [table, "--target", "y"]):
        code, out, error = run(*arguments, *QUICK, "--save", tmp_path / "m.json", "--out", tmp_path)
        assert (code, error.count("\n")) == (1, 1)
        assert "Matplotlib: python -m pip install 'scalar-autograd[demo]'" in error
        told = (
            "note: pictures will be missing: there is no Matplotlib (python -m pip install 'scalar-autograd[demo]')\n"
        )
        assert out.index(told) < out.index("stopped: ")
        assert out.index("training: loss") < out.index(f"wrote {tmp_path / 'm.json'}")
        assert nn.load(tmp_path / "m.json").nin >= 1
        (tmp_path / "m.json").unlink()
    code, out, error = run("xor", *QUICK, "--no-pictures", "--out", tmp_path)
    assert (code, error) == (0, "")
    assert "note: pictures" not in out


def test_missing_graphviz_is_told_before_the_training_and_other_pictures_are_drawn(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    monkeypatch.delitem(sys.modules, "autograd.pictures.rendering", raising=False)
    code, out, error = run("xor", *QUICK, "--out", tmp_path)
    assert (code, error.count("\n")) == (1, 1)
    told = (
        "note: pictures will be missing: there is no graphviz (python -m pip install 'scalar-autograd[draw]'); --save"
    )
    assert out.index(told) < out.index("stopped: ")
    assert (tmp_path / "xor-boundary.png").exists()


@pytest.mark.parametrize(
    "failure", [ValueError("no room"), TypeError("no room"), MemoryError("no room"), OSError(28, "no room")]
)
def test_picture_that_fails_stops_neither_the_others_nor_the_saving(failure, tmp_path, monkeypatch):
    def failing(*arguments, **options):
        raise failure

    monkeypatch.setattr(nn.plots, "history", failing)
    table = write(tmp_path / "t.csv", ["x", "y"], NUMBERS)
    code, _, error = run(table, "--target", "y", *QUICK, "--save", tmp_path / "m.json", "--out", tmp_path)
    assert (code, error.count("\n")) == (1, 1)
    assert "no room" in error
    assert (tmp_path / "t-line.png").read_bytes().startswith(PNG)
    assert nn.load(tmp_path / "m.json").nin == 1


# Pipes


def shell(*arguments, **options):
    environment = {**os.environ, "PYTHONPATH": str(Path(nn.__file__).parent.parent)}
    command = [sys.executable, "-W", "error", "-m", "nn", *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, **{"stdout": subprocess.PIPE, **options})


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_reader_who_has_seen_enough_ends_it_silently(wave, folder):
    table = write(folder / "long.csv", ["t"], [[i / 5000] for i in range(5000)])
    with shell("predict", folder / "wave.json", table) as process:
        assert process.stdout.readline() == b"height\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_full_disk_is_one_clear_line(tmp_path):
    with (
        Path("/dev/full").open("w", encoding="utf-8") as full,
        shell("xor", *QUICK, "--out", tmp_path, stdout=full) as process,
    ):
        error = process.stderr.read().decode()
    assert process.returncode == 1
    assert re.fullmatch(ERROR.format("No space left on device"), error)
