"""Fuzz one target guided by coverage: ``python fuzz/run.py TARGET [libFuzzer's options]``.

Needs atheris. What it learns is kept in a directory of its own outside the checkout, and the next
run goes on from there; what it finds is written there too. ``-max_total_time=60`` stops after a
minute; a file as an argument runs only that input.
"""
import os
import sys
import tempfile

import atheris

with atheris.instrument_imports(include=["tornado_ws"]):
    import targets

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in targets.TARGETS:
        raise SystemExit("usage: run.py TARGET [libFuzzer's options]\ntargets: %s"
                         % ", ".join(targets.TARGETS))
    name, more = sys.argv[1], sys.argv[2:]
    work = os.path.join(tempfile.gettempdir(), "tornado_ws-fuzz", name)
    os.makedirs(work, exist_ok=True)
    if all(argument.startswith("-") for argument in more):
        more += [work, os.path.join(HERE, "corpus", name)]
    atheris.Setup([sys.argv[0], "-artifact_prefix=%s/" % work, "-timeout=10"] + more,
                  targets.TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
