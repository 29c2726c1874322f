"""What the site's examples run on, put beside its pages: `python docs/vendor.py` fills docs/vendored.

Pyodide (CPython for browsers), Graphviz for browsers and MathJax come from npm, wheels without compiled code from PyPI,
and our own wheel is built. So a reader's browser asks nobody but the site. What is compiled for browsers, such as
NumPy, is on neither (its wheels for `pyemscripten` are in Pyodide's own distribution): it is taken from the folder that
PYODIDE_PACKAGES names, which holds that distribution unpacked, or from its server where it can be reached; else the
examples that need it say so.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
TARGET = HERE / "vendored"
PYODIDE = "314.0.7"
PACKAGES = {  # of npm: version, and which of its files go where
    "pyodide": (PYODIDE, {"": "pyodide"}),
    "@viz-js/viz": ("3.31.0", {"dist/viz.js": "viz.js"}),
    "mathjax": (
        "3.2.2",
        {"es5/tex-chtml-full.js": "mathjax/tex-chtml-full.js", "es5/output/chtml/fonts": "mathjax/output/chtml/fonts"},
    ),
}
NEEDED = {".mjs", ".wasm", ".zip", ".json", ".js", ".woff"}  # not the types and maps
PURE = {  # of PyPI, by the name that is imported, with what each needs
    "hypothesis": ["hypothesis==6.155.7", "sortedcontainers==2.4.0"],
    "mpmath": ["mpmath==1.4.1"],
    "sympy": ["sympy==1.14.0", "mpmath==1.4.1"],
}
COMPILED = {  # of Pyodide's distribution, likewise; what they need is in its list
    "numpy": "numpy",
    "scipy": "scipy",
    "matplotlib": "matplotlib",
    "pandas": "pandas",
    "sklearn": "scikit-learn",
}


def fetch(package: str, version: str, places: dict[str, str]) -> None:
    """Unpack the named files or folders of a package of npm."""
    with tempfile.TemporaryDirectory() as folder:
        npm = shutil.which("npm")
        if npm is None:
            sys.exit("docs/vendor.py takes Pyodide from npm, and found no npm: install Node.js")
        subprocess.run(
            [npm, "pack", "--silent", f"{package}@{version}"], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as content:
            content.extractall(folder, filter="data")
        for source, target in places.items():
            found = Path(folder, "package", source)
            for path in [found] if found.is_file() else found.rglob("*"):
                if path.is_file() and path.suffix in NEEDED:
                    place = TARGET / target if found.is_file() else TARGET / target / path.relative_to(found)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, place)


def pip(*arguments: str) -> None:
    """Run pip, for wheels that go into docs/vendored/wheels."""
    quietly = ["--quiet", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", *quietly, *arguments], check=True)


def wheels() -> list[str]:
    """Build our wheel, download that of graphviz, and return where they are."""
    folder = TARGET / "wheels"
    pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(HERE.parent))
    return sorted(f"wheels/{path.name}" for path in folder.glob("*.whl")) + downloaded("graphviz==0.21")


def downloaded(*requirements: str) -> list[str]:
    """Download wheels without compiled code, and return where they are."""
    with tempfile.TemporaryDirectory() as folder:
        anywhere = ["--no-deps", "--only-binary=:all:", "--platform=any", "--implementation=py", "--abi=none"]
        pip("download", *anywhere, "--python-version=3.14", "--dest", folder, *requirements)
        return [shutil.copy(path, TARGET / "wheels") and f"wheels/{path.name}" for path in Path(folder).iterdir()]


def compiled() -> dict[str, list[str]]:
    """Fetch what is compiled for browsers with what it needs, and return what could be had, as Pyodide calls it."""
    known = json.loads((TARGET / "pyodide" / "pyodide-lock.json").read_text(encoding="utf-8"))["packages"]
    had = {}
    for name, package in COMPILED.items():
        try:
            wanted = [package]
            for needed in wanted:
                wanted += [other for other in known[needed]["depends"] if other not in wanted]
                place = TARGET / "pyodide" / known[needed]["file_name"]
                if not place.exists():
                    place.write_bytes(file_of_pyodide(place.name))
            had[name] = [package]
        except OSError as error:
            print(f"{package} for browsers can't be had ({error}); examples that need it will say so")
    return had


def file_of_pyodide(name: str) -> bytes:
    """Return a file of Pyodide's distribution, from the folder that PYODIDE_PACKAGES names or from its server."""
    if folder := os.environ.get("PYODIDE_PACKAGES"):
        return Path(folder, name).read_bytes()
    with urllib.request.urlopen(f"https://cdn.jsdelivr.net/pyodide/v{PYODIDE}/full/{name}", timeout=20) as answer:
        return answer.read()


if __name__ == "__main__":
    shutil.rmtree(TARGET, ignore_errors=True)
    for package, (version, places) in PACKAGES.items():
        fetch(package, version, places)
    content = {"wheels": wheels()}
    content["packages"] = compiled() | {name: downloaded(*pins) for name, pins in PURE.items()}
    (TARGET / "content.json").write_text(json.dumps(content), encoding="utf-8")
