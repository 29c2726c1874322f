"""Tables in CSV files: what is read, and the one line that says what is wrong with the others."""

import math
import os
import threading
import time
import tracemalloc
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nn import MLP, datasets, load, read_csv, save, storage
from nn.datasets import Dataset, Standardization
from nn.preparation import Preparation
from nn.storage import StorageError
from nn.tables import TableError, read_inputs

SETTINGS = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

PETS = "weight,kind,height\n4.5,cat,25\n30,dog,60\n5,cat,24\n"


@pytest.fixture
def table(tmp_path):
    """Return a function that writes a table, text or bytes, and returns its path."""

    def write(contents, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(contents if isinstance(contents, bytes) else contents.encode("utf-8"))
        return path

    return write


# What is read


def test_texts_are_classes_in_alphabetical_order(table):
    data = read_csv(table(PETS), "kind")
    assert data == Dataset([[4.5, 25.0], [30.0, 60.0], [5.0, 24.0]], [0, 1, 0], ["weight", "height"], ["cat", "dog"])
    turned = "weight,kind,height\n30,dog,60\n4.5,cat,25\n"
    assert read_csv(table(turned), "kind").classes == ["cat", "dog"]


def test_numbers_are_a_regression(table):
    data = read_csv(table("a,b,y\n1,2,0.5\n3,4,-1e3\n"), "y")
    assert data == Dataset([[1.0, 2.0], [3.0, 4.0]], [0.5, -1000.0], ["a", "b"], [])


def test_few_whole_numbers_are_a_regression_unless_they_are_said_to_be_classes(table):
    path = table("a,y\n1,1\n2,0\n3,10\n4,9\n")
    assert (read_csv(path, "y").y, read_csv(path, "y").classes) == ([1.0, 0.0, 10.0, 9.0], [])
    data = read_csv(path, "y", classes=True)
    assert (data.y, data.classes) == ([1, 0, 3, 2], ["0", "1", "9", "10"])
    assert read_csv(path, "y", classes=False) == read_csv(path, "y")


def test_classes_in_a_known_order_keep_it(table):
    assert read_csv(table(PETS), "kind", classes=["dog", "bird", "cat"]).y == [2, 0, 2]
    only_cats = table("weight,kind\n4,cat\n5,cat\n", "cats.csv")
    data = read_csv(only_cats, "kind", classes=["cat", "dog"])
    assert (data.y, data.classes) == ([0, 0], ["cat", "dog"])
    with pytest.raises(TableError, match=r"line 3, column 'kind': 'dog' is none of the classes 'cat', 'bird'"):
        read_csv(table(PETS), "kind", classes=["cat", "bird"])


def test_features_may_be_chosen_in_any_order_and_others_hold_anything(table):
    path = table("name,a,b,y\nx,1,2,0.5\n?,3,4,1.5\n")
    data = read_csv(path, "y", features=["b", "a"])
    assert (data.X, data.features) == ([[2.0, 1.0], [4.0, 3.0]], ["b", "a"])


@pytest.mark.parametrize(
    "contents",
    [
        "a;b;y\n1;2;p\n3;4;q\n",
        "a\tb\ty\n1\t2\tp\n3\t4\tq\n",
        "a|b|y\n1|2|p\n3|4|q\n",
        "a, b, y\n1, 2, p\n3 ,4 ,q \n",
        "a,b,y\r\n1,2,p\r\n3,4,q\r\n",
        "a,b,y\r1,2,p\r3,4,q\r",
        "a,b,y\n1,2,p\n3,4,q",
        "\n\na,b,y\n\n1,2,p\n   \n3,4,q\n\n\n",
        "\ufeffa,b,y\n1,2,p\n3,4,q\n",
        '"a","b","y"\n"1","2","p"\n"3","4","q"\n',
        ' "a", "b", "y"\n1, 2, "p"\n3, 4, "q"\n',
    ],
    ids=["semicolons", "tabs", "bars", "spaces", "crlf", "cr", "no end", "blank lines", "bom", "quotes", "both"],
)
def test_table_is_the_same_however_it_is_written(table, contents):
    data = read_csv(table(contents), "y")
    assert data == Dataset([[1.0, 2.0], [3.0, 4.0]], [0, 1], ["a", "b"], ["p", "q"])


def test_target_tells_what_separates_columns_where_names_hold_commas(table):
    data = read_csv(table("length, in cm, or so;y\n1;p\n2;q\n"), "y")
    assert (data.features, data.X) == (["length, in cm, or so"], [[1.0], [2.0]])
    with pytest.raises(TableError, match=r"line 2, column 'length, cm': '1,5' is not a number"):  # not in ' cm;y'
        read_csv(table("length, cm;y\n1,5;p\n2,5;q\n"), "y")


def test_quoted_cells_may_hold_separators_quotes_and_new_lines(table):
    path = table('a,"kind,\nof ""it"""\n1,"x\ny"\n2,"p, q"\n')
    data = read_csv(path, 'kind,\nof "it"')
    assert data.classes == ["p, q", "x\ny"]


def test_lines_are_counted_through_cells_of_several_lines(table):
    with pytest.raises(TableError, match=r"line 5, column 'a': 'z' is not a number"):
        read_csv(table('a,kind\n1,"x\ny"\n\nz,"r\ns"\n'), "kind")


def test_names_may_be_of_any_language(table):
    assert read_csv(table("größe,種\n1,猫\n2,犬\n"), "種").classes == ["犬", "猫"]


def test_constant_column_is_read_and_scaled_to_zero(table):
    data = read_csv(table("a,b,y\n1,7,p\n2,7,q\n"), "y")
    assert [x[1] for x in datasets.standardized(data).X] == [0.0, 0.0]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, unique=True))
