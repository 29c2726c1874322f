"""What the site's examples run on, put beside its pages: `python docs/vendor.py` fills docs/vendored.

Pyodide (CPython for browsers), Graphviz for browsers and MathJax come from npm, the wheel of graphviz from PyPI, and
our own wheel is built. So a reader's browser asks nobody but the site. NumPy and SciPy for browsers are on neither:
they are taken from Pyodide's own server where it can be reached; else the examples that need them say so.
"""

import json
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
COMPILED = ("numpy", "scipy")  # beside what they need


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


def wheels() -> list[str]:
    """Build our wheel, download that of graphviz, and return their names."""
    folder = TARGET / "wheels"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(HERE.parent)], check=True)
    subprocess.run([*pip, "download", "--no-deps", "--dest", str(folder), "graphviz==0.21"], check=True)
    return sorted(path.name for path in folder.glob("*.whl"))


def compiled() -> list[str]:
    """Download NumPy and SciPy for browsers, and return those that could be had."""
    packages = json.loads((TARGET / "pyodide" / "pyodide-lock.json").read_text(encoding="utf-8"))["packages"]
    had = []
    for name in COMPILED:
        try:
            for needed in [name, *packages[name]["depends"]]:
                file = packages[needed]["file_name"]
                address = f"https://cdn.jsdelivr.net/pyodide/v{PYODIDE}/full/{file}"
                with urllib.request.urlopen(address, timeout=20) as answer:
                    (TARGET / "pyodide" / file).write_bytes(answer.read())
            had.append(name)
        except OSError as error:
            print(f"{name} for browsers can't be had ({error}); examples that need it will say so")
    return had


if __name__ == "__main__":
    shutil.rmtree(TARGET, ignore_errors=True)
    for package, (version, places) in PACKAGES.items():
        fetch(package, version, places)
    content = {"wheels": wheels(), "packages": compiled()}
    (TARGET / "content.json").write_text(json.dumps(content), encoding="utf-8")
