"""Tornado's own websocket tests, run against us: the oldest promise of all (C1, C2, C5).

Two runs, each in a fresh interpreter (``upstream_runner.py``):

* ``installed``: ``tornado.test.websocket_test`` of the installed Tornado, after
  ``tornado_ws.install()``;
* ``face``: the test file of Tornado 4.3, with ``tornado_ws.websocket`` as ``tornado.websocket``.
  Where another Tornado is installed the file comes from 4.3's source archive, by pip.

Each test of theirs is one test here. One passes only if it also logs no warning and has nothing
printed by destructors: Tornado's tests run clean.
"""
from __future__ import absolute_import, division, print_function

import hashlib
import io
import json
import os
import shutil
import sys
import tarfile
import tempfile

import pytest
import timed_process
import tornado

import tornado_ws

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.dirname(os.path.realpath(tornado_ws.__file__))
TIME_LIMIT = 300
"""Seconds after which a run of one test file is killed."""

FIRST_VERSION = "4.3"
FIRST_ARCHIVE = "tornado-%s.tar.gz" % FIRST_VERSION
FIRST_FILE = "tornado-%s/tornado/test/websocket_test.py" % FIRST_VERSION
FIRST_FILE_SHA256 = "daff4ced272302dac9785e4fd2e1dfe0d78767936d2bf51b9ae89780954b7d2d"

COMPRESSION_CLASSES = ("NoCompressionTest", "ServerOnlyCompressionTest",
                       "ClientOnlyCompressionTest", "DefaultCompressionTest")
FIRST_TESTS = tuple(sorted(
    ["WebSocketTest." + name for name in (
        "test_async_prepare", "test_binary_message", "test_check_origin_invalid",
        "test_check_origin_invalid_partial_url", "test_check_origin_invalid_subdomains",
        "test_check_origin_valid_no_path", "test_check_origin_valid_with_path",
        "test_client_close_reason", "test_error_in_on_message", "test_http_request",
        "test_server_close_reason", "test_unicode_message", "test_websocket_callbacks",
        "test_websocket_close_buffered_data", "test_websocket_gen", "test_websocket_headers",
        "test_websocket_http_fail", "test_websocket_http_success",
        "test_websocket_network_fail")] +
    [name + ".test_message_sizes" for name in COMPRESSION_CLASSES] +
    ["PythonMaskFunctionTest.test_mask", "CythonMaskFunctionTest.test_mask"]))
"""The tests of Tornado 4.3, all of them."""

EXCEPTIONS = {}
"""Tests of theirs that cannot pass: ``{(run, "Class.method"): reason}``."""

SKIPS = {
    "WebSocketNativeCoroutineTest.test_native_coroutine": "PEP 492 (async/await) not available",
    "CythonMaskFunctionTest.test_mask": "tornado.speedups module not present",
    "CythonMaskFunctionTest.test_length_validation": "tornado.speedups module not present",
    "WebSocketTest.test_check_origin_invalid_subdomains": "localhost does not resolve to ipv4",
    "CompressedMessageMemoryTest.test_compression_bomb": "Not CPython implementation",
}
"""The only reasons for which a test of theirs may skip itself, by test."""


def run_upstream(implementation, *options):
    """Start ``upstream_runner.py`` in a fresh interpreter and return its report."""
    directory = tempfile.mkdtemp()
    try:
        report = os.path.join(directory, "report.json")
        status, output = timed_process.run(
            [sys.executable, os.path.join(HERE, "upstream_runner.py"), report, implementation,
             "--root", os.path.dirname(PACKAGE)] + list(options),
            TIME_LIMIT, cwd=directory, env=dict(os.environ, ASYNC_TEST_TIMEOUT="30"))
        if status:
            raise RuntimeError("upstream_runner.py: exit status %d\n%s" % (status, output))
        with io.open(report, encoding="ascii") as content:
            return json.load(content)
    finally:
        shutil.rmtree(directory)