@SETTINGS
def test_numbers_are_read_to_the_last_bit(table, numbers):
    path = table("x,y\n" + "".join(f"{x!r},{x!r}\n" for x in numbers))
    data = read_csv(path, "y")
    assert data.y == numbers
    assert [x for (x,) in data.X] == numbers


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_pipe_is_read_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=[PETS])
    writer.start()
    assert read_csv(tmp_path / "pipe", "kind").y == [0, 1, 0]
    writer.join()


def test_large_table_takes_little_time_and_little_more_memory_than_its_numbers(table):
    path = table("a,b,c,d,kind\n" + "".join(f"{i},{i + 1},{i / 7},{-i},kind{i % 3}\n" for i in range(25_000)))
    begin = time.perf_counter()
    data = read_csv(path, "kind")
    assert time.perf_counter() - begin < 2.0
    assert len(data.X) == 25_000
    del data
    tracemalloc.start()
    read_csv(path, "kind")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 25_000 * (4 * (24 + 8) + 56 + 8 + 150)  # floats in lists, and a line number and a text for each row


# What is refused


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("", "table.csv is empty: its first line must name the columns"),
        ("\n \n\n", "table.csv is empty"),
        ("\ufeff", "table.csv is empty"),
        ("a,y\n", "names its columns in line 1 and holds no examples below them"),
        ("\na,y", "names its columns in line 2 and holds no examples"),
        ("y\n1\n2\n", "has no column but 'y'"),
        ("a,b\n1,2\n", r"has no column 'y'; it has 'a', 'b'$"),
        ("a,Y \n1,2\n", r"has no column 'y'; it has 'a', 'Y'; did you mean 'Y'\?"),
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", "no column 'y'; it has '5.1', '3.5', 'setosa'; its line 1 must name the"),
        ("a,,y\n1,2,3\n", "line 1: column 2 has no name"),
        (",a,y\n0,1,2\n", "line 1: column 1 has no name"),
        ("a,y,a\n1,2,3\n", "line 1: columns 1 and 3 are both named 'a'"),
        ("a,y\n1,2\n3\n", "line 3: 1 cell, where line 1 names 2 columns"),
        ("a,y\n1,2\n\n3,4,5\n", "line 4: 3 cells, where line 1 names 2 columns"),
        ("a,y\n1,p\nred,q\n", "line 3, column 'a': 'red' is not a number; take this column out"),
        ("a;y\n1,5;p\n2,5;q\n", "line 2, column 'a': '1,5' is not a number: write a point for a decimal comma"),
        ('a,y\n"1,234.5",p\n', "'1,234.5' is not a number: write a point for a decimal comma, and nothing between"),
        ("a,y\n2020_1,p\n", "column 'a': '2020_1' is not a number"),
        ("a,y\n0x10,p\n", "'0x10' is not a number"),
        ("a,y\n50%,p\n", "'50%' is not a number"),
        ("a,y\n1,p\n1e400,q\n", "line 3, column 'a': '1e400' is infinite, or beyond the range of floats"),
        ("a,y\n-inf,p\n", "column 'a': '-inf' is infinite"),
        ("a,y\n1,inf\n2,3\n", "column 'y', line 2: 'inf' is infinite"),
        (
            "a,y\n1,p\n,q\n",
            r"1 of 2 rows lack a value, the first in line 3, column 'a' \(empty\); fill them in, or take",
        ),
        ("a,y\n1,p\nNaN,q\n?,p\n", r"2 of 3 rows lack a value, the first in line 3, column 'a' \(NaN\)"),
        ("a,y\n1,NA\n2,q\n", r"1 of 2 rows lack a value, the first in line 2, column 'y' \(NA\)"),
        ("a,y\n1,\n2,3\n", r"line 2, column 'y' \(empty\)"),
        ("a,y\n,\n", r"1 of 1 rows lack a value"),
        ("a,y\n1,p\n2,p\n", "column 'y': one class only, 'p' in all 2 rows: nothing to tell apart"),
        ("a,y\n1,7\n2,7.0\n", "column 'y': it is 7.0 in all 2 rows, so there is nothing to learn"),
        (
            "a,y\n1,7\n2,8\n3,x\n",
            "column 'y': numbers and texts are mixed, as 'x' in line 4 is text; correct it, or pass",
        ),
        ("a,y\n1,p\n2,8\n3,x\n", "numbers and texts are mixed, as '8' in line 3 is a number"),
        ("a,y\n" + "".join(f"{i},name {i}\n" for i in range(21)), "each of its 21 texts occurs once, so these are no"),
        ('a,y\n1,"p\n2,q\n', "line 2: its quotation marks or cells do not end well"),
        ('a,y\n1,"p"q\n', "line 2: its quotation marks"),
        ("a,y\n1,p\n2," + "q" * 200_000, "line 3: its quotation marks or cells do not end well .field larger than"),
        (b"a,y\n1,p\n2,caf\xe9\n", "line 3: this is not UTF-8; save the table as UTF-8"),
        (b"a,y\n" + b"1,p\n" * 5000 + b"2,caf\xe9\n", "line 5002: this is not UTF-8"),
        ("a,y\n1,p\n".encode("utf-16"), "line 1: this is not UTF-8"),
        (b"PK\x03\x04\0\0\xff\xfe", "line 1: this is not UTF-8"),
        (b"a,y\n1,\0\n", "line 2: this is not the text of a table"),
        (b"0" * 2_000_000, "line 1: this is not the text of a table"),
    ],
    ids=lambda part: repr(part)[:30],
)
def test_table_that_cannot_be_trained_on_is_one_clear_line(table, contents, message):
    with pytest.raises(TableError, match=message) as error:
        read_csv(table(contents), "y")
    assert "table.csv" in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def test_close_name_is_suggested(table):
    with pytest.raises(
        TableError, match=r"no column 'wieght'; it has 'weight', 'kind', 'height'; did you mean 'weight'\?"
    ):
        read_csv(table(PETS), "wieght")


