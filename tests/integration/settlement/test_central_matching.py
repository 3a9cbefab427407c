"""Trades that a central service matches: told there, judged by its words, then settled."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from allocations.custodians.files import numbered
from allocations.custodians.port import CustodianError, Refused
from allocations.custodians.settling import Told
from allocations.matching import services
from allocations.matching.services.ctm_files import FileDrop
from allocations.models import (
    CounterpartyTrade,
    MatchingMessage,
    MatchingRoute,
    MatchVerdict,
    TradeConfirm,
)
from allocations.settlement import (
    central,
    mailbox,
    making,
    people,
    resending,
    sending,
    strays,
    views,
)
from oms_site.firm import generation
from oms_site.firm.models import User
from oms_site.kit import clock
from orders.models import Break
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
    seen = [row.seq for row in strays.of_services("house")]
    assert seen == [1, last + 4, last + 2, last + 1]
    assert strays.of_services("alpha") == []


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
    assert [row.seq for row in strays.of_services("alpha")] == [seq]
    assert strays.of_services("beta") == strays.of_services("house") == []
    client = Client()
    client.force_login(User.objects.get(username="alpha_ops"))
    page = client.get("/ops/").content.decode()
    assert "bl_nobodys" in page
    assert MARKIT in page
    _, shown = api("alpha_ops").get("/v1/ops/confirm/?order_id=" + order_id)
    (one,) = shown["confirms"]
    assert (one["service_id"], one["counterparty"]) == (MARKIT, trading.VENUE)


def _journal(outside: Outside) -> list[dict[str, Any]]:
    """What the simulated service has written down, oldest first."""
    path = outside.directory / "matching" / MARKIT / "journal.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def _withdrawn(outside: Outside) -> list[str]:
    return [line["key"] for line in _journal(outside) if line["kind"] == "withdrawn"]


def _standing(outside: Outside) -> set[str]:
    taken = {line["key"] for line in _journal(outside) if line["kind"] == "taken"}
    return taken - set(_withdrawn(outside))


def test_a_trade_that_is_taken_back_is_no_more_for_its_service(
    routed_to: Any, outside: Outside
) -> None:
    routed_to(MARKIT)
    order_id = story.traded()
    turn()
    key = story.confirm_of(order_id).id
    assert _standing(outside) == {key}
    story.bust(order_id)
    story.book()
    turn()
    assert not TradeConfirm.objects.exclude(status="canceled").filter(order_id=order_id).exists()
    # Its custodian has been asked first: what had changed hands would go back by another trade.
    with clock.frozen_at(clock.now() + making.AGAIN):
        turn()
    assert _withdrawn(outside) == [key]
    row = TradeConfirm.objects.get(id=key)
    assert (row.status, row.ask, row.due_at, row.code) == ("canceled", "", None, "withdrawn")
    with clock.frozen_at(clock.now() + 2 * making.AGAIN):
        turn()
    assert _withdrawn(outside) == [key]
    assert differences() == []


def test_a_trade_that_was_corrected_stands_at_its_service_once(
    routed_to: Any, outside: Outside
) -> None:
    routed_to(MARKIT)
    order_id = story.traded()
    turn()
    first = story.confirm_of(order_id).id
    story.correct(order_id, px="98.5")
    for n in range(3):
        with clock.frozen_at(clock.now() + n * making.AGAIN):
            turn()
    second = story.confirm_of(order_id)
    assert (second.status, second.price) == ("affirmed", trading.D("98.5"))
    assert (_withdrawn(outside), _standing(outside)) == ([first], {second.id})


def test_what_had_changed_hands_goes_back_at_its_service_by_a_trade_of_its_own(
    routed_to: Any, outside: Outside
) -> None:
    routed_to(MARKIT)
    order_id = story.traded()
    turn()
    first = story.confirm_of(order_id).id
    with story.on(11, 24):
        turn()
        story.bust(order_id)
        for n in range(3):
            with clock.frozen_at(clock.now() + n * making.AGAIN):
                turn()
        back = story.confirm_of(order_id)
    assert back.side == "sell"
    assert (_withdrawn(outside), _standing(outside)) == ([], {first, back.id})


def test_a_trade_that_its_service_never_heard_of_is_not_taken_back_there(
    routed_to: Any, outside: Outside
) -> None:
    routed_to(CTM)
    order_id = story.traded()
    making.drain()
    key = story.confirm_of(order_id).id
    story.bust(order_id)
    turn(CTM)
    row = TradeConfirm.objects.get(id=key)
    assert (row.status, row.ask, row.code) == ("canceled", "", "not_told")
    assert not (outside.directory / "matching" / CTM / "to").exists()
    again = resending.many([key], by=trading.person("alpha_ops"), at=clock.now())
    assert [one["code"] for one in again] == ["not_resendable"]


def test_a_trade_that_nobody_has_agreed_to_is_withdrawn_at_once_and_waits_where_refused(
    routed_to: Any, outside: Outside, monkeypatch: pytest.MonkeyPatch, api: Any
) -> None:
    routed_to(CTM)
    order_id = story.traded()
    turn(CTM)
    key = story.confirm_of(order_id).id
    story.bust(order_id)
    with monkeypatch.context() as patch:
        patch.setattr(FileDrop, "withdraw", lambda *_, **__: Refused("NO", "too late for that"))
        turn(CTM)
    row = TradeConfirm.objects.get(id=key)
    assert (row.status, row.ask, row.due_at, row.code) == ("canceled", "withdraw", None, "NO")
    # It waits for a person, who has it told again.
    (shown,) = views.confirms(list(views.exceptions("alpha", at=clock.now())))
    assert shown["confirm_id"] == key
    assert shown["next_step"].startswith("Ask the service why, then resend")
    status, _ = api("alpha_ops").post("/v1/ops/settlement/resend/", {"ids": [key]})
    assert status == 200
    turn(CTM)
    folder = outside.directory / "matching" / CTM / "to"
    _, (said,) = numbered.parse((folder / f"{key}.withdrawal.jsonl").read_bytes())
    assert said == {"key": key, "leg_id": row.leg_id}
    assert TradeConfirm.objects.get(id=key).code == "withdrawn"
    assert not views.exceptions("alpha", at=clock.now()).exists()


def test_a_second_dispute_in_the_same_words_is_told_once_more(
    routed_to: Any, outside: Outside
) -> None:
    routed_to(CTM)
    order_id = story.traded()
    turn(CTM)
    confirm, folder = story.confirm_of(order_id), outside.directory / "matching" / CTM
    for n in (1, 2):
        far_end.agree(
            folder, sending.confirmation(confirm), broker=trading.VENUE, net_money=f"{n}.00"
        )
        turn(CTM)
        assert story.confirm_of(order_id).status == "mismatched"
        by = trading.person("alpha_ops")
        people.dispute(confirm.id, text="the money", by=by, at=clock.now())
        turn(CTM)
        assert len(list((folder / "to").glob(f"{confirm.id}.*.jsonl"))) == n
    # Taken as it is by two, and disputed after all: that is something else again.
    people.propose(confirm.id, reason_code="tolerated", text="small", by=by, at=clock.now())
    other = trading.person("alpha_admin")
    people.decide(confirm.id, agree=True, by=other, at=clock.now())
    people.dispute(confirm.id, text="the money", by=by, at=clock.now())
    turn(CTM)
    assert len(list((folder / "to").glob(f"{confirm.id}.*.jsonl"))) == 3


def test_references_that_agree_for_long_are_two_and_one_too_long_is_put_aside(
    routed_to: Any,
) -> None:
    routed_to(MARKIT)
    order_id = story.traded()
    turn()
    statement = CounterpartyTrade.objects.get(confirm=story.confirm_of(order_id))
    last = MatchingMessage.objects.order_by("-seq")[0].seq
    for n in (1, 2):
        body = statement.body.replace(f"CP-{statement.confirm_id}", "R" * 79 + str(n))
        central.store(MARKIT, [Told(last + n, body)], at=clock.now())
    central.apply(MARKIT)
    rows = MatchingMessage.objects.filter(seq__gt=last).order_by("seq")
    assert [row.verdict for row in rows] == ["unreadable", "unreadable"]
    assert [row.seq for row in strays.of_services("alpha")] == [last + 2, last + 1]
    assert Break.objects.filter(kind="put_aside", key__startswith="matching/").count() == 2


def test_old_nonsense_hides_no_new_word_from_those_whose_it_is(routed_to: Any) -> None:
    routed_to(MARKIT)
    order_id = story.traded()
    turn()
    statement = CounterpartyTrade.objects.get(confirm=story.confirm_of(order_id))
    body = statement.body.replace(statement.confirm.leg_id, "bl_nobodys")
    nul = body.replace("ALPHA-002", "ALPHA\\u0000")
    assert nul != body != statement.body
    first = MatchingMessage.objects.order_by("-seq")[0].seq + 1
    told = [Told(first, body)]
    told += [Told(first + n, "nonsense") for n in range(1, 202)]
    told += [Told(first + 202, body), Told(first + 203, nul)]
    central.store(MARKIT, told, at=clock.now())
    mailbox.store("cust_bny", [Told(one.seq, one.body) for one in told], at=clock.now())
    central.apply(MARKIT)
    with clock.frozen_at(clock.now() + mailbox.PATIENCE):
        mailbox.apply("cust_bny")
    for of in (strays.of_services, strays.of_custodians):
        assert [row.seq for row in of("alpha")] == [first + 202, first]
        assert [row.seq for row in of("alpha", most=1)] == [first + 202]
        house = [row.seq for row in of("house")]
        assert house == [first + 203, *range(first + 201, first + 2, -1)]


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
