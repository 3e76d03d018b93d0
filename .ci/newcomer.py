"""Does what a newcomer does: the two commands of the README, each in a copy of the project.

    python .ci/newcomer.py DIRECTORY PYTHON...

For each Python, with no other in PATH, and a new environment of it: the first command, which
installs the package and serves, and to which the ``websockets`` library then talks; the second,
which runs the tests, without a compiler and with arguments that leave little to do.
"""
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

from websockets.sync.client import connect

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
#: Two cells of the oldest and two of the newest Python: one of them runs, the others are left out,
#: one of them since it would have to be compiled.
LITTLE = (" -e py38-tornado64,py38-tornado64-ext,py315-tornado66,py315-tornado66-ext"
          " -- unit/test_frames.py")
#: Seconds.
PATIENCE = 300


def commands():
    """Returns the two commands, as the README has them."""
    with open(os.path.join(ROOT, "README.rst"), encoding="utf-8") as readme:
        return re.findall(r"^    (python -m pip install .* && python -m .*)$", readme.read(), re.M)


def copy_project(directory):
    """Copies what git knows, or would be told of: no environments, nothing that was built."""
    names = subprocess.check_output(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT)
    for name in names.decode().split("\0")[:-1]:
        if os.path.exists(os.path.join(ROOT, name)):
            os.makedirs(os.path.join(directory, os.path.dirname(name)), exist_ok=True)
            shutil.copy(os.path.join(ROOT, name), os.path.join(directory, name))


def link_programs(directory, python):
    """Makes a directory of all programs of PATH, with one Python among them."""
    os.makedirs(directory)
    for place in ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"):
        for name in os.listdir(place) if os.path.isdir(place) else ():
            link = os.path.join(directory, name)
            if not re.match("python|pypy|pip|tox|virtualenv", name) and not os.path.lexists(link):
                os.symlink(os.path.join(place, name), link)
    os.symlink(shutil.which(python), os.path.join(directory, python))


def remove_compilers(directory):
    """Takes the C compilers out of a directory of programs."""
    for name in os.listdir(directory):
        if re.match(r"(.*-)?(c[189]\d|cc|gcc|clang|tcc)\b", name):
            os.unlink(os.path.join(directory, name))


def environment(venv, programs):
    """Returns the environment variables of a newcomer: none that this run of tox has set."""
    variables = {name: value for name, value in os.environ.items()
                 if not re.match("TOX|VIRTUAL|PYTHON|TORNADO_WS|PIP_USER|HYPOTHESIS|COV", name)}
    return dict(variables, PATH=os.pathsep.join([os.path.join(venv, "bin"), programs]))


def free_port():
    """Returns a port of 127.0.0.1 at which nobody listens."""
    with contextlib.closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_for(port, process):
    """Waits until somebody listens at a port; raises ``RuntimeError`` if the process ends."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise RuntimeError("the server did not start")


def try_server(command, **options):
    """Runs the command that serves, looks at its page and talks to it."""
    port = free_port()
    print("$ " + command, flush=True)
    process = subprocess.Popen(
        "%s --port %d" % (command, port), shell=True, start_new_session=True, **options)
    try:
        wait_for(port, process)
        with urllib.request.urlopen("http://127.0.0.1:%d/" % port) as page:
            assert b"WebSocket" in page.read()
        with connect("ws://127.0.0.1:%d/echo" % port) as connection:
            for message in ("hello", b"\x00\xff"):
                connection.send(message)
                answer = connection.recv(timeout=PATIENCE)
                assert answer == message, answer
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def check_extension(**options):
    """Checks that the extension is in use, for which everything is there."""
    version = subprocess.check_output(
        "python -m tornado_ws --version", shell=True, universal_newlines=True, **options)
    print(version, flush=True)
    assert "(with its C extension)" in version


def try_tests(command, **options):
    """Runs the command that tests, and looks at what it says last."""
    print("$ " + command + LITTLE, flush=True)
    run = subprocess.run(command + LITTLE, shell=True, stdout=subprocess.PIPE, timeout=PATIENCE,
                         universal_newlines=True, **options)
    print(run.stdout, flush=True)
    assert run.returncode == 0, run.returncode
    assert re.search(r" passed: [1-9]\d* passed, 0 failed, ", run.stdout)
    assert len(re.findall(r" left out: found no Python 3\.\d+$", run.stdout, re.M)) == 2
    assert len(re.findall(r" left out: found no C compiler$", run.stdout, re.M)) == 1
    assert run.stdout.endswith("  1 environment ran, 3 were left out.\n"), run.stdout[-100:]


def main():
    """Tries both commands with each Python."""
    serve, test = commands()
    for python in sys.argv[2:]:
        directory = os.path.join(os.path.abspath(sys.argv[1]), python)
        shutil.rmtree(directory, ignore_errors=True)
        project, programs, venv = (
            os.path.join(directory, name) for name in ("project", "programs", "venv"))
        copy_project(project)
        link_programs(programs, python)
        subprocess.check_call([os.path.join(programs, python), "-m", "venv", venv])
        options = dict(cwd=project, env=environment(venv, programs))
        try_server(serve, **options)
        check_extension(**options)
        remove_compilers(programs)
        try_tests(test, **options)


if __name__ == "__main__":
    main()
