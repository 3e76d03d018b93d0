"""The Autobahn test suite: its installation, and the processes of one run.

The suite's program, ``wstest``, runs on Python 2.7 only. It is installed with the pins of
``wstest-requirements.txt`` into a virtualenv of its own, once per set of pins, below
``WSTEST_HOME`` (default: ``$XDG_CACHE_HOME/tornado_ws``, else ``~/.cache/tornado_ws``).
"""
from __future__ import absolute_import, division, print_function

import contextlib
import fcntl
import glob
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
REQUIREMENTS = os.path.join(HERE, "wstest-requirements.txt")
CONSTRAINTS = os.path.join(HERE, "wstest-constraints.txt")
PEER = os.path.join(HERE, "peer.py")

#: The last virtualenv line that creates Python 2.7 environments ended with 20.21.
VIRTUALENV = "virtualenv==20.21.1"

#: ``wstest``, but listening on 127.0.0.1 only; its standard output is one line, written when it
#: does, and what it prints goes to standard error.
WSTEST = """
import os
from autobahntestsuite import wstest
from autobahntestsuite import fuzzing
output = os.dup(1)
os.dup2(2, 1)
listen = fuzzing.listenWS
def listen_here(factory, context):
    listen(factory, context, interface="127.0.0.1")
    os.write(output, b"listening\\n")
fuzzing.listenWS = listen_here
wstest.run()
"""

CASE_IDS = """
from __future__ import print_function
import json
from autobahntestsuite.case import Cases
print(json.dumps([case.__name__[len("Case"):].replace("_", ".") for case in Cases]))
"""


class SuiteError(Exception):
    """The suite could not be installed or run to its end."""


def find_python27():
    """Returns the path of a Python 2.7 interpreter, found on ``PATH`` or among pyenv's.

    Raises:
        SuiteError: There is none.
    """
    found = [shutil.which(name) for name in ("python2.7", "python2", "python")]
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    found += sorted(glob.glob(os.path.join(pyenv, "versions", "2.7*", "bin", "python2.7")))
    probe = "import sys; sys.exit(sys.version_info[:2] != (2, 7))"
    for path in filter(None, found):
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if subprocess.call([path, "-c", probe], **silent) == 0:
            return path
    raise SuiteError("no Python 2.7 on PATH or below %s: the Autobahn test suite needs one" % pyenv)


