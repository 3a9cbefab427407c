"""Milestones beside the events of a happy path: only for who asks, made from what is stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from oms_site.journal import events
from oms_site.journal.feed import Frame
from oms_site.journal.models import Event
from oms_site.journal.sequencer import Sequencer
from orders import milestones
from tests import trading
from venues.messages import ExecType

pytestmark = pytest.mark.usefixtures("sandbox")
PATH = "/v1/trading/event/"


def _happy() -> str:
    child = trading.routed()
    trading.receive(trading.report(child, ExecType.NEW), trading.fill(child, 3000, cum=3000))
    Sequencer.resume().run_once()
    return child.order_id


def _types(found: Any) -> list[str]:
    return [one["event"]["event_type"] for one in found["events"]]


def test_a_happy_path_has_its_milestones_for_who_asks(api: Callable[..., Any]) -> None:
    order_id = _happy()
    trader = api("alpha_trader")
    _, told = trader.get(f"{PATH}?order_id={order_id}&milestones=true")
    wanted = [
        *("request", "validated", "approve", "execution_order_create", "routed", "accepted"),
        "execution",
    ]
    assert [name for name in _types(told) if name in wanted] == wanted
    of = {one["event"]["event_type"]: one for one in told["events"]}
    assert of["routed"]["event"]["venue_ids"] == of["accepted"]["event"]["venue_ids"] == ["SIMA"]
    assert "msg_number" not in of["accepted"]
    assert of["accepted"]["event"]["order_id"] == order_id


def test_nobody_else_hears_of_milestones(api: Callable[..., Any]) -> None:
    order_id = _happy()
    _, told = api("alpha_trader").get(f"{PATH}?order_id={order_id}")
    assert not {"validated", "routed", "accepted"}.intersection(_types(told))
    assert all("msg_number" in one for one in told["events"])
    asked = api("alpha_trader").get(f"{PATH}?milestones=perhaps")
    assert (asked[0], asked[1]["code"]) == (422, "invalid_filter")


def test_pages_together_say_every_milestone_once(api: Callable[..., Any]) -> None:
    order_id = _happy()
    trader, after, found = api("alpha_trader"), "0", list[str]()
    while True:
        path = f"{PATH}?order_id={order_id}&milestones=true&limit=1&after={after}"
        _, told = trader.get(path)
        found += _types(told)
        if told["last_msg_number"] is None:
            break
        after = told["last_msg_number"]
    for name in ("validated", "routed", "accepted"):
        assert found.count(name) == 1, found


def test_however_many_venues_answer_between_two_numbers_all_are_told() -> None:
    children = [trading.routed() for _ in range(3)]
    trading.receive(*(trading.report(child, ExecType.NEW) for child in children))
    Sequencer.resume().run_once()
    name = milestones.UNNUMBERED
    found = events.unnumbered("alpha", event_type=name, after=0, until=None, at_once=2)
    assert [one.order_id for one in found] == [child.order_id for child in children]


def test_who_asks_for_one_type_gets_the_milestones_of_that_type(api: Callable[..., Any]) -> None:
    _happy()
    path = f"{PATH}?milestones=true&event_type="
    trader = api("alpha_trader")
    assert _types(trader.get(f"{path}approve")[1]) == ["validated", "approve"]
    assert _types(trader.get(f"{path}cancel")[1]) == []


def test_the_stream_says_them_where_they_belong() -> None:
    order_id = _happy()
    rows = Event.objects.filter(order_id=order_id).order_by("id")
    frames = [
        Frame(n, None if row.msg_type == "internal" else n, row.body, row.order_id, row.subject)
        for n, row in enumerate(rows, 1)
    ]
    told = [json.loads(text)["event"]["event_type"] for text in milestones.among(frames)]
    assert told.index("validated") == told.index("approve") - 1
    assert told.index("routed") == told.index("execution_order_create") + 1
    assert list(milestones.frames(frames[0].body, {"milestone"})) == []
    assert list(milestones.frames(frames[1].body, {"holding"})) == []


def test_a_rejected_order_was_not_validated(api: Callable[..., Any]) -> None:
    order_id = trading.submit(qty=trading.D(900_000_000))
    assert trading.order(order_id).status == "rejected"
    Sequencer.resume().run_once()
    _, told = api("alpha_trader").get(f"{PATH}?order_id={order_id}&milestones=true")
    assert _types(told) == ["request", "reject"]
