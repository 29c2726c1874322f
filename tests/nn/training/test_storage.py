"""Models in files: what comes back, what is refused, and what a crash leaves."""

import copy
import json
import math
import os
import re
import stat
import subprocess
import sys
import time
import tracemalloc
from contextlib import contextmanager
from functools import partial, reduce
from pathlib import Path

import pytest

import nn
from autograd import Constant, Value, leaky_relu, operation, tanh
from nn import MLP, Layer, Neuron, load, save
from nn.training import storage
from nn.training.storage import ACTIVATIONS, LIMIT, Saved, StorageError, read
from tests.errors import error_of
from tests.nn.training.small import Line


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


@contextmanager
def old_file_stays(path):
    """Save a model, which is afterwards as it was, and alone in its folder."""
    save(MLP(1, [1], seed=1), path)
    before = path.read_bytes()
    yield
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


# What comes back


def test_model_comes_back_from_its_file_alone_and_trains_on(path):
    model = MLP(3, [5, 4, 2], "tanh", output="sigmoid", seed=1)
    save(model, path)
    twin = load(path)
    assert type(twin) is MLP
    assert repr(twin) == repr(model)
    assert twin.state_dict() == model.state_dict()
    outputs, wanted = twin([0.1, -0.2, 0.3]), model([0.1, -0.2, 0.3])
    assert [y.data for y in outputs] == [y.data for y in wanted]
    outputs[0].backward()
    assert any(parameter.grad for parameter in twin.parameters())
    contents = path.read_bytes()
    save(MLP(3, [5, 4, 2], "tanh", output="sigmoid", seed=1), str(path))  # paths are texts, too
    assert path.read_bytes() == contents
    assert json.loads(contents)["version"] == 1
    other = MLP(3, [5, 4, 2], "tanh", output="sigmoid", seed=2)
    assert load(other, str(path)) is other
    assert other.state_dict() == model.state_dict()


def test_every_activation_of_the_table_comes_back(path):
    for name in ["linear", *sorted(ACTIVATIONS)]:
        model = MLP(2, [2, 1], name, output=name, seed=1)
        save(model, path)
        assert repr(load(path)) == repr(model)
    save(MLP(1, [2, 1], tanh, output=leaky_relu, seed=1), path)  # functions are known by their names
    architecture = json.loads(path.read_text(encoding="utf-8"))["architecture"]
    assert architecture == {"type": "MLP", "nin": 1, "nouts": [2, 1], "activation": "tanh", "output": "leaky_relu"}


NAMES = [*nn.__all__, "Saved", "my model", "", "Größe", "os.system", "a" * 500, "{}", "None", "nin", '"']
OTHERS = [Line, partial(Neuron, 2, seed=1), partial(Layer, 2, 3, lambda z: z * z, seed=1)]
OTHERS += [type(name, (Line,), {}) for name in NAMES]


def test_parameters_of_any_other_module_of_any_name_are_kept_for_one_like_it(path):
    for make in OTHERS:
        model, twin = make(), make()
        for parameter in twin.parameters():
            parameter.data = 7.0
        save(model, path)
        assert load(twin, path).state_dict() == model.state_dict(), make
        with pytest.raises(StorageError, match=r"which only its own class can make: load\(model, path\)"):
            load(path)
        with pytest.raises(StorageError, match="nothing was changed"):
            load(MLP(1, [1]), path)


EXTRA = {"classes": ["ä", "日本"], "means": [0.1, 1e-300, -0.0], "none": None, "nested": {"yes": True, "n": [1, [2]]}}


def test_extra_and_all_else_is_read_without_making_a_model(path):
    model = MLP(1, [1], seed=1)
    save(model, path)
    assert read(path).extra == {}
    save(model, path, EXTRA)
    saved = read(path)
    assert isinstance(saved, Saved)
    assert (saved.extra, saved.parameters, saved.architecture["nouts"]) == (EXTRA, model.state_dict(), [1])
    assert saved.model().state_dict() == model.state_dict()


# What save refuses


