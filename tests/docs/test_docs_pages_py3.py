"""The pages of the documentation, as ``tox -e docs`` has built them.

Collected where ``TORNADO_WS_DOCS`` is set: it is the directory of what was built.
"""
import ast
import configparser
import glob
import inspect
import io
import json
import os
import re
import subprocess
import sys
import textwrap
import zlib
from collections import Counter

import pytest
import tornado
from babel.messages.pofile import read_po
from docs_case_py3 import DOCS
from free_port import free_port

import tornado_ws
from tornado_ws import websocket

ROOT = os.path.join(DOCS, "..")
BUILT = os.environ["TORNADO_WS_DOCS"]
OTHERS = "compatibility.rst"  # names tests of other programs
PAGES = glob.glob(os.path.join(DOCS, "*.rst")) + glob.glob(os.path.join(DOCS, "*", "*.rst"))
CONSTANTS = re.compile(r"\n   \* - (``[A-Z][A-Z_`, ]+``)\n     - (.+)\n")
UNITS = {"": 1, "ms": 0.001, "s": 1, "h": 3600, "KiB": 1 << 10, "MiB": 1 << 20}
TEST_NAME = re.compile(r"``(test_\w+)(?:::(\w+))?``")


def read(*parts):
    """Returns the text of a file."""
    with io.open(os.path.join(*parts), encoding="utf-8") as file:
        return file.read()


def documented():
    """Returns the names that the reference describes."""
    with open(os.path.join(BUILT, "html", "objects.inv"), "rb") as file:
        entries = file.read().split(b"\n", 4)[4]  # behind four lines of comment
    lines = zlib.decompress(entries).decode().splitlines()
    return {line.split()[0] for line in lines if line.split()[1].startswith("py:")}


def public_names():
    """Returns every public name of the module, and of its classes' own members."""
    names = ["tornado_ws.install", "tornado_ws.uninstall"]
    for name in websocket.__all__:
        if name.startswith("_"):
            continue
        names.append("tornado_ws.websocket." + name)
        value = getattr(websocket, name)
        if inspect.isclass(value):
            names.extend("tornado_ws.websocket.%s.%s" % (name, member) for member in vars(value)
                         if not member.startswith("_"))
    return names


#: Those of RequestHandler, which are told of in one sentence; and what is an Attribute.
IN_PROSE = re.compile(
    r"\.WebSocketHandler\.(write|redirect|set_header|set_cookie|set_status|flush|finish"
    r"|stream|serial_messages|close_code|close_reason)$|\.WebSocketClientConnection\.protocol$"
    r"|\.WebSocketProtocol(13)?\.(stream|close_code|close_reason|selected_subprotocol)$")


def test_every_public_name_is_documented():
    missing = set(public_names()) - documented()
    assert [name for name in missing if not IN_PROSE.search(name)] == []
    page = read(DOCS, "reference", "websocket.rst")
    for name in ("write", "redirect", "set_header", "set_cookie", "set_status", "flush", "finish"):
        assert "``%s``" % name in page


def test_the_versions_are_those_of_tox_ini():
    config = configparser.ConfigParser(interpolation=None)
    config.read(os.path.join(ROOT, "tox.ini"), encoding="utf-8")
    tested = {}
    for cell in config["cells"]["names"].split():
        python, tornado = re.match(r"py(\d+|py3)-tornado(\d\d)", cell).groups()
        name = "PyPy" if python == "py3" else "%s.%s" % (python[0], python[1:])
        series = tested.setdefault(name, [])
        if "%s.%s" % tuple(tornado) not in series:
            series.append("%s.%s" % tuple(tornado))
    page = read(DOCS, "reference", "support.rst")
    shown = re.findall(r"^([23]\.\d+|PyPy) +([\d., ]+)$", page, re.M)
    assert {python: series.split(", ") for python, series in shown} == tested


@pytest.mark.parametrize(
    "page", [os.path.relpath(page, DOCS) for page in PAGES if os.path.basename(page) != OTHERS])
def test_every_test_that_a_page_names_is_there(page):
    for name, inside in TEST_NAME.findall(read(DOCS, page)):
        paths = glob.glob(os.path.join(ROOT, "tests", "**", name + ".py"), recursive=True)
        if paths and inside:
            assert re.search(r"\b(class|def) %s\b" % inside, read(paths[0])), (name, inside)
        elif not paths:
            assert name in TESTS, name


