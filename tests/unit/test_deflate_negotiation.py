"""Options and negotiation of permessage-deflate: RFC 7692 section 7.1, C30 to C32."""
from __future__ import absolute_import, division, print_function

import pytest

from tornado_ws._sansio import deflate
from tornado_ws._sansio.deflate import Parameters
from tornado_ws._sansio.errors import HandshakeError
from tornado_ws._sansio.headers import parse_extensions

SERVER_NO = "server_no_context_takeover"
CLIENT_NO = "client_no_context_takeover"
SERVER_BITS = "server_max_window_bits"
CLIENT_BITS = "client_max_window_bits"

GOOD_OPTIONS = {
    "compression_level": [-1, 0, 1, 9],
    "mem_level": [1, 9],
    "max_wbits": [8, 15],
    SERVER_BITS: [8, 15],
    CLIENT_BITS: [8, 15],
    SERVER_NO: [True, False],
    CLIENT_NO: [True, False],
    "min_size": [0, 1, 10 ** 30],
}
BAD_OPTIONS = {
    "compression_level": [-2, 10, 6.0, "6", None, True],
    "mem_level": [0, 10, -1, None, True],
    "max_wbits": [7, 16, -15, 0, 15.0, "15", None],
    SERVER_BITS: [7, 16, True, None],
    CLIENT_BITS: [7, 16, False, None],
    SERVER_NO: [0, 1, None, "yes"],
    CLIENT_NO: [0, 1, None, ""],
    "min_size": [-1, 0.5, "0", None, False],
}


def pairs(options):
    return [(key, value) for key in sorted(options) for value in options[key]]


@pytest.mark.parametrize("key, value", pairs(GOOD_OPTIONS))
def test_good_options_are_copied(key, value):
    options = {key: value}
    checked = deflate.check_options(options)
    assert checked == options
    assert checked is not options


@pytest.mark.parametrize("key, value", pairs(BAD_OPTIONS) + [("level", 6), ("", 1), (8, 8)])
def test_bad_options_are_refused_by_name(key, value):
    """C30."""
    options = {key: value}
    with pytest.raises(ValueError) as info:
        deflate.check_options(options)
    assert str(key) in str(info.value)
    for codec in (deflate.PerMessageDeflateCompressor, deflate.PerMessageDeflateDecompressor):
        with pytest.raises(ValueError):
            codec(True, 15, compression_options=options)


@pytest.mark.parametrize("options", [None, [], "mem_level", 1])
def test_options_are_a_dict(options):
    with pytest.raises(ValueError):
        deflate.check_options(options)


def test_all_options_at_once():
    options = dict((key, values[0]) for key, values in GOOD_OPTIONS.items())
    assert deflate.check_options(options) == options
    assert deflate.check_options({}) == {}


S_NO, C_NO, S_BITS, C_BITS = ["; " + name for name in Parameters._fields]


def negotiate(offer, **options):
    checked = deflate.check_options(options)
    return deflate.negotiate_offer(parse_extensions("permessage-deflate" + offer), checked)


