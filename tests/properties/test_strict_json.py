"""JSON as a book of record reads it: what is accepted comes back exactly, the rest is refused."""

# ruff: noqa: E501  documents stand as they are

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from oms_site.api import strict_json
from oms_site.api.strict_json import MOST_DEPTH, BadJson
from tests import effort

# Characters that a text may hold: no half characters and no NUL.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
numbers = st.one_of(
    st.integers(-(10**30), 10**30).map(Decimal),
    st.decimals(
        allow_nan=False, allow_infinity=False, places=8, min_value=-(10**12), max_value=10**12
    ),
).filter(lambda n: not (n == 0 and n.is_signed()))
documents = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=30,
)


def _plain(value: Any) -> Any:
    """The same document for Python's own writer, decimals marked to be put in as digits."""
    if isinstance(value, Decimal):
        return f"\ue000{value:f}\ue001"
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return value


def _written(value: Any, *, ascii_only: bool, indent: int | None) -> bytes:
    text = json.dumps(_plain(value), ensure_ascii=ascii_only, indent=indent)
    for mark in ('"\ue000', '\ue001"', '"\\ue000', '\\ue001"'):
        text = text.replace(mark, "")
    return text.encode()


@settings(max_examples=effort.examples(400), deadline=None)
@given(value=documents, ascii_only=st.booleans(), indent=st.none() | st.integers(0, 3))
@example(value=["\\u0000 is six characters"], ascii_only=False, indent=None)
@example(value={"\\ud800": "\\\\u0000"}, ascii_only=True, indent=None)
@example(value="\U0001f600", ascii_only=True, indent=None)
@example(value=[[[Decimal("0.00000001")]]], ascii_only=True, indent=None)
def test_what_is_accepted_is_read_and_written_exactly(
    value: Any, ascii_only: bool, indent: int | None
) -> None:
    if "\ue000" in str(value) or "\ue001" in str(value):
        return  # the marks that this test writes numbers with
    read = strict_json.loads(_written(value, ascii_only=ascii_only, indent=indent))
    assert _same(read, value)
    again = json.loads(strict_json.dumps(read), parse_float=Decimal, parse_int=Decimal)
    assert _same(again, value)


