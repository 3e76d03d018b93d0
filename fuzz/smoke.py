"""Run the fuzz targets without a fuzzer: over the corpus, then over mutations of it.

::

    python fuzz/smoke.py [--runs N] [--seed N] [TARGET ...]
    python fuzz/smoke.py --input FILE TARGET

The same seed makes the same inputs on every Python 3. Where atheris can be installed,
``run.py`` is the better tool: it is guided by coverage.
"""
import argparse
import os
import random
import sys

import targets

HERE = os.path.dirname(os.path.abspath(__file__))
INTERESTING = [
    b"\x00", b"\x7f", b"\x80", b"\xff", b"\xc1", b"\x7e\x00\x7e", b"\xfe\x00\x7e", b"\x89\x00",
    b"\x88\x02\x03\xe8", b"\x00\x00\xff\xff", b"\xed\xa0\x80", b"\xe2\x82\xac", b",", b";", b"=",
    b'"', b"\\", b"\n", b" "]
MAX_SIZE = 2000


def load_corpus(target):
    """Return the seed inputs of a target, sorted by name."""
    directory = os.path.join(HERE, "corpus", target)
    corpus = []
    for name in sorted(os.listdir(directory)):
        with open(os.path.join(directory, name), "rb") as file:
            corpus.append(file.read())
    return corpus


def mutate(source, corpus):
    """Make an input from one or two others."""
    data = bytearray(source.choice(corpus)[:MAX_SIZE])
    for _ in range(source.choice((1, 1, 2, 3, 8))):
        place = source.randrange(len(data) + 1)
        end = min(place + source.choice((1, 1, 2, 4, 30)), len(data))
        kind = source.randrange(6)
        if kind == 0 and place < len(data):
            data[place] ^= 1 << source.randrange(8)
        elif kind == 1:
            data[place:place] = source.choice(INTERESTING)
        elif kind == 2:
            data[place:place + 1] = source.choice(INTERESTING)
        elif kind == 3:
            del data[place:end]
        elif kind == 4:
            data[place:place] = data[place:end]
        else:
            other = source.choice(corpus)[:MAX_SIZE]
            data[place:] = other[source.randrange(len(other) + 1):]
    return bytes(data)


def run_target(name, runs, seed):
    """Run one target over its corpus and some mutations.

    Args:
        name: The target.
        runs: How many mutations.
        seed: An int.

    Returns:
        The number of inputs.

    Raises:
        SystemExit: The target found something; the message has the input in hex.
    """
    corpus = load_corpus(name)
    source = random.Random("%s %d" % (name, seed))
    count = 0
    for data in corpus + [None] * runs:
        if data is None:
            data = mutate(source, corpus)
        run_input(name, data)
        count += 1
    return count


def run_input(name, data):
    """Run one target over one input."""
    try:
        targets.TARGETS[name](data)
    except Exception as error:
        raise SystemExit("%s: %s: %s\ninput: %s" % (
            name, type(error).__name__, error, data.hex())) from error


def main():
    parser = argparse.ArgumentParser(description="Run the fuzz targets without a fuzzer.")
    parser.add_argument("--runs", type=int, default=2000, metavar="N", help="mutations a target")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--input", metavar="FILE", help="run only this input")
    parser.add_argument("targets", nargs="*", metavar="TARGET",
                        help="all without one: %s" % ", ".join(targets.TARGETS))
    options = parser.parse_args()
    for name in options.targets or targets.TARGETS:
        if name not in targets.TARGETS:
            parser.error("no such target: %s" % name)
        if options.input:
            with open(options.input, "rb") as file:
                run_input(name, file.read())
            print("%s: nothing found" % name)
        else:
            print("%-18s %6d inputs, nothing found" % (
                name, run_target(name, options.runs, options.seed)))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
