"""The shape of the package: who imports whom, and the rules that each of its files keeps.

The folders are its wings, and each wing stands on a floor: what it imports of ours lies on a lower
floor or in the wing itself. It is read from the source by `ast`, so an import inside a function
counts like any other.
"""
from __future__ import absolute_import, division, print_function

import ast
import io
import os
import subprocess
import sys

import pytest

import tornado_ws

PACKAGE = os.path.dirname(os.path.realpath(tornado_ws.__file__))
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 50

CORE = "_sansio"
COMPAT = "_compat"
STRAIGHT = "_straight"
FLOORS = [
    {STRAIGHT},
    {CORE, COMPAT},
    {"_errors", "_semantics"},
    {"_stream"},
    {"_connection"},
    {"_server", "_client"},
    {"websocket", "testing"},
    {"_install", "_cli"},
    {"__init__"},
    {"__main__"},
]
"""From the lowest up: wings, and the modules that are one by themselves."""

CORE_LAYERS = [  # a module imports from the layers above its own line, never sideways
    {"errors", "utf8", "compression", "engines"},
    {"frames", "headers"},
    {"close", "deflate", "handshake", "message"},
    {"straight"},
    {"connection"},
]


def find_sources():
    """Return ``{dotted name below the package: path}`` of every source file."""
    sources = {}
    for directory, _, names in os.walk(PACKAGE):
        below = os.path.relpath(directory, PACKAGE)
        prefix = "" if below == os.curdir else below.replace(os.sep, ".") + "."
        for name in names:
            if name.endswith(".py"):
                sources[prefix + name[:-len(".py")]] = os.path.join(directory, name)
    return sources


SOURCES = find_sources()
EVERY_FILE = pytest.mark.parametrize("name", sorted(SOURCES))


def read(name):
    with io.open(SOURCES[name], encoding="utf-8") as source:
        return source.read()


def parse(name):
    return ast.parse(read(name).encode("utf-8"), SOURCES[name])


