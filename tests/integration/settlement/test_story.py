"""From a fill to what has changed hands, against custodians with journals of their own."""

from __future__ import annotations

import json
from datetime import date

import pytest

from allocations import holdings
from allocations.models import (
    ConfirmAdjustment,
    CustodianMessage,
    MatchVerdict,
    SettlementInstruction,
    StandingInstruction,
)
from allocations.settlement import people, resending
from oms_site.firm.principals import Principal
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from tests import trading
from tests.integration.allocations.outside import Outside
from tests.integration.settlement import story
from tests.trading import D

pytestmark = pytest.mark.django_db


def test_a_trade_is_confirmed_matched_affirmed_and_settled_without_a_click(
    outside: Outside,
) -> None:
    order_id = story.traded()
    story.turn()
    confirm, row = story.confirm_of(order_id), story.instruction_of(order_id)
    assert (confirm.status, confirm.confirm_status, confirm.match_status) == ("affirmed", 4, 0)
    assert confirm.affirmed_by_id is None
    assert (row.status, str(row.settlement_date)) == ("instructed", "2026-11-24")
    assert holdings.cash(["alpha-002"])["alpha-002", "USD"].settled == 0
    with story.on(11, 24):
        story.turn()
        money = holdings.cash(["alpha-002"])["alpha-002", "USD"]
        assert money.settled == money.traded == -confirm.net_money
        assert list(holdings.settled_positions(["alpha-002"]).values()) == [D(1000)]
    row = story.instruction_of(order_id)
    assert (row.status, row.left_qty, row.settled_money) == ("settled", D(0), row.net_money)
    (fact,) = story.facts(order_id)
    assert story.theirs(outside).keys() == {fact.reference}
    assert story.events(order_id) == [
        "confirm_generate",
        "confirm_match",
        "confirm_affirm",
        "confirm_sent",
        "settlement_sent",
        "confirm_received",
        "settlement_accept",
        "confirm_answer",
        "settlement_settle",
    ]


def person(name: str) -> Principal:
    return trading.person(name)


def cash(account: str) -> holdings.Cash:
    return holdings.cash([account])[account, "USD"]


# --- comparing -------------------------------------------------------------------------------
def test_net_money_two_cents_apart_is_an_exception_with_both_sides(outside: Outside) -> None:
    order_id = story.traded("alpha-net")
    story.turn()
    confirm = story.confirm_of(order_id)
    assert (confirm.status, confirm.confirm_status, confirm.affirm_status) == ("mismatched", 2, 1)
    (verdict,) = MatchVerdict.objects.all()
    assert [one["field"] for one in verdict.differences] == ["net_money"]
    assert verdict.differences[0]["ours"] == f"{confirm.net_money}"
    assert verdict.differences[0]["theirs"] == f"{confirm.net_money + D('0.02')}"
    assert verdict.differences[0]["tolerance"] == "0.01"
    row = story.instruction_of(order_id)
    assert (row.status, row.ask, row.was_sent) == ("pending", "", False)


def test_a_wider_tolerance_alters_the_next_verdict_and_no_old_one(outside: Outside) -> None:
    order_id = story.traded("alpha-net")
    story.turn()
    (before,) = MatchVerdict.objects.all()
    story.policy(match_tolerance_money="0.05")
    people.compare(story.confirm_of(order_id).id, by=person("alpha_ops"), at=clock.now())
    old, fresh = MatchVerdict.objects.order_by("at", "id")
    assert (old.pk, old.is_match, old.policy_version) == (before.pk, False, before.policy_version)
    assert (fresh.is_match, fresh.policy_version) == (True, before.policy_version + 1)
    assert story.confirm_of(order_id).status == "affirmed"


