"""Run one file of Tornado's own websocket tests and write what each test did as JSON.

This is a program, started in a fresh interpreter by ``test_upstream.py``, since the module
under test must stand in for ``tornado.websocket`` before the test file is imported::

    upstream_runner.py REPORT {stock,installed,face} [--root DIR] [--file PATH] [--list]

* ``stock``: Tornado's own module, untouched (what the harness is checked against).
* ``installed``: ``tornado_ws.install()`` first.
* ``face``: ``tornado_ws.websocket`` (4.3 semantics) as ``tornado.websocket``.

``--file`` names a test file on disk instead of the installed Tornado's; ``--root`` the directory
from which ``tornado_ws`` must come; with ``--list`` nothing runs, and the report holds the ids.
"""
from __future__ import absolute_import, division, print_function

import argparse
import ast
import gc
import io
import json
import logging
import os
import sys
import types
import unittest
import warnings


def put_in_place(implementation, root):
    """Make ``tornado.websocket`` the implementation asked for.

    Args:
        implementation: ``"stock"``, ``"installed"`` or ``"face"``.
        root: directory that holds the package ``tornado_ws``, or None.

    Raises:
        ImportError: the package is not there.
    """
    if root is not None and root not in sys.path:
        sys.path.insert(0, root)
    if implementation == "installed":
        import tornado_ws
        tornado_ws.install()
    elif implementation == "face":
        import tornado

        from tornado_ws import websocket
        sys.modules["tornado.websocket"] = tornado.websocket = websocket


def supply_old_helpers():
    """Give back to ``tornado`` two helpers which 4.3's test file imports and later ones lack."""
    import tornado.test.util
    import tornado.util
    if not hasattr(tornado.util, "u"):
        tornado.util.u = lambda text: text
    if not hasattr(tornado.test.util, "unittest"):
        tornado.test.util.unittest = unittest


def load_test_module(path):
    """Import the test module of the installed Tornado, or the one that lies at ``path``."""
    if path is None:
        import tornado.test.websocket_test as module
        return module
    supply_old_helpers()
    module = types.ModuleType("websocket_test_from_file")
    module.__file__ = path
    sys.modules[module.__name__] = module
    with io.open(path, "rb") as source:
        exec(compile(source.read(), path, "exec", dont_inherit=True), module.__dict__)
    return module


def names_in_source(module):
    """Return the sorted names of the test methods that are written in the module's source."""
    path = module.__file__
    if path.endswith(("c", "o")):
        path = path[:-1]
    with io.open(path, "rb") as source:
        tree = ast.parse(source.read())
    return sorted({node.name for node in ast.walk(tree)
                   if type(node).__name__ in ("FunctionDef", "AsyncFunctionDef")
                   and node.name.startswith("test")})


def flatten(suite):
    """Yield the test cases of a suite, however deeply nested.

    Left out are the classes that Tornado 6.5+ wraps to mark them as abstract: a runner would
    load their tests and then skip each class as a whole.
    """
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            for test in flatten(item):
                yield test
        elif type(item).__name__ != "AbstractBaseWrapper":
            yield item


def short_id(test):
    """Return ``Class.method`` for a test case, the whole id for a class's or module's set-up."""
    if isinstance(test, unittest.TestCase):
        return ".".join(test.id().split(".")[-2:])
    return test.id()


class RecordingHandler(logging.Handler):
    """Keep the log records of warning level and above, as text."""

    def __init__(self):
        logging.Handler.__init__(self, logging.WARNING)
        self.lines = []

    def emit(self, record):
        """Add one record."""
        text = self.format(record)
        self.lines.append("%s %s: %s" % (record.levelname, record.name, text))