def imported_names(tree):
    """Yield every dotted name that a module imports: modules, and names out of modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield "." * node.level + (node.module or "")
            for alias in node.names:
                yield "%s.%s" % (node.module, alias.name)


def own_imports(name):
    """Return the modules of the package that a module imports, as dotted names below it."""
    found = set()
    for dotted in imported_names(parse(name)):
        parts = dotted.split(".")
        if parts[0] != "tornado_ws":
            continue
        below = parts[1:]
        while below and not {".".join(below), ".".join(below + ["__init__"])} & set(SOURCES):
            below = below[:-1]
        found.add(".".join(below) or "__init__")
    return found


def wing_of(name):
    return name.partition(".")[0]


def floor_of(name):
    for number, floor in enumerate(FLOORS):
        if wing_of(name) in floor:
            return number
    raise AssertionError("%s stands on no floor" % name)


def layer_of(name):
    for number, layer in enumerate(CORE_LAYERS):
        if name in layer:
            return number
    raise AssertionError("%s has no place in CORE_LAYERS" % name)


def test_the_tables_name_every_module():
    """A new wing has to be given its floor, and a new module of the core its layer."""
    assert {wing_of(name) for name in SOURCES} == set().union(*FLOORS)
    core = {"%s.%s" % (CORE, name) for layer in CORE_LAYERS for name in layer}
    assert {name for name in SOURCES if wing_of(name) == CORE} == core | {CORE + ".__init__"}


@EVERY_FILE
def test_imports_go_down(name):
    """To a lower floor, or to another module of the same wing."""
    wrong = {other for other in own_imports(name) if wing_of(other) != wing_of(name)
             and floor_of(other) >= floor_of(name)}
    assert wrong == set()


@pytest.mark.parametrize("name", sorted(name for layer in CORE_LAYERS for name in layer))
def test_the_core_imports_only_downwards_and_nothing_else_of_ours(name):
    found = {other.partition(".") for other in own_imports("%s.%s" % (CORE, name))}
    assert {package for package, _, _ in found} <= {CORE, STRAIGHT}
    assert all(layer_of(other) < layer_of(name)
               for package, _, other in found if package == CORE and other)


@pytest.mark.parametrize("name", sorted(name for name in SOURCES if name.startswith(CORE)))
def test_the_core_knows_no_tornado_no_socket_no_clock_no_log(name):
    """Bytes in, events and bytes out: what does I/O or knows the time is kept out."""
    roots = {dotted.split(".")[0] for dotted in imported_names(parse(name))}
    assert not roots & {"tornado", "socket", "ssl", "select", "time", "threading", "logging",
                        "asyncio", "concurrent"}


def test_imports_go_one_way():
    """No module is imported, over however many steps, by one that it imports itself."""
    direct = {name: own_imports(name) & set(SOURCES) for name in SOURCES}
    done = set()
    while len(done) < len(direct):
        ready = {name for name in direct if name not in done and direct[name] <= done}
        assert ready, {name: direct[name] - done for name in direct if name not in done}
        done |= ready


def test_only_the_installer_and_the_command_line_import_the_face():
    importers = {wing_of(name) for name in SOURCES if "websocket" in own_imports(name)}
    assert importers == {"_install", "_cli"}


@EVERY_FILE
def test_no_import_is_relative(name):
    assert not [dotted for dotted in imported_names(parse(name)) if dotted.startswith(".")]


@EVERY_FILE
def test_every_module_begins_with_the_future_imports(name):
    """So that the text means the same on Python 2 and 3; no ``unicode_literals``."""
    body = parse(name).body
    if name.endswith(".__init__") and len(body) < 2:
        return  # nothing but a docstring
    first = body[1]
    assert isinstance(first, ast.ImportFrom) and first.module == "__future__"
    assert [alias.name for alias in first.names] == [
        "absolute_import", "division", "print_function"]


@EVERY_FILE
def test_only_compat_knows_versions(name):
    """To look at a version, or to catch an ImportError, is for _compat alone.

    The straight path catches the ImportError of the extension that was not built, the command line
    that of the program that it was asked to run, and the one of a Python that was built without
    readline. A request's ``version`` is HTTP's.
    """
    if wing_of(name) == COMPAT:
        return
    attributes = {"version_info", "hexversion", "version", "python_version", "PY2", "PY3"}
    found = set()
    for node in ast.walk(parse(name)):
        if isinstance(node, ast.Attribute) and node.attr in attributes:
            of_request = isinstance(node.value, ast.Attribute) and node.value.attr == "request"
            found |= set() if of_request else {node.attr}
        elif isinstance(node, ast.Name) and node.id in attributes - {"version"}:
            found.add(node.id)
        elif isinstance(node, ast.ExceptHandler) and node.type is not None:
            found |= {caught.id for caught in ast.walk(node.type) if isinstance(caught, ast.Name)
                      and caught.id in ("ImportError", "ModuleNotFoundError")}
    allowed = dict.fromkeys(("__main__", "_cli.editor", "_straight.__init__"), {"ImportError"})
    assert found <= allowed.get(name, set())


@EVERY_FILE
def test_nothing_is_asserted(name):
    """What a peer or a caller sent is checked; ``python -O`` changes nothing."""
    assert not [node.lineno for node in ast.walk(parse(name)) if isinstance(node, ast.Assert)]


@EVERY_FILE
def test_files_are_short(name):
    assert len(read(name).splitlines()) <= MAX_FILE_LINES


def last_line(node):
    return max(getattr(inner, "end_lineno", None) or getattr(inner, "lineno", 0)
               for inner in ast.walk(node))


@EVERY_FILE
def test_functions_are_short(name):
    too_long = [(node.name, last_line(node) - node.lineno + 1)
                for node in ast.walk(parse(name)) if isinstance(node, ast.FunctionDef)
                if last_line(node) - node.lineno >= MAX_FUNCTION_LINES]
    assert too_long == []


def loaded_modules(statement):
    """Return the names of the modules that a fresh interpreter has after a statement."""
    program = "%s; import sys; print(' '.join(sorted(sys.modules)))" % statement
    path = os.pathsep.join([os.path.dirname(PACKAGE)] + sys.path[1:])
    output = subprocess.check_output(
        [sys.executable, "-c", program], env=dict(os.environ, PYTHONPATH=path))
    return set(output.decode("ascii").split())


def roots(names):
    return {name.split(".")[0] for name in names}


def test_importing_the_package_imports_no_tornado():
    """``import tornado_ws`` is free: what it is for is imported when it is used (C2)."""
    loaded = loaded_modules("import tornado_ws")
    assert "tornado_ws" in loaded
    assert "tornado" not in roots(loaded)
    assert not {name for name in loaded if name.startswith("tornado_ws.")}


def test_the_core_can_be_used_without_tornado():
    loaded = loaded_modules("import tornado_ws._sansio.connection, tornado_ws._sansio.handshake, "
                            "tornado_ws._sansio.deflate")
    assert "tornado" not in roots(loaded)
