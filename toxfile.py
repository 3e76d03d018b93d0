"""A plug-in of tox, which it loads from here: sums up at the end what ran, what did not, and why.

Kept to what tox 4.5, the last for virtualenv 20.21, and the newest tox both have.
"""
import atexit
import os
import re
import runpy
import shutil
import subprocess
import sys

from tox.plugin import impl
from tox.tox_env.errors import Skip
from tox.tox_env.runner import RunToxEnv

ROOT = os.path.dirname(os.path.abspath(__file__))

#: The exit status of each environment whose commands ran, by name.
STATUS = {}
#: A line for each environment that was to run, by name.
LINES = {}
#: The environments that build the extension.
COMPILING = re.compile(r".*-ext|dist|sanitize")
#: Prints what an interpreter's extensions are built with.
TELL_COMPILER = """
import sysconfig
print(sysconfig.get_config_var("CC"))
print(sysconfig.get_config_var("INCLUDEPY"))
"""
#: The Pythons that would do for what was left out, as ``(major, minor)``.
WANTED = set()


def describe_pythons(specs):
    """Returns the Pythons that an environment can have, such as ``3.12, 3.13``, as text."""
    versions = sorted(tuple(map(int, match.groups())) for match in (
        re.match(r"(?:py|python)(\d)\.?(\d+)$", spec) for spec in specs) if match)
    WANTED.update(versions)
    return "Python " + ", ".join(map("%d.%d".__mod__, versions)) if versions else specs[0]


def explain(specs):
    """Returns why an environment was left out for which none of these Pythons was found."""
    reason = "found no " + describe_pythons(specs)
    if specs == ["py27"] and sys.version_info >= (3, 14):
        reason += " (for which tox has to run on 3.13 or older)"
    return reason


def result_of(env):
    """Returns a line on an environment whose commands ran."""
    read_tests = runpy.run_path(os.path.join(ROOT, ".ci", "summary.py"))["read_tests"]
    skips = {}
    counts = read_tests(env.conf.name, skips, [])
    line = "passed" if STATUS[env.conf.name] == 0 else "FAILED"
    if counts:
        line += ": {0[passed]} passed, {0[failed]} failed, {0[skipped]} skipped".format(counts)
    return "\n".join([line] + ["    skipped: %s" % reason for reason in sorted(
        {reason for _, reason in skips})])


def missing_to_compile(python):
    """Returns what an interpreter's extensions want and the machine has not, as text, or None."""
    compiler, headers = subprocess.check_output(
        [str(python), "-c", TELL_COMPILER], universal_newlines=True).splitlines()
    if not shutil.which(os.environ.get("CC", compiler).split()[0]):
        return "found no C compiler"
    if not os.path.exists(os.path.join(headers, "Python.h")):
        return "found no Python.h of its Python (Debian: python3-dev)"
    return None


@impl
def tox_add_env_config(env_conf, state):
    """Has an old Python build packages with the pip that virtualenv brings along.

    Of those that it has fetched before, for whichever Python, it may take one that is too new.
    """
    if env_conf.name.startswith(".pkg") and sys.version_info < (3, 10):
        env_conf["set_env"].update({"VIRTUALENV_PIP": "embed"})


@impl
def tox_on_install(tox_env, arguments, section, of_type):
    """Leaves out what cannot be compiled, unless all is required: then it fails."""
    name = tox_env.conf.name
    if COMPILING.fullmatch(name) and "TORNADO_WS_REQUIRE_ALL" not in os.environ:
        missing = missing_to_compile(tox_env.conf["env_python"])
        if missing is not None:
            LINES[name] = "left out: " + missing
            raise Skip(missing)


@impl
def tox_after_run_commands(tox_env, exit_code, outcomes):
    """Notes how it went."""
    STATUS[tox_env.conf.name] = exit_code


@impl
def tox_env_teardown(tox_env):
    """Notes a line on an environment: what came of it, or why it was left out."""
    name = tox_env.conf.name
    if not isinstance(tox_env, RunToxEnv) or name.startswith(".") or name in LINES:
        return
    if getattr(tox_env.options, "no_test", False):
        return  # only to be made
    if name in STATUS:
        LINES[name] = result_of(tox_env)
        return
    try:
        tox_env.base_python
    except Skip:
        LINES[name] = "left out: " + explain(tox_env.conf["base_python"])
    except Exception:  # whatever it is, tox has told it
        LINES[name] = "FAILED: it has no Python"
    else:
        LINES[name] = "FAILED: it could not be made, see above"


@atexit.register
def sum_up():
    """Prints the lines: first what ran, then what was left out."""
    if not LINES or "TORNADO_WS_REQUIRE_ALL" in os.environ:
        return  # then .ci/summary.py sums up
    left_out = {name for name, line in LINES.items() if line.startswith("left out")}
    print("\nSummary")
    for name in sorted(LINES, key=lambda name: name in left_out):
        print("  {:28} {}".format(name, LINES[name]))
    ran = len(LINES) - len(left_out)
    print("  {} environment{} ran, {} {} left out.".format(
        ran, "s" * (ran != 1), len(left_out), "was" if len(left_out) == 1 else "were"))
    if len(left_out) == len(LINES) and WANTED:
        print("Nothing was tested. These Pythons would do, in PATH: "
              + ", ".join(map("%d.%d".__mod__, sorted(WANTED))))