@pytest.mark.parametrize(
    "offer, options, answer, parameters",
    [
        ("", {}, "", (False, False, 15, 15)),
        (S_NO, {}, S_NO, (True, False, 15, 15)),
        (C_NO, {}, C_NO, (False, True, 15, 15)),
        ("", {SERVER_NO: True}, S_NO, (True, False, 15, 15)),
        ("", {CLIENT_NO: True}, C_NO, (False, True, 15, 15)),
        (C_NO, {CLIENT_NO: False, SERVER_NO: True}, C_NO + S_NO, (True, True, 15, 15)),
        (S_BITS + "=15", {}, S_BITS + "=15", (False, False, 15, 15)),
        (S_BITS + "=10", {}, S_BITS + "=10", (False, False, 10, 15)),
        (S_BITS + "=8", {}, S_BITS + "=8", (False, False, 8, 15)),
        (S_BITS + '="10"', {}, S_BITS + "=10", (False, False, 10, 15)),
        (S_BITS + "=12", {SERVER_BITS: 9}, S_BITS + "=9", (False, False, 9, 15)),
        (S_BITS + "=9", {SERVER_BITS: 12}, S_BITS + "=9", (False, False, 9, 15)),
        ("", {SERVER_BITS: 11}, S_BITS + "=11", (False, False, 11, 15)),
        ("", {"max_wbits": 11}, S_BITS + "=11", (False, False, 11, 15)),
        ("", {"max_wbits": 11, SERVER_BITS: 9}, S_BITS + "=9", (False, False, 9, 15)),
        ("", {"max_wbits": 9, SERVER_BITS: 11}, S_BITS + "=9", (False, False, 9, 15)),
        (C_BITS, {}, "", (False, False, 15, 15)),
        (C_BITS, {"max_wbits": 15, CLIENT_BITS: 15}, "", (False, False, 15, 15)),
        (C_BITS, {CLIENT_BITS: 8}, C_BITS + "=8", (False, False, 15, 8)),
        (C_BITS, {"max_wbits": 9}, S_BITS + "=9", (False, False, 9, 15)),
        (C_BITS + "=10", {}, C_BITS + "=10", (False, False, 15, 10)),
        (C_BITS + "=15", {}, C_BITS + "=15", (False, False, 15, 15)),
        (C_BITS + "=10", {CLIENT_BITS: 12}, C_BITS + "=10", (False, False, 15, 10)),
        (C_BITS + "=12", {CLIENT_BITS: 10}, C_BITS + "=10", (False, False, 15, 10)),
        # Not offered, so it cannot be answered: RFC 7692 section 7.1.2.2
        ("", {CLIENT_BITS: 8}, "", (False, False, 15, 15)),
        (
            C_BITS + S_BITS + "=10" + C_NO + S_NO,
            {CLIENT_BITS: 9},
            C_BITS + "=9" + C_NO + S_BITS + "=10" + S_NO,
            (True, True, 10, 9),
        ),
    ],
)
def test_offers_are_answered(offer, options, answer, parameters):
    """C31: all four parameters, as RFC 7692 section 7.1 says."""
    agreed, value = negotiate(offer, **options)
    assert value == "permessage-deflate" + answer
    assert isinstance(value, str)
    assert agreed == Parameters(*parameters)
    assert [type(item) for item in agreed] == [bool, bool, int, int]


MALFORMED = [
    "; foo",
    "; foo=1",
    "; Server_no_context_takeover",
    "; server_no_context_takeover=1",
    "; client_no_context_takeover=true",
    '; client_no_context_takeover="x"',
    "; server_no_context_takeover; server_no_context_takeover",
    "; client_no_context_takeover; client_no_context_takeover",
    "; server_max_window_bits=10; server_max_window_bits=10",
    "; client_max_window_bits=10; client_max_window_bits=9",
    "; client_max_window_bits; client_max_window_bits=9",
    "; server_max_window_bits",
    "; server_max_window_bits=7",
    "; server_max_window_bits=16",
    "; server_max_window_bits=08",
    "; server_max_window_bits=010",
    "; server_max_window_bits=-8",
    "; server_max_window_bits=+8",
    "; server_max_window_bits=8.0",
    "; server_max_window_bits=0x9",
    "; server_max_window_bits=ten",
    "; server_max_window_bits=100",
    "; client_max_window_bits=7",
    "; client_max_window_bits=16",
    "; client_max_window_bits=09",
    "; client_max_window_bits=x",
]


@pytest.mark.parametrize("offer", MALFORMED)
def test_malformed_offers_are_declined(offer):
    """C31: declined, not fatal; the next offer gets its chance."""
    assert negotiate(offer) is None
    assert negotiate(offer + ", foo, permessage-deflate; server_max_window_bits=9") == (
        Parameters(False, False, 9, 15),
        "permessage-deflate; server_max_window_bits=9",
    )


def test_the_first_good_offer_wins():
    """C31."""
    agreed, value = negotiate("; server_no_context_takeover, permessage-deflate")
    assert agreed.server_no_context_takeover
    assert deflate.negotiate_offer([("foo", [])], {}) is None
    assert deflate.negotiate_offer([], {}) is None
    assert deflate.negotiate_offer([("Permessage-Deflate", [])], {}) is None


