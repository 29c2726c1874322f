"""`python -m nn` on tables, saved networks and pipes: what it says, writes and refuses."""

import errno
import gzip
import io
import itertools
import json
import math
import os
import random
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import nn
from nn.__main__ import main
from nn.app.options import OF_TRAINING, train_parser
from nn.app.reports import balance
from nn.data.columns import examples
from nn.data.csv_reader import read_table
from tests.nn.app.running import PNG, QUICK, files, mistaken, output, process, refused, run, write


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
    trees = enumerate(["$oak$", "$\\ash", "楓"])
    leaves = [[7.0 + 0.1 * y, 3 * k + 0.1 * x, -x, tree] for k, tree in trees for x, y, _ in points[:20]]
    write(folder / "leaves.csv", ['"nearly, the\nsame"', "$width$", "length", "tree"], leaves)
    return folder


@pytest.fixture(scope="module")
def wave(folder):
    places = ["--save", folder / "wave.json", "--out", folder / "wave"]
    return output(folder / "wave.csv", "--target", "height", *places)


@pytest.fixture(scope="module")
def shells(folder):
    places = ["--save", folder / "my model.json", "--out", folder / "a b"]
    return output(folder / "my shells.csv", "--target", "turn", *places)


# Tables


def test_wave_of_one_feature_is_learned_in_its_own_units_and_drawn_as_a_line(wave, folder):
    assert "\nwave: 96 examples to train on, one input each\nMLP(1 -> 16 -> 16 -> 1, 321 parameters)\n" in wave
    assert number(wave, r"^held out: .* root mean squared error (\S+), .*, 24 examples$") < 4.0
    assert number(wave, r"^held out: .* ([\d.]+)% of the variance explained") > 92.0
    assert files(folder / "wave") == ["wave-history.png", "wave-line.png"]


@pytest.mark.thorough
def test_regression_of_several_features_or_of_no_plain_number_draws_the_answers(folder, tmp_path):
    output(folder / "plane.CSV", "--target", "price", *QUICK, "--out", tmp_path)
    cells = {"missing": lambda i: i if i % 3 else "", "colour": lambda i: ["red", "blue", "green"][i % 3]}
    for name, cell in cells.items():
        table = write(tmp_path / f"{name}.csv", [name, "y"], [[cell(i), i / 7] for i in range(40)])
        output(table, "--target", "y", *QUICK, "--out", tmp_path)
    pictures = [f"{name}-{end}.png" for name in ("colour", "missing", "plane") for end in ("answers", "history")]
    assert [name for name in files(tmp_path) if name.endswith("png")] == pictures


def test_text_target_is_learned_as_a_class(shells, folder):
    assert number(shells, r"^held out: .* accuracy ([\d.]+)% of 20 examples$") >= 90.0
    assert "; the parameters are those after epoch " in shells
    names = [f"my shells-{end}.png" for end in ("boundary", "confusion", "history")]
    assert files(folder / "a b") == names
    assert all((folder / "a b" / name).read_bytes().startswith(PNG) for name in names)


def test_names_with_newlines_formulas_and_foreign_letters_are_drawn(folder):
    leaves = output(folder / "leaves.csv", "--target", "tree", "--out", folder / "leaves", "--epochs", "40")
    assert number(leaves, r"^held out: .* accuracy ([\d.]+)%") > 90.0
    confusion, boundary = folder / "leaves" / "leaves-confusion.png", folder / "leaves" / "leaves-boundary.png"
    lacking = "; a box stands for a character that its font lacks\n"
    assert f"wrote {confusion}: which class is taken for which{lacking}" in leaves
    assert f"wrote {boundary}: the decision boundary, the other features at their means{lacking}" in leaves


