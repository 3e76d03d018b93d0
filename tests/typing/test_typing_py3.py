"""The stubs: a user's program passes ``mypy --strict``, and they say what the package has.

These run where mypy is installed.
"""
from __future__ import absolute_import, division, print_function

import os
import re
import subprocess
import sys

import pytest

pytest.importorskip("mypy.version")

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.dirname(os.path.dirname(HERE))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Give a function that runs Python with arguments and returns its exit code and output."""
    environ = dict(os.environ)
    environ.setdefault("MYPY_CACHE_DIR", str(tmp_path_factory.mktemp("mypy")))

    def run_python(*args):
        process = subprocess.run((sys.executable,) + args, cwd=os.path.dirname(HERE), env=environ,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        return process.returncode, process.stdout.decode("utf-8")

    return run_python


def test_programs_of_users_are_checked_strictly(run):
    """What is right passes; what is wrong has an ``ignore`` that is needed."""
    code, output = run(
        "-m", "mypy", "--config-file", os.path.join(PROJECT, "setup.cfg"), "--strict",
        os.path.join(HERE, "sample_program.py"), os.path.join(HERE, "misuse.py"))
    assert code == 0, output


def test_what_migrate_rst_tells_a_type_checker(run):
    """After ``install()``: with the ``if`` the types are ours, without it they are Tornado's."""
    page = os.path.join(PROJECT, "docs", "howto", "code", "typed.py")
    with open(page) as file:
        source = file.read()
    ours, theirs = re.findall(r"^    (from .* import websocket)$", source, re.M)
    without = source.replace(ours, theirs)
    assert without != source
    for arguments, expected in [([page], 0), (["-c", without], 1)]:
        code, output = run("-m", "mypy", "--config-file", os.path.join(PROJECT, "setup.cfg"),
                           "--strict", *arguments)
        assert code == expected, output
    assert "__aenter__" in output


def test_the_stubs_say_what_the_package_has(run):
    code, output = run(
        "-m", "mypy.stubtest", "--mypy-config-file", os.path.join(PROJECT, "setup.cfg"),
        "--allowlist", os.path.join(HERE, "stubtest_allowlist.txt"), "tornado_ws")
    assert code == 0, output


def test_the_sample_program_runs(run):
    """So that what mypy accepts is what works."""
    code, output = run(os.path.join(HERE, "sample_program.py"))
    assert code == 0, output
    assert "Traceback" not in output
    assert """['{"room": "lobby", "text": "hello"}']""" in output
    assert "'text', b'binary', b'view', '{\"a\": 1}', 'done by another thread']" in output
    assert "['welcome', 'WELCOME']" in output
