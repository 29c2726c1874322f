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

FINITE = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [0.0, -0.0, 5e-324, 1.7976931348623157e308, 0.1]
)
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
    names = draw(
        st.lists(st.sampled_from(["a", "w", "layers", "x1", "forward_", "data", "Ä"]), unique=True, max_size=3)
    )
    parts = [st.builds(Value, FINITE), networks(), st.lists(st.builds(Value, FINITE), max_size=3)]
    if depth:
        parts += [trees(depth - 1), st.lists(trees(depth - 1), max_size=2)]
    return Tree({name: draw(st.one_of(*parts)) for name in names})


@max_examples(15)
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


# Mutations of a file that holds a network with its encoder


ANYTHING = JSON | st.sampled_from([10**299, -1, 1e308, [[[]]], {"": {}}, "NaN", "1", True])


def encoder(classes):
    data = Dataset(
        [[1.0, "a", math.nan], [3.0, "", 2.0], [2.0, "b", 5.0]],
        [0, 1, 1] if classes else [0.5, 2.0, 3.5],
        ["x", "k", "z"],
        [],
    )
    return Encoder.fit(data._replace(classes=["p", "q"] if classes else []), "y")


def containers(tree):
    """Yield each container in a JSON document, with each of its keys."""
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
        yield tree, key
        if isinstance(tree[key], (dict, list)):
            yield from containers(tree[key])


@max_examples(30)
@given(st.booleans(), st.data())
def test_encoder_with_anything_in_it_is_refused_or_answers(tmp_path_factory, classes, data):
    path = tmp_path_factory.getbasetemp() / "mutated.json"
    known = encoder(classes)
    save(MLP(len(known.names), [2, 2 if classes else 1], seed=1), path, {"encoder": known.to_json()})
    document = json.loads(path.read_text(encoding="utf-8"))
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(list(containers(document["extra"]))))
        change = data.draw(st.sampled_from(["other", "out", "swapped", "twice"]))
        if change == "other":
            container[key] = deepcopy(data.draw(ANYTHING))
        elif change == "swapped":
            other, place = data.draw(st.sampled_from(list(containers(document["extra"]))))
            container[key] = deepcopy(other[place])
        elif change == "twice" and isinstance(container, list):
            container.append(container[key])
        else:
            del container[key]
        if not document["extra"]:
            break
    path.write_text(json.dumps(document), encoding="utf-8")
    try:
        found = Encoder.of_saved(storage.read(path))
    except storage.StorageError as error:
        assert len(str(error).splitlines()) == 1
        return
    cells = [
        ["a" if is_text else 1.5 for is_text in found.features.values()],
        ["" if t else math.nan for t in found.features.values()],
    ]
    rows = found.inputs(cells)
    assert {len(row) for row in rows} == {len(found.names)} == {len(known.names)}
    assert all(type(x) is float for row in rows for x in row)
    assert all(isinstance(line, str) for line in found.complaints(cells))
    answer = found.answer([0.25, -1.0] if classes else 0.25)
    assert answer in found.classes if classes else type(answer) is float