def test_a_disputed_difference_is_corrected_by_the_other_side_and_settles(
    outside: Outside,
) -> None:
    order_id = story.traded("alpha-px")
    story.turn()
    confirm_id = story.confirm_of(order_id).id
    people.dispute(confirm_id, text="We dealt at 99.4.", by=person("alpha_ops"), at=clock.now())
    assert story.confirm_of(order_id).affirm_status == 2
    story.turn(3)
    confirm = story.confirm_of(order_id)
    assert (confirm.id, confirm.status) == (confirm_id, "affirmed")
    assert confirm.statements.count() == 2
    assert story.instruction_of(order_id).status == "instructed"


def test_a_difference_is_taken_by_two_people_through_an_adjustment(outside: Outside) -> None:
    order_id = story.traded("alpha-net")
    story.turn()
    confirm_id = story.confirm_of(order_id).id
    ops, admin = person("alpha_ops"), person("alpha_admin")
    with pytest.raises(OmsError, match="Nobody has explained"):
        people.decide(confirm_id, agree=True, by=admin, at=clock.now())
    people.propose(confirm_id, reason_code="tolerated", text="Two cents.", by=ops, at=clock.now())
    with pytest.raises(OmsError, match="Another person"):
        people.decide(confirm_id, agree=True, by=ops, at=clock.now())
    people.decide(confirm_id, agree=True, by=admin, at=clock.now())
    (entry,) = ConfirmAdjustment.objects.all()
    assert entry.evidence["differences"][0]["field"] == "net_money"
    assert {entry.made_by_id, entry.approved_by_id} == {ops.user_id, admin.user_id}
    story.turn()
    assert story.instruction_of(order_id).status == "instructed"


def test_a_trade_that_the_other_side_does_not_know_waits_until_it_is_asked(
    outside: Outside,
) -> None:
    order_id = story.traded("alpha-dk")
    story.turn()
    confirm = story.confirm_of(order_id)
    assert (confirm.status, confirm.received_at is not None) == ("unmatched", True)
    people.dispute(confirm.id, text="You bought it.", by=person("alpha_ops"), at=clock.now())
    story.turn(3)
    assert story.confirm_of(order_id).status == "affirmed"


def test_a_confirmation_that_they_reject_is_an_exception_and_holds_its_instruction(
    outside: Outside,
) -> None:
    order_id = story.traded("alpha-disp")
    story.turn(3)
    confirm = story.confirm_of(order_id)
    assert (confirm.status, confirm.affirm_status) == ("disputed", 2)
    assert confirm.code == "rejected_by_them"


# --- policies of affirmation -----------------------------------------------------------------
def test_the_other_side_affirms_where_the_policy_leaves_it_to_them(outside: Outside) -> None:
    story.policy(trade_affirmation="counterparty")
    order_id = story.traded()
    story.turn(1)
    assert story.confirm_of(order_id).status == "matched"
    story.turn(1)
    assert story.confirm_of(order_id).status == "affirmed"


def test_a_person_affirms_where_the_policy_wants_one(outside: Outside) -> None:
    story.policy(trade_affirmation="person")
    order_id = story.traded()
    story.turn(3)
    confirm = story.confirm_of(order_id)
    assert (confirm.status, story.instruction_of(order_id).ask) == ("matched", "")
    ops = person("alpha_ops")
    people.affirm(confirm.id, by=ops, at=clock.now())
    with pytest.raises(OmsError, match="affirmed already"):
        people.affirm(confirm.id, by=ops, at=clock.now())
    story.turn()
    confirm = story.confirm_of(order_id)
    assert (confirm.affirmed_by_id, story.instruction_of(order_id).status) == (
        ops.user_id,
        "instructed",
    )


def test_who_only_looks_and_who_belongs_to_another_firm_may_do_nothing(outside: Outside) -> None:
    order_id = story.traded("alpha-net")
    story.turn()
    confirm_id = story.confirm_of(order_id).id
    for name, code in (("alpha_auditor", "not_entitled"), ("beta_ops", "not_found")):
        with pytest.raises(OmsError) as refusal:
            people.assign(confirm_id, by=person(name), at=clock.now())
        assert refusal.value.code == code


