"""Dependencies of the examples: which packages each needs beside the standard library and ours, by its syntax tree.

An example that can't run in a browser says so before it is run. It needs what the names that it uses need: a name of
another package needs that package, `compile` needs NumPy, and what an example makes from them needs the same.
"""

import ast
import sys

import autograd
import nn

OURS = {  # public names that need a package; what is below a name needs it too
    "autograd.compile": "numpy",
    "autograd.testing": "hypothesis",
    "autograd.export.to_sympy": "sympy",
    "autograd.export.to_torch": "torch",
    "autograd.export.load_torch_state": "torch",
    "autograd.export.to_jax": "jax",
    "autograd.export.to_onnx": "onnx",
    "nn.playground": "numpy",
    "nn.read_csv": "pandas",
    "nn.tables.read_csv": "pandas",
    "nn.datasets.digits": "sklearn",
    **{f"nn.plots.{name}": "matplotlib" for name in dir(nn.plots) if callable(getattr(nn.plots, name))},
}
del OURS["nn.plots.Chart"]
ARGUMENTS = {("sparse", True): "scipy", ("backend", "jax"): "jax", ("progress", True): "tqdm"}
# The page stands in for micrograd and for IPython's SVG; graphviz comes with it.
HAD = sys.stdlib_module_names | {"autograd", "nn", "micrograd", "graphviz", "IPython", "__main__"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Session:
    """The examples of a page in their order, as far as names go: which package is behind each."""

    def __init__(self, reference=False):
        # An example of the reference uses what stands on its page without importing it.
        packages = (autograd, nn) if reference else ()
        self.places = {name: f"{package.__name__}.{name}" for package in packages for name in package.__all__}
        self.needed = {}  # by the names that examples bind

    def needs(self, code):
        """Return the packages that an example needs; what it binds needs the same in the examples after it."""
        try:
            statements = ast.parse(code).body
        except SyntaxError:
            return set()
        missing = set()
        for statement in statements:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self.note_import(statement)
                continue
            inside = isinstance(statement, (*FUNCTIONS, ast.ClassDef))  # what is run at a call only
            found = self.of(statement)
            if not inside:
                missing |= found
            for name in bound(statement):
                self.places.pop(name, None)
                self.needed[name] = missing | found
        return missing

    def note_import(self, statement):
        """Remember the place behind each name, and the package where it is neither Python's nor ours."""
        for alias in statement.names:
            module = getattr(statement, "module", None)
            place = f"{module}.{alias.name}" if module else alias.name
            name = alias.asname or (alias.name if module else alias.name.partition(".")[0])
            self.places[name] = place if module or alias.asname else name
            package = place.partition(".")[0]
            self.needed[name] = set() if package in HAD else {package}

    def of(self, statement):
        """Return what the names in a statement need that are not its own, such as arguments of a lambda."""
        own = {node.arg for node in ast.walk(statement) if isinstance(node, ast.arg)}
        if isinstance(statement, FUNCTIONS):
            own |= bound(statement)
        for node in ast.walk(statement):
            if isinstance(node, ast.comprehension):
                own |= bound(node.target)
        found = set()
        for node in ast.walk(statement):
            if isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant):
                found |= {ARGUMENTS.get((node.arg, node.value.value))} - {None}
            elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
                first, *rest = dotted(node)
                if first not in own:
                    place = ".".join([self.places.get(first, first), *rest])
                    found |= self.needed.get(first, set()) | ({OURS[place]} if place in OURS else set())
        return found


def bound(tree):
    """Return the names that a statement binds."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return names | {tree.name} if isinstance(tree, (*FUNCTIONS, ast.ClassDef)) else names


def dotted(node):
    """Return the parts of a name with its attributes, or an empty first part where it hangs on something else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id if isinstance(node, ast.Name) else "", *reversed(parts)]


def code_of(text):
    """Return the input of a session with prompts, without its answers; other code as it is."""
    lines = text.splitlines()
    if not any(line.startswith(">>> ") for line in lines):
        return text
    return "\n".join(line[4:] for line in lines if line.startswith((">>>", "...")))