def test_parameter_that_is_not_finite_is_not_saved(path):
    for number in (math.nan, math.inf, -math.inf):
        model = MLP(2, [2, 1], seed=1)
        model.layers[0].neurons[1].b.data = model.layers[1].neurons[0].b.data = number
        with pytest.raises(StorageError, match=rf"not finite.*layers\.0\.neurons\.1\.b is {number}, and 1 more"):
            save(model, path)
        assert not path.exists()


OWN = [lambda z: z * z, leaky_relu.member(0.3), operation("tanh", lambda x: x, lambda y, x: 1.0)]  # of a taken name


def test_mlp_that_no_architecture_says_is_not_saved(path):
    for function in OWN:
        with pytest.raises(StorageError, match=r"the activation .* is a function of your own, and a file keeps names"):
            save(MLP(2, [2, 1], function, seed=1), path)
    mixed = MLP(2, [2, 2, 1], "relu", seed=1)
    mixed.layers[0].neurons[0].activation = tanh
    with pytest.raises(StorageError, match="one activation in its hidden layers"):
        save(mixed, path)
    assert not path.exists()


CIRCULAR, DEEP = {}, []
CIRCULAR["self"] = CIRCULAR
for _ in range(100_000):
    DEEP = [DEEP]
EXTRAS = {
    **{"nan": {"a": math.nan}, "inf": {"a": math.inf}, "set": {"a": {1, 2}}, "tuple": {"a": (1, 2)}, "key": {1: 2}},
    **{f"key {key!r}": {"a": [{key: "a", "1": "b"}]} for key in (1, 2.5, None, True, (1, 2))},
    **{"surrogate": {"a": "\ud800"}, "inner surrogate": {"a": ["\udc00"]}, "huge": {"a": 10**400}},
    **{"circular": CIRCULAR, "deep": {"a": DEEP}, "Value": {"a": Value(1.0)}},
}


def test_extra_that_would_not_come_back_is_not_saved(path):
    for name, extra in EXTRAS.items():
        with old_file_stays(path):
            message = error_of(save, MLP(1, [1], seed=2), path, extra)
        assert re.search("^StorageError: .*(cannot be kept as JSON|would not come back as it is)", message), name


@pytest.mark.skipif(os.name == "nt", reason="paths have another name")
def test_extra_that_is_no_dict_is_named_and_nothing_is_written(path):
    for wrong in ([1], [("a", 1)], "ab", 3):
        wanted = f"TypeError: extra is a dict of what to keep beside a model, got {wrong!r}; "
        assert error_of(save, MLP(1, [1]), path, extra=wrong).startswith(wanted)
    assert not path.exists()


def test_arguments_in_the_wrong_order_are_errors_that_say_so(path):
    model = MLP(1, [1])
    wanted = "TypeError: load takes a path, or a model and a path, got a model only"
    assert error_of(load, model).startswith(wanted)
    assert error_of(save, path, model).startswith("TypeError: save takes a Module and a path, got a PosixPath")
    wanted = "TypeError: load takes a model and a path, in this order, got a PosixPath"
    assert error_of(load, path, model).startswith(wanted)


# What load refuses


def test_model_of_another_architecture_or_with_a_parameter_that_the_file_lacks_is_left_as_it_was(path):
    save(MLP(2, [3, 1], "tanh", seed=1), path)
    mlps = MLP(2, [3, 1], "relu", seed=2), MLP(2, [1, 3], "tanh", seed=2), MLP(3, [3, 1], "tanh", seed=2)
    for other in (*mlps, Line()):
        before = other.state_dict()
        with pytest.raises(StorageError, match=r"holds an MLP.*and the model is an? .*nothing was changed"):
            load(other, path)
        assert other.state_dict() == before
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
        reduce(dict.__getitem__, folders, document)[last] = value
        return document

    return change


def renamed(document):
    document["parameters"]["layers.0.neurons.0.w.7"] = document["parameters"].pop("layers.0.neurons.0.w.0")
    return document


BIG, BIAS = 10**250, ["parameters", "layers.0.neurons.0.b"]


