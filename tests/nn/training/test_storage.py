"""Models in files: what comes back, what is refused, and what a crash leaves."""

import json
import math
import os
import random
import signal
import stat
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd import Value, leaky_relu, operation, tanh
from nn import MLP, Layer, Module, Neuron, load, save
from nn.training import storage
from nn.training.storage import ACTIVATIONS, LIMIT, Saved, StorageError, read
from tests.hypothesis_profiles import max_examples

SETTINGS = max_examples(300)


class Line(Module):
    def __init__(self, slope=2.0, intercept=1.0):
        self.slope, self.intercept = Value(slope), Value(intercept)

    def forward(self, x):
        return self.slope * x + self.intercept


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.json"


@pytest.fixture
def document(path):
    """The contents of a file that is as it should be."""
    save(MLP(2, [3, 1], "tanh", seed=1), path, {"classes": ["a", "b"]})
    return json.loads(path.read_text(encoding="utf-8"))


def written(path, document):
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


# What comes back


def test_model_comes_back_from_its_file_alone(path):
    model = MLP(3, [5, 4, 2], "tanh", output="sigmoid", seed=1)
    save(model, path)
    twin = load(path)
    assert type(twin) is MLP
    assert repr(twin) == repr(model)
    assert twin.state_dict() == model.state_dict()
    assert [y.data for y in twin([0.1, -0.2, 0.3])] == [y.data for y in model([0.1, -0.2, 0.3])]


def test_model_is_filled_and_returned(path):
    model, other = MLP(2, [3, 1], seed=1), MLP(2, [3, 1], seed=2)
    save(model, path)
    assert load(other, path) is other
    assert other.state_dict() == model.state_dict()


def test_model_that_came_back_trains_on(path):
    save(MLP(2, [3, 1], "tanh", seed=1), path)
    twin = load(path)
    twin([1.0, 2.0]).backward()
    assert any(parameter.grad for parameter in twin.parameters())


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=5, max_size=5))
@SETTINGS
def test_numbers_come_back_to_the_last_bit(path, numbers):
    model = MLP(2, [1, 1], seed=1)
    for parameter, number in zip(model.parameters(), numbers, strict=True):
        parameter.data = number
    save(model, path)
    found = [parameter.data for parameter in load(path).parameters()]
    assert list(map(float.hex, found)) == list(map(float.hex, numbers))  # -0.0 is not 0.0


@pytest.mark.parametrize("name", ["linear", *sorted(ACTIVATIONS)])
def test_every_activation_of_the_table_comes_back(path, name):
    model = MLP(2, [2, 1], name, output=name, seed=1)
    save(model, path)
    assert [n.activation for layer in load(path).layers for n in layer.neurons] == [
        n.activation for layer in model.layers for n in layer.neurons
    ]


def test_function_of_autograd_is_known_by_its_name(path):
    model = MLP(1, [2, 1], tanh, output=leaky_relu, seed=1)
    save(model, path)
    architecture = json.loads(path.read_text(encoding="utf-8"))["architecture"]
    assert architecture == {"type": "MLP", "nin": 1, "nouts": [2, 1], "activation": "tanh", "output": "leaky_relu"}


@pytest.mark.parametrize("make", [Line, lambda: Neuron(2, seed=1), lambda: Layer(2, 3, lambda z: z * z, seed=1)])
def test_parameters_of_any_other_module_are_kept_for_one_like_it(path, make):
    model, twin = make(), make()
    for parameter in twin.parameters():
        parameter.data = 7.0
    save(model, path)
    load(twin, path)
    assert twin.state_dict() == model.state_dict()
    with pytest.raises(StorageError, match=r"which only its own class can make: load\(model, path\)"):
        load(path)


EXTRA = {"classes": ["ä", "日本"], "means": [0.1, 1e-300, -0.0], "none": None, "nested": {"yes": True, "n": [1, [2]]}}


def test_extra_comes_back_as_it_was(path):
    save(MLP(1, [1], seed=1), path, EXTRA)
    assert read(path).extra == EXTRA
    save(MLP(1, [1], seed=1), path)
    assert read(path).extra == {}


