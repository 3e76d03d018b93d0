"""New Relic's agent, which measures requests, with the tests of Tornado that its sdist holds."""
from __future__ import absolute_import, division, print_function

import os

from program_runs import compare, temporary_directory, unpack_sdist

# Among the others are some that want libcurl; none of them opens a WebSocket.
ARGUMENTS = ["-p", "newrelic_without_network", "test_server.py"]


def test_newrelic_does_the_same_with_either_implementation(monkeypatch):
    """C2: a transaction ends with the 101 and has the name of the handler."""
    # With these it reports to nobody, and its log stays where the tests are.
    monkeypatch.setenv("NEW_RELIC_DEVELOPER_MODE", "true")
    monkeypatch.delenv("NEW_RELIC_LICENSE_KEY", raising=False)
    monkeypatch.delenv("TOX_ENV_DIR", raising=False)
    with temporary_directory() as directory:
        tests = os.path.join(unpack_sdist("newrelic", directory), "tests")
        compare(["-o", "pythonpath=" + tests] + ARGUMENTS, os.path.join(tests, "framework_tornado"),
                handler="_target_application.WebSocketHandler", fewest=27)