def test_many_columns_are_not_all_listed(table):
    with pytest.raises(TableError, match=r"'c10', 'c11' and 988 more$"):
        read_csv(table(",".join(f"c{i}" for i in range(1000)) + "\n"), "target")
    with pytest.raises(TableError, match=r"'cat' is none of the classes 'c0', .*'c11' and 988 more$"):
        read_csv(table(PETS), "kind", classes=[f"c{i}" for i in range(1000)])


def test_name_with_a_new_line_does_not_break_the_message(table):
    with pytest.raises(TableError, match=r"line 3, column 'a\\nb': 'x\\ny' is not a number") as error:
        read_csv(table('"a\nb",y\n"x\ny",1\n'), "y")
    assert "\n" not in str(error.value)


def test_texts_that_are_said_to_be_numbers_are_refused(table):
    with pytest.raises(TableError, match="column 'kind', line 2: 'cat' is not a number"):
        read_csv(table(PETS), "kind", classes=False)


def test_folder_and_missing_file_are_errors_of_the_file_system(tmp_path):
    with pytest.raises(IsADirectoryError, match=tmp_path.name):
        read_csv(tmp_path, "y")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_csv(tmp_path / "nowhere.csv", "y")


@pytest.mark.skipif(os.name == "nt", reason="no endless file")
def test_endless_file_ends():
    with pytest.raises(TableError, match="not the text of a table"):
        read_csv("/dev/zero", "y")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"classes": "cat"}, TypeError, "classes is True, False or a list of names, got the text 'cat'"),
        ({"features": ["weight", "kind"]}, ValueError, "columns other than the target 'kind'"),
        ({"features": []}, ValueError, "one or more"),
        ({"features": ["width"]}, TableError, "no column 'width'"),
    ],
)
def test_wrong_options_are_errors_that_say_so(table, options, error, message):
    with pytest.raises(error, match=message):
        read_csv(table(PETS), "kind", **options)


