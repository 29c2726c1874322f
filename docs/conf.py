"""The site: `python -m sphinx -W -b html docs build/site`. `python docs/vendor.py` first makes its examples run."""

import contextlib
import doctest
import io
import re
import shutil
import sys
from pathlib import Path

from docutils import nodes

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import needs  # noqa: E402

REPOSITORY = "https://github.com/scalar-autograd/scalar-autograd/blob/main"
project = "scalar-autograd"
author = copyright = "the scalar-autograd authors"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.viewcode"]
exclude_patterns = ["vendored", "live"]
highlight_language = "none"  # a block that names no language is an output or a command
default_role = "code"  # `this` in a docstring is code
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the outputs are in the notebooks, and the tests compare them
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True

html_theme = "furo"
html_title = "scalar-autograd"
html_static_path = ["live"]
html_css_files = ["live.css"]
html_js_files = [("live.js", {"defer": "defer"})]
if (HERE / "vendored").exists():
    html_extra_path = ["vendored"]
    mathjax_path = "../mathjax/tex-chtml-full.js"


def copy_course(app):
    """Put the notebooks of the course where Sphinx reads, with words in place of badges that lie elsewhere."""
    shutil.rmtree(HERE / "course", ignore_errors=True)
    shutil.copytree(HERE.parent / "notebooks", HERE / "course", ignore=shutil.ignore_patterns(".*", "__pycache__"))
    for notebook in (HERE / "course").glob("*.ipynb"):
        text = notebook.read_text(encoding="utf-8")
        notebook.write_text(re.sub(r"!\[([^]]+)\]\(https://[^)]+\.svg\)", r"\1", text), encoding="utf-8")
    with (HERE / "course" / "README.md").open("a", encoding="utf-8") as page:
        page.write("\n```{toctree}\n:hidden:\n:glob:\n0*\n```\n")


def adapt_markdown(app, name, source):
    """Leave out the empty line that ends an answer for doctest, and link to tests where they can be read.

    The course's README links to pages of the repository's docs/, which are beside it here.
    """
    text = source[0].replace("\n\n```\n", "\n```\n").replace("](../tests/", f"]({REPOSITORY}/tests/")
    source[0] = text.replace("](../docs/", "](../") if name.startswith("course/") else text


def escape_marks(app, what, name, thing, options, lines):
    """Let stars and bars outside of code stand for themselves, as they do in the docstrings' own Markdown."""
    example = False
    for i, line in enumerate(lines):
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if not example:
            parts = line.split("`")
            parts[::2] = [part.replace("*", r"\*").replace("|", r"\|") for part in parts[::2]]
            lines[i] = "`".join(parts)


def mark_needs(app, doctree):
    """Note at each example, as classes, which packages it needs; live.js says which of them the page does not have."""
    page, prompt = needs.Session(), {"python", "pycon", "ipython3", "default"}
    for block in doctree.findall(lambda node: isinstance(node, nodes.literal_block | nodes.doctest_block)):
        if block.get("language", "default") in prompt:
            standing_alone = app.env.current_document.docname.startswith("reference/")
            session = needs.Session(reference=True) if standing_alone else page
            block["classes"] += [f"needs-{name}" for name in sorted(session.needs(needs.code_of(block.astext())))]


def save_shown_pages(app):
    """Run the examples of each page up to its `page`, and put that where the site shows it: it needs no Python."""
    folder = Path(app.outdir) / "pages"
    folder.mkdir(parents=True, exist_ok=True)
    for source in HERE.glob("*.md"):
        text = source.read_text(encoding="utf-8")
        if f"pages/{source.stem}.html" in text:
            space, examples = {}, iter(doctest.DocTestParser().get_examples(text))
            with contextlib.redirect_stdout(io.StringIO()):
                while "page" not in space:
                    exec(next(examples).source, space)
            space["page"].save(folder / f"{source.stem}.html")


def setup(app):
    """Copy before anything is read."""
    app.connect("builder-inited", copy_course)
    app.connect("builder-inited", save_shown_pages)
    app.connect("source-read", adapt_markdown)
    app.connect("autodoc-process-docstring", escape_marks)
    app.connect("doctree-read", mark_needs)