ARCHITECTURES = [  # what is changed in it, and what is said
    *[({"type": kind}, "its architecture names no type") for kind in (None, ["MLP"])],
    ({"type": "os.system"}, "the architecture holds 'activation'"),
    ({"seed": 1}, "the architecture holds 'seed'"),
    *[({"nin": size}, "layers of no size") for size in (0, True, "2")],
    *[({"nouts": sizes}, "layers of no size") for sizes in ([], 3, [3, -1])],
    ({"nin": 10**9}, "has 3,000,000,007 parameters, and the file 13"),
    ({"nin": BIG}, r"has more than 10\*\*15 parameters, and the file 13"),
    ({"nouts": [BIG, BIG]}, r"has more than 10\*\*15 parameters"),
    ({"nouts": [1] * 10**6}, "has 2,000,001 parameters, and the file 13"),
    ({"activation": "__import__('os')"}, "activation .* is not one of linear, abs"),
    *[({"activation": None}, "activation None is not one of"), ({"output": "dot"}, "output 'dot' is not one of")],
    ({"output": ["relu"]}, "is not one of"),
]
CHANGES = [
    (lambda d: [], "does not say that it is a 'scalar-autograd model'"),
    (lambda d: {"cells": [], "nbformat": 4, "metadata": {}}, "does not say that it is"),
    (replaced(["format"], "another model"), "does not say that it is"),
    (replaced(["version"], 2), "its version is 2, and known here is 1"),
    *[(replaced(["version"], version), f"its version is {version}") for version in (True, 1.0, None)],
    (replaced(["note"], 1), "the file holds 'note', which is not known here"),
    (lambda d: {k: v for k, v in d.items() if k != "extra"}, "the file lacks extra"),
    (replaced(["extra"], []), "its extra is not an object"),
    (replaced(["parameters"], [1.0]), "its parameters are not an object"),
    *[(replaced(BIAS, text), f"neurons.0.b' is {text!r}, not a number") for text in ("1.0", True, None)],
    *[(replaced(BIAS, [1.0]), "not a number"), (replaced(BIAS, 10**400), "beyond the range of floats")],
    (replaced(["parameters", "more"], 1.0), "has 13 parameters, and the file 14"),
    (renamed, "missing: layers.0.neurons.0.w.0; unexpected: layers.0.neurons.0.w.7"),
    (replaced(["architecture"], []), "its architecture names no type"),
    (replaced(["architecture"], {"type": "Line", "code": "print()"}), "the architecture holds 'code'"),
    (replaced(["architecture"], {"type": "Line"}), "which only its own class can make"),
    *[(lambda d, c=c: {**d, "architecture": {**d["architecture"], **c}}, wanted) for c, wanted in ARCHITECTURES],
    (lambda d: json.dumps(d).replace('"layers.0.neurons.0.w.1"', '"layers.0.neurons.0.w.0"'), "it names .*w.0' twice"),
]


def test_contents_that_are_not_known_are_refused_with_the_reason(path, document):
    for change, wanted in CHANGES:
        message = error_of(load, written(path, change(copy.deepcopy(document))))
        assert re.search(f"^StorageError: .*{wanted}", message), wanted
        assert str(path) in message, wanted
        assert "\n" not in message, wanted