@given(st.binary(max_size=60) | st.text(alphabet='ay,;\t"\n\r 01.e-n?', max_size=60).map(str.encode))
@SETTINGS
def test_any_file_is_a_table_or_a_table_error_of_one_line(table, contents):
    lines = []
    for beginning in (b"", b"a,y\n", b"a,y\n1,p\n2,q\n"):
        path = table(beginning + contents)
        for read in (partial(read_csv, target="y"), partial(read_inputs, features=["a"])):
            try:
                data = read(path)
            except TableError as error:
                lines.append(str(error).splitlines())
                continue
            X = data.X if isinstance(data, Dataset) else data
            assert len(X) > 0
            assert all(math.isfinite(x) for row in X for x in row)
            assert not isinstance(data, Dataset) or len(data.X) == len(data.y)
    assert {len(message) for message in lines} <= {1}


# Tables to predict from


def test_inputs_are_found_by_name_whatever_else_is_there(table):
    path = table("height;note;weight;kind\n25;is old;4.5;\n60;?;30;dog\n")
    assert read_inputs(path, ["weight", "height"]) == [[4.5, 25.0], [30.0, 60.0]]


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("weight,note\n1,x\n", "has no column 'height'; it has 'weight', 'note'"),
        ("weight,Height\n1,2\n", r"did you mean 'Height'\?"),
        ("weight,height\n1,\n", r"1 of 1 rows lack a value, the first in line 2, column 'height' \(empty\)"),
        ("weight,height\n", "holds no examples"),
        ("", "is empty"),
    ],
)
def test_inputs_that_are_not_there_are_one_clear_line(table, contents, message):
    with pytest.raises(TableError, match=message):
        read_inputs(table(contents), ["weight", "height"])


def test_no_features_are_an_error(table):
    with pytest.raises(ValueError, match="one or more, got none"):
        read_inputs(table(PETS), [])


# What a saved model remembers of its table


