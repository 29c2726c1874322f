"""Options of the test run, and a real browser for the tests of pages.

The browser is Debian's Chromium, driven by Playwright. Where one of them is absent, its tests are skipped.
"""

import gc
import os
import shutil
import subprocess
import zlib
from collections import Counter

import pytest
from hypothesis import settings

from tests import hypothesis_profiles  # before any test reads its settings

AXE = "axe-core@4.10.3"
ARGUMENTS = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


def pytest_addoption(parser):
    parser.addoption("--thorough", action="store_true", help="test larger samples, as of named files")
    parser.addoption("--whole", action="store_true", help="test whole grids, and what takes minutes")


def pytest_configure(config):
    if hasattr(config, "workerinput"):  # this is one of several processes
        config.option.thorough = config.workerinput["thorough"]
    elif config.option.whole or config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        config.option.thorough = True
    if config.getoption("--thorough") and not config.getoption("--hypothesis-profile", None):
        settings.load_profile("thorough")
    config.addinivalue_line("markers", "sample(one_in): a grid of parameters; one in so many of its points is tested")
    config.addinivalue_line("markers", "thorough: a test that takes seconds, of what others test too")
    config.addinivalue_line("markers", "whole: a test that takes minutes, of what others test too")
    config.addinivalue_line("filterwarnings", "ignore:could not create cache path")  # where all is read only


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_configure_node(node):
    node.workerinput["thorough"] = node.config.option.thorough


def pytest_collection_modifyitems(config, items):
    """Leave out of each grid what its sample leaves out, and what takes long, but where it is asked for or named.

    Every value of every parameter stays; and every pair of values, if of the other parameters one has as many values as
    the sample leaves points out. Without `--thorough`, where no file is named, what takes seconds is left out too, and
    of large samples a part stays, another one for each test.
    """
    known = {}
    for item in items:
        if hasattr(item, "callspec"):
            item.stash[POSITION] = position(item, known.setdefault(name_of_grid(item), {}))
    if not (config.getoption("--whole") or any("::" in argument for argument in config.args)):
        tested = list(filter(is_in_its_sample, items))
        tested = tested if config.getoption("--thorough") else a_part_of(tested)
        kept = set(tested)
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = tested


def pytest_collection_finish():
    """Have the garbage collector, which many tests call, look at what tests make, not at all the tests as well."""
    hypothesis_profiles.make_generator()
    gc.collect()
    gc.freeze()


POSITION = pytest.StashKey()
LARGE, PART = 12, 3  # a grid of more points is large; one in so many of them is tested where nothing else is asked for


def position(item, known):
    """The sum of the positions of a test's parameters, each among the values of the parameter that are known so far."""
    parameters = item.callspec.params
    given = [mark.args[0] for mark in item.iter_markers("parametrize")]
    given = [names.replace(" ", "").split(",") if isinstance(names, str) else list(names) for names in given]
    beside = parameters.keys() - {name for names in given for name in names}  # those of fixtures
    first = [names[0] for names in given] + sorted(beside)
    places = [known.setdefault(name, {}) for name in first]
    return sum(place.setdefault(id(parameters[name]), len(place)) for name, place in zip(first, places, strict=True))


def name_of_grid(item):
    return f"{item.path.name}::{item.originalname}"


def one_in(item):
    marker = item.get_closest_marker("sample")
    return marker.args[0] if marker else 1


def is_in_sample(item, one_in):
    return item.stash[POSITION] % one_in == 0


def is_in_its_sample(item):
    return item.get_closest_marker("whole") is None and (one_in(item) == 1 or is_in_sample(item, one_in(item)))


def a_part_of(items):
    """What takes no seconds, and of each large grid one point in `PART`."""
    sizes = Counter(name_of_grid(item) for item in items if POSITION in item.stash)

    def is_in_part(item):
        if sizes[grid := name_of_grid(item)] <= LARGE:
            return True
        return (item.stash[POSITION] // one_in(item) + zlib.crc32(grid.encode())) % PART == 0

    return [
        item
        for item in items
        if item.get_closest_marker("thorough") is None and (POSITION not in item.stash or is_in_part(item))
    ]


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads these options
def pytest_cmdline_main(config):
    """Run the whole suite in several processes, where pytest-xdist is there and no other way is asked for."""
    asked, cores = config.option, len(getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0))
    if (
        hasattr(asked, "numprocesses")
        and (asked.numprocesses, asked.dist, asked.capture) == (None, "no", "fd")
        and not (asked.usepdb or asked.trace)
        and config.args_source is pytest.Config.ArgsSource.TESTPATHS
        and not hasattr(config, "workerinput")  # this is not one of these processes
        and cores > 1
    ):
        asked.numprocesses, asked.dist = min(cores, 8), "worksteal"  # neighbours stay together, with what they share


@pytest.fixture
def whole(request):
    """Whether all is tested that there is."""
    return request.config.getoption("--whole")


@pytest.fixture
def in_sample(request, whole):
    """A function that tells whether a test is one in so many of its grid; with `--whole` each is."""
    return lambda one_in: whole or is_in_sample(request.node, one_in)


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="the page's tests need playwright")
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("the page's tests need Chromium: apt-get install chromium, or set CHROMIUM to one")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def contexts(browser):
    """Contexts of the browser by their options, each made once."""
    made = {}

    def context(**options):
        key = repr(sorted(options.items()))
        if key not in made:
            made[key] = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        return made[key]

    return context


@pytest.fixture
def open_page(contexts, tmp_path):
    """A function that opens what saves itself as a page; at the end, nothing may have gone wrong or left the page."""
    pages, trouble = [], []

    def open_page(saved, timeout=10_000, **options):
        file = saved.save(tmp_path / f"page{len(pages)}.html")
        page = contexts(**options).new_page()
        pages.append(page)
        page.set_default_timeout(timeout)
        page.on("console", lambda message: trouble.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
        page.on("dialog", lambda dialog: trouble.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: request.url == file.as_uri() or trouble.append(f"request: {request.url}"))
        page.goto(file.as_uri())
        return page

    yield open_page
    for page in pages:
        page.close()
    assert trouble == []


@pytest.fixture(scope="session")
def axe(pytestconfig, tmp_path_factory):
    """The source of axe-core, of one version, by npm; it is kept where pytest may keep anything."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("axe-core comes by npm, which is not installed")
    try:
        folder = pytestconfig.cache.mkdir(AXE.replace("@", "-"))
    except (AttributeError, OSError):  # -p no:cacheprovider, or a tree that is read only
        folder = tmp_path_factory.mktemp("axe")
    source = folder / "node_modules" / "axe-core" / "axe.min.js"
    if (
        not source.exists()
        and subprocess.run([npm, "install", "--silent", "--no-save", "--prefix", folder, AXE], check=False).returncode
    ):
        pytest.skip("npm cannot fetch axe-core: without a network, or a home")
    return source.read_text(encoding="utf-8")