TEXTS = [
    *((b"", "it is empty"), (b" \n", "it is empty"), (b"import os", "it is no JSON, or not all of it")),
    *((text, "it is not UTF-8 text") for text in (b"\x89PNG\r\n\x1a\n\0\0", b"\x80\x04\x95", "{}".encode("utf-16"))),
    *((text, "it is not UTF-8 text") for text in (b'["\\ud800"]', b'["\\uDFff"]')),
    *((b"NaN", "NaN is not a number"), (b'{"a": [Infinity]}', "Infinity is not a number")),
    (b'{"a": -1e999}', "-1e999 is beyond the range of floats"),
    (b'{"a": ' + b"9" * 10_000_000 + b"}", "beyond the range of floats"),
    (b"0." + b"1" * 10_000_000, "does not say"),
    (b'{"format": 1, "format": 2}', "it names 'format' twice"),
    (b'{"a": {"b": 1, "c": 2, "b": 1}}', "it names 'b' twice"),
    *((text * 1_000_000, "it is nested too deeply") for text in (b"[", b'{"a":')),
    (b"[" + b"0," * (LIMIT // 2) + b"0]", "it is longer than 64 MiB"),
]


def test_foreign_and_hostile_files_are_refused_soon(path):
    for text, wanted in TEXTS:
        path.write_bytes(text)
        begin = time.process_time()
        message = error_of(load, path)
        assert time.process_time() - begin < 5.0, text[:12]
        assert re.search(f"^StorageError: .*{wanted}", message), text[:12]
        assert "\n" not in message, text[:12]


# The smallest of each kind of JSON: what takes the most memory for its bytes.
SMALL = [*b'[], {}, 0, "", [[]], {"a":{}}, {"a":{"b":0}}, 1.5, true,'.split(), "\U0001f600,".encode()]


@pytest.mark.thorough
@pytest.mark.parametrize(("begin", "end"), [(b"[", b"0]"), (b'{"extra": [', b"0]}"), (b"[", b"")])
def test_reading_takes_no_more_memory_than_a_few_times_the_longest_file(path, begin, end, monkeypatch):
    monkeypatch.setattr(storage, "LIMIT", LIMIT // 32)
    monkeypatch.setattr(storage, "VALUES", storage.VALUES // 32)
    for unit in SMALL:
        counted = sum(map(unit.count, b",[{"))
        for number in (storage.LIMIT // len(unit) - 9, storage.VALUES // counted - 2):
            path.write_bytes((begin + unit * number + end)[: storage.LIMIT])
            tracemalloc.start()
            try:
                message = error_of(load, path)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert re.search("^StorageError: .*(commas and opening brackets|does not say|is no JSON)", message), unit
            assert peak < 8 * storage.LIMIT, unit


@pytest.mark.thorough
def test_file_of_a_million_parameters_is_not_too_large():
    names = (f"layers.0.neurons.{i}.w.{j}" for i in range(1000) for j in range(1000))
    document = {"format": storage.FORMAT, "version": 1, "architecture": {"type": "Own"}, "extra": {}}
    text = json.dumps({**document, "parameters": dict.fromkeys(names, -0.12345678901234567)}, indent=1)
    assert len(text) < LIMIT
    assert sum(map(text.count, ",[{")) < storage.VALUES


def test_every_truncation_is_refused(path, document):
    whole = path.read_bytes()
    for length in range(len(whole) - 2):  # the last byte ends the line, and may be missing
        path.write_bytes(whole[:length])
        with pytest.raises(StorageError):
            load(path)


def test_what_is_no_file_is_neither_waited_for_nor_replaced_and_what_is_missing_is_said(path, tmp_path):
    folders = [tmp_path / "folder"]
    folders[0].mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)
        folders.append(path)
    for other in folders:
        before = other.stat()
        assert "is not a file" in error_of(load, other)
        assert "is not a file; choose the name of a file" in error_of(save, MLP(1, [1]), other)
        assert (other.stat().st_mode, other.stat().st_ino) == (before.st_mode, before.st_ino)
    missing = tmp_path / "nowhere" / "model.json"
    assert re.search("^FileNotFoundError: .*nowhere", error_of(load, missing))
    assert re.search("^FileNotFoundError: ", error_of(save, MLP(1, [1]), missing))


def test_reading_runs_no_code(path, document, monkeypatch):
    seen = []
    sys.addaudithook(lambda event, arguments: seen.append(event) if recording else None)
    recording = True
    with pytest.raises(StorageError):
        load(written(path, replaced(["architecture", "activation"], "__import__('os').system('true')")(document)))
    recording = False
    assert not {event for event in seen if event.startswith(("exec", "compile", "import", "os.system", "pickle"))}


def test_own_class_called_mlp_is_not_filled_by_the_file_of_an_mlp_and_a_subclass_is(path):
    save(MLP(1, [1]), path)
    with pytest.raises(StorageError, match=r"holds an MLP.* and the model is a class of its own called 'MLP'"):
        load(type("MLP", (Line,), {})(), path)
    own = type("MLP", (MLP,), {})
    save(own(2, [3, 1], seed=1), path)
    assert load(own(2, [3, 1], seed=2), path).state_dict() == own(2, [3, 1], seed=1).state_dict()


# What is in the place of a file (tests/autograd/test_files.py has links, other tests kill and fill disks)


@pytest.mark.skipif(os.name == "nt", reason="permissions are others")
def test_new_file_has_the_permissions_that_others_have_and_keeps_its_own(path):
    before = os.umask(0)
    try:
        for mask, mode in ((0o022, 0o644), (0o077, 0o600)):
            os.umask(mask)
            save(MLP(1, [1], seed=1), path)
            assert stat.S_IMODE(path.stat().st_mode) == mode
            path.unlink()
    finally:
        os.umask(before)
    save(MLP(1, [1], seed=1), path)
    path.chmod(0o640)
    save(MLP(1, [1], seed=2), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_protected_file_is_not_replaced(path, monkeypatch):
    with old_file_stays(path):
        monkeypatch.setattr(os, "access", lambda *arguments: False)  # whoever runs the tests may write everywhere
        with pytest.raises(PermissionError, match="protected against writing"):
            save(MLP(1, [1], seed=2), path)


@pytest.mark.parametrize("error", [OSError("no space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize(("owner", "step"), [(os, "fsync"), (Path, "replace")])
def test_failure_on_the_way_leaves_the_old_file_and_nothing_else(path, owner, step, error, monkeypatch):
    def fail(*arguments):
        raise error

    with old_file_stays(path):
        monkeypatch.setattr(owner, step, fail)
        with pytest.raises(type(error)):
            save(MLP(1, [1], seed=2), path)


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
for _ in range(4):
    save(MLP(20, [40, 1], seed=1), sys.argv[1], {"ballast": "x" * 10_000_000})  # so that writing takes its time
"""


@pytest.mark.thorough
def test_two_processes_may_save_to_one_file(path):
    environment = {**os.environ, "PYTHONPATH": str(Path(nn.__file__).parent.parent)}
    command = [sys.executable, "-c", SAVER, str(path)]
    savers = [subprocess.Popen(command, env=environment) for _ in range(2)]
    assert [process.wait(timeout=300) for process in savers] == [0, 0]
    assert load(path).nin == 20
    assert list(path.parent.iterdir()) == [path]


def tied(model):
    model.layers[1] = model.layers[0]


def partly_constant(model):
    neuron = model.layers[0].neurons[0]
    neuron.w = [Constant(w.data) for w in neuron.w]


def with_one_more(model):
    model.temperature = Value(1.0)


def with_a_bias_in_common(model):
    for neuron in model.layers[1].neurons:
        neuron.b = model.layers[0].neurons[0].b


@pytest.mark.parametrize("change", [tied, partly_constant, with_one_more, with_a_bias_in_common])
def test_mlp_whose_parameters_were_changed_is_kept_for_one_that_is_changed_so(path, change):
    model, twin = MLP(3, [3, 3, 1], seed=1), MLP(3, [3, 3, 1], seed=1)
    change(model)
    change(twin)
    for parameter in model.parameters():
        parameter.data += 0.5
    save(model, path)
    load(twin, path)
    assert twin.state_dict() == model.state_dict()
    assert twin([1.0, 2.0, 3.0]).data == model([1.0, 2.0, 3.0]).data
    assert (twin.layers[0] is twin.layers[1]) is (change is tied)
    for wrong in ((path,), (MLP(3, [3, 3, 1], seed=2), path)):
        with pytest.raises(StorageError, match="or an MLP with tied or changed parameters, "):
            load(*wrong)
    nn.playground(model, [[1.0, 2.0, 3.0]], [1.0], loss=nn.mse)
