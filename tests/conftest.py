"""What all tests share: which run, on which loop, how Hypothesis works, how coverage spreads.

Warnings are errors: see ``filterwarnings`` in ``setup.cfg``.
"""
from __future__ import absolute_import, division, print_function

import gc
import glob
import importlib
import io
import os
import pkgutil
import platform
import re
import sys

import pytest
from hypothesis import HealthCheck, given, settings, strategies

if sys.version_info < (3,):
    find_module = pkgutil.find_loader
else:
    from importlib.util import find_spec as find_module


def is_installed(name):
    """Return whether there is a module; only the packages that it is in are imported."""
    try:
        return find_module(name) is not None
    except ImportError:
        return False


def has_terminals():
    """Return whether there are pseudo-terminals to be had."""
    try:
        descriptors = os.openpty()
    except (AttributeError, OSError):
        return False
    for descriptor in descriptors:
        os.close(descriptor)
    return True


collect_ignore = []
collect_ignore_glob = []
if sys.version_info < (3,):
    collect_ignore_glob.append("*_py3.py")
if not importlib.import_module("tornado_ws._straight").in_c:
    collect_ignore_glob.append("*_in_c_py3.py")
if "TORNADO_WS_INSTALLED" in os.environ and "TORNADO_WS_COMMAND_LINE" not in os.environ:
    collect_ignore_glob.append("integration/command_line/test_command_line*.py")
for library, files in [
        ("mypy", "typing/*"), ("websockets", "*_websockets_py3.py"),
        ("python_socks", "*_socks_py3.py"),
        ("selenium", "browser/*"), ("redis", "examples/*"),
        # Bokeh 3 has no such module.
        ("bokeh.client.tests", "*/test_program_bokeh.py"),
        ("distributed", "*/test_program_distributed_py3.py"),
        ("jupyter_http_over_ws", "*/test_program_jupyter_http_over_ws_py3.py"),
        ("jupyter_server", "*/test_program_jupyter_server_py3.py"),
        ("mopidy", "*/test_program_mopidy_py3.py"),
        ("newrelic", "*/test_program_newrelic_py3.py"),
        ("opentelemetry.instrumentation.tornado", "*/test_program_opentelemetry_py3.py"),
        ("panel", "*/test_program_panel_py3.py"),
        ("terminado", "*/test_program_terminado_py3.py"),
        ("tornwamp", "*/test_program_tornwamp.py"),
        ("webssh", "*/test_program_webssh_py3.py")]:
    if not is_installed(library):
        collect_ignore_glob.append(files)

# How long an example takes says more about the machine than about the code: no deadlines.
usual = dict(deadline=None, suppress_health_check=[HealthCheck.too_slow])
if sys.version_info < (3, 8):
    # The last Hypothesis for Python 2 spends minutes on what it remembers of earlier runs. To those
    # for 3.6 and 3.7 it is too large, also where all tests passed.
    usual["database"] = None
settings.register_profile("usual", **usual)
# The same examples in every run: what fails in one can be repeated in the next. There are many
# cells, so each takes few.
settings.register_profile("repeatable", settings.get_profile("usual"), derandomize=True,
                          max_examples=40, stateful_step_count=30)
settings.register_profile("thorough", settings.get_profile("usual"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "usual"))

# Processes that tests start are measured as the tests are.
if "COVERAGE_RCFILE" in os.environ:
    os.environ["COVERAGE_PROCESS_START"] = os.environ["COVERAGE_RCFILE"]

# Which event loop IOLoops have: see ``tox.ini``.
if "TORNADO_WS_LOOP" in os.environ:
    asyncio = importlib.import_module("asyncio")  # which Python 2 lacks
    if os.environ["TORNADO_WS_LOOP"] == "uvloop":
        make_loop = importlib.import_module("uvloop").new_event_loop
        asyncio.new_event_loop = asyncio.events.new_event_loop = make_loop
    else:
        # Tornado starts a thread for loops of this class: those of Windows, which cannot select.
        asyncio.ProactorEventLoop = asyncio.SelectorEventLoop

#: Marks of tests, and why those that have them cannot run here.
REASONS = {}
if platform.python_implementation() != "CPython":
    REASONS["cpython"] = "it counts references or measures memory, as only CPython can"
    # With Tornado's own module it is the same.
    REASONS["own_tls_errors"] = "PyPy's ssl raises one connection's error in the next one's read"
if "TORNADO_WS_REQUIRE_ALL" not in os.environ and not has_terminals():
    REASONS["terminals"] = "the system gives no pseudo-terminals (a chroot wants /dev/pts)"
if os.environ.get("TORNADO_WS_LOOP") == "uvloop":
    REASONS["asyncio_timers"] = "it counts the timers of asyncio's own loop"
if os.environ.get("TORNADO_WS_LOOP") == "selector":
    REASONS["prompt_sockets"] = "there a thread waits for the sockets, and tells when it gets to it"

TESTS = os.path.dirname(os.path.abspath(__file__))


def files_of_core():
    """Yields the files of the tests that use nothing of the installed Tornado."""
    for directory in ("unit", "property"):
        for path in glob.glob(os.path.join(TESTS, directory, "test_*.py")):
            with io.open(path, encoding="utf-8") as file:
                if not re.search(r"^(from|import) tornado\b", file.read(), re.M):
                    yield path


def pytest_configure(config):
    """Leaves out the core's tests where other cells have them, unless the command names any."""
    named = config.getoption("file_or_dir") or config.getoption("keyword")
    if os.environ.get("TORNADO_WS_CORE") == "elsewhere" and not named:
        collect_ignore.extend(files_of_core())


def pytest_collection_modifyitems(items):
    """Skips what cannot run here."""
    for item in items:
        for mark, reason in REASONS.items():
            if item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reason))


@settings(max_examples=1, database=None)
@given(strategies.none())
def first_test(_):
    """Lets Hypothesis see who refers to its random numbers, while that is no frozen object."""


def pytest_collection_finish():
    """Runs what has to come before all tests."""
    first_test()


@pytest.fixture(scope="module", autouse=True)
def short_collections():
    """Keeps what was there before a module's tests out of their collections of garbage."""
    if hasattr(gc, "freeze"):  # since Python 3.7
        gc.collect()
        gc.freeze()
