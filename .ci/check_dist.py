"""Builds the sdist and the wheel, checks them and installs each into empty environments.

    python .ci/check_dist.py DIRECTORY

Everything is made below ``DIRECTORY``. The environments are of this Python, and of the oldest
Python 2 and Python 3 that the package supports, where there are such.
"""
from __future__ import absolute_import, division, print_function

import glob
import os
import shutil
import subprocess
import sys
import tarfile

# The virtualenv that makes environments of these does not run on newer Pythons.
OLD_PYTHONS = ["python2.7", "python3.6"] if sys.version_info < (3, 14) else []

#: What makes an sdist one that can be tested.
SDIST_FILES = [
    ".ci/run", "CHANGES.rst", "LICENSE", "README.rst", "SECURITY.rst", "pyproject.toml",
    "setup.cfg", "tests/conftest.py", "tests/unit/test_packaging.py", "tornado_ws/py.typed",
    "tox.ini",
]

USE = """
import tornado_ws.websocket
import tornado_ws
print("tornado_ws " + tornado_ws.__version__ + " with " + tornado_ws.websocket.__name__)
"""


def run(*command, **options):
    """Runs a command; raises ``CalledProcessError`` if it fails."""
    print("$ " + " ".join(command), flush=True)
    subprocess.run(command, check=True, **options)


def build(directory):
    """Builds both, has twine check them, and returns their paths: (sdist, wheel)."""
    run(sys.executable, "-m", "build", "--outdir", directory, ".")
    sdist, = glob.glob(os.path.join(directory, "*.tar.gz"))
    wheel, = glob.glob(os.path.join(directory, "*-py2.py3-none-any.whl"))
    run(sys.executable, "-m", "twine", "check", "--strict", sdist, wheel)
    return sdist, wheel


def check_sdist(path):
    """Exits unless the sdist has what belongs in one, and no compiled Python."""
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    absent = [name for name in SDIST_FILES if name not in names]
    if absent:
        sys.exit("not in the sdist: " + ", ".join(absent))
    stray = [name for name in names if name.endswith(".pyc") or "/." in name]
    if stray:
        sys.exit("should not be in the sdist: " + ", ".join(stray))


def install(package, python, directory):
    """Installs a package into a new environment of a Python, and uses it there."""
    environment = os.path.join(directory, "environment")
    shutil.rmtree(environment, ignore_errors=True)
    # A place of its own for what virtualenv keeps: another one's may be of a newer virtualenv.
    run(sys.executable, "-m", "virtualenv", "-q", "--app-data",
        os.path.join(directory, "virtualenv"), "-p", python, environment)
    programs = os.path.join(environment, "bin")
    run(os.path.join(programs, "python"), "-m", "pip", "install", "-q", package)
    run(os.path.join(programs, "python"), "-c", USE, cwd=directory)
    run(os.path.join(programs, "tornado_ws"), "--help", cwd=directory)


def main():
    """Builds, checks and installs."""
    directory = os.path.abspath(sys.argv[1])
    packages = os.path.join(directory, "dist")
    shutil.rmtree(packages, ignore_errors=True)
    sdist, wheel = build(packages)
    check_sdist(sdist)
    for python in [sys.executable] + OLD_PYTHONS:
        if not shutil.which(python):
            print("left out, not found: " + python)
            continue
        for package in (sdist, wheel):
            install(package, python, directory)


if __name__ == "__main__":
    main()