def test_what_a_file_holds_is_read_without_making_a_model(path):
    model = MLP(1, [1], seed=1)
    save(model, path)
    saved = read(path)
    assert isinstance(saved, Saved)
    assert saved.parameters == model.state_dict()
    assert saved.architecture["nouts"] == [1]
    assert saved.model().state_dict() == model.state_dict()


def test_same_model_writes_the_same_file(path):
    contents = []
    for _ in range(2):
        save(MLP(2, [3, 1], seed=1), path)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]
    assert json.loads(contents[0])["version"] == 1


def test_paths_are_texts_or_paths(path):
    save(MLP(1, [1], seed=1), str(path))
    assert load(str(path)).state_dict() == load(path).state_dict()


# What save refuses


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_parameter_that_is_not_finite_is_not_saved(path, number):
    model = MLP(2, [2, 1], seed=1)
    model.layers[0].neurons[1].b.data = number
    model.layers[1].neurons[0].b.data = number
    with pytest.raises(StorageError, match=rf"not finite.*layers\.0\.neurons\.1\.b is {number}, and 1 more"):
        save(model, path)
    assert not path.exists()


OWN = [lambda z: z * z, leaky_relu.member(0.3), operation("tanh", lambda x: x, lambda y, x: 1.0)]


@pytest.mark.parametrize("function", OWN, ids=["own", "another constant", "of a name that is taken"])
def test_activation_that_has_no_name_in_autograd_is_not_saved(path, function):
    with pytest.raises(StorageError, match=r"the activation .* is a function of your own, and a file keeps names only"):
        save(MLP(2, [2, 1], function, seed=1), path)
    assert not path.exists()


def test_mlp_of_mixed_activations_is_not_saved(path):
    model = MLP(2, [2, 2, 1], "relu", seed=1)
    model.layers[0].neurons[0].activation = tanh
    with pytest.raises(StorageError, match="one activation in its hidden layers"):
        save(model, path)


def test_mlp_that_shares_parameters_is_not_saved(path):
    model = MLP(2, [2, 1], seed=1)
    model.layers[0].neurons[0].b = model.layers[0].neurons[1].b
    with pytest.raises(StorageError, match="has 9 parameters, and the file 8"):
        save(model, path)


CIRCULAR = {}
CIRCULAR["self"] = CIRCULAR
DEEP = []
for _ in range(100_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "extra",
    [
        {"a": math.nan},
        {"a": math.inf},
        {"a": {1, 2}},
        {"a": (1, 2)},
        {1: 2},
        {"a": "\ud800"},
        {"a": ["\udc00"]},
        CIRCULAR,
        {"a": DEEP},
        {"a": 10**400},
        {"a": Value(1.0)},
    ],
    ids=["nan", "inf", "set", "tuple", "key", "surrogate", "inner surrogate", "circular", "deep", "huge", "Value"],
)
def test_extra_that_would_not_come_back_is_not_saved(path, extra):
    save(MLP(1, [1], seed=1), path)
    before = path.read_bytes()
    with pytest.raises(StorageError, match=r"cannot be kept as JSON|would not come back as it is"):
        save(MLP(1, [1], seed=2), path, extra)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda path: save(path, MLP(1, [1])), "save takes a Module and a path, got a PosixPath"),
        (lambda path: load(path, MLP(1, [1])), "load takes a model and a path, in this order, got a PosixPath"),
        (lambda path: load(MLP(1, [1])), "load takes a path, or a model and a path, got a model only"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="paths have another name")
def test_arguments_in_the_wrong_order_are_errors_that_say_so(path, call, message):
    with pytest.raises(TypeError, match=message):
        call(path)


# What load refuses


def test_model_of_another_architecture_is_left_as_it_was(path):
    save(MLP(2, [3, 1], "tanh", seed=1), path)
    for other in (
        MLP(2, [3, 1], "relu", seed=2),
        MLP(2, [1, 3], "tanh", seed=2),
        MLP(3, [3, 1], "tanh", seed=2),
        Line(),
    ):
        before = other.state_dict()
        with pytest.raises(StorageError, match=r"holds an MLP.*and the model is an? .*nothing was changed"):
            load(other, path)
        assert other.state_dict() == before