def _same(one: Any, other: Any) -> bool:
    """Equal in kind too: true is not 1, and every digit counts."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)


@settings(max_examples=effort.examples(300), deadline=None)
@given(value=documents, n=st.integers(0, 10**6), junk=st.binary(min_size=1, max_size=3))
def test_a_damaged_document_is_read_or_refused_but_never_breaks(
    value: Any, n: int, junk: bytes
) -> None:
    body = _written(value, ascii_only=True, indent=None)
    at = n % (len(body) + 1)
    for damaged in (body[:at], body[:at] + junk + body[at:], body[:at] + junk):
        try:
            strict_json.loads(damaged)
        except BadJson as refusal:
            assert refusal.status == 400  # noqa: PT017


# What no reader of JSON may take, in the kinds that the well-known suites of bad documents have.
REFUSED: dict[str, list[bytes]] = {
    "arrays": [
        b"[1 true]", b"[a\xe5]", b'["": 1]', b'[""],', b"[,1]", b"[1,,2]", b'["x"]]', b'["",]',
        b'["x"', b"[x", b"[3[4]]", b"[\xff]", b"[1:2]", b"[,]", b"[-]", b'["a",\n4\n,1,', b"[1,]",
        b"[1,,]", b'["\x0ba"\\f]', b"[*]", b'[""', b"[1,", b"[{}", b"[", b"]", b"[][]",
    ],
    "objects": [
        b'["x", truth]', b'{[: "x"}', b'{"x", null}', b'{"x"::"b"}', b'{"a":"a" 123}', b"{key: 'v'}",
        b'{"\xb9":"0",}', b'{"a" b}', b"{:\"b\"}", b'{"a" "b"}', b'{"a":', b'{"a"', b"{1:1}",
        b"{9999E9999:1}", b"{null:null,null:null}", b'{"id":0,,,,,}', b"{'a':0}", b'{"id":0,}',
        b'{"a":"b"}/**/', b'{"a":"b"}//', b'{"a":"b",,"c":"d"}', b'{a: "b"}', b'{"a":"a', b"{}}",
        b'{ "foo" : "bar", "a" }', b'{"a":"b"}#', b"{",
    ],
    "numbers": [
        b"[++1234]", b"[+1]", b"[+Inf]", b"[-01]", b"[-1.0.]", b"[-2.]", b"[-NaN]", b"[.-1]",
        b"[.2e-3]", b"[0.1.2]", b"[0.3e+]", b"[0.3e]", b"[0.e1]", b"[0E]", b"[1.0e+]", b"[1 000.0]",
        b"[1eE2]", b"[2.e3]", b"[9.e+]", b"[Inf]", b"[NaN]", b"[\xef\xbc\x91]", b"[1+2]", b"[0x1]",
        b"[0x42]", b"[Infinity]", b"[0e+-1]", b"[-123.123foo]", b"[123\xe5]", b"[-Infinity]",
        b"[-foo]", b"[- 1]", b"[-012]", b"[-.123]", b"[-1x]", b"[1ea]", b"[1.]", b"[.123]",
        b"[1.2a-3]", b"[012]", b"[1_000]", b"[1e5]", b"[1E5]", b"[0e1]", b"[-0]", b"[-0.0]",
        b"[" + b"9" * 41 + b"]", b"[0." + b"0" * 41 + b"1]",
    ],
    "texts": [
        b'["\\uD800\\"]', b'["\\uD800\\u"]', b'["\\uD800\\u1"]', b'["\\uD800\\u1x"]', b"[\xc3\xa9]",
        b'["\\x00"]', b'["\\\\\\"]', b'["\\\t"]', b'["\\\xf0\x9f\x8c\x80"]', b'["\\"]', b'["\\u00A"]',
        b'["\\uD834\\uDd"]', b'["\\uD800\\uD800\\x"]', b'["\\u\xe5"]', b'["\\a"]', b'["\\uqqqq"]',
        b'["\\\xe5"]', b"[\\u0020\"asd\"]", b"[\\n]", b'"', b"['single quote']", b"abc", b'["a\x00a"]',
        b'["\\', b'["new\nline"]', b'["\t"]', b'"\\UA66D"', b'""x', b'["\\uD800"]', b'["\\uDC00\\uD800"]',
        b'["\\u0000"]', b'{"\\u0000": 1}', b'{"\\ud800": 1}', b'["\xed\xa0\x80"]', b'["\xc0\xaf"]',
    ],
    "the whole": [
        b"", b" ", b"\xef\xbb\xbf{}", b"\xff\xfe[\x00]\x00", b"<.>", b"[<null>]", b"[1]x", b"aa",
        b"[True]", b"nul", b"fals", b"tru", b'{"a": true} "x"', b"2@", b"\xc3\xa5", b"1 2", b"[1],[2]",
        b"\xe2\x81\xa0", b"[\x0c]", b"[\xe2\x81\xa0]", b'{"a":/*comment*/"b"}', b"*", b"undefined",
        b"[" * 100_000, b'[{"":' * 50_000, b"[" * 33 + b"]" * 33,
    ],
    "twice": [b'{"a":1,"a":1}', b'{"a":1,"\\u0061":2}', b'[{"b":{"a":1,"a":{}}}]'],
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_json_or_cannot_be_trusted_is_refused(kind: str) -> None:
    taken = []
    for body in REFUSED[kind]:
        try:
            taken.append((body, strict_json.loads(body)))
        except BadJson as refusal:
            assert refusal.status == 400  # noqa: PT017
    assert taken == []


@pytest.mark.parametrize(
    "body",
    [
        b"[[]   ]", b'[""]', b"[]", b'["a"]', b"[false]", b"[null, 1, \"1\", {}]", b"[null]",
        b"[1\n]", b" [1]", b"[1,null,null,null,2]", b"[2] ", b"[123.456789]", b"[ 4]", b"[-123]",
        b"[0]", b"[-1]", b"[123]", b'{"asd":"sdf", "dfg":"fgh"}', b"{}", b'{"":0}', b'{"a":[]}',
        b'["\\u0060\\u012a\\u12AB"]', b'["\\uD801\\udc37"]', b'["\\"\\\\\\/\\b\\f\\n\\r\\t"]',
        b'["\\\\u0000"]', b'["a/*b*/c/*d//e"]', b'["\x7f"]', b'["\xf4\x8f\xbf\xbf"]', b'" "',
        b"true", b"42", b"-0.1", b"null", b'"\\u005C\\u0022"', b" {} \n", b"[" * 32 + b"]" * 32,
        b'["' + b"[" * 100 + b'"]',
    ],
)  # fmt: skip
def test_plain_json_is_taken(body: bytes) -> None:
    read = strict_json.loads(body)
    assert _same(read, json.loads(body, parse_int=Decimal, parse_float=Decimal))


def test_the_limits_are_where_they_are_said_to_be() -> None:
    deep = b"[" * MOST_DEPTH + b"]" * MOST_DEPTH
    strict_json.loads(deep)
    with pytest.raises(BadJson, match="deeper"):
        strict_json.loads(b"[" + deep + b"]")
    most = b'"' + b"x" * (strict_json.MOST_BYTES - 2) + b'"'
    strict_json.loads(most)
    with pytest.raises(BadJson) as refusal:
        strict_json.loads(most + b" ")
    assert refusal.value.status == 413
