"""Packaging of tornado_ws: one sdist for Python 2.7 and 3.6+, and wheels with and without C.

The extension is built where it can be: on CPython 3.8 and later with its lock, where there are
sockets as POSIX has them, and a compiler. ``TORNADO_WS_EXTENSION=0`` in the environment builds
without it, ``TORNADO_WS_EXTENSION=1`` makes it an error if it cannot be built.

Kept to what setuptools 44, the last for Python 2.7, and the newest setuptools both understand.
"""
from __future__ import absolute_import, division, print_function

import io
import os
import platform
import re
import sys
import sysconfig
import zlib

import setuptools
from setuptools.command.build_ext import build_ext

# Who publishes the package fills these in, here and nowhere else: the documentation reads them too.
AUTHOR = "tornado_ws developers"
AUTHOR_EMAIL = "tornado_ws@example.org"
HOME = "https://example.org/tornado_ws"
URLS = {
    "Source": HOME,
    "Documentation": HOME + "/docs",
    "Changelog": HOME + "/CHANGES.rst",
    "Issues": HOME + "/issues",
    "Security": HOME + "/SECURITY.rst",
}

# PEP 639: an SPDX expression. Older setuptools know the field only that went before it.
LICENCE = {
    "license_expression" if int(setuptools.__version__.split(".")[0]) >= 77 else "license":
    "Apache-2.0"}

WANTED = os.environ.get("TORNADO_WS_EXTENSION")
HERE = os.path.dirname(os.path.abspath(__file__))


def read(*names):
    """Returns the text of a file of the project, given by the parts of its path."""
    with io.open(os.path.join(HERE, *names), encoding="utf-8") as file:
        return file.read()


def find_version():
    """Returns the package's version without importing the package: it is written there only."""
    return re.search(r'^__version__ = "([^"]+)"$', read("tornado_ws", "__init__.py"), re.M).group(1)


def suits_extension():
    """Returns whether the extension is for an interpreter like this one."""
    return (platform.python_implementation() == "CPython" and sys.version_info >= (3, 8)
            and os.name == "posix" and not sysconfig.get_config_var("Py_GIL_DISABLED"))


class BuildIfPossible(build_ext):
    """Builds the extension, or says in one line that there is none."""

    def run(self):
        """Builds all; without a compiler that is nothing."""
        try:
            build_ext.run(self)
        except Exception as error:
            self.do_without(error)

    def build_extension(self, extension):
        """Builds one."""
        try:
            build_ext.build_extension(self, extension)
        except Exception as error:
            self.do_without(error)

    def do_without(self, error):
        """Goes on, unless the extension was asked for."""
        if WANTED == "1":
            raise error
        self.extensions = []
        print("tornado_ws is built without its C extension, which only makes it faster: %s" % error)

    def copy_extensions_to_source(self):
        """Copies what was built: nothing, if nothing was."""
        if self.extensions:
            build_ext.copy_extensions_to_source(self)


extensions = []
source = os.path.join("tornado_ws", "_straight", "_extension.c")
if WANTED == "1" or WANTED != "0" and suits_extension():
    with open(os.path.join(HERE, source), "rb") as file:
        checksum = zlib.crc32(file.read()) & 0xffffffff
    extensions.append(setuptools.Extension(
        "tornado_ws._straight._extension", [source],
        define_macros=[("SOURCE_CRC", "%dL" % checksum)]))

setuptools.setup(
    name="tornado_ws",
    version=find_version(),
    description="Tornado 4.3's websocket module, on Tornado 4.3 to 6.6, Python 2.7 and 3.6+",
    long_description=read("README.rst"),
    long_description_content_type="text/x-rst",
    author=AUTHOR,
    author_email=AUTHOR_EMAIL,
    url=HOME,
    project_urls=URLS,
    keywords="websocket tornado rfc6455 rfc7692 permessage-deflate",
    packages=["tornado_ws"] + ["tornado_ws." + wing for wing in (
        "_cli", "_client", "_compat", "_connection", "_sansio", "_server", "_straight", "_stream")],
    ext_modules=extensions,
    cmdclass={"build_ext": BuildIfPossible},
    package_data={"tornado_ws": ["*.pyi", "py.typed"]},
    zip_safe=False,
    python_requires=">=2.7, !=3.0.*, !=3.1.*, !=3.2.*, !=3.3.*, !=3.4.*, !=3.5.*",
    install_requires=[
        "tornado>=4.3; python_version<'3.10'",
        # Tornado 4 and 5 cannot be imported there: they need names that left ``collections``.
        "tornado>=6.0; python_version>='3.10'",
    ],
    extras_require={"socks": ["python-socks[asyncio]>=2.0; python_version>='3.8'"]},
    entry_points={"console_scripts": ["tornado_ws = tornado_ws.__main__:main"]},
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python",
        "Programming Language :: Python :: 2",
        "Programming Language :: Python :: 2.7",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.6",
        "Programming Language :: Python :: 3.7",
        "Programming Language :: Python :: 3.8",
        "Programming Language :: Python :: 3.9",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: 3.14",
        "Programming Language :: Python :: 3.15",
        "Programming Language :: Python :: Implementation :: CPython",
        "Programming Language :: Python :: Implementation :: PyPy",
        "Topic :: Internet :: WWW/HTTP",
        "Topic :: Software Development :: Libraries :: Python Modules",
        "Typing :: Typed",
    ],
    **LICENCE
)