class RecordingResult(unittest.TestResult):
    """Keep for every test id its outcome, the text that explains it and the noise it made."""

    def __init__(self, log_handler, stderr):
        unittest.TestResult.__init__(self)
        self.outcomes = {}
        self._log_handler = log_handler
        self._stderr = stderr

    def _record(self, test, outcome, detail=""):
        self.outcomes.setdefault(short_id(test), {"noise": ""}).update(
            outcome=outcome, detail=detail)

    def addSuccess(self, test):  # noqa: N802
        """Record a test that passed (unless one of its subtests failed already)."""
        if short_id(test) not in self.outcomes:
            self._record(test, "passed")

    def addFailure(self, test, err):  # noqa: N802
        """Record a failed assertion."""
        self._record(test, "failed", self._exc_info_to_string(err, test))

    def addError(self, test, err):  # noqa: N802
        """Record an exception."""
        self._record(test, "failed", self._exc_info_to_string(err, test))

    def addSubTest(self, test, subtest, err):  # noqa: N802
        """Record a failed subtest as the failure of its test."""
        if err is not None:
            self.addFailure(test, err)

    def addSkip(self, test, reason):  # noqa: N802
        """Record a test, or a whole class of tests, that was skipped."""
        self._record(test, "skipped", reason)

    def addExpectedFailure(self, test, err):  # noqa: N802
        """Record a failure that the test announces: never a pass here."""
        self._record(test, "failed", "expected failure")

    def addUnexpectedSuccess(self, test):  # noqa: N802
        """Record a pass where the test announces a failure: never a pass here."""
        self._record(test, "failed", "unexpected success")

    def stopTest(self, test):  # noqa: N802
        """Attach what the test logged or had printed by destructors."""
        unittest.TestResult.stopTest(self, test)
        gc.collect()
        noise = "\n".join(self._log_handler.lines) + self._stderr.getvalue()
        self._log_handler.lines = []
        self._stderr.seek(0)
        self._stderr.truncate()
        if noise:
            self.outcomes[short_id(test)]["noise"] += noise


def be_strict_about_warnings():
    """Make warnings errors, as Tornado's runner does; what is merely old matters in our code.

    Older test files leave a connection open, of which there is a warning.
    """
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", message="Unclosed WebSocketClientConnection")
    warnings.simplefilter("ignore", ImportWarning)
    for category in (DeprecationWarning, PendingDeprecationWarning):
        warnings.simplefilter("ignore", category)
        warnings.filterwarnings("error", category=category, module=r"tornado_ws(\.|$)")


def run_tests(suite):
    """Run a suite; return a dict from test id to outcome, detail and noise."""
    log_handler = RecordingHandler()
    logging.getLogger().addHandler(log_handler)
    logging.getLogger("tornado.access").setLevel(logging.CRITICAL)
    real_stderr = sys.stderr
    sys.stderr = io.BytesIO() if str is bytes else io.StringIO()
    try:
        result = RecordingResult(log_handler, sys.stderr)
        suite.run(result)
    finally:
        sys.stderr = real_stderr
    return result.outcomes


def where_from(module):
    """Return the files that the names used by the test module come from."""
    close = module.WebSocketHandler.close
    return {
        "handler": os.path.realpath(getattr(close, "__func__", close).__code__.co_filename),
        "connect": os.path.realpath(module.websocket_connect.__code__.co_filename),
    }


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("report")
    parser.add_argument("implementation", choices=("stock", "installed", "face"))
    parser.add_argument("--root")
    parser.add_argument("--file")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    be_strict_about_warnings()
    put_in_place(args.implementation, args.root)
    module = load_test_module(args.file)
    loader = unittest.TestLoader()
    tests = list(flatten(loader.loadTestsFromModule(module)))
    import tornado
    report = {
        "tornado": tornado.version,
        "python": sys.version,
        "sources": where_from(module),
        "names_in_source": names_in_source(module),
        "loaded": [short_id(test) for test in tests],
    }
    if not args.list:
        report["outcomes"] = run_tests(unittest.TestSuite(tests))
    with io.open(args.report, "wb") as out:
        out.write(json.dumps(report, indent=1, sort_keys=True).encode("ascii"))


if __name__ == "__main__":
    main()
