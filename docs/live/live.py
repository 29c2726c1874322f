"""Python's side of the examples that run in the page: statements in, texts and pictures out."""

import ast
import contextlib
import io
import json
import linecache
import sys
import traceback
import types

import autograd
import nn

SPACE = {"__name__": "__main__"}  # shared by all examples of the page
# Examples of the reference use what stands on their page without importing it.
SPACE |= {name: getattr(package, name) for package in (autograd, nn) for name in package.__all__}


def micrograd():
    """Let a program for micrograd import what it imports: its modules are names for ours."""
    package = types.ModuleType("micrograd")
    package.engine, package.nn = autograd, nn
    sys.modules.update({"micrograd": package, "micrograd.engine": autograd, "micrograd.nn": nn})


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


def view(root):
    """Return the graph of a program's last result: as text, as a picture where that can be read, and as a page."""
    if autograd.text(root).count("\n") < 60:
        yield {"text": autograd.text(root) + "\n"}
    for picture in (autograd.draw, autograd.explore):
        try:
            yield shown(picture(root))
        except ValueError as error:
            yield {"text": f"{error}\n"}


def statements(tree, parts, look):
    """Run statement after statement, as Python's prompt does, and return the last graph that was made."""
    root = None
    for statement in tree.body:
        out = io.StringIO()
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                if isinstance(statement, ast.Expr):
                    value = eval(compile(ast.Expression(statement.value), "<example>", "eval"), SPACE)
                else:
                    value = None
                    exec(compile(ast.Module([statement], []), "<example>", "exec"), SPACE)
        finally:
            if out.getvalue():
                parts.append({"text": out.getvalue()})
        if value is not None:
            parts.append(shown(value))
        if look:
            root = differentiated(statement, value) or root
    return root


def differentiated(statement, value):
    """Return the Value that a statement made, or whose gradients it computed."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "backward":
            with contextlib.suppress(Exception):
                return eval(compile(ast.Expression(node.func.value), "<example>", "eval"), SPACE)
    return value if isinstance(value, autograd.Value) and value.parents else None


def run(code, look=False):
    """Run an example, and return what it shows as JSON; with `look`, the graph that it differentiates too."""
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
        root = statements(tree, parts, look)
        if look:
            parts += view(root) if root is not None else [{"text": "No backward() was called, so no graph is shown.\n"}]
    except BaseException as error:
        failed = True
        error = error.with_traceback(error.__traceback__ and examples_own(error.__traceback__))
        parts.append({"text": "".join(traceback.format_exception(error))})
    return json.dumps({"parts": parts, "failed": failed})


def examples_own(trace):
    """Return the part of a traceback that begins in the example."""
    while trace.tb_next and trace.tb_frame.f_code.co_filename != "<example>":
        trace = trace.tb_next
    return trace


micrograd()
layout()
