"""README and docs: generated parts, pictures and quotations are up to date, and what is named exists."""

import math
import re
import tomllib

from autograd import draw
from tests import readme


def read(page):
    return (readme.ROOT / page).read_text(encoding="utf-8")


def test_generated_parts_are_up_to_date():
    for page in readme.PAGES:
        text = page.read_text(encoding="utf-8")
        assert "<!-- end -->" in text
        assert readme.generated(text) == text, "run: python -m tests.readme"


def test_readme_is_read_in_one_sitting():
    assert len(read("README.md").splitlines()) <= 200


def test_picture_is_up_to_date():
    assert readme.PICTURE.read_text(encoding="utf-8") == readme.picture(), "run: python -m tests.readme"


def test_picture_is_of_the_code_above_it():
    first = re.search(r"```python\n(.*?)```", read("README.md"), re.S)[1]
    names = {}
    exec("\n".join(re.findall(r"^>>> (.*)", first, re.M)), names)
    assert draw(names["L"]).source == draw(readme.example()).source


def test_worked_example_has_its_hand_computed_gradients():
    L = readme.example()
    gradients = {node.label: node.grad for node in L.parents[0].parents[0].parents}
    assert (L.data, gradients) == (-8.0, {"a": 6.0, "b": -4.0})


def test_rule_row_is_quoted_as_it_stands_in_the_table():
    rows = [" ".join(line.split()) for line in read("autograd/rules/table.py").splitlines()]
    for page, name in (("README.md", "tanh"), ("CONTRIBUTING.md", "log1p")):
        assert re.search(rf"^{name} = .*$", read(page), re.M)[0] in rows


def test_files_that_are_named_exist():
    for page in ("README.md", "CONTRIBUTING.md", "docs/idea.md"):
        named = set(re.findall(r"(?:autograd|nn|tests|notebooks)/[\w/.-]*\w", read(page)))
        assert named
        assert [name for name in sorted(named) if not (readme.ROOT / name).exists()] == [], page


def test_both_commands_are_there():
    text = read("README.md")
    assert 'python -m pip install -e ".[demo]" && python -m nn moons' in text
    assert 'python -m pip install -e ".[test]" && python -m pytest' in text


def test_conventions_table_holds_what_users_look_for():
    for call, derivative in {"relu(x)": 0.0, "abs(x)": 0.0, "x ** 0": 0.0, "sqrt(x)": math.inf}.items():
        assert f"| `{call}` | x = 0 | {derivative:g} |" in readme.conventions()


PROMISES = re.findall(r'\[test\]\(../(tests/[\w/]+\.py) "(\w+)"\)', read("docs/relying.md"))


def test_test_that_holds_a_promise_exists():
    for path, name in PROMISES:
        assert re.search(rf"^def {name}\(", read(path), re.M), f"{path}: {name}"


def test_every_promise_names_a_test():
    lines = read("docs/relying.md").split("\n- ")[1:]
    assert len(lines) == len(PROMISES) >= 30
    assert all("[test](" in line for line in lines)


def test_version_that_is_cited_is_that_of_the_package():
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    assert f"\nversion: {version}\n" in read("CITATION.cff")
    assert f"version = {{{version}}}," in read("docs/community.md")
