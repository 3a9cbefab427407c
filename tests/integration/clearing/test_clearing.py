"""Each trade is told once to each clearing party, whose own journal is the witness (M08)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import transaction

from allocations.clearing import people, sending
from allocations.custodians.simulator import clearing
from allocations.models import ClearingArrangement, ClearingDue, ClearingReport
from oms_site.journal.models import Event
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import street
from orders.models import Execution
from tests import trading
from tests.integration.allocations.outside import Outside
from tests.integration.settlement import story

pytestmark = pytest.mark.django_db
CCP, BROKER = "clr_nscc", "clr_pershing"


def told(outside: Outside, party: str) -> list[clearing.Line]:
    """What the party's own journal has, in its order."""
    return clearing.lines(outside.directory, party)


def turn(times: int = 1) -> None:
    """What the worker does, in one thread."""
    for _ in range(times):
        while street.drain():
            pass
        for party in clearing.PARTIES:
            while sending.run_round(party)[0]:
                pass


def fault(outside: Outside, **given: Any) -> None:
    assert httpx.post(f"{outside.url}/faults/clearing", json=given).status_code == 200


def reports(order_id: str) -> list[ClearingReport]:
    return list(ClearingReport.objects.filter(order_id=order_id).order_by("id"))


def filled(qty: int = 3000) -> str:
    child = trading.routed(qty=trading.D(qty))
    trading.receive(trading.fill(child, qty, cum=qty))
    return child.order_id


def test_a_trade_is_told_once_to_the_ccp_and_once_to_the_clearing_broker(outside: Outside) -> None:
    order_id = filled()
    assert ClearingDue.objects.count() == 1
    turn(3)
    (fill,) = Execution.objects.filter(order_id=order_id)
    for party in (CCP, BROKER):
        (line,) = told(outside, party)
        assert (line.report.trans_type, line.report.member) == ("0", "0901")
        assert (line.report.exec_id, line.report.qty) == (fill.exec_id, fill.qty)
        # The street knows nothing of what our client pays on top.
        assert line.report.net_money == fill.principal + fill.accrued_interest
    assert told(outside, "clr_ficc") == []
    assert {(row.party_id, row.status) for row in reports(order_id)} == {
        (CCP, "accepted"),
        (BROKER, "accepted"),
    }
    assert ClearingDue.objects.count() == 0


def test_every_fill_of_an_order_is_a_trade_of_its_own(outside: Outside) -> None:
    child = trading.routed(qty=trading.D(3000))
    for n in (1, 2, 3):
        trading.receive(trading.fill(child, 1000, cum=1000 * n))
    turn()
    assert [line.report.qty for line in told(outside, CCP)] == [trading.D(1000)] * 3


def test_an_answer_that_got_lost_is_asked_for_with_the_same_key(outside: Outside) -> None:
    fault(outside, mode="error_after", party=CCP, times=1)
    order_id = filled()
    turn()
    waiting = [row for row in reports(order_id) if row.status == "pending"]
    assert [(row.party_id, row.code) for row in waiting] == [(CCP, "clearing_failed")]
    with clock.frozen_at(clock.now() + timedelta(seconds=5)):
        turn()
    assert {row.status for row in reports(order_id)} == {"accepted"}
    assert len(told(outside, CCP)) == 1


def test_what_a_dead_worker_had_claimed_is_told_again_after_its_lease(outside: Outside) -> None:
    order_id = filled()
    street.drain()
    assert sending._claim(CCP, 10, [], []) == 1  # and here the worker died
    turn()
    assert told(outside, CCP) == []
    with clock.frozen_at(clock.now() + sending.LEASE):
        turn()
    assert len(told(outside, CCP)) == 1
    assert {row.status for row in reports(order_id)} == {"accepted"}


def test_a_bust_is_told_as_a_cancel_of_its_trade(outside: Outside) -> None:
    order_id = story.traded()
    turn()
    story.bust(order_id)
    turn()
    first, second = told(outside, CCP)
    assert (second.report.trans_type, second.report.refers_to) == ("1", first.key)
    assert [row.trans_type for row in reports(order_id) if row.party_id == CCP] == ["new", "cancel"]


def test_a_correction_is_one_replacement_and_its_own_correction_replaces_that(
    outside: Outside,
) -> None:
    order_id = story.traded()
    turn()
    story.correct(order_id, px="99.25")
    turn()
    story.correct(order_id, px="99.5")
    turn()
    lines = told(outside, CCP)
    assert [line.report.trans_type for line in lines] == ["0", "2", "2"]
    assert [line.report.refers_to for line in lines] == ["", lines[0].key, lines[1].key]
    assert [str(line.report.price) for line in lines] == [
        "99.40000000",
        "99.25000000",
        "99.50000000",
    ]


def test_a_trade_that_was_busted_before_it_was_told_is_told_in_order(outside: Outside) -> None:
    order_id = story.traded()
    story.bust(order_id)
    turn(2)
    assert [line.report.trans_type for line in told(outside, CCP)] == ["0", "1"]


def test_a_refusal_waits_for_a_person_and_is_told_again_under_its_own_key(outside: Outside) -> None:
    fault(outside, mode="reject", party=BROKER, times=1)
    order_id = filled()
    turn()
    (row,) = [one for one in reports(order_id) if one.status == "rejected"]
    assert (row.party_id, row.code) == (BROKER, "MEMBER_SUSPENDED")
    ops = trading.person("alpha_ops")
    (answer,) = people.resend([row.id], by=ops, at=clock.now())
    assert answer["outcome"] == "queued"
    turn()
    assert [line.key for line in told(outside, BROKER)] == [row.id]
    (again,) = people.resend([row.id], by=ops, at=clock.now())
    assert (again["outcome"], again["code"]) == ("refused", "not_rejected")


