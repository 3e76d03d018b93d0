"""Runs one workload against one program and reads its CPU clock."""
import contextlib
import json
import os
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path

from .workloads import write_messages

HERE = Path(__file__).resolve().parent
IN_PROCESS = "in_process"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tornado_ws-benchmarks"
LIBRARIES = ["-lssl", "-lcrypto", "-lz"]
LIMIT = 150  # seconds for one run, well above what the load generator allows itself
FIRST = 0.1  # seconds of a run that does not count: the first connection is a slow one
HANDSHAKES = 2000  # at most in one run: each occupies a local port for a while


class Failed(Exception):
    """A program did not do what the workload asks of it."""


def pin(number):
    """Returns what pins a child to the first (the program) or second (the load) CPU."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        return None
    return lambda: os.sched_setaffinity(0, {cpus[number]})


def build():
    """Compiles the load generator where it is not newer than its sources; returns its path."""
    source, target = HERE / "load.c", CACHE / "load"
    newest = max(path.stat().st_mtime for path in HERE.glob("load*.[ch]"))
    if not target.exists() or target.stat().st_mtime < newest:
        CACHE.mkdir(parents=True, exist_ok=True)
        compiler = shutil.which("cc") or sysconfig.get_config_var("CC").split()[0]
        subprocess.check_call([compiler, "-std=gnu11", "-O2", "-o", str(target), str(source)]
                              + LIBRARIES)
    return str(target)


def certificate():
    """Returns the path of a self-signed certificate with its key."""
    target = CACHE / "localhost.pem"
    if not target.exists():
        subprocess.check_call(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj",
             "/CN=localhost", "-keyout", str(target), "-out", str(target) + ".crt"],
            stderr=subprocess.DEVNULL)
        with open(str(target), "a") as f:
            f.write(Path(str(target) + ".crt").read_text())
    return str(target)


@contextlib.contextmanager
def messages(workload):
    """Yields the name of a file with the workload's messages."""
    with tempfile.TemporaryDirectory() as directory:
        name = os.path.join(directory, "messages")
        write_messages(name, workload)
        yield name


@contextlib.contextmanager
def program(peer, workload, *more):
    """Starts the peer's program for the workload, with more arguments; yields its process."""
    command = [peer.python, str(HERE / "servers" / peer.program), workload.mode, "--module",
               peer.module, "--every", str(workload.burst), "--copies", str(workload.copies)]
    command += more
    command += ["--loop", peer.loop] if peer.loop else []
    command += ["--deflate"] if "deflate" in workload.flags else []
    command += ["--tls", certificate()] if "tls" in workload.flags else []
    environment = dict(os.environ, PYTHONPATH=str(peer.path), PYTHONHASHSEED="0",
                       PYTHONDONTWRITEBYTECODE="1")
    environment.pop("TORNADO_WS_EXTENSION", None)
    if peer.extension is not None:
        environment["TORNADO_WS_EXTENSION"] = peer.extension
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=errors, text=True, env=environment, preexec_fn=pin(0))
        process.errors = errors
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()


def load_command(workload, seconds):
    command = [build(), "--seconds", str(seconds), "--warm", str(seconds / 4)]
    for name in ("conns", "burst", "depth", "copies", "think"):
        command += ["--" + name, str(getattr(workload, name))]
    if "handshakes" in workload.flags:
        command += ["--limit", str(HANDSHAKES)]
    return command + ["--" + flag for flag in workload.flags]


def start_load(command):
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, preexec_fn=pin(1))


def finish(load, process, text=None):
    """Waits for the load generator; returns what it measured.

    Raises:
        Failed: it found something wrong; says what, and what the program had to say.
    """
    try:
        out, err = load.communicate(text, timeout=LIMIT)
    finally:
        load.kill()
    if load.returncode:
        process.errors.seek(0)
        raise Failed("load ended with status %d: %s\n%s" % (
            load.returncode, err.strip(), process.errors.read()))
    return json.loads(out.splitlines()[-1])


def run_server(process, port, workload, name, seconds):
    """Runs the load generator once against a server; returns what it measured."""
    command = load_command(workload, seconds)
    command += ["--port", port, "--pid", str(process.pid), name]
    return finish(start_load(command), process)


def run_client(peer, workload, name, seconds):
    """Runs a client against the load generator, which is the server here."""
    load = start_load(load_command(workload, seconds) + ["--listen", name])
    port = load.stdout.readline().strip()
    with program(peer, workload, "--client", "ws://127.0.0.1:%s/" % port) as process:
        return finish(load, process, "%d\n" % process.pid)


@contextlib.contextmanager
def in_process(peer, workload, name):
    """Yields a function of seconds that has a program drive itself for so long."""
    more = ["--in-process", name, "--conns", str(workload.conns)]
    more += ["--client", "here"] if workload.client else []
    more += ["--text"] if "text" in workload.flags else []
    with program(peer, workload, *more) as process:
        def run(seconds):
            try:
                process.stdin.write("%r\n" % seconds)
                process.stdin.flush()
            except BrokenPipeError:
                pass  # why is on its standard error
            line = process.stdout.readline()
            if not line:
                process.errors.seek(0)
                raise Failed("the program ended: %s" % process.errors.read())
            return json.loads(line)
        run(FIRST)
        yield run


@contextlib.contextmanager
def runner(peer, workload, name):
    """Yields a function of seconds that runs the workload once.

    A server serves all rounds of a workload; for memory and for clients each round has a
    process of its own.
    """
    if IN_PROCESS in workload.flags:
        with in_process(peer, workload, name) as run:
            yield run
    elif workload.client:
        yield lambda seconds: run_client(peer, workload, name, seconds)
    elif "idle" in workload.flags:
        def fresh(seconds):
            with program(peer, workload) as process:
                port = process.stdout.readline().strip()
                return run_server(process, port, workload, name, seconds)
        yield fresh
    else:
        with program(peer, workload) as process:
            port = process.stdout.readline().strip()
            run_server(process, port, workload, name, FIRST)
            yield lambda seconds: run_server(process, port, workload, name, seconds)
