"""Trades that a central service matches: told there, judged by its words, then settled."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from allocations.custodians.port import CustodianError
from allocations.custodians.settling import Told
from allocations.matching import services
from allocations.models import (
    CounterpartyTrade,
    MatchingMessage,
    MatchingRoute,
    MatchVerdict,
    TradeConfirm,
)
from allocations.settlement import central, people, sending
from oms_site.firm import generation
from oms_site.firm.models import User
from oms_site.kit import clock
from tests import trading
from tests.integration.allocations.outside import Outside
from tests.integration.holdings.test_treasury import differences
from tests.integration.matching import far_end
from tests.integration.settlement import story
from tests.integration.settlement.conftest import outside

__all__ = ["outside"]  # a fixture
MARKIT, CTM = "svc_markitserv", "svc_ctm"


@pytest.fixture
def routed_to(outside: Outside) -> Any:
    def route(service: str) -> None:
        MatchingRoute.objects.filter(organization_id="alpha").delete()
        MatchingRoute.objects.create(
            organization_id="alpha",
            name="what that venue dealt",
            counterparty=trading.VENUE,
            service_id=service,
        )
        generation.check()

    return route


def turn(service: str = MARKIT) -> None:
    story.turn()
    central.turn(service)
    central.turn(service)
    story.turn()


def test_a_trade_is_matched_at_its_service_and_settles_at_its_custodian(routed_to: Any) -> None:
    routed_to(MARKIT)
    order_id = story.traded()
    story.turn()
    confirm = story.confirm_of(order_id)
    # Its custodian's desk was not told, and what that states of it is not taken for the match.
    assert (confirm.service_id, confirm.counterparty) == (MARKIT, trading.VENUE)
    assert (confirm.status, confirm.received_at) == ("unmatched", None)
    turn()
    confirm = story.confirm_of(order_id)
    assert (confirm.status, confirm.their_word) == ("affirmed", 3)
    (statement,) = CounterpartyTrade.objects.filter(confirm=confirm)
    assert statement.reference == f"{MARKIT}:CP-{confirm.id}"
    assert MatchVerdict.objects.get(confirm=confirm).is_match
    with story.on(11, 24):
        turn()
        assert story.instruction_of(order_id).status == "settled"
    assert differences() == []


def test_a_difference_waits_for_a_person_and_a_dispute_brings_their_correction(
    routed_to: Any,
) -> None:
    routed_to(MARKIT)
    order_id = story.traded("alpha-net")
    turn()
    confirm = story.confirm_of(order_id)
    assert confirm.status == "mismatched"
    (verdict,) = MatchVerdict.objects.filter(confirm=confirm)
    assert [one["field"] for one in verdict.differences] == ["net_money"]
    people.dispute(confirm.id, text="two cents", by=trading.person("alpha_ops"), at=clock.now())
    turn()
    assert story.confirm_of(order_id).status == "affirmed"
    assert CounterpartyTrade.objects.filter(confirm=confirm).count() == 2


def test_what_the_other_side_rejects_is_an_exception(routed_to: Any) -> None:
    routed_to(MARKIT)
    order_id = story.traded("alpha-disp")
    turn()
    confirm = story.confirm_of(order_id)
    assert (confirm.status, confirm.code) == ("disputed", "rejected_by_them")


def test_trades_of_others_stay_with_their_custodian(outside: Outside) -> None:
    order_id = story.traded()
    story.turn()
    confirm = story.confirm_of(order_id)
    assert (confirm.service_id, confirm.status) == (None, "affirmed")


def test_a_service_that_is_down_holds_up_nobody_and_is_told_later(
    routed_to: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    routed_to(MARKIT)
    order_id = story.traded()

    def down(_: object) -> Any:
        raise CustodianError("matching_unreachable", "nobody listens")

    with monkeypatch.context() as patch:
        patch.setattr(services, "of", down)
        turn()
    confirm = story.confirm_of(order_id)
    assert (confirm.status, confirm.ask) == ("unmatched", "confirm")
    assert confirm.due_at is not None
    later = confirm.due_at
    with clock.frozen_at(later):
        turn()
        assert story.confirm_of(order_id).status == "affirmed"


def test_every_word_is_accounted_for_once_whoever_it_names(routed_to: Any) -> None:
    routed_to(MARKIT)
    order_id = story.traded()
    other = story.traded("alpha-003")
    turn()
    confirm = story.confirm_of(order_id)
    settled = (
        '{"type":"settled","reference":"S1","instruction_id":"si_x","qty":"1","net_money":"1",'
        '"value_date":"2026-11-24"}'
    )
    affirmed = (
        f'{{"type":"affirmation","reference":"A","confirm_id":"{confirm.id}","affirm_status":2}}'
    )
    last = MatchingMessage.objects.order_by("-seq")[0].seq
    words = [
        "{",
        settled,
        affirmed,
        '{"type":"affirmation","reference":"B","confirm_id":"cf_x","affirm_status":3}',
    ]
    told = [Told(last + n, body) for n, body in enumerate(words, start=1)]
    assert central.store(MARKIT, told, at=clock.now()) == 4
    assert central.store(MARKIT, told, at=clock.now()) == 0
    assert central.apply(MARKIT) == 4
    assert central.apply(MARKIT) == 0
    rows = MatchingMessage.objects.filter(seq__gt=last).order_by("seq")
    assert [row.verdict for row in rows] == ["unreadable", "not_theirs", "applied", "unknown"]
    # What was agreed stays agreed; another service's words about it are nobody's.
    assert story.confirm_of(other).status == "affirmed"
    assert central.store(CTM, [Told(1, affirmed)], at=clock.now()) == 1
    central.apply(CTM)
    assert MatchingMessage.objects.get(service_id=CTM).verdict == "unknown"
    # What names nobody we know is the house's to look at; nobody else sees it.
    assert [row.seq for row in central.unaccounted("house")] == [last + 1, last + 2, last + 4, 1]
    assert central.unaccounted("alpha") == []


def test_a_statement_that_fits_no_trade_is_shown_to_whose_account_it_names(
    routed_to: Any, api: Any
) -> None:
    routed_to(MARKIT)
    order_id = story.traded()
    turn()
    statement = CounterpartyTrade.objects.get(confirm=story.confirm_of(order_id))
    body = statement.body.replace(statement.confirm.leg_id, "bl_nobodys")
    assert body != statement.body
    seq = MatchingMessage.objects.order_by("-seq")[0].seq + 1
    central.store(MARKIT, [Told(seq, body)], at=clock.now())
    central.apply(MARKIT)
    assert [row.seq for row in central.unaccounted("alpha")] == [seq]
    assert central.unaccounted("beta") == central.unaccounted("house") == []
    client = Client()
    client.force_login(User.objects.get(username="alpha_ops"))
    page = client.get("/ops/").content.decode()
    assert "bl_nobodys" in page
    assert MARKIT in page
    _, shown = api("alpha_ops").get("/v1/ops/confirm/?order_id=" + order_id)
    (one,) = shown["confirms"]
    assert (one["service_id"], one["counterparty"]) == (MARKIT, trading.VENUE)


def test_a_trade_that_is_taken_back_is_no_more_for_its_service(routed_to: Any) -> None:
    routed_to(MARKIT)
    order_id = story.traded()
    turn()
    story.bust(order_id)
    story.book()
    turn()
    assert not TradeConfirm.objects.exclude(status="canceled").filter(order_id=order_id).exists()
    assert differences() == []


def test_a_trade_goes_out_as_a_file_and_comes_back_matched(
    routed_to: Any, outside: Outside
) -> None:
    routed_to(CTM)
    order_id = story.traded()
    story.turn()
    central.turn(CTM)
    confirm = story.confirm_of(order_id)
    assert (confirm.status, confirm.ask) == ("unmatched", "")
    folder = outside.directory / "matching" / CTM
    (path,) = (folder / "to").glob("*.jsonl")
    assert path.stem == confirm.id
    far_end.agree(folder, sending.confirmation(confirm), broker=trading.VENUE)
    central.turn(CTM)
    assert MatchVerdict.objects.get(confirm=confirm).is_match
    assert story.confirm_of(order_id).status == "affirmed"
