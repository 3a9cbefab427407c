"""A sale that is marked short, on the wire both ways: Side(54) 5 and 6, with its locate."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.unit.venues.test_fix_golden import AT, ORDER, body, raw
from venues import formats
from venues.fix import codec, incoming
from venues.fix.codec import Message
from venues.formats import Names
from venues.messages import (
    CancelRequest,
    ExecutionReport,
    NewOrder,
    QuoteRequest,
    QuoteResponse,
    QuoteRespType,
    ReplaceRequest,
    ShortSale,
    StatusRequest,
    WireOut,
)
from venues.simulator.fix import quotes, words
from venues.simulator.fix.reading import Unfit
from venues.simulator.register import Register

MARKS: list[ShortSale] = ["5", "6"]


def _short(mark: ShortSale, broker: str = "LEND") -> NewOrder:
    marked = {"side": "2", "short_sale": mark, "locate_broker": broker}
    return msgspec.structs.replace(ORDER, **marked)


def _tags(message: WireOut) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in body(raw(message)).split("|") if "=" in pair)


def _heard(message: WireOut) -> Message:
    fields = [pair.split("=", 1) for pair in raw(message).strip("|").split("|")]
    return Message(tuple((int(tag), value) for tag, value in fields), b"")


@pytest.mark.parametrize("mark", MARKS)
def test_an_order_says_its_mark_and_who_lends(mark: ShortSale) -> None:
    said = _tags(_short(mark))
    assert (said["54"], said["114"], said["5700"]) == (mark, "N", "LEND")
    without = _tags(_short(mark, broker=""))
    assert (without["54"], without["114"], "5700" in without) == (mark, "N", False)
    assert not {"114", "5700"} & _tags(ORDER).keys()


@pytest.mark.parametrize("mark", MARKS)
def test_every_message_about_it_says_its_mark(mark: ShortSale) -> None:
    names: dict[str, Any] = {"security_id": "912810TL2", "side": "2", "short_sale": mark}
    more: dict[str, Any] = {"transact_time": AT, **names}
    about: list[WireOut] = [
        StatusRequest(cl_ord_id="vo-1", **names),
        CancelRequest(cl_ord_id="vc-1", orig_cl_ord_id="vo-1", **more),
        ReplaceRequest(
            cl_ord_id="vr-1", orig_cl_ord_id="vo-1", ord_type="1", order_qty=ORDER.order_qty, **more
        ),
    ]
    assert [_tags(one)["54"] for one in about] == [mark] * 3
    assert [words.request(_heard(one)) for one in about] == about


@pytest.mark.parametrize("mark", MARKS)
def test_a_venue_hears_the_sale_and_its_mark(mark: ShortSale) -> None:
    heard = words.request(_heard(_short(mark)))
    assert isinstance(heard, NewOrder)
    assert (heard.side, heard.short_sale, heard.locate_broker) == ("2", mark, "LEND")


@pytest.mark.parametrize("mark", MARKS)
def test_dealers_are_asked_and_answered_with_the_mark(mark: ShortSale) -> None:
    names: dict[str, Any] = {"security_id": "912810TL2", "side": "2", "transact_time": AT}
    asked = QuoteRequest(
        quote_req_id="rq-1",
        order_qty=ORDER.order_qty,
        dealers=("DLR",),
        expire_time=AT,
        short_sale=mark,
        **names,
    )
    assert quotes.request(_heard(asked)) == asked
    hit = QuoteResponse(
        cl_ord_id="vo-1",
        quote_req_id="rq-1",
        resp_type=QuoteRespType.HIT,
        quote_id="q-1",
        short_sale=mark,
        **names,
    )
    assert quotes.response(_heard(hit), Register("V")).short_sale == mark


def test_no_venue_takes_a_side_that_it_does_not_know() -> None:
    heard = _heard(ORDER)
    fields = tuple((tag, "8" if tag == 54 else value) for tag, value in heard.fields)
    with pytest.raises(Unfit):
        words.request(Message(fields, b""))


@pytest.mark.parametrize("mark", MARKS)
def test_what_a_venue_reports_of_it_is_a_sale_with_its_mark(mark: ShortSale) -> None:
    pairs = {35: "8", 37: "O1", 11: "vo-1", 17: "E1", 150: "0", 39: "0", 48: "912810TL2", 54: mark}
    more = {38: "100", 151: "100", 14: "0", 60: codec.timestamp(AT)}
    message = Message(tuple({**pairs, **more}.items()), b"")
    report = incoming.read(message, formats.PLAIN, Names("1"), seq=1).report
    assert isinstance(report, ExecutionReport)
    assert (report.side, report.short_sale) == ("2", mark)