TESTS = set(re.findall(r"def (test_\w+)", "".join(
    read(path) for path in glob.glob(os.path.join(ROOT, "tests", "**", "*.py"), recursive=True))))


def test_every_program_of_a_page_is_shown_and_tested():
    shown = "".join(read(page) for page in PAGES)
    tests = "".join(
        read(path) for path in glob.glob(os.path.join(ROOT, "tests", "*", "test_*.py")))
    programs = glob.glob(os.path.join(DOCS, "*", "code", "*.*"))
    assert len(programs) > 20
    for path in programs:
        name = os.path.basename(path)
        assert "literalinclude:: code/" + name in shown, name
        assert re.search(r"\b%s\b" % re.sub(r"\.py$", "", name), tests), name


def lines_of_the_source():
    """Gives the texts of all log lines, warnings and refusals of the package."""
    for path in glob.glob(os.path.join(os.path.dirname(websocket.__file__), "**", "*.py"),
                          recursive=True):
        for node in ast.walk(ast.parse(read(path))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            arguments = [ast.unparse(argument) for argument in node.args]
            logs = re.match(r"(gen_log|app_log|warnings)\.", called) or any(
                re.match(r"(gen_log|app_log)\.", argument) for argument in arguments)
            server = os.path.basename(path) in (
                "handler.py", "handshake.py", "registry.py")
            if called.endswith(".isEnabledFor"):
                continue
            if logs or called == "HandshakeError" and server:
                texts = [part.value for argument in node.args for part in ast.walk(argument)
                         if isinstance(part, ast.Constant) and isinstance(part.value, str)]
                assert texts, (path, ast.unparse(node))
                yield re.sub(r"%[sdr]", "...", texts[0])


#: Those of ``check_response``, which no server logs: a client raises them.
OF_A_CLIENT = re.compile(r"Upgrade must be|Connection must be|Sec-WebSocket-Accept|subprotocol|"
                         r"more than one|extension|permessage-deflate was")


def constants():
    """Returns the numbers that the package's modules name, each as a list of one, or of a range."""
    found = {}
    for path in glob.glob(os.path.join(ROOT, "tornado_ws", "_*", "*.py")):
        for name, value in re.findall(r"(?m)^([A-Z_]+) = ([*(), .\d]+?)(?: *#.*)?$", read(path)):
            number = eval(value)
            found[name] = list(number) if isinstance(number, tuple) else [number]
    return found


def test_the_constants_are_those_of_the_source():
    """The table of what cannot be set has the values of the modules."""
    source, said = constants(), {}
    for names, values in CONSTANTS.findall(read(DOCS, "reference", "settings.rst")):
        for name, value in zip(re.findall("[A-Z_]+", names), values.split(", ")):
            numbers, unit = re.fullmatch(r"([-.\d]+) ?(\w*)", value).groups()
            said[name] = [float(number) * UNITS[unit] for number in numbers.split("-")]
    assert len(said) == 16
    assert said == {name: source[name] for name in said}


def test_every_line_of_the_log_is_on_the_page():
    page = " ".join(read(DOCS, "operations", "logging.rst").split())
    shown = set(re.findall(r"``([^`]*)``", page))
    lines = {line for line in lines_of_the_source() if not OF_A_CLIENT.match(line)} - {"..."}
    assert len(lines) > 15
    lines = {line + ": ... is ..." if "Missing" in line else line for line in lines}
    assert lines - shown == set()


def test_answers_quote_what_is_there():
    """What ``answers.rst`` has in an entry's first line is in our source, Tornado's or others'."""
    source = "".join(
        re.sub(r'"\s*(%.*)?\n\s*"', "", read(path)) for package in (tornado, tornado_ws)
        for path in glob.glob(os.path.join(package.__path__[0], "**", "*.py"), recursive=True))
    source = re.sub(r"%[sdr]", "...", source)
    page = read(DOCS, "answers.rst")
    quoted = set()
    for entry in re.findall(r"^(\S.*)\n    \S", page, re.M):
        quoted.update(re.findall(r"``(.*?)``", entry))
    assert len(quoted) > 50
    unknown = {text for text in quoted if text not in source and not re.match(ELSEWHERE, text)}
    assert unknown == set()


#: Numbers, and what Python, OpenSSL, the kernel and old Tornados say.
ELSEWHERE = (r"\d+$|WRONG_VERSION|UNKNOWN_PROTOCOL|record layer|CERTIFICATE_VERIFY|HTTP 599|"
             r"Connection refused|Address already|Too many open|Future exception|Task exception|"
             r"There is no current|coroutine|BufferError|RuntimeError|\w+Warning|A callback of|"
             r"a text message")


def test_the_workloads_of_the_figures_are_explained():
    """In the words of the benchmarks themselves."""
    explained = dict(re.findall(r"\* - ``(\w+)``\n     - (.*)",
                                read(DOCS, "performance", "workloads.txt")))
    program = "import benchmarks.workloads as w; print([(x.name, x.about) for x in w.WORKLOADS])"
    about = dict(ast.literal_eval(subprocess.check_output(
        [sys.executable, "-c", program], cwd=ROOT, universal_newlines=True)))
    assert explained == {name: about[name].replace(" us ", " \u00b5s ") for name in explained}
    shown = set(re.findall(r"\* - ``(\w+)``", read(DOCS, "performance.rst")))
    series = re.compile("conns_|bytes_|turn_|tls_|send_each|send_turns|answer_")
    assert {name for name in shown & set(about) if not series.match(name)} <= set(explained)


@pytest.mark.parametrize("wanted, page", [
    ("403", "answers"), ("1006", "answers"), ("grace", "operations/restart"),
    ("memori", "operations/limits"), ("upgrad", "operations/proxies"),
    ("systemd", "operations/restart"), ("prometheus", "operations/monitoring"),
    ("log", "operations/logging"), ("asyncio", "howto/migrate")])
def test_the_search_box_finds_it(wanted, page):
    """A stem in the index of words, or a number in the index."""
    text = read(BUILT, "html", "searchindex.js")
    index = json.loads(re.search(r"setIndex\((.*)\)", text).group(1))
    number = index["docnames"].index(page)
    found = index["terms"].get(wanted, []), index["titleterms"].get(wanted, [])
    found = [each if isinstance(each, list) else [each] for each in found]
    entries = [entry[0] for entry in index["indexentries"].get(wanted, [])]
    assert number in found[0] + found[1] + entries


def test_the_readme_is_short_and_its_program_runs():
    text = read(ROOT, "README.rst")
    assert len(text.splitlines()) <= 80
    assert os.path.exists(os.path.join(ROOT, re.search(r"image:: (.*)", text).group(1)))
    port = free_port()
    program = re.search(r"code-block:: python\n\n((?:    .*\n|\n)+)", text).group(1)
    program = textwrap.dedent(program).replace("8888", str(port))
    assert subprocess.check_output(
        [sys.executable, "-W", "error", "-c", program], timeout=60) == b"hello\n"


def what_a_readme_says(name):
    """Returns its programs and commands in order; how often each name and each number occurs."""
    text = read(ROOT, name)
    return (re.findall(r"(?:::| python)\n\n((?:    .*\n|\n)+)", text),
            Counter(re.findall(r"``[^`]+``|image:: .*|\d+(?:\.\d+)*", text)))


def test_the_readme_in_chinese_says_the_same():
    """All of it but the prose; besides, it names where the Chinese pages are."""
    blocks, facts = what_a_readme_says("README.rst")
    assert len(blocks) == 3
    assert what_a_readme_says("README.zh_CN.rst") == (
        blocks, facts + Counter(["``docs/_build/zh_CN``"]))


def read_catalogue(*parts):
    """Returns a catalogue of gettext: a dict from the English text to the other."""
    with open(os.path.join(*parts), "rb") as file:
        return {message.id: message.string for message in read_po(file)
                if message.id and not message.fuzzy}


@pytest.mark.parametrize("folder, name, texts", [
    ("reference", "websocket", ["Server", "Send a message.", "Open a WebSocket to a server."]),
    ("tutorial", "index", ["A chat in 20 minutes", "Look at these places:"]),
    ("howto", "migrate", ["Without changing the program", "Ping timeouts", "They are spoken"])])
def test_a_page_is_translated_into_chinese(folder, name, texts):
    """A text may be ahead of its translation for a while; the page as a whole may not."""
    english = read_catalogue(BUILT, "gettext", folder, name + ".pot")
    chinese = read_catalogue(DOCS, "locale", "zh_CN", "LC_MESSAGES", folder, name + ".po")
    missing = [text for text in english if not chinese.get(text)]
    assert len(missing) <= len(english) // 10, missing
    page = read(BUILT, "zh_CN", folder, name + ".html")
    for text in texts:
        assert chinese[text] in page