def fetch_first_test_file():
    """Return the path of Tornado 4.3's test file, fetched by pip unless it is there already."""
    directory = os.path.join(
        os.environ.get("TOX_ENV_DIR") or tempfile.gettempdir(), "tornado_ws-upstream")
    path = os.path.join(directory, "websocket_test_4_3.py")
    if not os.path.exists(path):
        download = tempfile.mkdtemp()
        try:
            status, output = timed_process.run(
                [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                 "--no-binary", "tornado", "--dest", download, "tornado==" + FIRST_VERSION],
                TIME_LIMIT, env=timed_process.UNCONSTRAINED)
            if status:
                raise RuntimeError("pip cannot fetch %s, which holds the tests to run:\n%s"
                                   % (FIRST_ARCHIVE, output))
            with tarfile.open(os.path.join(download, FIRST_ARCHIVE)) as archive:
                source = archive.extractfile(FIRST_FILE).read()
            if not os.path.isdir(directory):
                os.makedirs(directory)
            with io.open(path, "wb") as copy:
                copy.write(source)
        finally:
            shutil.rmtree(download)
    with io.open(path, "rb") as copy:
        digest = hashlib.sha256(copy.read()).hexdigest()
    if digest != FIRST_FILE_SHA256:
        raise RuntimeError("%s is not Tornado %s's file (SHA-256 %s): delete it"
                           % (path, FIRST_VERSION, digest))
    return path


@pytest.fixture(scope="module")
def installed_report():
    """The report of the installed Tornado's tests against the installed semantics."""
    return run_upstream("installed")


@pytest.fixture(scope="module")
def face_report():
    """The report of Tornado 4.3's tests against ``tornado_ws.websocket``."""
    if tornado.version == FIRST_VERSION:
        return run_upstream("face")
    return run_upstream("face", "--file", fetch_first_test_file())


def pytest_generate_tests(metafunc):
    """Make one test of each test in the installed Tornado's file; importing it runs nothing."""
    if "installed_test" in metafunc.fixturenames:
        listing = run_upstream("stock", "--list")
        metafunc.parametrize("installed_test", sorted(listing["loaded"]))


def check_outcome(run, report, test_id):
    """Assert that one test of theirs passed, in silence; skip where it says rightly that it
    cannot run here.
    """
    result = report["outcomes"][test_id]
    text = "%s\n%s" % (result["detail"], result["noise"])
    if (run, test_id) in EXCEPTIONS:
        assert result["outcome"] == "failed", "listed as an exception, but it passes"
        pytest.xfail(EXCEPTIONS[run, test_id])
    if result["outcome"] == "skipped" and result["detail"] == SKIPS.get(test_id):
        pytest.skip(result["detail"])
    assert result["outcome"] == "passed", text
    assert not result["noise"], text


def check_complete(report):
    """Assert that all tests in the file ran, by two counts, and that they tested us."""
    loaded = report["loaded"]
    assert len(loaded) >= len(FIRST_TESTS)
    assert len(set(loaded)) == len(loaded)
    assert sorted(report["outcomes"]) == sorted(loaded)
    assert sorted({test_id.split(".")[1] for test_id in loaded}) == report["names_in_source"]
    for path in report["sources"].values():
        assert path.startswith(PACKAGE + os.sep), path


def test_every_test_of_the_installed_tornado_ran_against_us(installed_report):
    """C2, C5: under ``install()`` the file runs whole, on our code and on this Tornado."""
    check_complete(installed_report)
    assert installed_report["tornado"] == tornado.version


def test_every_test_of_the_first_tornado_ran_against_us(face_report):
    """C1: Tornado 4.3's file runs whole, on our code, whatever Tornado is installed."""
    check_complete(face_report)
    assert tuple(sorted(face_report["loaded"])) == FIRST_TESTS
    assert face_report["tornado"] == tornado.version


def test_installed(installed_report, installed_test):
    """C2: what the installed Tornado asks of its module, ours does under ``install()``."""
    check_outcome("installed", installed_report, installed_test)


@pytest.mark.parametrize("first_test", FIRST_TESTS)
def test_face(face_report, first_test):
    """C1: what Tornado 4.3 asked of its module, ``tornado_ws.websocket`` does everywhere."""
    check_outcome("face", face_report, first_test)


def test_exceptions_and_skips_name_tests_that_exist(installed_report):
    """A list of exceptions must not outlive the tests that it names."""
    known = {("installed", test_id) for test_id in installed_report["loaded"]}
    known |= {("face", test_id) for test_id in FIRST_TESTS}
    assert set(EXCEPTIONS) <= known