@pytest.mark.parametrize(
    "options, offer",
    [
        ({}, "; client_max_window_bits"),
        ({"compression_level": 1, "mem_level": 1, "min_size": 9}, "; client_max_window_bits"),
        ({SERVER_NO: False, CLIENT_NO: False}, "; client_max_window_bits"),
        ({SERVER_NO: True}, "; server_no_context_takeover; client_max_window_bits"),
        ({CLIENT_NO: True}, "; client_no_context_takeover; client_max_window_bits"),
        ({SERVER_BITS: 10}, "; server_max_window_bits=10; client_max_window_bits"),
        ({SERVER_BITS: 15}, "; server_max_window_bits=15; client_max_window_bits"),
        ({CLIENT_BITS: 9}, "; client_max_window_bits=9"),
        ({CLIENT_BITS: 15}, "; client_max_window_bits=15"),
        ({"max_wbits": 9}, "; client_max_window_bits=9"),
        ({"max_wbits": 9, CLIENT_BITS: 10}, "; client_max_window_bits=9"),
        ({"max_wbits": 11, CLIENT_BITS: 10}, "; client_max_window_bits=10"),
    ],
)
def test_offers(options, offer):
    """C32."""
    value = deflate.build_offer(deflate.check_options(options))
    assert value == "permessage-deflate" + offer
    assert isinstance(value, str)


def accept(answer, **options):
    params = parse_extensions("permessage-deflate" + answer)[0][1]
    return deflate.accept_response(params, deflate.check_options(options))


@pytest.mark.parametrize(
    "answer, options, parameters",
    [
        ("", {}, (False, False, 15, 15)),
        # Unasked: RFC 7692 sections 7.1.1.1, 7.1.1.2, 7.1.2.1 and (always offered) 7.1.2.2
        ("; server_no_context_takeover", {}, (True, False, 15, 15)),
        ("; client_no_context_takeover", {}, (False, True, 15, 15)),
        ("; server_max_window_bits=8", {}, (False, False, 8, 15)),
        ("; server_max_window_bits=15", {}, (False, False, 15, 15)),
        ("; client_max_window_bits=8", {}, (False, False, 15, 8)),
        ("; client_max_window_bits=15", {}, (False, False, 15, 15)),
        # Asked for
        ("; server_no_context_takeover", {SERVER_NO: True}, (True, False, 15, 15)),
        ("; client_no_context_takeover", {CLIENT_NO: True}, (False, True, 15, 15)),
        ("", {CLIENT_NO: True}, (False, True, 15, 15)),
        ("; server_max_window_bits=10", {SERVER_BITS: 10}, (False, False, 10, 15)),
        ("; server_max_window_bits=9", {SERVER_BITS: 10}, (False, False, 9, 15)),
        ("", {SERVER_BITS: 15}, (False, False, 15, 15)),
        ("; client_max_window_bits=10", {CLIENT_BITS: 10}, (False, False, 15, 10)),
        ("; client_max_window_bits=9", {"max_wbits": 10}, (False, False, 15, 9)),
        ("", {CLIENT_BITS: 10}, (False, False, 15, 10)),
        ("", {"max_wbits": 10}, (False, False, 15, 10)),
        ("; server_max_window_bits=15", {"max_wbits": 10}, (False, False, 15, 10)),
    ],
)
def test_answers_are_accepted(answer, options, parameters):
    """C32."""
    agreed = accept(answer, **options)
    assert agreed == Parameters(*parameters)
    assert [type(item) for item in agreed] == [bool, bool, int, int]


@pytest.mark.parametrize("answer", MALFORMED + ["; client_max_window_bits"])
def test_malformed_answers_are_refused(answer):
    """C32."""
    with pytest.raises(HandshakeError):
        accept(answer)


@pytest.mark.parametrize(
    "answer, options",
    [
        ("", {SERVER_NO: True}),
        ("; client_no_context_takeover", {SERVER_NO: True}),
        ("", {SERVER_BITS: 10}),
        ("; server_max_window_bits=11", {SERVER_BITS: 10}),
        ("; client_max_window_bits=11", {CLIENT_BITS: 10}),
        ("; client_max_window_bits=11", {"max_wbits": 10}),
    ],
)
def test_answers_to_another_offer_are_refused(answer, options):
    """C32."""
    with pytest.raises(HandshakeError):
        accept(answer, **options)
