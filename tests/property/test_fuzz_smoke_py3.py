"""A short run of the fuzz targets: C7, C29, C31, C32, C36."""
from __future__ import absolute_import, division, print_function

import os
import subprocess
import sys

import pytest

FUZZ = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "fuzz")
TARGETS = ["connection_client", "connection_server", "extensions", "handshake_client",
           "handshake_server", "inflate", "text"]


def run(*args):
    process = subprocess.run(
        (sys.executable, os.path.join(FUZZ, "smoke.py")) + args, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    return process.returncode, process.stdout.decode("utf-8")


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_found_in_a_short_run(target):
    """The corpus and 1000 mutations of it, the same in every run."""
    code, output = run("--runs", "1000", target)
    assert code == 0, output
    assert "nothing found" in output


def test_there_is_a_corpus_for_each_target():
    assert sorted(os.listdir(os.path.join(FUZZ, "corpus"))) == TARGETS
    code, output = run("--runs", "0")
    assert code == 0, output
    assert sorted(line.split()[0] for line in output.splitlines()) == TARGETS


def test_the_corpus_is_what_the_script_makes():
    """So that nobody has to keep files that nobody can read."""
    code = "import make_corpus; print(sorted(make_corpus.inputs()) == sorted(make_corpus.stored()))"
    process = subprocess.run([sys.executable, "-c", code], cwd=FUZZ, stdout=subprocess.PIPE)
    assert process.stdout.split() == [b"True"]


def test_a_finding_fails_and_shows_the_input(tmp_path):
    """That the run can fail: with a package that takes any close code."""
    found = tmp_path / "input"
    found.write_bytes(bytes.fromhex("0000 8802 03ed".replace(" ", "")))
    code, output = run("--input", str(found), "connection_client")
    assert code == 0, output
    program = ("import sys, smoke; from tornado_ws._sansio import close;"
               "close.is_valid_close_code = lambda code: True;"
               "smoke.run_input('connection_client', bytes.fromhex('0000880203ed'))")
    process = subprocess.run([sys.executable, "-c", program], cwd=FUZZ, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
    assert process.returncode == 1
    assert b"input: 0000880203ed" in process.stdout