def test_file_that_lacks_a_parameter_of_a_module_leaves_it_as_it_was(path):
    save(Line(3.0, 4.0), path)
    document = json.loads(path.read_text(encoding="utf-8"))
    del document["parameters"]["slope"]
    model = Line()
    with pytest.raises(StorageError, match="missing: slope; nothing was changed"):
        load(model, written(path, document))
    assert model.state_dict() == {"slope": 2.0, "intercept": 1.0}


def replaced(keys, value):
    def change(document):
        *folders, last = keys
        place = document
        for key in folders:
            place = place[key]
        place[last] = value
        return document

    return change


def renamed(document):
    document["parameters"]["layers.0.neurons.0.w.7"] = document["parameters"].pop("layers.0.neurons.0.w.0")
    return document


BIG = 10**250


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: [], "does not say that it is a 'scalar-autograd model'"),
        (lambda d: {"cells": [], "nbformat": 4, "metadata": {}}, "does not say that it is"),
        (replaced(["format"], "another model"), "does not say that it is"),
        (replaced(["version"], 2), "its version is 2, and known here is 1"),
        (replaced(["version"], True), "its version is True"),
        (replaced(["version"], 1.0), "its version is 1.0"),
        (replaced(["version"], None), "its version is None"),
        (replaced(["note"], 1), "the file holds 'note', which is not known here"),
        (lambda d: {k: v for k, v in d.items() if k != "extra"}, "the file lacks extra"),
        (replaced(["extra"], []), "its extra is not an object"),
        (replaced(["parameters"], [1.0]), "its parameters are not an object"),
        (replaced(["parameters", "layers.0.neurons.0.b"], "1.0"), "neurons.0.b' is '1.0', not a number"),
        (replaced(["parameters", "layers.0.neurons.0.b"], True), "is True, not a number"),
        (replaced(["parameters", "layers.0.neurons.0.b"], None), "is None, not a number"),
        (replaced(["parameters", "layers.0.neurons.0.b"], [1.0]), "not a number"),
        (replaced(["parameters", "layers.0.neurons.0.b"], 10**400), "beyond the range of floats"),
        (replaced(["parameters", "more"], 1.0), "has 13 parameters, and the file 14"),
        (renamed, "missing: layers.0.neurons.0.w.0; unexpected: layers.0.neurons.0.w.7"),
        (replaced(["architecture"], []), "its architecture names no type"),
        (replaced(["architecture", "type"], "os.system"), "the architecture holds 'activation'"),
        (replaced(["architecture", "type"], None), "its architecture names no type"),
        (replaced(["architecture", "type"], ["MLP"]), "its architecture names no type"),
        (replaced(["architecture"], {"type": "Line", "code": "print()"}), "the architecture holds 'code'"),
        (replaced(["architecture"], {"type": "Line"}), "which only its own class can make"),
        (replaced(["architecture", "seed"], 1), "the architecture holds 'seed'"),
        (replaced(["architecture", "nin"], 0), "layers of no size"),
        (replaced(["architecture", "nin"], True), "layers of no size"),
        (replaced(["architecture", "nin"], "2"), "layers of no size"),
        (replaced(["architecture", "nin"], 10**9), "has 3,000,000,007 parameters, and the file 13"),
        (replaced(["architecture", "nin"], BIG), r"has more than 10\*\*15 parameters, and the file 13"),
        (replaced(["architecture", "nouts"], []), "layers of no size"),
        (replaced(["architecture", "nouts"], 3), "layers of no size"),
        (replaced(["architecture", "nouts"], [BIG, BIG]), r"has more than 10\*\*15 parameters"),
        (replaced(["architecture", "nouts"], [1] * 10**6), "has 2,000,001 parameters, and the file 13"),
        (replaced(["architecture", "nouts"], [3, -1]), "layers of no size"),
        (replaced(["architecture", "activation"], "__import__('os')"), "activation .* is not one of linear, abs"),
        (replaced(["architecture", "activation"], None), "activation None is not one of"),
        (replaced(["architecture", "output"], "dot"), "output 'dot' is not one of"),
        (replaced(["architecture", "output"], ["relu"]), "is not one of"),
    ],
)
def test_contents_that_are_not_known_are_refused_with_the_reason(path, document, change, message):
    with pytest.raises(StorageError, match=message) as error:
        load(written(path, change(document)))
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0", "it is not UTF-8 text"),
        (b"\x80\x04\x95", "it is not UTF-8 text"),
        (b"import os", "it is no JSON, or not all of it"),
        ("{}".encode("utf-16"), "it is not UTF-8 text"),
        (b"NaN", "NaN is not a number"),
        (b'{"a": [Infinity]}', "Infinity is not a number"),
        (b'{"a": -1e999}', "-1e999 is beyond the range of floats"),
        (b'{"a": ' + b"9" * 10_000_000 + b"}", "beyond the range of floats"),
        (b"0." + b"1" * 10_000_000, "does not say"),
        (b'{"format": 1, "format": 2}', "it names 'format' twice"),
        (b'{"a": {"b": 1, "c": 2, "b": 1}}', "it names 'b' twice"),
        (b"[" * 1_000_000, "it is nested too deeply"),
        (b'{"a":' * 1_000_000, "it is nested too deeply"),
        (b'["\\ud800"]', "it is not UTF-8 text"),
        (b'["\\uDFff"]', "it is not UTF-8 text"),
        (b"[" + b"0," * (LIMIT // 2) + b"0]", "it is longer than 64 MiB"),
    ],
    ids=lambda part: repr(part[:12]),
)
def test_foreign_and_hostile_files_are_refused_soon(path, text, message):
    path.write_bytes(text)
    begin = time.perf_counter()
    with pytest.raises(StorageError, match=message) as error:
        load(path)
    assert time.perf_counter() - begin < 5.0
    assert "\n" not in str(error.value)