def test_boundary_is_drawn_of_numbers_and_not_of_categories(tmp_path, monkeypatch):
    rows = [[i % 7, ["red", "blue"][i % 2], i * 3 % 11, "" if i % 3 else i, ["p", "q"][i % 2]] for i in range(40)]
    table = write(tmp_path / "t.csv", ["a", "colour", "b", "c", "kind"], rows)
    asked, drawn = [], nn.plots.decision_boundary
    spy = lambda *_, **options: asked.append(options) or drawn(*_, **options)
    monkeypatch.setattr(nn.plots, "decision_boundary", spy)
    output(table, "--target", "kind", *QUICK, "--out", tmp_path)
    assert set(asked[0]["names"]) < {"a", "b", "c"}
    names = ["a", "colour=blue", "colour=red", "b", "c", "c is missing"]
    assert [names[i] for i in asked[0]["features"]] == asked[0]["names"]


PLAIN = [*QUICK, "--no-pictures"]


def test_target_of_numbers_is_a_class_on_request_three_rows_are_enough_and_a_table_may_be_called_moons(
    tmp_path, monkeypatch
):
    table = write(tmp_path / "t.csv", ["x", "kind"], [[i, i // 5] for i in range(30)])
    arguments = [table, "--target", "kind", *PLAIN, "--out", tmp_path / "out"]
    assert "MLP(1 -> 3 -> 1, " in output(*arguments, "--numbers")
    assert "MLP(1 -> 3 -> 6, " in output(*arguments, "--classes")
    assert files(tmp_path / "out") == []
    write(tmp_path / "moons.csv", ["x", "y"], [[0, 1], [1, 3], [2, 5]])
    monkeypatch.chdir(tmp_path)
    out = output("moons.csv", "--target", "y", *QUICK)
    assert "\nmoons: 2 examples to train on, one input each\n" in out
    assert re.search(r"^held out: .*, 1 example$", out, re.MULTILINE)


def test_answers_worse_than_the_mean_are_called_so(folder, tmp_path):
    out = run(folder / "wave.csv", "--target", "height", *QUICK, "--lr", "1e6", "--out", tmp_path)[1]
    assert re.search(r"^held out: .*, worse than to answer [\d.]+ always, 24 examples$", out, re.MULTILINE)
    assert "variance explained" not in out


NUMBERS = [[i, i * i] for i in range(9)]
TWO_OF_EACH = "x,k\n" + "".join(f"{i},kind {i % 10}\n" for i in range(20))
TABLES = [  # test_tables.py has the others
    ("x,k\n1,a\n2,b\n", "K", "has no column 'K'; it has 'x', 'k'; did you mean 'k'"),
    ("x,y\n1,2\n2,3\n", "y", "is too small .*, since .* 0.2 of 2 examples leaves none to test on; 3 rows are a start"),
    ("x,k\n1,a\n2,b\n3,a\n", "k", "is too small a table, since holding out 0.2 of 3 examples of 2 classes"),
    (TWO_OF_EACH, "k", "of 20 examples of 10 classes leaves none to test on; a class needs 3 rows$"),
]


def test_table_that_cannot_be_learned_from_is_one_clear_line(tmp_path):
    for text, target, message in TABLES:
        (tmp_path / "t.csv").write_text(text, encoding="utf-8")
        assert re.search(message, refused(tmp_path / "t.csv", "--target", target, "--out", tmp_path)), text
        assert files(tmp_path) == ["t.csv"]
    (tmp_path / "folder.csv").mkdir()
    for name, reason in (("none.csv", errno.ENOENT), ("folder.csv", errno.EISDIR)):
        told = f"python -m nn: error: {tmp_path / name}: {os.strerror(reason)}\n"  # in the language of the system
        assert refused(tmp_path / name, "--target", "x") == told


MISTAKES = [
    (["t.csv"], "--target COLUMN is missing: what is to be learned from t.csv, which does not exist"),
    (["t.xlsx", "--target", "x"], r"invalid choice: 't\.xlsx' \(choose from moons, .*, or a FILE\.csv\)"),
    (["moons", "--target", "x"], "--target is for a CSV file, and moons has its own classes"),
    (["xor", "--classes"], "--classes is for a CSV file, and xor has its own classes"),
    (["iris", "--drop", "x", "--missing", "drop"], "--drop, --missing are for a CSV file, and iris"),
    (["t.csv", "--target", "x", "--classes", "--numbers"], "not allowed with argument --classes"),
    (["t.csv", "--target", "x", "--missing", "guess"], "invalid choice: 'guess'"),
    (["--hidden", "4", "moons"], "takes widths of layers, got 'moons'; write the data set in front of it"),
    (["predict"], r"required: MODEL\.json, FILE\.csv"),
    (["predict", "model.json"], r"required: FILE\.csv"),
]


def test_command_that_does_not_fit_a_table_is_a_mistake_of_code_two(tmp_path):
    for arguments, message in MISTAKES:
        assert re.search(message, mistaken(*arguments)), arguments
    error = mistaken(write(tmp_path / "t.csv", ["a", "kind"], NUMBERS))
    assert "--target COLUMN is missing: what is to be learned from " in error
    assert "t.csv, whose columns are 'a', 'kind'; see" in error
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "zero.csv").write_bytes(b"a,b\0c\n1,2\n")
    for name in ("folder.csv", "zero.csv"):  # whose columns cannot be read
        assert re.search("--target COLUMN is missing: .*csv; see", mistaken(tmp_path / name))


@pytest.mark.parametrize("name", OF_TRAINING)
def test_option_that_a_page_has_no_use_for_is_a_mistake_of_code_two(name, tmp_path):
    option, page = f"--{name.replace('_', '-')}", tmp_path / "page.html"
    takes_nothing = isinstance(train_parser().get_default(name), bool)
    given = [option] if takes_nothing else [option, {"epochs": 3}.get(name, tmp_path / "new")]
    error = mistaken("xor", "--playground", page, *given)
    assert f"trains nothing here, so it has no use for {option}; see" in error
    assert files(tmp_path) == []


def test_what_is_done_with_each_column_is_said_before_the_training(tmp_path):
    rows = [[i, "" if i == 3 else i % 7, ["red", "blue"][i % 2], f"2001-02-{i + 1:02}", i % 2] for i in range(28)]
    table = write(tmp_path / "t.csv", ["", "size", "colour", "day", "ill"], rows)
    out = output(table, "--target", "ill", *PLAIN, "--out", tmp_path)
    summary = examples(read_table(table), "ill").summary(str(table))
    assert out.startswith(summary + "\n")
    assert "taken for classes, since it is 0 or 1 (--numbers takes it for a number)" in summary
    assert "t: 22 examples to train on, 4 inputs each\nMLP(4 -> 3 -> 1, 19 parameters)\n" in out


def test_columns_are_chosen_and_rows_dropped_on_request(tmp_path):
    rows = [[i, "" if i == 3 else i % 7, i % 5, i / 7] for i in range(28)]
    table = write(tmp_path / "t.csv", ["a", "b", "c", "y"], rows)
    arguments = [table, "--target", "y", *PLAIN, "--out", tmp_path]
    for options, inputs in ((["--features", "a", "c"], 2), (["--drop", "a"], 3), ([], 4)):
        assert f"t: 22 examples to train on, {inputs} inputs each" in output(*arguments, *options)
    dropped = output(*arguments, "--missing", "drop")
    assert "1 of 28 rows lack a value and are left out" in dropped
    assert "examples to train on, 3 inputs each" in dropped


@pytest.mark.thorough
def test_tables_of_any_name_are_read_and_their_pictures_named_after_them(tmp_path):
    text = "a\ty\n" + "".join(f"{i}\t{i / 7}\n" for i in range(20))
    for name in ("t.tsv", "t.data", "t.csv.gz", "table"):
        (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
        out = output(tmp_path / name, "--target", "y", *QUICK, "--out", tmp_path / "out")
        assert f"wrote {tmp_path / 'out' / name.partition('.')[0]}-history.png" in out


def test_accuracy_is_told_beside_the_share_of_the_most_frequent_class(tmp_path, shells):
    told = r"^always to answer '(left|right)', the most frequent class, is right for \d\d\.\d%$"
    assert re.search(told, shells, re.MULTILINE)
    rng = random.Random(2)
    rows = [[rng.random(), "bad" if i % 50 == 0 else "ok"] for i in range(500)]
    table = write(tmp_path / "t.csv", ["a", "state"], rows)
    out = output(table, "--target", "state", "--epochs", 20, "--no-pictures", "--out", tmp_path)
    assert re.search(r"^held out: .*, accuracy 98\.0% of 100 examples$", out, re.MULTILINE)
    told = "always to answer 'ok', the most frequent class, is right for 98.0%; of the others, right are 0 of 2 'bad'"
    assert told in out.splitlines()


@pytest.mark.parametrize("counts", [(30, 30), (32, 28), (28, 32), (14, 14, 13), (20, 21, 20), (17, 17, 17)], ids=str)
def test_most_frequent_class_is_that_of_the_summary(counts, tmp_path):
    rng = random.Random(sum(counts))
    kinds = rng.sample([kind for kind, count in zip("pqr", counts, strict=False) for _ in range(count)], sum(counts))
    table = write(tmp_path / "t.csv", ["a", "y"], [[rng.random(), kind] for kind in kinds])
    out = output(table, "--target", "y", *PLAIN, "--out", tmp_path)
    (summary,) = re.findall(r"of the rows are '(\w)'", out)
    assert f"always to answer '{summary}', the most frequent class, is right for" in out


@pytest.mark.parametrize("rare", [1, 5, 6, 8])
def test_the_five_most_frequent_of_the_other_classes_are_told_one_by_one(rare):
    y = [0] * 100 + [k for k in range(1, rare + 1) for _ in range(2)]
    data = nn.datasets.Dataset([[float(k)] for k in y], y, ["x"], list("abcdefghi"[: rare + 1]))
    task = SimpleNamespace(training=data)
    told = balance(SimpleNamespace(task=task, classes=lambda data: [min(k, 1) for k in data.y]), data)
    others = ["2 of 2 'b'", *(f"0 of 2 {name!r}" for name in "cdef")][:rare]
    more = f", and {rare - 5} more classes" if rare > 5 else ""
    assert told.endswith(f"; of the others, right are {', '.join(others)}{more}")


@pytest.mark.thorough
def test_training_of_a_wide_table_ends_early(tmp_path):
    rng = random.Random(3)
    rows = [[*(round(rng.gauss(0.0, 1.0), 3) for _ in range(300)), rng.choice("ab")] for _ in range(150)]
    table = write(tmp_path / "t.csv", [*(f"c{i}" for i in range(300)), "kind"], rows)
    out = output(table, "--target", "kind", "--no-pictures", "--out", tmp_path)
    epoch, best = map(int, re.search(r"in epoch (\d+); the parameters are those after epoch (\d+)", out).groups())
    assert best < epoch < 150


def test_network_that_fits_no_memory_is_refused_at_once(tmp_path):
    table = write(tmp_path / "t.csv", ["x", "y"], NUMBERS)
    for data, width in itertools.product([["moons"], [table, "--target", "y"]], ["100000000", "9" * 30]):
        line = refused(*data, "--hidden", width, "--out", tmp_path)
        assert "parameters, and 1,000,000 is the limit here; make the layers of --hidden smaller" in line


def test_targets_of_any_size_are_learned_alike(tmp_path):
    for scale in (1e-300, 1e-9, 1e90):
        table = write(tmp_path / "t.csv", ["x", "y"], [[i, (i * i % 11 + 0.5) * scale] for i in range(60)])
        out = output(table, "--target", "y", *PLAIN, "--out", tmp_path)
        found = r"^held out: loss \S+, root mean squared error \S+, .*12 examples$"
        assert re.search(found, out, re.MULTILINE), scale


# Networks saved, and asked


def predict(*arguments):
    return output("predict", *arguments).splitlines()


def test_saved_network_says_how_to_ask_it_and_answers_in_classes_and_in_the_units_of_the_table(
    shells, wave, folder, tmp_path
):
    model = folder / "my model.json"
    told = f"wrote {model}: the network, which answers for a table with the columns 'x', 'y':\n"
    assert f"{told}  python -m nn predict '{model}' FILE.csv\n" in shells
    assert "a table with the column 't':\n" in wave
    table = write(tmp_path / "shells.csv", ["note", "y", "x"], [["?", 8.0, 1.0], ["seen", 1.0, 8.0]], ";")
    assert predict(model, table) == ["turn", "left", "right"]
    title, *answers = predict(folder / "wave.json", write(tmp_path / "t.csv", ["t"], [[math.pi / 4], [-math.pi / 4]]))
    assert title == "height"
    assert list(map(float, answers)) == pytest.approx([120.0, 80.0], abs=4.0)


@pytest.mark.thorough
def test_saved_digits_name_their_64_columns_and_are_read_again(tmp_path):
    out = output("digits", *PLAIN, "--save", tmp_path / "d.json", "--out", tmp_path)
    assert "a table with the 64 columns 'pixel_0_0' to 'pixel_7_7':\n" in out
    data = nn.datasets.digits()
    table = write(tmp_path / "digits.csv", data.features, data.X[:20])
    assert set(predict(tmp_path / "d.json", table)[1:]) <= set("0123456789")


def test_prediction_that_cannot_be_made_is_one_clear_line(wave, folder, tmp_path):
    table, one = write(tmp_path / "t.csv", ["t"], [[1.0], [1e308]]), write(tmp_path / "one.csv", ["t"], [[1.0]])
    write(tmp_path / "empty.csv", ["t"], [])
    model, too_far = folder / "wave.json", "its numbers are too far from those"
    extra = json.loads(model.read_text(encoding="utf-8"))["extra"]
    steep = nn.MLP(1, [1], seed=1)
    nn.save(steep, tmp_path / "bare.json")
    steep.layers[0].neurons[0].w[0].data = 1e300
    nn.save(steep, tmp_path / "steep.json", extra)
    (tmp_path / "other.json").write_text(json.dumps({"a": 1}), encoding="utf-8")
    for arguments, message in [
        ((tmp_path / "steep.json", table), rf"t\.csv, row 2: {too_far}"),
        ((model, folder / "my shells.csv"), "has no column 't'; it has 'x', 'y', 'turn'"),
        ((model, tmp_path / "empty.csv"), "holds no examples below them"),
        ((model, tmp_path / "none.csv"), rf"none\.csv: {re.escape(os.strerror(errno.ENOENT))}"),
        ((tmp_path / "none.json", table), rf"none\.json: {re.escape(os.strerror(errno.ENOENT))}"),
        ((tmp_path / "bare.json", table), "holds a model, but not what its inputs and outputs mean"),
        ((tmp_path / "other.json", table), "is not a model that can be read"),
        ((table, table), "is not a model that can be read: it is no JSON"),
        ((tmp_path, table), "is not a file"),
    ]:
        assert re.search(message, refused("predict", *arguments))
    extra["encoder"]["target_scaling"] = [0.0, 1e10]
    for steep.layers[0].neurons[0].b.data in (1e300, -1e300, 1.7e308):  # answers beyond floats are none
        nn.save(steep, tmp_path / "steep.json", extra)
        assert f"one.csv, row 1: {too_far}" in refused("predict", tmp_path / "steep.json", one)


@pytest.fixture(scope="module")
def pets(folder):
    """Return a network that knows missing sizes, but not missing colours, and two colours."""
    rows = [["" if i == 3 else i, ["red", "blue"][i % 2], "Katze 猫" if i < 20 else "dog"] for i in range(40)]
    table = write(folder / "pets.csv", ["size", "colour", "kind"], rows)
    model = folder / "pets.json"
    output(table, "--target", "kind", *PLAIN, "--save", model, "--out", folder)
    return model


def test_prediction_says_what_training_had_not_seen_and_ignores_columns_that_nobody_asked_for(pets, tmp_path):
    table = write(tmp_path / "t.csv", ["colour", "size"], [["red", 1], ["green", "NA"], ["?", 3], ["green", 4]])
    code, out, error = run("predict", pets, table)
    assert (code, out.count("\n")) == (0, 5)
    note = f"note: {table}, column 'colour': "
    assert error.splitlines() == [
        f"{note}'green' did not occur in training, and is taken for none of its values (2 rows)",
        f"{note}missing cells are taken for 'blue', as in training (1 row)",
    ]
    unknown = write(tmp_path / "unknown.csv", ["colour", "size"], [["red", 1], ["?", "NA"], ["red", 2], ["NA", "?"]])
    assert len(run("predict", pets, unknown)[1].splitlines()) == 5
    rows = [[0, "red", "inf", 1.0, ""], [0, "blue", "1e999", 30, "?"]]
    table = write(tmp_path / "t.csv", ["", "colour", "", "size", "size "], rows)
    plain = write(tmp_path / "plain.csv", ["size", "colour"], [[1.0, "red"], [30, "blue"]], "\t")
    code, out, error = run("predict", pets, table)
    assert (code, out.splitlines()) == (0, predict(pets, plain))
    assert error == f"note: {table}, two columns are named 'size': the one in place 5 is called 'size.1'\n"


UNUSUAL = [
    b"size,size,colour\n1,2,red\n",
    b"size,colour,x\n1,red,K\xe4tzchen\n",
    b"size,colour\n# made in May\n1,red\n",
    b"size,colour\n1,red\n,\n",
]


@pytest.mark.parametrize("contents", UNUSUAL)
def test_prediction_says_what_is_unusual_about_its_table_as_training_does(contents, pets, tmp_path):
    table = tmp_path / "t.csv"
    table.write_bytes(contents)
    (note,) = read_table(table).notes
    code, out, error = run("predict", pets, table)
    assert (code, out.count("\n"), error) == (0, 2, f"note: {table}, {note}\n")


COMMAS = {"decimal": lambda x: f"{x:.3f}".replace(".", ","), "thousands": lambda x: f"{1000 * x:,.1f}"}


@pytest.mark.parametrize("commas", COMMAS)
def test_prediction_reads_the_numbers_of_each_row_as_training_did(commas, tmp_path):
    written = COMMAS[commas]
    rows = [[written(0.25 + i), i, 2 * i + 0.5] for i in range(40)]
    table, model = write(tmp_path / "t.csv", ["x", "a", "y"], rows, ";"), tmp_path / "m.json"
    output(table, "--target", "y", *PLAIN, "--save", model, "--out", tmp_path)
    title, *answers = predict(model, table)
    assert len(set(answers)) == 40
    for (x, *others), answer in zip(rows[::8], answers[::8], strict=True):
        assert predict(model, write(tmp_path / "row.csv", ["a", "y", "x"], [[*others, x]], ";")) == [title, answer]
    document = json.loads(model.read_text(encoding="utf-8"))
    column, other = document["extra"]["encoder"]["columns"]
    assert (column.pop("commas"), "commas" in other) == (commas, False)
    (tmp_path / "old.json").write_text(json.dumps(document), encoding="utf-8")  # as it was saved before
    plain = write(tmp_path / "plain.csv", ["x", "a"], [[1.25, 0]], ";")
    assert len(predict(tmp_path / "old.json", plain)) == 2
    unclear = write(tmp_path / "unclear.csv", ["x", "a"], [["66,781", 0]], ";")
    assert "'66,781' may be read in two ways" in refused("predict", tmp_path / "old.json", unclear)


def test_prediction_is_written_to_a_file_in_utf_8(pets, tmp_path):
    table = write(tmp_path / "t.csv", ["size", "colour"], [[i, "red"] for i in range(40)])
    out = output("predict", pets, table, "--out", tmp_path / "answers.csv")
    assert out == f"wrote {tmp_path / 'answers.csv'}: 40 answers\n"
    lines = (tmp_path / "answers.csv").read_bytes().decode("utf-8").split("\n")
    assert lines == [*predict(pets, table), ""]
    assert "Katze 猫" in lines
    before = table.read_bytes()
    assert "--out would replace" in refused("predict", pets, table, "--out", table)
    assert table.read_bytes() == before


@pytest.mark.parametrize("is_console", [False, True])
def test_any_encoding_of_the_console_is_survived(is_console, pets, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = write(tmp_path / "t.csv", ["size", "colour"], [[i, "red"] for i in range(40)])
    commands = [["predict", pets, table], [folder / "pets.csv", "--target", "kind", *PLAIN]]
    for encoding, arguments in itertools.product(["cp1252", "ascii", "cp437", "shift-jis", "utf-8"], commands):
        written = io.BytesIO()
        console = io.TextIOWrapper(written, encoding=encoding)
        monkeypatch.setattr(console, "isatty", lambda: is_console)
        monkeypatch.setattr(sys, "stdout", console)
        assert main(list(map(str, arguments))) == 0
        console.flush()
        text = written.getvalue().decode(encoding if is_console else "utf-8")
        kind = "Katze 猫" if not is_console or encoding in ("utf-8", "shift-jis") else r"Katze \u732b"
        assert kind in text, encoding


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names of files are text there")
@pytest.mark.parametrize("encoding", [{}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
def test_name_of_a_file_may_be_no_text(encoding, tmp_path, monkeypatch):
    for variable, value in encoding.items():
        monkeypatch.setenv(variable, value)
    named = lambda name: Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    table, model, answers = named(b"\xe9t\xe9.csv"), named(b"m\xe9.json"), named(b"answers\xe9.csv")
    write(table, ["size", "kind"], [[i, "cat" if i % 2 else "dog"] for i in range(20)])
    for arguments in (
        [table, "--target", "kind", *QUICK, "--out", tmp_path / "pictures", "--save", model],
        ["predict", model, table, "--out", answers],
    ):
        with process(*arguments) as done:
            _, error = done.communicate(timeout=300)
        assert (done.returncode, error) == (0, b"")
    assert answers.exists()
    assert {os.fsencode(name).decode()[:3] for name in files(tmp_path / "pictures")} == {"\ufffdt\ufffd"}


def test_place_to_save_in_is_checked_before_the_training(tmp_path):
    table = write(tmp_path / "t.csv", ["x", "y"], NUMBERS)
    before = table.read_bytes()
    places = (("", "is a folder"), ("none/model.json", "there is no"), ("t.csv", "would replace .*, the table"))
    for place, message in places:
        line = refused(table, "--target", "y", "--save", tmp_path / place, "--out", tmp_path / "out")
        assert re.search(message, line)
        assert table.read_bytes() == before


@pytest.mark.thorough
@pytest.mark.parametrize("option", ["--save", "--playground"])
def test_place_that_takes_no_file_is_refused_before_the_training(option, tmp_path, monkeypatch):
    table = write(tmp_path / "t.csv", ["x", "y"], NUMBERS)
    training = [*PLAIN, "--out", tmp_path] if option == "--save" else []
    arguments = [table, "--target", "y", *training, option]
    protected = tmp_path / "protected.json"
    protected.touch()
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path) != protected and access(path, mode)
    )  # also for root
    assert "protected.json: it is protected against writing; choose another name" in refused(*arguments, protected)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path and access(path, mode))
    assert "m.json: its folder is protected against writing; choose another" in refused(*arguments, tmp_path / "m.json")
    line = refused(table, "--target", "y", "--out", tmp_path)
    assert f"--out takes a folder to write into, and {tmp_path} is protected against writing" in line
    monkeypatch.undo()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        for place in ("/dev/stdout", "/dev/null", tmp_path / "pipe"):
            with process(*arguments, place) as done:  # whose stdout is a pipe
                out, error = done.communicate(timeout=300)
            wanted = f"python -m nn: error: {place}: it is not a file; choose the name of a file\n"
            assert (done.returncode, out.decode(), error.decode()) == (1, "", wanted)


def test_missing_matplotlib_is_told_before_the_training_and_nothing_is_lost(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "nn.plots.canvas", raising=False)
    table = write(tmp_path / "t.csv", ["x", "y"], NUMBERS)
    for arguments in (["xor"], [table, "--target", "y"]):
        code, out, error = run(*arguments, *QUICK, "--save", tmp_path / "m.json", "--out", tmp_path)
        assert code == 1
        wanted = r"python -m nn: error: .*plots needs Matplotlib: python -m pip install 'scalar-autograd\[demo\]'\n"
        assert re.fullmatch(wanted, error)
        lacking = "there is no Matplotlib (python -m pip install 'scalar-autograd[demo]')"
        assert f"note: pictures will be missing: {lacking}\n" in out[: out.index("stopped: ")]
        assert out.index("training: loss") < out.index(f"wrote {tmp_path / 'm.json'}")
        assert nn.load(tmp_path / "m.json").nin >= 1
        (tmp_path / "m.json").unlink()
    assert "note: pictures" not in output("xor", *PLAIN, "--out", tmp_path)


def test_missing_graphviz_is_told_before_the_training_and_other_pictures_are_drawn(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    monkeypatch.delitem(sys.modules, "autograd.pictures.rendering", raising=False)
    code, out, error = run("xor", *QUICK, "--out", tmp_path)
    wanted = r"python -m nn: error: draw needs the graphviz .*: python -m pip install 'scalar-autograd\[draw\]'.*\n"
    assert (code, bool(re.fullmatch(wanted, error))) == (1, True)
    lacking = "there is no graphviz (python -m pip install 'scalar-autograd[draw]'); --save"
    assert f"note: pictures will be missing: {lacking}" in out[: out.index("stopped: ")]
    assert (tmp_path / "xor-boundary.png").exists()


def test_picture_that_fails_stops_neither_the_others_nor_the_saving(tmp_path, monkeypatch):
    table = write(tmp_path / "t.csv", ["x", "y"], NUMBERS)
    for failure in (ValueError("no room"), TypeError("no room"), MemoryError("no room"), OSError(28, "no room")):

        def failing(*arguments, failure=failure, **options):
            raise failure

        monkeypatch.setattr(nn.plots, "history", failing)
        folder = tmp_path / type(failure).__name__
        code, _, error = run(table, "--target", "y", *QUICK, "--save", tmp_path / "m.json", "--out", folder)
        assert (code, error.count("\n")) == (1, 1)
        assert "no room" in error
        assert (folder / "t-line.png").read_bytes().startswith(PNG)
        assert nn.load(tmp_path / "m.json").nin == 1
        (tmp_path / "m.json").unlink()


# Pipes


@pytest.mark.thorough
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_reader_who_has_seen_enough_ends_it_silently(wave, folder):
    table = write(folder / "long.csv", ["t"], [[i / 5000] for i in range(5000)])
    with process("predict", folder / "wave.json", table) as done:
        assert done.stdout.readline() == b"height\n"
        done.stdout.close()
        assert done.stderr.read() == b""
    assert done.returncode == 141


def test_arguments_are_those_of_the_process(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["nn", "nowhere.csv"])
    with pytest.raises(SystemExit):
        main()
    assert "nowhere.csv" in capsys.readouterr().err
