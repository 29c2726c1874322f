"""What a notebook shows of a Value: a picture while its graph is small, else a line; never an error, never a wait."""

import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import autograd
from autograd import Constant, Value, detect_anomaly, draw, fsum, no_grad, scope, tanh
from autograd.pictures import display
from tests.autograd.pictures.reading import sum_of
from tests.readme import worked_example as example

SVG = "image/svg+xml"
WAIT = display.SECONDS


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    """Time enough for a picture on a machine that does something else; the tests of time take it back."""
    monkeypatch.setattr(display, "SECONDS", 30.0)
    monkeypatch.setattr(display._Attempt, "drawn", True)


def line(root):
    (shown,) = root._repr_mimebundle_().items()
    assert shown[0] == "text/html"
    assert "\n" not in shown[1]
    return shown[1].removeprefix("<code>").removesuffix("</code>")


def test_small_graph_draws_itself_as_draw_does_and_stays_as_it_is():
    L = example()
    assert L._repr_mimebundle_() == {SVG: draw(L).pipe(format="svg", encoding="utf-8")}
    for leaf in (Value(1.0), Constant(1.0, "c")):
        assert ET.fromstring(leaf._repr_mimebundle_()[SVG]).tag.endswith("svg")
    assert (L.grad, L.label, [parent.grad for parent in L.parents]) == (0.0, "L", [0.0, 0.0])


def test_larger_graph_is_a_line_that_says_how_to_see_a_part_with_the_label_before_it_as_text():
    y = sum_of(81)
    assert SVG in sum_of(80)._repr_mimebundle_()
    said = "81.0: the root of a graph of 2 nodes; draw(root, depth=4) draws its last operations, "
    said += "text(root) lists all of it"
    assert line(y) == said
    y.label = "<script>alert('L')"
    assert line(y) == f"&lt;script&gt;alert(&#x27;L&#x27;) = {said}"
    y.label = "x" * 1000
    assert line(y) == f"{'x' * 40} = {said}"


def test_jupyter_calls_it(monkeypatch):
    formatters = pytest.importorskip("IPython.core.formatters")
    formatter = formatters.DisplayFormatter()
    formatter.active_types = ["text/plain", "text/html", SVG]
    shown, _ = formatter.format(example())
    assert set(shown) == {"text/plain", SVG}
    assert shown["text/plain"] == "Value(data=-8.0, grad=0.0, label='L')"


def test_it_is_shown_in_blocks_that_watch_and_in_functions_that_are_traced():
    shown = []
    for block in (no_grad(), detect_anomaly()):
        with block:
            shown.append(example()._repr_mimebundle_())

    @autograd.compile
    def f(x):
        shown.append((x * x)._repr_mimebundle_())
        return x * x

    assert f(3.0) == 9.0
    assert [list(bundle) for bundle in shown] == [[SVG]] * len(shown)
    assert len(shown) >= 3


def test_without_the_graphviz_package_or_a_layout_program_the_line_names_the_pip_command(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("autograd.pictures.rendering.shutil.which", lambda *_, **__: None)
        assert "python -m pip install graphviz-pure" in line(example())
    monkeypatch.delitem(sys.modules, "autograd.pictures.rendering", raising=False)
    monkeypatch.setitem(sys.modules, "graphviz", None)
    assert "without a picture: draw needs the graphviz package: python -m pip install" in line(example())


def test_layout_that_fails_and_a_thread_that_does_not_start_are_a_line(monkeypatch):
    failed = subprocess.CalledProcessError(1, "dot")
    for error in (OSError("no memory"), failed, UnicodeDecodeError("utf-8", b"", 0, 1, "x")):

        def fails(*_, error=error, **__):
            raise error

        monkeypatch.setattr("autograd.pictures.rendering.Drawing.pipe", fails)
        assert "the root of a graph of 7 nodes, without a picture" in line(example())

    def starts_not(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", starts_not)
    assert line(example()) == "L = -8.0: draw(root) draws it"


def test_root_without_a_gradient_is_drawn():
    y = example()
    y.grad = None
    assert SVG in y._repr_mimebundle_()


class Owner:
    def __init__(self, parameters):
        self.parameters = parameters


def test_error_in_a_module_goes_where_those_of_threads_go(monkeypatch):
    def fails():
        raise KeyError("parameters")

    seen = []
    monkeypatch.setattr(threading, "excepthook", seen.append)
    owner, x = Owner(fails), Value(1.0)
    with scope("Broken", owner):
        y = tanh(x)
    assert "draw(root) waits for it" in line(y)
    assert [caught.exc_type for caught in seen] == [KeyError]


def assert_soon(show):
    """Show until it took less than a tenth of a second: a busy machine takes its time for anything, now and then."""
    seconds = []
    while len(seconds) < 10:
        start = time.perf_counter()
        show()
        seconds.append(time.perf_counter() - start)
        if seconds[-1] < 0.1:
            return
    pytest.fail(f"showing took {seconds} seconds")


@pytest.mark.thorough
def test_graph_of_any_size_is_counted_no_further_than_is_shown(monkeypatch):
    assert display._counted(fsum([-Value(1.0)] * (display.MAX_COUNTED - 2))) == (3, display.MAX_COUNTED - 1)
    deep = Value(1.0)
    for _ in range(300_000):
        deep = deep + 1.0
    for root in (deep, fsum([Value(1.0) for _ in range(300_000)])):
        monkeypatch.setattr(display, "SECONDS", 30.0)
        assert "thousands of nodes" in line(root)
        assert sum(display._counted(root)) < 3 * display.MAX_COUNTED
        monkeypatch.setattr(display, "SECONDS", WAIT)
        assert_soon(lambda root=root: root._repr_mimebundle_())


def test_nobody_waits_for_a_slow_module_or_layout(monkeypatch):
    monkeypatch.setattr(display, "SECONDS", WAIT)
    release = threading.Event()

    def slow():
        release.wait(10)
        return []

    owner, x = Owner(slow), Value(1.0)
    with scope("Slow", owner):
        y = tanh(x)
    shown = []
    assert_soon(lambda: shown.append(line(y)))
    release.set()
    assert "not drawn yet" in shown[0]


def test_first_picture_of_a_process_is_waited_for_and_later_ones_are_not(monkeypatch):
    for attempt in threading.enumerate():  # those of other tests, which they did not wait for
        if isinstance(attempt, display._Attempt):
            attempt.join()
    waited = []

    def join(attempt, seconds):
        waited.append(seconds)
        threading.Thread.join(attempt)

    monkeypatch.setattr(display._Attempt, "join", join)
    monkeypatch.setattr(display, "SECONDS", WAIT)
    monkeypatch.setattr(display._Attempt, "drawn", False)
    for _ in range(3):
        assert list(example()._repr_mimebundle_()) == [SVG]
    assert waited == [display.FIRST, WAIT, WAIT]


def test_first_picture_of_a_process_is_there_and_it_ends_while_another_is_being_made():
    program = """
import time
from autograd import *
x = Value(2.0)
print(*(x * x)._repr_mimebundle_())
class Slow:
    def parameters(self): time.sleep(60)
owner = Slow()
with scope("Slow", owner):
    y = tanh(x)
print(*y._repr_mimebundle_())
"""
    command, root = [sys.executable, "-c", program], Path(autograd.__file__).parents[1]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, timeout=30)
    assert run.stdout.splitlines() == [SVG, "text/html"]