def saved(path, preparation, model):
    save(model, path, {"preparation": preparation.to_json(), "made by": "a test"})
    return storage.read(path)


def test_classifier_answers_in_the_names_of_its_table(table, tmp_path):
    data = read_csv(table(PETS), "kind")
    preparation = Preparation.of(data, "kind")
    assert preparation.inputs(data.X) == datasets.standardized(data).X
    assert preparation.targets(data.y) == data.y
    again = Preparation.of_saved(saved(tmp_path / "model.json", preparation, MLP(2, [2], seed=1)))
    assert again == preparation
    assert (again.answer([0.1, 0.7]), again.answer([3.0, 0.7])) == ("dog", "cat")
    assert (again.answer(0.4), again.answer(-0.4)) == ("dog", "cat")


def test_regression_answers_in_the_units_of_its_table(table, tmp_path):
    data = read_csv(table("a,price\n1,100\n2,300\n3,500\n"), "price")
    preparation = Preparation.of(data, "price")
    again = Preparation.of_saved(saved(tmp_path / "model.json", preparation, MLP(1, [1], seed=1)))
    assert again == preparation
    assert [again.answer(y) for y in again.targets(data.y)] == pytest.approx(data.y, rel=1e-12)
    assert again.answer(0.0) == 300.0


def test_saved_model_predicts_a_new_table_as_the_model_itself_does(table, tmp_path):
    data = read_csv(table(PETS), "kind")
    preparation, model = Preparation.of(data, "kind"), MLP(2, [4, 1], "tanh", seed=1)
    entries = saved(tmp_path / "model.json", preparation, model)
    again, twin = Preparation.of_saved(entries), entries.model()
    X = read_inputs(table("height,weight\n25,4.5\n60,30\n24,5\n", "new.csv"), again.features)
    assert X == data.X
    expected = [preparation.answer(model(x)) for x in preparation.inputs(data.X)]
    assert [again.answer(twin(x)) for x in again.inputs(X)] == expected


GOOD = Preparation(("a", "b"), "y", ("p", "q"), Standardization((0.0, 1.0), (1.0, 2.0)), None)


@pytest.mark.parametrize(
    "change",
    [
        {"features": ["a"]},
        {"features": ["a", "a"]},
        {"features": ["a", 1]},
        {"features": "ab"},
        {"target": None},
        {"classes": ["p"]},
        {"classes": ["p", "q", "r"]},
        {"classes": []},
        {"classes": ["p", "p"]},
        {"means": [0.0]},
        {"means": [0.0, "1"]},
        {"means": None},
        {"means": [0.0], "spreads": [1.0]},
        {"spreads": [1.0, 0.0]},
        {"spreads": [1.0, -1.0]},
        {"spreads": [True, 1.0]},
        {"target_scaling": [0.0, 1.0]},
        {"target_scaling": [0.0]},
        {"target_scaling": 3},
    ],
)
def test_preparation_that_does_not_fit_is_refused(tmp_path, change):
    path = tmp_path / "model.json"
    save(MLP(2, [2, 1], seed=1), path, {"preparation": {**GOOD.to_json(), **change}})
    with pytest.raises(StorageError, match="what its inputs and outputs mean does not fit the model"):
        Preparation.of_saved(storage.read(path))


def test_preparation_that_does_fit_is_read(tmp_path):
    assert Preparation.of_saved(saved(tmp_path / "model.json", GOOD, MLP(2, [2, 1], seed=1))) == GOOD


@pytest.mark.parametrize(
    "extra", [None, GOOD.to_json(), {"preparation": []}, {"preparation": {**GOOD.to_json(), "more": 1}}]
)
def test_model_without_a_preparation_is_refused(tmp_path, extra):
    path = tmp_path / "model.json"
    save(MLP(2, [2, 1], seed=1), path, extra)
    with pytest.raises(StorageError, match="holds a model, but not what its inputs and outputs mean"):
        Preparation.of_saved(storage.read(path))
    assert load(path).nin == 2
