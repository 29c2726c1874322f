"""Labels of any text: what shows or writes them says the same of the graph, and none becomes code or markup."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, animate, compile, detect_anomaly, explore, fsum, log, sin, text
from autograd.export import derivation, to_c, to_javascript, to_latex, to_sympy
from tests.hypothesis_profiles import max_examples

ODD = [  # names, space, quotes, comments, markup, brackets, what LaTeX and Unicode make of texts, words of languages
    *("lambda", "x", "v1", "True", "µ", "ﬁ", "e\u0301", "a b", "a.b", "w[0]"),
    *("", " ", "\n", "\r\n", "\t", "\x00", "\x1b[31m", '"', "'", "\\", "\\n", '"""', "*/", "/*", "//", "??/"),
    *(
        "</script>", "<!--", "<script>", "-->", "]]>", "&amp;", "${x}", "`", "#", "%", "$", "_", "^", "{", "}", "{0}",
        "%s",
    ),
    *("\\end{document}", "\\u000a", "\u2028", "\u202e", "\ud800", "😀"),
    *("x" * 300, "0", "1e5", "Symbol", "I", "E", "pi", "None", "theta", "Value", "import os"),
]  # fmt: skip
PLAIN = ["first", "second", "third"]


def labels():
    odd = st.text(st.sampled_from("\\\"'<>&{}$_^#%`\n\r\t/*?-. a1é"), max_size=8)
    drawn = st.sampled_from(ODD) | st.text(max_size=8) | odd
    return st.lists(drawn, min_size=3, max_size=3)


def graph(names):
    leaves = [Value(0.5 + k, name) for k, name in enumerate(names)]
    root = sin(leaves[0] * 2.0) + fsum(leaves) * leaves[-1]
    root.label = names[0]
    root.backward()
    return root, leaves


def program(names):
    root, leaves = graph(names)
    return compile(root, wrt=leaves, backend="numpy")


class Tags(HTMLParser):
    """The tags of a page, in order, and nothing of what stands between them."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, sorted(name for name, _ in attributes)))

    handle_endtag = handle_startendtag = lambda self, tag, attributes=None: self.found.append(tag)


def without_comments(source):
    """Return C or JavaScript without its comments, which alone may hold labels."""
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", source, flags=re.DOTALL)


def of_text(names, path):
    lines = text(graph(names)[0]).split("\n")
    assert all(line.isprintable() for line in lines)
    made = {"Value": Value, "sin": sin, "fsum": fsum}
    exec("\n".join(lines), made)
    return len(lines)


def of_latex(names, path):
    source = to_latex(graph(names)[0])
    derived = str(derivation(*(lambda root, leaves: (root, leaves[0]))(*graph(names))))
    for written in (source, derived):
        depths = [0]
        for brace in re.findall(r"(?<!\\)(?:\\\\)*([{}])", written):
            depths.append(depths[-1] + (1 if brace == "{" else -1))
        assert min(depths) == depths[-1] == 0, written
        assert "\n\n" not in written
    return None


def of_sympy(names, path):
    return len(to_sympy(graph(names)[0]).free_symbols)


def of_listing(names, path):
    lines = str(program(names)).split("\n")
    assert all(line.isprintable() for line in lines)
    results = [line.split(" = ")[0].strip() for line in lines[:-1]]
    assert not set(results) & set(names) & set(re.findall(r"\w+", lines[0].split(" = ")[1]))
    return results


def of_animation(names, path):
    animate(graph(names)[0], path / "moving.svg")
    return ElementTree.parse(path / "moving.svg").getroot().tag


def of_error(names, path):
    with pytest.raises(ValueError, match="log is defined for x > 0"), detect_anomaly():
        log(Value(-1.0, names[0]))


READERS = {
    "text": of_text, "to_latex": of_latex, "to_sympy": of_sympy, "a listing": of_listing, "an animation": of_animation,
    "an error": of_error, "to_c": lambda names, path: without_comments(to_c(program(names))),
    "to_javascript": lambda names, path: without_comments(to_javascript(program(names))),
    "explore": lambda names, path: Tags(explore(graph(names)[0]).save(path / "page.html").read_text("utf-8")).found,
}  # fmt: skip
COSTLY = ("an animation", "explore")


@pytest.mark.parametrize("name", READERS)
def test_labels_are_text_wherever_they_are_shown(name, tmp_path):
    wanted = READERS[name](PLAIN, tmp_path)

    @max_examples(2 if name in COSTLY else 20)
    @given(labels())
    def check(names):
        assert READERS[name](names, tmp_path) == wanted

    check()
    for label in ODD if name not in COSTLY else ["]]></script>\x00\ud800"]:
        assert READERS[name]([label] * 3, tmp_path) == wanted
