"""Runs a program's tests with Tornado's own ``tornado.websocket``, then with ours, and compares.

Each run is a process of its own: ``python -m pytest ...``, and then ``python -m tornado_ws run -m
pytest ...`` with the same arguments. `compare` is the whole test of a program.
"""
from __future__ import absolute_import, division, print_function

import contextlib
import fcntl
import io
import json
import os
import re
import shutil
import sys
import tarfile
import tempfile
from xml.etree import ElementTree

import timed_process
import tornado.websocket

import tornado_ws

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = os.path.dirname(os.path.realpath(tornado_ws.__file__))
TORNADO = os.path.dirname(os.path.realpath(tornado.websocket.__file__))

TIME_LIMIT = 300
"""Seconds after which a run is killed."""

REPETITIONS = 5
"""How often a test that lost a race is run again."""

NOTHING = "(?!)"
"""The regular expression that matches no name."""

OPTIONS = ["-q", "-p", "program_report", "-p", "no:cacheprovider"]


class Run(object):
    """What one run of a program's tests did.

    Attributes:
        outcomes: dict from the name of a test to ``"passed"``, ``"failed"`` or ``"skipped"``.
        report: what ``program_report.py`` found.
        output: what pytest printed.
    """

    def __init__(self, directory, output):
        self.output = output
        self.outcomes = {}
        junit = ElementTree.parse(os.path.join(directory, "junit.xml"))
        for case in junit.iter("testcase"):
            name = "%s.%s" % (case.get("classname"), case.get("name"))
            self._add(name, set(child.tag for child in case))
        with io.open(os.path.join(directory, "report.json"), encoding="ascii") as content:
            self.report = json.load(content)

    def _add(self, name, tags):
        if tags & {"failure", "error"}:
            self.outcomes[name] = "failed"
        else:
            self.outcomes.setdefault(name, "skipped" if "skipped" in tags else "passed")

    def names(self, outcome):
        """Return the set of the names of the tests with an outcome."""
        return {name for name, its_outcome in self.outcomes.items() if its_outcome == outcome}

    def __str__(self):
        return "%d passed, %d failed, %d skipped; %d server and %d client connections" % (
            len(self.names("passed")), len(self.names("failed")), len(self.names("skipped")),
            self.report["server"], self.report["client"])


@contextlib.contextmanager
def temporary_directory():
    """Give a new directory and remove it at the end."""
    directory = tempfile.mkdtemp()
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@contextlib.contextmanager
def one_at_a_time(name):
    """Wait until no other process on this machine is in here: for tests with a fixed port.

    Args:
        name: Of the program.
    """
    path = os.path.join(tempfile.gettempdir(), "tornado_ws-%s.lock" % name)
    with open(path, "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_tests(swapped, arguments, where):
    """Run a program's tests in a process of their own.

    The home directory is empty there: a shell that a program starts shall not read what the user
    has for his.

    Args:
        swapped: Whether ``tornado_ws`` stands in for ``tornado.websocket``.
        arguments: A list of arguments for pytest.
        where: The directory to be in.

    Returns:
        A `Run`.

    Raises:
        AssertionError: pytest did not get as far as to run tests.
    """
    with temporary_directory() as directory:
        environment = dict(os.environ, PROGRAM_REPORT=os.path.join(directory, "report.json"),
                           HOME=os.path.join(directory, "home"))
        os.mkdir(environment["HOME"])
        path = [HERE]
        if not os.environ.get("TORNADO_WS_INSTALLED"):
            path.append(os.path.dirname(OURS))
        environment["PYTHONPATH"] = os.pathsep.join(path)
        command = [sys.executable] + (["-m", "tornado_ws", "run"] if swapped else []) + [
            "-m", "pytest", "--junitxml", os.path.join(directory, "junit.xml")]
        status, output = timed_process.run(
            command + OPTIONS + arguments, TIME_LIMIT, cwd=where, env=environment)
        assert status in (0, 1), "exit status %d\n%s" % (status, output)
        missing = {"junit.xml", "report.json"}.difference(os.listdir(directory))
        assert not missing, "without %s\n%s" % (sorted(missing), output)
        return Run(directory, output)


def check_implementation(run, package, handler):
    """Assert that a run used an implementation, in both roles.

    Args:
        run: The `Run`.
        package: The directory that the implementation is in.
        handler: The name of the program's class of handlers.
    """
    assert run.report["protocol"].startswith(package + os.sep)
    assert run.report["server"] > 0
    assert run.report["client"] > 0
    assert run.report["handlers"][handler][-1].startswith(package + os.sep)


def run_with_races(swapped, arguments, where, races):
    """Run a program's tests, and those again that lost a race.

    Args:
        swapped, arguments, where: As for `run_tests`.
        races: A regular expression for the names of tests that a slow machine may fail.

    Returns:
        A `Run`; its report is that of the first run.
    """
    run = run_tests(swapped, arguments, where)
    for _ in range(REPETITIONS):
        lost = {name for name in run.names("failed") if re.search(races, name)}
        if not lost:
            break
        print("%s again: %s" % ("swapped" if swapped else "stock", ", ".join(sorted(lost))))
        selection = " or ".join(sorted(name.split(".")[-1] for name in lost))
        again = run_tests(swapped, arguments + ["-k", selection], where)
        run.outcomes.update((name, again.outcomes[name]) for name in lost)
    return run


def compare(arguments, where, handler, fewest, known_failures=(), races=NOTHING):
    """Assert that a program's tests do the same with either implementation, test by test.

    Args:
        arguments: A list of arguments for pytest.
        where: The directory to be in.
        handler: The name of the program's class of handlers.
        fewest: How many tests there are at least.
        known_failures: The names of tests that fail with Tornado's own module too.
        races: As for `run_with_races`.
    """
    stock = run_with_races(False, arguments, where, races)
    swapped = run_with_races(True, arguments, where, races)
    print("Python %s, Tornado %s" % tuple(stock.report["versions"]))
    print("stock: %s\nswapped: %s" % (stock, swapped))
    check_implementation(stock, TORNADO, handler)
    check_implementation(swapped, OURS, handler)
    assert stock.names("failed") == set(known_failures), stock.output
    assert swapped.outcomes == stock.outcomes, swapped.output
    assert len(stock.names("passed")) >= fewest
    assert swapped.report["versions"] == stock.report["versions"]


def installed_version(project):
    """Return the version in which a project is installed."""
    try:
        from importlib.metadata import version
    except ImportError:
        from pkg_resources import get_distribution
        return get_distribution(project).version
    return version(project)


def unpack_sdist(project, directory):
    """Fetch the sdist of an installed project in the same version and unpack it.

    Args:
        project: The project's name.
        directory: An empty directory.

    Returns:
        The path of the directory in it that holds what was in the sdist.
    """
    version = installed_version(project)
    status, output = timed_process.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", project,
         "--dest", directory, "%s==%s" % (project, version)],
        TIME_LIMIT, env=timed_process.UNCONSTRAINED)
    assert status == 0, "pip cannot fetch the sdist of %s %s:\n%s" % (project, version, output)
    archive_name, = os.listdir(directory)
    with tarfile.open(os.path.join(directory, archive_name)) as archive:
        name = archive.getnames()[0].split("/")[0]
        for member in archive.getmembers():
            assert member.name.split("/")[0] == name and ".." not in member.name.split("/")
        archive.extractall(directory, **_filter())
    return os.path.join(directory, name)


def _filter():
    # Newer Pythons want to be told that an archive is what it seems; older ones cannot be.
    return {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