# --- standing instructions -------------------------------------------------------------------
def test_without_a_standing_instruction_it_waits_with_status_3(outside: Outside) -> None:
    order_id = story.traded("alpha-nossi")
    story.turn(3)
    confirm, row = story.confirm_of(order_id), story.instruction_of(order_id)
    assert (confirm.status, confirm.confirm_status, confirm.is_exception) == ("affirmed", 3, True)
    assert (row.status, row.place) == ("pending", "")
    ops = person("alpha_ops")
    (answer,) = resending.many([row.id], by=ops, at=clock.now())
    assert (answer["outcome"], answer["code"]) == ("refused", "ssi_missing")
    StandingInstruction.objects.filter(account_id="alpha-nossi").update(
        active=True, participant="0777"
    )
    (answer,) = resending.many([row.id], by=ops, at=clock.now())
    assert answer["outcome"] == "queued"
    story.turn()
    row = story.instruction_of(order_id)
    assert (row.status, row.place) == ("instructed", "DTC/0777")
    assert story.confirm_of(order_id).confirm_status == 4


def test_a_refused_instruction_waits_for_a_person_and_is_sent_again(outside: Outside) -> None:
    order_id = story.traded("alpha-hold")
    story.turn(3)
    row = story.instruction_of(order_id)
    assert (row.status, row.code, row.due_at) == ("pending", "ACCOUNT_ON_HOLD", None)
    (answer,) = resending.many([row.id], by=person("alpha_ops"), at=clock.now())
    assert answer["outcome"] == "queued"
    story.turn()
    assert story.instruction_of(order_id).code == "ACCOUNT_ON_HOLD"


# --- settling --------------------------------------------------------------------------------
def test_a_sale_brings_money_and_takes_securities(outside: Outside) -> None:
    order_id = story.traded(side="sell", limit_price=D("99.1"))
    story.turn()
    with story.on(11, 24):
        story.turn()
        assert cash("alpha-002").settled == story.confirm_of(order_id).net_money
        assert list(holdings.settled_positions(["alpha-002"]).values()) == [D(-1000)]


def test_parts_settle_to_the_cent_and_holdings_follow_each(outside: Outside) -> None:
    order_id = story.traded("alpha-part", qty=3000)
    story.turn()
    with story.on(11, 24):
        story.turn()
        row = story.instruction_of(order_id)
        assert (row.status, row.settled_qty, row.left_qty) == ("failed", D(1500), D(1500))
        assert cash("alpha-part").settled == -row.settled_money
        # What should have left already is not there to be spent.
        assert cash("alpha-part").available == cash("alpha-part").traded
    with story.on(11, 25):
        story.turn()
        row = story.instruction_of(order_id)
        assert (row.status, row.settled_money) == ("settled", row.net_money)
        assert cash("alpha-part").settled == cash("alpha-part").traded == -row.net_money
    assert [fact.cash_sequence for fact in story.facts(order_id)] == [1, 2]
    assert "settlement_part" in story.events(order_id)


def test_what_has_not_settled_at_the_end_of_its_day_has_failed_and_settles_late(
    outside: Outside,
) -> None:
    order_id = story.traded("alpha-late")
    story.turn()
    with story.on(11, 24, 18):
        story.turn()
        row = story.instruction_of(order_id)
        assert (row.status, str(row.failed_on)) == ("failed", "2026-11-24")
        assert cash("alpha-late").settled == 0
    with story.on(11, 27):
        story.turn()
        assert story.instruction_of(order_id).status == "settled"
        assert cash("alpha-late").settled == cash("alpha-late").traded


def test_without_a_word_from_the_custodian_it_fails_when_its_day_is_over(
    outside: Outside,
) -> None:
    order_id = story.traded()
    story.turn()
    outside.fault(mode="down")
    with story.on(11, 24, 15):
        story.turn()
        assert story.instruction_of(order_id).status == "instructed"
    with story.on(11, 24, 18):
        story.turn()
        row = story.instruction_of(order_id)
        assert (row.status, row.code) == ("failed", "not_settled")
    outside.fault(mode="normal")
    with story.on(11, 25):
        story.turn()
        assert story.instruction_of(order_id).status == "settled"