def home():
    """Returns the directory that holds the suite's virtualenvs."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.environ.get("WSTEST_HOME") or os.path.join(cache, "tornado_ws")


def install():
    """Returns the Python of a virtualenv with the suite, which is created when missing.

    Raises:
        SuiteError: No Python 2.7, or an installation step failed.
    """
    pins = hashlib.sha256()
    for name in (REQUIREMENTS, CONSTRAINTS):
        with open(name, "rb") as file:
            pins.update(file.read())
    target = os.path.join(home(), "wstest-" + pins.hexdigest()[:12])
    python = os.path.join(target, "bin", "python")
    complete = os.path.join(target, "complete")
    os.makedirs(home(), exist_ok=True)
    with open(target + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs may start at the same time
        if not os.path.exists(complete):
            create(target, python)
            open(complete, "w").close()
    return python


def create(target, python):
    """Makes the virtualenv ``target``, whose interpreter will be ``python``, anew."""
    interpreter = find_python27()
    print("installing the Autobahn test suite into %s" % target, flush=True)
    shutil.rmtree(target, ignore_errors=True)
    tools = os.path.join(target, "tools")
    quiet = ["--quiet", "--disable-pip-version-check"]
    step([sys.executable, "-m", "pip", "install", "--target", tools, VIRTUALENV] + quiet)
    step([sys.executable, "-m", "virtualenv", "--quiet", "--python", interpreter, target],
         PYTHONPATH=tools)
    step([python, "-m", "pip", "install", "-r", REQUIREMENTS] + quiet, PIP_CONSTRAINT=CONSTRAINTS)


def step(command, **environment):
    """Runs one command of the installation; its output is shown only when it fails."""
    done = subprocess.run(command, env=dict(os.environ, **environment), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True)
    if done.returncode:
        raise SuiteError("%s\n%s" % (" ".join(command), done.stdout))


def case_ids(wstest_python):
    """Returns the numbers of all cases of the installed suite, as strings, in order."""
    return json.loads(subprocess.check_output([wstest_python, "-c", CASE_IDS]).decode("ascii"))


class Run(object):
    """One ``wstest`` process and one peer.

    Args:
        wstest_python: What `install` returned.
        python: The interpreter that has the code under test.
        semantics: As ``peer.py`` takes it.
        cases: Numbers of the cases to run.
        directory: Where reports and logs go.
        timeout: Seconds after which the run is given up.
    """

    AGENT = "peer"

    def __init__(self, wstest_python, python, semantics, cases, directory, timeout):
        self.wstest_python = wstest_python
        self.peer = [python, PEER, "--agent", self.AGENT, "--semantics", semantics]
        self.cases = cases
        self.directory = directory
        self.timeout = timeout
        self.peer_log = os.path.join(directory, "peer.log")
        self.processes = []
        os.makedirs(directory)

    def server(self):
        """Examines the echo server; returns what the peer announced and the index of results."""
        with self.start_peer("server") as peer:
            about = self.read_announcement(peer)
            server = {"agent": self.AGENT, "url": "ws://127.0.0.1:%d" % about["port"]}
            with self.start_wstest("fuzzingclient", {"servers": [server]}) as wstest:
                self.drain(wstest)
        return about, self.read_index()

    def client(self):
        """Examines the echo client; returns what the peer announced and the index of results."""
        url = "ws://127.0.0.1:%d" % free_port()
        with self.start_wstest("fuzzingserver", {"url": url}) as wstest:
            if wstest.stdout.readline() != b"listening\n":
                raise SuiteError("wstest did not start, see %s" % self.directory)
            with self.start_peer("client", url) as peer:
                about = self.read_announcement(peer)
                self.drain(peer)
        return about, self.read_index()

    @contextlib.contextmanager
    def running(self, command, log):
        """Runs ``command`` while the block runs; ends it with the block.

        Args:
            command: Program and arguments; its standard output is a pipe.
            log: Path of a file for its standard error.
        """
        with open(log, "wb") as errors:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
        self.processes.append(process)
        try:
            with process.stdout:
                yield process
        finally:
            process.terminate()
            process.wait()

    def stop(self):
        """Ends the processes; `server` or `client`, in another thread, then fails."""
        for process in self.processes:
            process.terminate()

    def start_peer(self, *arguments):
        return self.running(self.peer + list(arguments), self.peer_log)

    def start_wstest(self, mode, spec):
        spec = dict(spec, outdir=os.path.join(self.directory, "reports"), cases=self.cases)
        path = os.path.join(self.directory, "spec.json")
        with open(path, "w") as file:
            json.dump(spec, file)
        command = [self.wstest_python, "-u", "-c", WSTEST]
        command += ["--mode", mode, "--spec", path, "--webport", "0"]
        return self.running(command, os.path.join(self.directory, "wstest.log"))

    def read_announcement(self, peer):
        line = peer.stdout.readline()
        if not line:
            raise SuiteError("the peer did not start, see %s" % self.peer_log)
        return json.loads(line.decode("ascii"))

    def drain(self, process):
        """Waits for ``process`` to end by itself."""
        try:
            process.communicate(timeout=self.timeout)
        except subprocess.TimeoutExpired:
            with open(os.path.join(self.directory, "wstest.log")) as log:
                last = log.readlines()[-1].strip()
            raise SuiteError("not done after %d seconds, last: %s" % (self.timeout, last))
        if process.returncode:
            raise SuiteError("exit status %d, see %s" % (process.returncode, self.directory))

    def read_index(self):
        """Returns the suite's index of results, ``{case: {"behavior": ..., ...}}``."""
        with open(os.path.join(self.directory, "reports", "index.json")) as file:
            return json.load(file).get(self.AGENT, {})


def free_port():
    """Returns the number of a TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]
