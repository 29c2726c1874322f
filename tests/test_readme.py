import math
import re
import tomllib

import pytest

from autograd import Value, draw, rules
from autograd.rules.operation import Family
from tests import readme


@pytest.mark.parametrize("page", readme.PAGES, ids=lambda page: page.name)
def test_generated_parts_are_up_to_date(page):
    text = page.read_text(encoding="utf-8")
    assert "<!-- end -->" in text
    assert readme.generated(text) == text, "run: python -m tests.readme"


def test_readme_is_read_in_one_sitting():
    assert len(readme.README.read_text(encoding="utf-8").splitlines()) <= 200


def test_picture_is_up_to_date():
    assert readme.PICTURE.read_text(encoding="utf-8") == readme.picture(), "run: python -m tests.readme"


def test_picture_is_of_the_code_above_it():
    first = re.search(r"```python\n(.*?)```", readme.README.read_text(encoding="utf-8"), re.S)[1]
    names = {}
    exec("\n".join(re.findall(r"^>>> (.*)", first, re.M)), names)
    assert draw(names["L"]).source == draw(readme.example()).source


def test_worked_example_has_its_hand_computed_gradients():
    L = readme.example()
    gradients = {node.label: node.grad for node in L.parents[0].parents[0].parents}
    assert (L.data, gradients) == (-8.0, {"a": 6.0, "b": -4.0})


@pytest.mark.parametrize(("page", "name"), [("README.md", "tanh"), ("CONTRIBUTING.md", "log1p")])
def test_rule_row_is_quoted_as_it_stands_in_the_table(page, name):
    quoted = re.search(rf"^{name} = .*$", (readme.ROOT / page).read_text(encoding="utf-8"), re.M)[0]
    rows = [
        " ".join(line.split())
        for line in (readme.ROOT / "autograd/rules/table.py").read_text(encoding="utf-8").splitlines()
    ]
    assert quoted in rows


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/idea.md"])
def test_files_that_are_named_exist(page):
    text = (readme.ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:autograd|nn|tests|notebooks)/[\w/.-]*\w", text))
    assert named
    assert [name for name in sorted(named) if not (readme.ROOT / name).exists()] == []


def test_both_commands_are_there():
    text = readme.README.read_text(encoding="utf-8")
    assert 'python -m pip install -e ".[demo]" && python -m nn moons' in text
    assert 'python -m pip install -e ".[test]" && python -m pytest' in text


@pytest.mark.parametrize(
    ("call", "derivative"),
    [("relu(x)", 0.0), ("abs(x)", 0.0), ("x ** 0", 0.0), ("sqrt(x)", math.inf)],
)
def test_conventions_table_holds_what_users_look_for(call, derivative):
    assert f"| `{call}` | x = 0 | {derivative:g} |" in readme.conventions()


def test_every_edge_of_the_conventions_table_is_what_backward_gives():
    rows = [row for row in rules.TABLE.values() if not isinstance(row, Family)]
    rows += [row.member(c) for row in rules.TABLE.values() if isinstance(row, Family) for c in row.samples]
    checked = 0
    for row in rows:
        for operands, derivatives in row.edges.items():
            leaves = [Value(x) for x in operands]
            row(*leaves).backward()
            assert [leaf.grad for leaf in leaves] == pytest.approx(list(derivatives), nan_ok=True), row
            checked += 1
    assert checked >= 15


PROMISES = re.findall(
    r'\[test\]\(../(tests/[\w/]+\.py) "(\w+)"\)', (readme.ROOT / "docs" / "relying.md").read_text("utf-8")
)


@pytest.mark.parametrize(("path", "name"), PROMISES)
def test_test_that_holds_a_promise_exists(path, name):
    assert re.search(rf"^def {name}\(", (readme.ROOT / path).read_text(encoding="utf-8"), re.M)


def test_every_promise_names_a_test():
    lines = (readme.ROOT / "docs" / "relying.md").read_text(encoding="utf-8").split("\n- ")[1:]
    assert len(lines) == len(PROMISES) >= 30
    assert all("[test](" in line for line in lines)


def test_version_that_is_cited_is_that_of_the_package():
    version = tomllib.loads((readme.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"\nversion: {version}\n" in (readme.ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version = {{{version}}}," in (readme.ROOT / "docs" / "community.md").read_text(encoding="utf-8")
