"""Token lists and extension lists: RFC 6455 section 9.1, RFC 7230 sections 3.2.6 and 7."""
from __future__ import absolute_import, division, print_function

import pytest

from tornado_ws._sansio.errors import HandshakeError
from tornado_ws._sansio.headers import build_extension, is_token, parse_extensions, split_list

SEPARATORS = '()<>@,;:\\"/[]?={} \t'


@pytest.mark.parametrize("text", ["a", "Chat-2.0", "!#$%&'*+-.^_`|~", "09azAZ"])
def test_tokens(text):
    assert is_token(text)


@pytest.mark.parametrize(
    "text", [""] + ["a%sb" % c for c in SEPARATORS + "\x00\x1f\x7f\r\n\x80\xff"] + ["a\n", "\na"]
)
def test_what_is_no_token(text):
    assert not is_token(text)


@pytest.mark.parametrize(
    "value, tokens",
    [
        ("", []),
        (" \t", []),
        (",", []),
        (" , ,\t,", []),
        ("chat", ["chat"]),
        ("chat, superchat", ["chat", "superchat"]),
        ("Chat,chat", ["Chat", "chat"]),
        (" a\t,,\t b ,", ["a", "b"]),
        ("b,a,b", ["b", "a", "b"]),
    ],
)
def test_lists(value, tokens):
    assert split_list(value) == tokens


@pytest.mark.parametrize("value", ["a b", "a;b", '"a"', "b/c", "\x00", "\xa0", "a=1", "caf\xe9"])
def test_the_elements_of_a_list_may_be_anything(value):
    assert split_list("a, " + value + " ,b") == ["a", value, "b"]


@pytest.mark.parametrize(
    "value, extensions",
    [
        ("", []),
        (" ,\t, ", []),
        ("foo", [("foo", [])]),
        # RFC 6455 section 9.1
        ("foo, bar; baz=2", [("foo", []), ("bar", [("baz", "2")])]),
        ("deflate-stream", [("deflate-stream", [])]),
        (
            "mux; max-channels=4; flow-control, deflate-stream",
            [("mux", [("max-channels", "4"), ("flow-control", None)]), ("deflate-stream", [])],
        ),
        ("private-extension", [("private-extension", [])]),
        # RFC 7692 section 5.2
        (
            'permessage-foo; use_y, permessage-foo; x="10"',
            [("permessage-foo", [("use_y", None)]), ("permessage-foo", [("x", "10")])],
        ),
        ('a;b="c\\d"', [("a", [("b", "cd")])]),
        ('a;b="\\c\\d"', [("a", [("b", "cd")])]),
        (" a\t;\tb\t=\tc\t,", [("a", [("b", "c")])]),
        ('a; b = "c" ; d', [("a", [("b", "c"), ("d", None)])]),
        (",, a ,,b", [("a", []), ("b", [])]),
        ("a;x=1;x=2;x", [("a", [("x", "1"), ("x", "2"), ("x", None)])]),
        ("Foo;Bar=Baz", [("Foo", [("Bar", "Baz")])]),
    ],
)
def test_extension_lists(value, extensions):
    assert parse_extensions(value) == extensions


@pytest.mark.parametrize(
    "value",
    [
        ";",
        "=",
        ";a",
        "a;",
        "a; ",
        "a;,b",
        "a;;b",
        "a b",
        "a;b c",
        "a;b=",
        "a;b=,c",
        "a;b==c",
        "a;=c",
        "a=b",
        "a;b=c d",
        "a;b=c=d",
        'a;b="c"d',
        'a;b="',
        'a;b="c',
        'a;b="c\\"',
        'a;b="c\\',
        "a;b='c\\'",
        '"a"',
        'a;"b"=c',
        "a\n",
        "a\r\n;b",
        "a;b\x00",
        "caf\xe9",
        "a/b",
    ],
)
def test_malformed_extension_lists_are_refused(value):
    with pytest.raises(HandshakeError) as info:
        parse_extensions(value)
    assert info.value.status == 400


@pytest.mark.parametrize("quoted", ["", "a b", "a,b", "a;b", '\\"', "\\\\", "a\n", "a\\\n", "\xe9"])
def test_a_quoted_value_must_be_a_token(quoted):
    """RFC 6455 section 9.1: it MUST conform to the 'token' ABNF after unescaping."""
    with pytest.raises(HandshakeError):
        parse_extensions('a;b="%s"' % quoted)


@pytest.mark.parametrize(
    "name, params, text",
    [
        ("foo", [], "foo"),
        ("bar", [("baz", "2")], "bar; baz=2"),
        ("mux", [("channels", "4"), ("flow-control", None)], "mux; channels=4; flow-control"),
    ],
)
def test_building_an_extension(name, params, text):
    assert build_extension(name, params) == text
    assert isinstance(text, str)
    assert parse_extensions(text) == [(name, params)]


@pytest.mark.parametrize(
    "name, params",
    [("", []), ("a b", []), ("a", [("", None)]), ("a", [("b", "")]), ("a", [("b", "c\r\nd")])],
)
def test_only_tokens_are_built(name, params):
    with pytest.raises(ValueError):
        build_extension(name, params)


LENGTH = 1 << 16
HUGE = [
    "," * LENGTH,
    " " * LENGTH,
    " ," * LENGTH,
    "\t" * LENGTH + "a",
    "a" + " " * LENGTH + "b",
    "a" * LENGTH + "\x00",
    "a;" * LENGTH,
    "a;b=" + " " * LENGTH + "\x00",
    'a;b="' + "c" * LENGTH,
    'a;b="' + "\\" * LENGTH,
    'a;b="' + "\\" * LENGTH + '"',
    'a;b="' + "\\c" * LENGTH,
    '"' * LENGTH,
    ';b="c"' * LENGTH,
    'a;b=""' * LENGTH,
]


@pytest.mark.parametrize("value", HUGE, ids=[str(index) for index in range(len(HUGE))])
def test_huge_values_are_parsed_or_refused(value):
    """What these take grows with their length; a quadratic parser would not come back."""
    assert isinstance(split_list(value), list)
    try:
        assert isinstance(parse_extensions(value), list)
    except HandshakeError as error:
        assert len(str(error)) < 80


def test_huge_lists_are_parsed():
    assert split_list("a, " * LENGTH) == ["a"] * LENGTH
    assert parse_extensions("a;b, " * LENGTH) == [("a", [("b", None)])] * LENGTH
    assert parse_extensions("a" + ";b=c" * LENGTH) == [("a", [("b", "c")] * LENGTH)]
    assert parse_extensions('a;b="' + "\\c" * LENGTH + '"') == [("a", [("b", "c" * LENGTH)])]
