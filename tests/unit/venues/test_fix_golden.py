"""Messages to a FIX venue, to the byte: three dictionaries, and what a venue's format makes."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import simplefix

from venues import formats
from venues.fix import codec, outgoing
from venues.fix.codec import Garbled, Message
from venues.formats import Names
from venues.gateways.fix.store import Numbers, Opened
from venues.messages import CancelRequest, NewOrder, ReplaceRequest, StatusRequest, WireOut
from venues.models import FixLine

AT = datetime(2026, 11, 23, 15, 0, 0, 250_000, tzinfo=UTC)
ORDER = NewOrder(
    cl_ord_id="vo-1",
    security_id="912810TL2",
    side="1",
    ord_type="2",
    order_qty=Decimal(100_000),
    price=Decimal("99.50"),
    transact_time=AT,
)


def raw(message: WireOut, **content: Any) -> str:
    """The bytes of a message under number 7, with | for SOH."""
    style = formats.read(content)
    line = FixLine(session="V", venue_id="V", sender_comp_id="OEMS", target_comp_id="V")
    opened = Opened(line, Numbers(1, 7, 7, 0), style, Names(style.security_id_source))
    said = outgoing.encode(message, style, opened.names)
    assert said is not None
    return opened.message(said[0], 7, said[1], at=AT).replace(b"\x01", b"|").decode()


def body(said: str) -> str:
    """A message without its trailer."""
    return said.rpartition("|10=")[0]


GOLDEN = {
    "FIX.4.2": (
        "8=FIX.4.2|9=152|35=D|49=OEMS|56=V|34=7|52=20261123-15:00:00.250000|11=vo-1|21=1|55=[N/A]|"
        "48=912810TL2|22=1|54=1|60=20261123-15:00:00.250000|38=100000|40=2|44=99.5|59=0|10=153|"
    ),
    "FIX.4.4": (
        "8=FIX.4.4|9=147|35=D|49=OEMS|56=V|34=7|52=20261123-15:00:00.250000|11=vo-1|55=[N/A]|"
        "48=912810TL2|22=1|54=1|60=20261123-15:00:00.250000|38=100000|40=2|44=99.5|59=0|10=205|"
    ),
    "FIX.5.0SP2": (
        "8=FIXT.1.1|9=154|35=D|1128=9|49=OEMS|56=V|34=7|52=20261123-15:00:00.250000|11=vo-1|"
        "55=[N/A]|48=912810TL2|22=1|54=1|60=20261123-15:00:00.250000|38=100000|40=2|44=99.5|59=0|"
        "10=092|"
    ),
}


@pytest.mark.parametrize("dialect", GOLDEN)
def test_the_same_order_in_three_dictionaries(dialect: str) -> None:
    said = raw(ORDER, dialect=dialect)
    assert said == GOLDEN[dialect]
    # Another library reckons length and sum the same.
    parser = simplefix.FixParser()
    parser.append_buffer(said.replace("|", "\x01").encode())
    message = parser.get_message()
    length, total = message.get(9), message.get(10)
    assert bytes(message.encode()).split(b"\x01")[1] == b"9=" + length
    assert bytes(message.encode()).endswith(b"10=" + total + b"\x01")


def test_a_cancel_a_replace_and_a_question() -> None:
    names: dict[str, Any] = {"security_id": "912810TL2", "side": "2"}
    cancel = CancelRequest(cl_ord_id="vc-1", orig_cl_ord_id="vo-1", transact_time=AT, **names)
    assert body(raw(cancel)).endswith(
        "41=vo-1|11=vc-1|55=[N/A]|48=912810TL2|22=1|54=2|60=20261123-15:00:00.250000"
    )
    replace = ReplaceRequest(
        cl_ord_id="vr-1",
        orig_cl_ord_id="vo-1",
        ord_type="1",
        order_qty=Decimal(5),
        transact_time=AT,
        exec_inst="G",
        display_qty=Decimal(2),
        min_qty=Decimal(1),
        **names,
    )
    assert body(raw(replace)).endswith(
        "41=vo-1|11=vr-1|55=[N/A]|48=912810TL2|22=1|54=2|60=20261123-15:00:00.250000|"
        "38=5|40=1|59=0|18=G|111=2|110=1"
    )
    asked = StatusRequest(cl_ord_id="vo-1", **names)
    assert body(raw(asked)).endswith("11=vo-1|55=[N/A]|48=912810TL2|22=1|54=2")


def test_a_format_alters_the_tags_without_code() -> None:
    style = {
        "constants": {"*": {"115": "DESK"}, "D": {"21": "1"}},
        "rename": {"D": {"44": "9044"}},
        "drop": {"D": ["55"]},
        "values": {"59": {"0": "DAY"}},
    }
    assert body(raw(ORDER, **style)).split("|")[7:] == [
        "115=DESK",
        "21=1",
        "11=vo-1",
        "48=912810TL2",
        "22=1",
        "54=1",
        "60=20261123-15:00:00.250000",
        "38=100000",
        "40=2",
        "9044=99.5",
        "59=DAY",
    ]


def test_known_parameters_go_as_their_tags_and_algorithms_as_their_group() -> None:
    style = {
        "extensions": {"peg_offset": {"tag": 211, "kind": "decimal"}},
        "algorithms": {
            "TWAP": {
                "target": "1000",
                "parameters": {
                    "EndTime": {"kind": "time", "wire_type": 19},
                    "Urgency": {"kind": "choice", "choices": ["low", "high"]},
                },
            }
        },
    }
    pegged = msgspec.structs.replace(ORDER, extensions=(("peg_offset", "0.01"),))
    assert raw(pegged, **style).split("|")[-3] == "211=0.01"
    given = (("EndTime", "20:30"), ("Urgency", "low"))
    worked = msgspec.structs.replace(ORDER, algorithm="TWAP", extensions=given)
    assert raw(worked, **style).split("|")[-10:-2] == [
        "847=1000",
        "957=2",
        "958=EndTime",
        "959=19",
        "960=20261123-20:30:00.000000",
        "958=Urgency",
        "959=14",
        "960=low",
    ]


@pytest.mark.parametrize(
    "content",
    [
        {"dialect": "FIX.9"},
        {"constants": {"D": {"11": "mine"}}},
        {"constants": {"D": {"x": "1"}}},
        {"constants": {"D": {"21": "a\x01b"}}},
        {"rename": {"D": {"44": "34"}}},
        {"drop": {"D": ["49"]}},
        {"values": {"59": {"0": "X", "1": "X"}}},
        {"extensions": {"a": {"tag": 211}, "b": {"tag": 211}}},
        {"unheard": 1},
    ],
    ids=str,
)
def test_a_format_that_would_break_the_wire_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        formats.read(content)


def test_anything_cut_anywhere_is_read_whole_or_named_as_garbled() -> None:
    whole = [
        codec.encode("FIX.4.4", [(35, "0"), (34, str(n))], [(58, "x" * (n + 1))]) for n in range(9)
    ]
    text = b"junk" + b"".join(whole[:4]) + whole[4].replace(b"34=4", b"34=5") + b"".join(whole[5:])
    for cut in range(len(text)):
        first, rest = codec.split(text[:cut])
        second, left = codec.split(rest + text[cut:])
        assert left == b""
        found = [*first, *second]
        seqs = [one.seq for one in found if isinstance(one, Message)]
        assert seqs == [0, 1, 2, 3, 5, 6, 7, 8]
        bad = b"".join(one.raw for one in found if isinstance(one, Garbled))
        assert bad.startswith(b"junk")
        assert b"34=5" in bad


@pytest.mark.parametrize(
    "length", [b"1" * 5000, b"1" * 19, "\N{SUPERSCRIPT TWO}".encode(), b"-1"], ids=len
)
def test_a_length_that_is_no_number_is_garbled(length: bytes) -> None:
    found, rest = codec.split(b"8=FIX.4.4\x019=" + length + b"\x01" + b"x" * 64)
    assert [type(one) for one in found] == [Garbled]
    assert rest == b""


@pytest.mark.parametrize("text", ["9" * 5000, "\N{SUPERSCRIPT TWO}", "-1", ""], ids=len)
def test_a_number_that_is_none_is_no_number_of_a_message(text: str) -> None:
    assert Message(((34, text),), b"").seq == 0
