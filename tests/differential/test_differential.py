"""The module of Tornado 4.3 and ours, put through the same scenarios: equal traces (C1)."""
from __future__ import absolute_import, division, print_function

import differential_client  # noqa: F401 (registers its scenarios)
import differential_closing  # noqa: F401
import differential_connect  # noqa: F401
import differential_handshake  # noqa: F401
import differential_messages  # noqa: F401
import differential_origin  # noqa: F401
import differential_violations  # noqa: F401
import pytest
import tornado.websocket
from differential_run import SCENARIOS, Run
from differential_table import DIFFERENCES

import tornado_ws.websocket


def show(trace):
    """Write a trace as lines, so that pytest's comparison is readable."""
    return ["%s: %r" % (channel, item) for channel in sorted(trace) for item in trace[channel]]


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_same_trace(name):
    """C1: what the module of Tornado 4.3 does ours does too, except where the table says."""
    function = SCENARIOS[name]
    stock = Run(tornado.websocket).execute(function)
    ours = Run(tornado_ws.websocket).execute(function)
    for trace in (stock, ours):
        assert not {"deadline", "scenario failed"} & {event[0] for event in trace["app"]}, trace
    for channel, clause, stock_part, our_part in DIFFERENCES.get(name, ()):
        assert stock.pop(channel) == stock_part, (clause, "Tornado 4.3")
        assert ours.pop(channel) == our_part, (clause, "tornado_ws")
    assert show(ours) == show(stock)


def test_table_names_scenarios_and_real_differences():
    """A difference in the table is one, belongs to a scenario, and has a clause."""
    assert set(DIFFERENCES) <= set(SCENARIOS)
    for parts in DIFFERENCES.values():
        for channel, clause, stock_part, our_part in parts:
            assert channel in ("head", "wire", "app", "log")
            assert clause.startswith(("C", "section "))
            assert stock_part != our_part
