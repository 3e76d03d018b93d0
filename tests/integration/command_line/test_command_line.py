"""``python -m tornado_ws``: its arguments, and ``run`` (C2)."""
from __future__ import absolute_import, division, print_function

import json

import pytest
from command_line_case import CommandLineCase

from tornado_ws.__main__ import main

SHOW = """
import json, os, sys
real = os.path.realpath
print(json.dumps([__name__, real(sys.argv[0]), sys.argv[1:], real(sys.path[0])]))
"""

PROGRAM = """
import json, sys, tornado.websocket, tornado_ws
ours = tornado.websocket
assert sys.modules["tornado.websocket"] is ours
tornado_ws.uninstall()
stock = sys.modules["tornado.websocket"]
print(json.dumps([stock is not ours, issubclass(ours.WebSocketError, stock.WebSocketError)]))
"""


class TestRun(CommandLineCase):
    """Programs run as python itself runs them, on tornado_ws."""

    @pytest.mark.parametrize("safe_path", ["", "1"])
    @pytest.mark.parametrize("args", [
        ["show.py", "-m", "-h", "--", "x"], ["sub/show.py"], ["link.py"], ["directory", "--help"],
        ["-m", "show", "-h", "--x", "y"], ["-m", "sub.show"], ["-m", "sub", "-m"],
    ], ids=" ".join)
    def test_is_like_python(self, args, safe_path):
        """A program sees the arguments and ``sys.path[0]`` that python would give it (C2)."""
        self.directory.join("show.py").write(SHOW)
        for name in ("sub/show.py", "sub/__main__.py", "directory/__main__.py"):
            self.directory.join(name).write(SHOW, ensure=True)
        self.directory.join("sub/__init__.py").write("")
        self.directory.join("link.py").mksymlinkto("sub/show.py")
        expected = self.finish(self.start_python(*args, PYTHONSAFEPATH=safe_path))
        got = self.finish(self.start("run", *args, PYTHONSAFEPATH=safe_path))
        if expected[0] == 0:
            assert json.loads(got[1]) == json.loads(expected[1])
            assert (got[0], got[2]) == (0, "")
        else:
            assert safe_path and args[0] == "-m"
            assert got[0] == 2

    @pytest.mark.parametrize("args", [["show.py"], ["-m", "show"]], ids=" ".join)
    def test_of_the_script_is_like_python(self, args):
        """C2: also when the command is the script ``tornado_ws``, which is elsewhere."""
        self.directory.join("show.py").write(SHOW)
        script = self.directory.mkdir("bin").join("tornado_ws")
        script.write("import sys\nfrom tornado_ws.__main__ import main\nsys.exit(main())\n")
        expected = self.finish(self.start_python(*args))
        assert self.finish(self.start_python(str(script), "run", *args)) == expected

    def test_installs_tornado_ws(self):
        """In the program ``tornado.websocket`` is ours, until ``uninstall`` (C2)."""
        self.directory.join("program.py").write(PROGRAM)
        assert self.finish(self.start("run", "program.py")) == (0, "[true, true]\n", "")

    @pytest.mark.parametrize("program, status, last_line", [
        ("raise SystemExit(7)", 7, None),
        ("raise SystemExit('sorry')", 1, "sorry"),
        ("raise ValueError('from the program')", 1, "ValueError: from the program"),
        ("raise ImportError('no such thing')", 1, "ImportError: no such thing"),
        ("open('/nonexistent')", 1, "No such file or directory: '/nonexistent'"),
    ])
    def test_passes_the_end_through(self, program, status, last_line):
        """The program's exit status and traceback are the process's."""
        self.directory.join("program.py").write(program)
        got, out, err = self.finish(self.start("run", "program.py"))
        assert (got, out) == (status, "")
        if last_line is None:
            assert err == ""
        else:
            assert err.splitlines()[-1].endswith(last_line)
            assert ("Traceback" in err) == (last_line != "sorry")

    @pytest.mark.parametrize("args", [
        ["nothing.py"], ["empty"],
        ["-m", "nothing"], ["-m", "nothing.at_all"], ["-m", "empty.nothing"],
    ], ids=" ".join)
    def test_without_such_a_program(self, args):
        """A script or module that is not there is one line and exit status 2."""
        self.directory.mkdir("empty").join("__init__.py").write("")
        status, out, err = self.finish(self.start("run", *args))
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert err.startswith("tornado_ws run: cannot run %s: " % args[-1])


class TestArguments(CommandLineCase):
    """The command line itself."""

    @pytest.mark.parametrize("args, words", [
        ([], ["serve", "connect", "run", "exit status"]),
        (["serve"], ["--port", "--address", "--tls", "--compress", "1001"]),
        (["connect"], ["--header", "--subprotocol", "--compress", "--insecure", "--binary",
                       "/ping", "//", "exit status"]),
        (["run"], ["-m", "SCRIPT"]),
    ])
    def test_help_fits_a_screen(self, args, words):
        """``--help`` of the program and of each command fits on 24 lines of 80 columns."""
        status, out, err = self.finish(self.start(*(args + ["--help"]), COLUMNS="80"))
        assert (status, err) == (0, "")
        lines = out.splitlines()
        assert len(lines) <= 23 and max(map(len, lines)) < 80
        for word in words:
            assert word in out

    @pytest.mark.parametrize("args", [
        [], ["fly"], ["connect"], ["run"], ["run", "-m"], ["run", "--unknown"],
        ["serve", "--port", "65536"], ["serve", "--port", "-1"], ["serve", "--port", "x"],
        ["serve", "--tls", "cert.pem"], ["connect", "--subprotocol"],
    ], ids=" ".join)
    def test_wrong_arguments(self, capsys, args):
        """A wrong command line ends with the usage and exit status 2."""
        with pytest.raises(SystemExit) as caught:
            main(args)
        assert caught.value.code == 2
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("usage: python -m tornado_ws")