def test_nobody_is_told_of_the_end_of_what_was_never_taken(outside: Outside) -> None:
    fault(outside, mode="reject", party=CCP)
    order_id = story.traded()
    turn()
    fault(outside, mode="normal", party=CCP)
    story.bust(order_id)
    turn()
    mine = [row for row in reports(order_id) if row.party_id == CCP]
    assert [row.status for row in mine] == ["rejected", "dropped"]
    assert told(outside, CCP) == []
    (answer,) = people.resend([mine[0].id], by=trading.person("alpha_ops"), at=clock.now())
    assert answer["code"] == "superseded"


def refused_correction(outside: Outside) -> str:
    """A trade that the CCP has, and a correction of it that it would not take."""
    order_id = story.traded()
    turn()
    fault(outside, mode="reject", party=CCP, times=1)
    story.correct(order_id, px="99.25")
    turn()
    mine = [row for row in reports(order_id) if row.party_id == CCP]
    assert [row.status for row in mine] == ["accepted", "rejected"]
    return order_id


def test_a_correction_after_a_refused_one_replaces_what_the_party_has(outside: Outside) -> None:
    order_id = refused_correction(outside)
    story.correct(order_id, px="99.5")
    turn()
    first, second = told(outside, CCP)
    assert [first.report.trans_type, second.report.trans_type] == ["0", "2"]
    assert second.report.refers_to == first.key
    assert str(second.report.price) == "99.50000000"


def test_a_bust_after_a_refused_correction_takes_back_what_the_party_has(outside: Outside) -> None:
    order_id = refused_correction(outside)
    story.bust(order_id)
    turn()
    first, second = told(outside, CCP)
    assert [first.report.trans_type, second.report.trans_type] == ["0", "1"]
    assert second.report.refers_to == first.key


def test_nothing_stands_behind_what_was_refused_from_the_start(outside: Outside) -> None:
    fault(outside, mode="reject", party=CCP, times=2)
    order_id = story.traded()
    turn()
    story.correct(order_id, px="99.25")
    turn()
    story.correct(order_id, px="99.5")
    turn()
    (line,) = told(outside, CCP)
    assert (line.report.trans_type, line.report.refers_to) == ("0", "")
    story.bust(order_id)
    turn()
    assert [line.report.trans_type for line in told(outside, CCP)] == ["0", "1"]


def test_chains_are_followed_without_a_query_for_each(
    outside: Outside, django_assert_max_num_queries: Any
) -> None:
    orders = [refused_correction(outside) for _ in range(3)]
    for order_id in orders:
        story.correct(order_id, px="99.5")
    while street.drain():
        pass
    rows = ClearingReport.objects.filter(party_id=CCP, status="pending").select_related("refers_to")
    with django_assert_max_num_queries(2):
        found = sending._standing(list(rows))
    assert {one.trans_type for one in found.values() if one} == {"new"}
    assert len([one for one in found.values() if one]) == 3


def test_silence_never_becomes_a_refusal(outside: Outside) -> None:
    fault(outside, mode="error_after", party=CCP)
    order_id = story.traded()
    at = clock.now()
    for n in range(55):
        with clock.frozen_at(at + timedelta(minutes=10 * n)):
            turn()
    (mine,) = [row for row in reports(order_id) if row.party_id == CCP]
    assert (mine.status, mine.code, mine.attempts) == ("pending", "clearing_failed", 55)
    fault(outside, mode="normal", party=CCP)
    story.bust(order_id)
    with clock.frozen_at(at + timedelta(days=1)):
        turn(2)
    first, second = told(outside, CCP)
    assert [first.report.trans_type, second.report.trans_type] == ["0", "1"]
    mine, _ = [row for row in reports(order_id) if row.party_id == CCP]
    assert mine.status == "accepted"


def test_a_refusal_of_what_an_earlier_call_has_told_is_no_refusal(outside: Outside) -> None:
    fault(outside, mode="error_after", party=CCP, times=1)
    order_id = story.traded()
    at = clock.now()
    turn()
    fault(outside, mode="reject", party=CCP)
    with clock.frozen_at(at + timedelta(seconds=30)):
        turn()
    (mine,) = [row for row in reports(order_id) if row.party_id == CCP]
    (line,) = told(outside, CCP)
    assert (mine.status, mine.ref) == ("accepted", line.ref)


def test_a_class_that_nobody_clears_is_told_to_nobody(outside: Outside) -> None:
    ClearingArrangement.objects.filter(organization_id="alpha").update(active=False)
    order_id = filled()
    turn()
    assert reports(order_id) == []
    assert ClearingDue.objects.count() == 0


def test_a_stranger_cannot_resend(outside: Outside) -> None:
    with pytest.raises(OmsError):
        people.resend(["cl_x"], by=trading.person("alpha_trader"), at=clock.now())
    (answer,) = people.resend(["cl_x"], by=trading.person("beta_ops"), at=clock.now())
    assert answer["code"] == "not_found"


def test_the_database_keeps_the_terms_of_a_report(outside: Outside) -> None:
    order_id = filled()
    turn()
    (row, *_) = reports(order_id)
    with pytest.raises(Exception, match="terms never change"), transaction.atomic():
        ClearingReport.objects.filter(pk=row.pk).update(qty=1)
    events = Event.objects.filter(subject=row.id).order_by("seq")
    assert list(events.values_list("event_type", flat=True)) == [
        "clearing_generate",
        "clearing_sent",
        "clearing_accept",
    ]
