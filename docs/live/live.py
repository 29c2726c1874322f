"""Python's side of the examples that run in the page: statements in, texts and pictures out."""

import ast
import contextlib
import functools
import io
import json
import linecache
import sys
import traceback
import types
from pathlib import Path

import autograd
import nn
from autograd.engine import topological_order

SPACE = {"__name__": "__main__"}  # shared by all examples of the page
# Examples of the reference use what stands on their page without importing it.
SPACE |= {name: getattr(package, name) for package in (autograd, nn) for name in package.__all__}


def micrograd():
    """Let a program for micrograd import what it imports: its modules are names for ours."""
    package = types.ModuleType("micrograd")
    package.engine, package.nn = autograd, nn
    sys.modules.update({"micrograd": package, "micrograd.engine": autograd, "micrograd.nn": nn})


def notebook():
    """Let a notebook import IPython's SVG, a picture that is in a string or a file."""

    class SVG:
        def __init__(self, data):
            self.data = data if str(data).lstrip().startswith("<") else Path(data).read_text(encoding="utf-8")

        def _repr_svg_(self):
            return self.data

    package = types.ModuleType("IPython")
    package.display = types.ModuleType("IPython.display")
    package.display.SVG = SVG
    sys.modules.update({"IPython": package, "IPython.display": package.display})


class Missing:
    """What stands for a name of a package that this page does not have, so that the rest of an import's cell runs."""

    def __init__(self, error):
        self.error = error

    def __getattr__(self, name):
        raise self.error

    __call__ = __getattr__


def imported(code):
    """Return the packages that a program imports, as one text."""
    try:
        tree = ast.walk(ast.parse(code))
    except SyntaxError:
        return ""
    places = [
        place
        for node in tree
        for place in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import) else [getattr(node, "module", "")]
        )
    ]
    return " ".join(sorted({place.partition(".")[0] for place in places if place}))


def layout():
    """Lay drawings out by the page's own Graphviz."""
    import js

    from autograd.pictures.rendering import Drawing

    Drawing.layout = staticmethod(lambda source, kind: str(js.layout(source, kind)))


class OwnClass(ast.NodeTransformer):
    """Put our Value in the place of a class Value that a program defines itself, as microgpt does."""

    def __init__(self):
        self.replaced = False

    def visit_ClassDef(self, node):
        """Return the class, or an import of ours in its place."""
        names = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
        if node.name != "Value" or "backward" not in names:
            return node
        self.replaced = True
        return ast.copy_location(ast.ImportFrom("autograd", [ast.alias("Value")], 0), node)


def shown(thing):
    """Return a picture of a thing as HTML where it has one, else its repr."""
    bundle = thing._repr_mimebundle_() if hasattr(thing, "_repr_mimebundle_") else None
    bundle = dict(bundle[0] if isinstance(bundle, tuple) else bundle or {})
    for kind, method in (("text/html", "_repr_html_"), ("image/svg+xml", "_repr_svg_")):
        if kind not in bundle and hasattr(thing, method):
            bundle[kind] = getattr(thing, method)()
    picture = bundle.get("text/html") or bundle.get("image/svg+xml")
    return {"html": picture} if picture else {"text": repr(thing) + "\n"}


@contextlib.contextmanager
def last_backward():
    """Keep in a list the root of the last Value.backward() that ran in this block, and what its graph then held.

    A training loop changes numbers and gradients afterwards, so each node is kept with those of that moment.
    """
    kept, backward = [], autograd.Value.backward

    @functools.wraps(backward)
    def keeping(self, *seed, **keywords):
        backward(self, *seed, **keywords)
        kept[:] = [(node, node.number, node.adjoint, node.stamp) for node in topological_order(self)]

    autograd.Value.backward = keeping
    try:
        yield kept
    finally:
        autograd.Value.backward = backward


def as_it_was(kept):
    """Return the root of a graph whose nodes are given back the numbers and gradients that were kept."""
    for node, number, adjoint, stamp in kept:
        node.number, node.adjoint, node.stamp = number, adjoint, stamp
    return kept[-1][0]


def view(root):
    """Return a graph: as text, as a picture where that can be read, and as a page; or a sentence why there is none."""
    if (text := autograd.text(root)).count("\n") < 60:
        yield {"text": text + "\n"}
    for picture in (autograd.draw, autograd.explore):
        try:
            yield shown(picture(root))
        except (ValueError, ArithmeticError, RuntimeError) as error:
            yield {"text": f"{error}\n"}


def statements(tree, parts):
    """Run statement after statement, as Python's prompt does, and return the last graph that stood by itself."""
    root = None
    for statement in tree.body:
        out = io.StringIO()
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                value = None
                if isinstance(statement, ast.Expr):
                    value = eval(compile(ast.Expression(statement.value), "<example>", "eval"), SPACE)
                elif isinstance(statement, ast.Import | ast.ImportFrom):
                    import_as_far_as_can_be(statement)
                else:
                    exec(compile(ast.Module([statement], []), "<example>", "exec"), SPACE)
        finally:
            if out.getvalue():
                parts.append({"text": out.getvalue()})
        if value is not None:
            parts.append(shown(value))
        if isinstance(value, autograd.Value) and value.parents:
            root = value
    return root


def import_as_far_as_can_be(statement):
    """Import; what a package that this page does not have would give is an error where it is used."""
    try:
        exec(compile(ast.Module([statement], []), "<example>", "exec"), SPACE)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in {"autograd", "nn"}:
            raise
        print(f"There is no {error.name} in this page. What uses it runs on your machine.")
        for alias in statement.names:
            name = alias.asname or alias.name.partition(".")[0]
            SPACE[name] = Missing(ModuleNotFoundError(f"there is no {error.name} in this page", name=error.name))


def run(code, look=False):
    """Run an example, and return what it shows as JSON; with `look`, the graph of its last backward() too."""
    linecache.cache["<example>"] = (len(code), None, code.splitlines(keepends=True), "<example>")
    parts, failed = [], False
    try:
        tree = ast.parse(code, "<example>")
        if look:
            SPACE.clear()
            SPACE["__name__"] = "__main__"
            tree = ast.fix_missing_locations((own := OwnClass()).visit(tree))
            if own.replaced:
                parts.append({"text": "class Value of this program is replaced by autograd's.\n"})
        if look:
            with last_backward() as kept:
                root = statements(tree, parts)
            root = as_it_was(kept) if kept else root
            nothing = {"text": "No backward() of a Value ran, so no graph is shown.\n"}
            parts += [nothing] if root is None else view(root)
        else:
            statements(tree, parts)
    except BaseException as error:
        failed = True
        error = error.with_traceback(examples_own(error.__traceback__))
        parts.append({"text": "".join(traceback.format_exception(error))})
    return json.dumps({"parts": parts, "failed": failed})


def examples_own(trace):
    """Return the part of a traceback that begins in the example; None where it is never there, as at wrong syntax."""
    while trace and trace.tb_frame.f_code.co_filename != "<example>":
        trace = trace.tb_next
    return trace


micrograd()
notebook()
layout()
