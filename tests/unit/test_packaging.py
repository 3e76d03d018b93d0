"""What the installed distribution contains and declares.

Under tox ``TORNADO_WS_INSTALLED`` is set, and ``tornado_ws`` must come from the wheel. Elsewhere
the tests may run on the checkout, which has no metadata.
"""
from __future__ import absolute_import, division, print_function

import email
import glob
import importlib
import io
import os
import re
import sys

import pytest

import tornado_ws
from tornado_ws import _straight

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGE = os.path.dirname(os.path.abspath(tornado_ws.__file__))

pytestmark = pytest.mark.skipif(
    "TORNADO_WS_INSTALLED" not in os.environ, reason="the checkout is tested, not the wheel")


def package_files(directory):
    """Returns the relative paths of all files of a package, without compiled ones."""
    return sorted(
        os.path.relpath(os.path.join(parent, name), directory)
        for parent, _, names in os.walk(directory) for name in names
        if not name.endswith((".pyc", ".pyo", ".c", ".so")))


def read_metadata(name):
    """Returns the text of a file of the distribution's metadata."""
    directory, = glob.glob(os.path.join(os.path.dirname(PACKAGE), "tornado_ws-*.dist-info"))
    with io.open(os.path.join(directory, name), encoding="utf-8") as file:
        return file.read()


def headers(name):
    """Returns a file of the metadata that consists of headers, as a message."""
    return email.message_from_string(str(read_metadata(name).encode("ascii", "replace").decode()))


def test_tests_use_the_installed_package_not_the_checkout():
    assert PACKAGE.startswith(os.path.abspath(sys.prefix) + os.sep)
    assert "site-packages" in PACKAGE.split(os.sep)


def test_wheel_has_exactly_the_files_of_the_package():
    """A file too many comes from an earlier build: remove the directory ``build``."""
    assert package_files(PACKAGE) == package_files(os.path.join(CHECKOUT, "tornado_ws"))


def test_version_is_the_one_in_the_package():
    assert headers("METADATA")["Version"] == tornado_ws.__version__


def test_declared_pythons():
    declared = set(re.split(", ?", headers("METADATA")["Requires-Python"]))
    assert declared == {">=2.7", "!=3.0.*", "!=3.1.*", "!=3.2.*", "!=3.3.*", "!=3.4.*", "!=3.5.*"}


def test_declared_requirements():
    """Tornado 4.3; from Python 3.10 on, where 4 and 5 are no use, 6.0. An extra is for SOCKS."""
    declared = headers("METADATA").get_all("Requires-Dist")
    assert {re.sub(r"[ ()]", "", line).replace("'", '"') for line in declared} == {
        'tornado>=4.3;python_version<"3.10"', 'tornado>=6.0;python_version>="3.10"',
        'python-socks[asyncio]>=2.0;python_version>="3.8"andextra=="socks"'}


def test_declared_licence_and_addresses():
    """The licence is an SPDX expression; a publisher has to fill in one place only."""
    metadata = headers("METADATA")
    assert (metadata["License-Expression"] or metadata["License"]) == "Apache-2.0"
    urls = dict(line.split(", ") for line in metadata.get_all("Project-URL"))
    assert set(urls) == {"Source", "Documentation", "Changelog", "Issues", "Security"}
    home = urls["Source"]
    assert all(url.startswith(home) for url in urls.values())
    written = []
    for parent, directories, names in os.walk(CHECKOUT):
        directories[:] = [name for name in directories if name in (".ci", ".github")
                          or name[0] != "." and name not in ("build", "dist", "_build", "corpus")]
        for name in names:
            if name.endswith((".py", ".rst", ".md", ".yml", ".toml", ".cfg", ".ini")):
                with io.open(os.path.join(parent, name), encoding="utf-8") as file:
                    if home in file.read():
                        written.append(os.path.relpath(os.path.join(parent, name), CHECKOUT))
    assert written == ["setup.py"]


def test_the_wheel_is_of_its_kind():
    """With the extension it is for one Python and system, without it for all."""
    extension = glob.glob(os.path.join(PACKAGE, "_straight", "_extension.*"))
    assert len(extension) == _straight.in_c == (os.environ["TORNADO_WS_EXTENSION"] == "1")
    tags = sorted(headers("WHEEL").get_all("Tag"))
    if _straight.in_c:
        assert [tag.startswith("cp%d%d-" % sys.version_info[:2]) for tag in tags] == [True]
    else:
        assert tags == ["py2-none-any", "py3-none-any"]


def test_command_names_a_function_that_is_there():
    module, name = re.search(
        r"^tornado_ws *= *([\w.]+):(\w+)$", read_metadata("entry_points.txt"), re.M).groups()
    assert callable(getattr(importlib.import_module(module), name))