# The smallest of each kind of JSON: what takes the most memory for its bytes.
SMALL = [
    b"[],",
    b"{},",
    b"0,",
    b'"",',
    b"[[]],",
    b'{"a":{}},',
    b'{"a":{"b":0}},',
    b"1.5,",
    b"true,",
    "\U0001f600,".encode(),
]


@pytest.mark.parametrize("unit", SMALL, ids=lambda unit: unit.decode())
@pytest.mark.parametrize(("begin", "end"), [(b"[", b"0]"), (b'{"extra": [', b"0]}"), (b"[", b"")])
def test_reading_takes_no_more_memory_than_a_few_times_the_longest_file(path, unit, begin, end, monkeypatch):
    monkeypatch.setattr(storage, "LIMIT", LIMIT // 32)
    monkeypatch.setattr(storage, "VALUES", storage.VALUES // 32)
    counted = sum(map(unit.count, b",[{"))
    for number in (storage.LIMIT // len(unit) - 9, storage.VALUES // counted - 2):
        path.write_bytes((begin + unit * number + end)[: storage.LIMIT])
        tracemalloc.start()
        try:
            with pytest.raises(StorageError, match=r"commas and opening brackets|does not say|is no JSON"):
                load(path)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 8 * storage.LIMIT


def test_file_of_a_million_parameters_is_not_too_large():
    names = (f"layers.0.neurons.{i}.w.{j}" for i in range(1000) for j in range(1000))
    document = {"format": storage.FORMAT, "version": 1, "architecture": {"type": "Own"}, "extra": {}}
    text = json.dumps({**document, "parameters": dict.fromkeys(names, -0.12345678901234567)}, indent=1)
    assert len(text) < LIMIT
    assert sum(map(text.count, ",[{")) < storage.VALUES


def test_two_parameters_of_one_name_are_refused(path, document):
    text = json.dumps(document).replace('"layers.0.neurons.0.w.1"', '"layers.0.neurons.0.w.0"')
    with pytest.raises(StorageError, match=r"it names 'layers.0.neurons.0.w.0' twice"):
        load(written(path, text))


def test_every_truncation_is_refused(path, document):
    whole = path.read_bytes()
    for length in range(len(whole) - 2):  # the last byte ends the line, and may be missing
        path.write_bytes(whole[:length])
        with pytest.raises(StorageError):
            load(path)


def test_folder_and_missing_file_keep_their_own_errors(tmp_path):
    with pytest.raises(StorageError, match="is not a file"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load(tmp_path / "nowhere.json")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_pipe_is_neither_waited_for_nor_replaced(path):
    os.mkfifo(path)
    with pytest.raises(StorageError, match="is not a file"):
        load(path)
    with pytest.raises(StorageError, match="is not a file; choose the name of a file"):
        save(MLP(1, [1]), path)
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_reading_runs_no_code(path, document, monkeypatch):
    seen = []
    sys.addaudithook(lambda event, arguments: seen.append(event) if recording else None)
    recording = True
    with pytest.raises(StorageError):
        load(written(path, replaced(["architecture", "activation"], "__import__('os').system('true')")(document)))
    recording = False
    assert not {event for event in seen if event.startswith(("exec", "compile", "import", "os.system", "pickle"))}


# Mutations


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


def outcome(path):
    """Load a file into a model and alone; both are refused, or both are the model that is written there."""
    model = MLP(2, [3, 1], "tanh", seed=5)
    before = model.state_dict()
    try:
        alone = load(path)
    except StorageError:
        alone = None
    try:
        load(model, path)
    except StorageError:
        assert model.state_dict() == before
        return
    assert alone is not None
    written = json.loads(path.read_text("utf-8"), parse_int=float)["parameters"]  # a long integer is rounded, like 0.1
    assert alone.state_dict() == model.state_dict() == written


def places(tree):
    """Yield each container in a JSON document, with each of its keys."""
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
        yield tree, key
        if isinstance(tree[key], (dict, list)):
            yield from places(tree[key])


@given(st.data())
@SETTINGS
def test_document_with_anything_anywhere_is_loaded_whole_or_refused(path, data):
    save(MLP(2, [3, 1], "tanh", seed=1), path, {"classes": ["a", "b"]})
    document = json.loads(path.read_text(encoding="utf-8"))
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(list(places(document))))
        if data.draw(st.booleans()):
            container[key] = data.draw(ANYTHING)
        else:
            del container[key]
        if not document:
            break
    outcome(written(path, document))


@given(st.data())
@SETTINGS
def test_file_with_other_bytes_anywhere_is_loaded_whole_or_refused(path, data):
    save(MLP(2, [3, 1], "tanh", seed=1), path, {"classes": ["a", "b"]})
    contents = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(contents)))
        end = min(len(contents), begin + data.draw(st.integers(0, 6)))
        contents[begin:end] = data.draw(
            st.binary(max_size=6) | st.sampled_from([b"1e999", b"[", b"{", b'"', b"-", b"0"])
        )
    path.write_bytes(contents)
    outcome(path)


# Classes of one's own, of any name

NAMES = [*nn.__all__, "Saved", "my model", "", "Größe", "os.system", "a" * 500, "{}", "None", "nin", '"']


def of_a_class_called(name, number=2.0):
    return type(name, (Line,), {})(number)


@pytest.mark.parametrize("name", NAMES)
def test_class_of_ones_own_may_have_any_name(path, name):
    model, twin = of_a_class_called(name), of_a_class_called(name, 7.0)
    save(model, path)
    assert load(twin, path).state_dict() == model.state_dict()
    with pytest.raises(StorageError, match=r"which only its own class can make: load\(model, path\)"):
        load(path)
    with pytest.raises(StorageError, match="nothing was changed"):
        load(MLP(1, [1]), path)


def test_own_class_called_mlp_is_not_filled_by_the_file_of_an_mlp(path):
    save(MLP(1, [1]), path)
    with pytest.raises(StorageError, match=r"holds an MLP.* and the model is a class of its own called 'MLP'"):
        load(of_a_class_called("MLP"), path)


def test_own_subclass_called_mlp_keeps_its_parameters(path):
    own = type("MLP", (MLP,), {})
    save(own(2, [3, 1], seed=1), path)
    assert load(own(2, [3, 1], seed=2), path).state_dict() == own(2, [3, 1], seed=1).state_dict()


# Crashes


@pytest.mark.skipif(os.name == "nt", reason="permissions are others")
def test_file_keeps_its_permissions(path):
    save(MLP(1, [1], seed=1), path)
    path.chmod(0o640)
    save(MLP(1, [1], seed=2), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(os.name == "nt", reason="permissions are others")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_new_file_has_the_permissions_that_others_have(path, mask, mode):
    before = os.umask(mask)
    try:
        save(MLP(1, [1], seed=1), path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_protected_file_is_not_replaced(path, monkeypatch):
    save(MLP(1, [1], seed=1), path)
    before = path.read_bytes()
    monkeypatch.setattr(os, "access", lambda *arguments: False)  # whoever runs the tests may write everywhere
    with pytest.raises(PermissionError, match="protected against writing"):
        save(MLP(1, [1], seed=2), path)
    assert path.read_bytes() == before


def test_link_stays_a_link_and_its_file_is_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    file, link = tmp_path / "folder" / "model.json", tmp_path / "link.json"
    save(MLP(1, [1], seed=1), file)
    link.symlink_to(file)
    model = MLP(1, [1], seed=2)
    save(model, link)
    assert link.is_symlink()
    assert load(file).state_dict() == model.state_dict()


def test_folder_is_not_replaced(tmp_path):
    with pytest.raises(StorageError, match="is not a file; choose the name of a file"):
        save(MLP(1, [1]), tmp_path)


def test_missing_folder_is_the_error_of_the_file_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        save(MLP(1, [1]), tmp_path / "nowhere" / "model.json")


@pytest.mark.parametrize("step", ["fsync", "replace", "interrupt"])
def test_failure_on_the_way_leaves_the_old_file_and_nothing_else(path, step, monkeypatch):
    save(MLP(1, [1], seed=1), path)
    before = path.read_bytes()

    def fail(*arguments):
        raise KeyboardInterrupt if step == "interrupt" else OSError("no space left on device")

    monkeypatch.setattr(*((Path, "replace") if step == "replace" else (os, "fsync")), fail)
    with pytest.raises((OSError, KeyboardInterrupt)):
        save(MLP(1, [1], seed=2), path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_contents_are_on_the_disk_before_they_have_the_name(path, monkeypatch):
    steps = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda file: (steps.append(stat.S_ISDIR(os.fstat(file).st_mode)), fsync(file))[1])
    monkeypatch.setattr(Path, "replace", lambda file, target: (steps.append("replace"), replace(file, target))[1])
    save(MLP(1, [1], seed=1), path)
    assert steps == [False, "replace", True] if hasattr(os, "O_DIRECTORY") else [False, "replace"]


SAVER = """
import sys
from nn import MLP, save
models = [MLP(20, [40, 1], seed=seed) for seed in (1, 2)]
for _ in range(int(sys.argv[2])):
    for model in models:
        save(model, sys.argv[1], {"ballast": "x" * 10_000_000})  # so that writing takes its time
        print("saved", flush=True)
"""


def saver(path, rounds):
    environment = {**os.environ, "PYTHONPATH": str(Path(nn.__file__).parent.parent)}
    command = [sys.executable, "-c", SAVER, str(path), str(rounds)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def size(file):
    try:
        return file.stat().st_size
    except FileNotFoundError:  # it has just got its name
        return 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_process_killed_at_any_moment_leaves_one_whole_model(path, whole):
    models = [MLP(20, [40, 1], seed=seed).state_dict() for seed in (1, 2)]
    rng = random.Random(0)
    for _ in range(20 if whole else 4):
        process = saver(path, 100_000)
        assert process.stdout.readline() == "saved\n"
        deadline = time.monotonic() + 10.0  # a file that is not whole yet is being written at this moment
        while all(size(file) > 10_000_000 for file in path.parent.iterdir()) and time.monotonic() < deadline:
            pass
        time.sleep(rng.choice([0.0, rng.uniform(0.0, 0.02)]))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        assert load(path).state_dict() in models
    save(MLP(1, [1]), path)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limits of resources")
@pytest.mark.parametrize("limit", [0, 1, 1000, 10_000_000])
def test_disk_that_is_full_before_the_file_is_whole_leaves_the_old_one(path, limit):
    import resource

    save(MLP(1, [1], seed=1), path)
    before = path.read_bytes()
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, usual[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            save(MLP(1, [1], seed=2), path, {"ballast": "x" * 10_000_000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_two_processes_may_save_to_one_file(path):
    savers = [saver(path, 4) for _ in range(2)]
    for process in savers:
        process.communicate(timeout=60)
    assert [process.returncode for process in savers] == [0, 0]
    assert load(path).nin == 20
    assert list(path.parent.iterdir()) == [path]
