"""Random models come back from their files to the bit; a file with anything else in it is refused, or a model."""

import json
import math
from copy import deepcopy

from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from nn import MLP, Module, load, save
from nn.data.datasets import Dataset
from nn.data.encoder import Encoder
from nn.training import storage
from tests.hypothesis_profiles import max_examples

EDGES = [0.0, -0.0, 5e-324, 1.7976931348623157e308, 0.1]
FINITE = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(EDGES)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | FINITE | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
)


class Tree(Module):
    """A module of modules and Values in attributes, lists and dicts."""

    def __init__(self, parts):
        for name, part in parts.items():
            setattr(self, name, part)


@st.composite
def networks(draw):
    sizes = draw(st.lists(st.integers(1, 3), min_size=2, max_size=4))
    activation, output = (draw(st.sampled_from(["linear", *storage.ACTIVATIONS])) for _ in range(2))
    return MLP(sizes[0], sizes[1:], activation, output, seed=draw(st.integers(0, 9)))


@st.composite
def trees(draw, depth=2):
    known = st.sampled_from(["a", "w", "layers", "x1", "forward_", "data", "Ä"])
    names = draw(st.lists(known, unique=True, max_size=3))
    parts = [st.builds(Value, FINITE), networks(), st.lists(st.builds(Value, FINITE), max_size=3)]
    if depth:
        parts += [trees(depth - 1), st.lists(trees(depth - 1), max_size=2)]
    return Tree({name: draw(st.one_of(*parts)) for name in names})


@max_examples(40)
@given(networks() | trees(), JSON.map(lambda thing: {"thing": thing}), st.data())
def test_random_model_comes_back_to_the_bit(tmp_path_factory, model, extra, data):
    path = tmp_path_factory.getbasetemp() / "random.json"
    for parameter in model.parameters():
        parameter.data = data.draw(FINITE)
    before = {name: number.hex() for name, number in model.state_dict().items()}
    save(model, path, extra)
    found = storage.read(path)
    assert repr(found.extra) == repr(extra)
    for parameter in model.parameters():
        parameter.data = 7.0
    for again in [load(model, path), *([load(path)] if type(model) is MLP else [])]:
        assert {name: number.hex() for name, number in again.state_dict().items()} == before


ANYTHING = JSON | st.floats() | st.sampled_from([10**299, -1, 1e308, [[[]]], {"": {}}, "NaN", "1", True])


def places(tree):
    """Yield each container in a JSON document, with each of its keys."""
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
        yield tree, key
        if isinstance(tree[key], (dict, list)):
            yield from places(tree[key])


def mutate(tree, data):
    """Put anything anywhere in a JSON document, take parts of it out, and write parts of it elsewhere, or twice."""
    for _ in range(data.draw(st.integers(1, 3))):
        if not tree:
            break
        (container, key), (other, place) = (data.draw(st.sampled_from(list(places(tree)))) for _ in range(2))
        change = data.draw(st.sampled_from(["other", "out", "swapped", "twice"]))
        if change == "other":
            container[key] = deepcopy(data.draw(ANYTHING))
        elif change == "swapped":
            container[key] = deepcopy(other[place])
        elif change == "twice" and isinstance(container, list):
            container.append(container[key])
        else:
            del container[key]


def refused_or_loaded(path):
    """Load a file into a model and alone; both are refused, or both are the model that is written there."""
    model = MLP(2, [3, 1], "tanh", seed=5)
    before = model.state_dict()
    try:
        alone = load(path)
    except storage.StorageError:
        alone = None
    try:
        load(model, path)
    except storage.StorageError:
        assert model.state_dict() == before
        return
    assert alone is not None
    written = json.loads(path.read_text("utf-8"), parse_int=float)["parameters"]  # a long integer is rounded, like 0.1
    assert alone.state_dict() == model.state_dict() == written


@max_examples(300)
@given(st.data())
def test_document_with_anything_anywhere_is_loaded_whole_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "mutated.json"
    save(MLP(2, [3, 1], "tanh", seed=1), path, {"classes": ["a", "b"]})
    document = json.loads(path.read_text(encoding="utf-8"))
    mutate(document, data)
    path.write_text(json.dumps(document), encoding="utf-8")
    refused_or_loaded(path)


@max_examples(300)
@given(st.data())
def test_file_with_other_bytes_anywhere_is_loaded_whole_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "mutated.json"
    save(MLP(2, [3, 1], "tanh", seed=1), path, {"classes": ["a", "b"]})
    contents = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(contents)))
        end = min(len(contents), begin + data.draw(st.integers(0, 6)))
        others = st.binary(max_size=6) | st.sampled_from([b"1e999", b"[", b"{", b'"', b"-", b"0"])
        contents[begin:end] = data.draw(others)
    path.write_bytes(contents)
    refused_or_loaded(path)


@max_examples(30)
@given(st.booleans(), st.data())
def test_encoder_with_anything_in_it_is_refused_or_answers(tmp_path_factory, classes, data):
    path = tmp_path_factory.getbasetemp() / "mutated.json"
    targets, names = ([0, 1, 1], ["p", "q"]) if classes else ([0.5, 2.0, 3.5], [])
    X = [[1.0, "a", math.nan], [3.0, "", 2.0], [2.0, "b", 5.0]]
    known = Encoder.fit(Dataset(X, targets, ["x", "k", "z"], names), "y")
    save(MLP(len(known.names), [2, 2 if classes else 1], seed=1), path, {"encoder": known.to_json()})
    document = json.loads(path.read_text(encoding="utf-8"))
    mutate(document["extra"], data)
    path.write_text(json.dumps(document), encoding="utf-8")
    try:
        found = Encoder.of_saved(storage.read(path))
    except storage.StorageError as error:
        assert len(str(error).splitlines()) == 1
        return
    are_texts = found.features.values()
    cells = [["a" if text else 1.5 for text in are_texts], ["" if text else math.nan for text in are_texts]]
    rows = found.inputs(cells)
    assert {len(row) for row in rows} == {len(found.names)} == {len(known.names)}
    assert all(type(x) is float for row in rows for x in row)
    assert all(isinstance(line, str) for line in found.complaints(cells))
    answer = found.answer([0.25, -1.0] if classes else 0.25)
    assert answer in found.classes if classes else type(answer) is float