def test_a_fail_is_bought_in_on_the_day_the_policy_says(outside: Outside) -> None:
    order_id = story.traded("alpha-stuck")
    story.turn()
    # Failed on the 24th; Thanksgiving and a weekend lie before the fourth settling day after it.
    for day in (24, 25, 27, 30):
        with story.on(11, day, 18):
            story.turn()
            assert story.instruction_of(order_id).status == "failed"
    with story.on(12, 1):
        story.turn()
        row = story.instruction_of(order_id)
        assert (row.status, str(row.buy_in_on)) == ("bought_in", "2026-12-01")
    with story.on(12, 2):
        story.turn()
        assert story.instruction_of(order_id).status == "settled"
        assert cash("alpha-stuck").settled == cash("alpha-stuck").traded


def test_a_trade_that_nobody_affirmed_fails_too_and_can_settle_after_all(
    outside: Outside,
) -> None:
    order_id = story.traded("alpha-net")
    story.turn()
    with story.on(11, 24, 18):
        story.turn()
        assert story.instruction_of(order_id).status == "failed"
        confirm_id = story.confirm_of(order_id).id
        people.dispute(confirm_id, text="Look again.", by=person("alpha_ops"), at=clock.now())
        story.turn(3)
        assert story.instruction_of(order_id).ref != ""
    with story.on(11, 25):
        story.turn()
        assert story.instruction_of(order_id).status == "settled"


def test_a_friday_trade_before_a_holiday_monday_settles_on_tuesday(outside: Outside) -> None:
    child = trading.routed(account_id="alpha-002", qty=D(1000))
    friday = date(2027, 1, 15)  # Martin Luther King's day is the 18th
    trading.receive(trading.fill(child, 1000, cum=1000, trade_date=friday))
    story.book()
    story.turn()
    assert story.instruction_of(child.order_id).settlement_date == date(2027, 1, 19)


# --- messages --------------------------------------------------------------------------------
def test_a_settlement_told_twice_counts_once(outside: Outside) -> None:
    order_id = story.traded("alpha-twice")
    story.turn()
    with story.on(11, 24):
        story.turn(3)
        assert len(story.facts(order_id)) == 1
        assert cash("alpha-twice").settled == cash("alpha-twice").traded
    verdicts = CustodianMessage.objects.order_by("seq").values_list("verdict", flat=True)
    assert list(verdicts).count("duplicate") == 1


def test_a_statement_about_a_trade_nobody_knows_is_kept_for_a_person(outside: Outside) -> None:
    order_id = story.traded()
    with story.on(11, 23, 10, 5):
        story.turn()
    assert story.confirm_of(order_id).status == "affirmed"
    body = (
        CustodianMessage.objects.order_by("seq")[0]
        .body.replace(story.confirm_of(order_id).leg_id, "bl_nobody")
        .replace("ST-", "ST-X")
    )
    story.store("cust_lpl", 900, body)
    with story.on(11, 23, 10, 20):
        story.turn(1)
    (message,) = CustodianMessage.objects.filter(seq=900)
    assert (message.verdict, message.note) == ("unknown", "bl_nobody")


def test_what_settles_more_than_was_instructed_is_kept_for_a_person(outside: Outside) -> None:
    order_id = story.traded()
    story.turn()
    row = story.instruction_of(order_id)
    said = {
        "type": "settled",
        "reference": "X-1",
        "instruction_id": row.id,
        "qty": "5000",
        "net_money": "5.00",
        "value_date": "2026-11-24",
    }
    story.store(row.custodian_id, 901, json.dumps(said))
    story.turn(1)
    (message,) = CustodianMessage.objects.filter(seq=901)
    assert message.verdict == "too_much"
    assert SettlementInstruction.objects.get(id=row.id).settled_qty == 0
