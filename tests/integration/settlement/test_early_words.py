"""What the other side says before our own custodian has answered is not lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from allocations import rounds
from allocations.custodians.asking import Deferred
from allocations.models import BookingLeg, CustodianMessage
from allocations.settlement import dues, mailbox, making, resending
from oms_site.kit import clock
from orders import lots
from tests import trading
from tests.integration.allocations.outside import Outside
from tests.integration.settlement import story

pytestmark = pytest.mark.django_db


def _filled() -> str:
    """An order that is filled and split; its leg waits to be booked."""
    child = trading.routed(account_id="alpha-002", qty=trading.D(1000))
    trading.receive(trading.fill(child, 1000, cum=1000))
    lots.drain()
    return child.order_id


def _leg(order_id: str) -> BookingLeg:
    return BookingLeg.objects.get(allocation__order_id=order_id)


def _verdicts(order_id: str) -> list[str]:
    rows = CustodianMessage.objects.filter(body__contains=_leg(order_id).id).order_by("seq")
    return list(rows.values_list("verdict", flat=True))


def _booked_there_alone(monkeypatch: pytest.MonkeyPatch) -> str:
    """An order whose leg the custodian has booked, and whose answer has not arrived."""
    order_id = _filled()
    apply = rounds._apply

    def lose(work: Any, leg: BookingLeg, answer: Any, at: Any) -> None:
        if not isinstance(answer, Deferred):
            raise ValueError("lost")
        apply(work, leg, answer, at)

    monkeypatch.setattr(rounds, "_apply", lose)
    rounds.run_round(_leg(order_id).custodian_id, most=10)
    monkeypatch.undo()
    assert str(_leg(order_id).status) == "sent"
    return order_id


@pytest.mark.parametrize("late", [timedelta(seconds=1), timedelta(hours=1)])
def test_what_is_said_of_a_leg_that_is_being_booked_waits_for_it(
    outside: Outside, monkeypatch: pytest.MonkeyPatch, late: timedelta
) -> None:
    order_id = _booked_there_alone(monkeypatch)
    custodian = _leg(order_id).custodian_id
    mailbox.poll(custodian)
    with clock.frozen_at(clock.now() + late):
        mailbox.poll(custodian)
        assert _verdicts(order_id) == [""]
    with clock.frozen_at(clock.now() + timedelta(hours=1)):
        story.book()
        story.turn()
        assert str(_leg(order_id).status) == "booked"
        assert _verdicts(order_id)[0] == "applied"
        assert story.confirm_of(order_id).status == "affirmed"
        assert story.instruction_of(order_id).status == "instructed"


def test_a_leg_that_is_confirmed_while_its_message_is_read_is_matched(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = _filled()
    story.book()
    has = dues.has

    def meanwhile(leg_ids: Sequence[str]) -> set[str]:
        """Another worker confirms it just before the queue is looked at."""
        monkeypatch.undo()
        making.drain()
        return has(leg_ids)

    monkeypatch.setattr(dues, "has", meanwhile)
    mailbox.poll(_leg(order_id).custodian_id)
    story.turn()
    assert "not_needed" not in _verdicts(order_id)
    assert story.confirm_of(order_id).status == "affirmed"


def test_what_was_laid_aside_is_taken_up_when_a_person_retries(outside: Outside) -> None:
    order_id = _filled()
    story.book()
    making.drain()
    confirm = story.confirm_of(order_id)
    # As an earlier release left it: told, and set aside as nobody's.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mailbox, "_apply_page", lambda *_: (0, None))
        mailbox.poll(confirm.custodian_id)
    rows = CustodianMessage.objects.filter(body__contains=confirm.leg_id)
    assert rows.update(applied_at=clock.now(), verdict="not_needed", note=confirm.leg_id) == 1
    story.turn()
    assert story.confirm_of(order_id).status == "unmatched"
    ops = trading.person("alpha_ops")
    (answer,) = resending.many([confirm.id], by=ops, at=clock.now())
    assert answer["outcome"] == "queued"
    story.turn()
    assert _verdicts(order_id) == ["applied"]
    assert story.confirm_of(order_id).status == "affirmed"
    assert story.instruction_of(order_id).status == "instructed"


def test_a_retry_takes_up_nothing_of_a_trade_that_was_taken_back(outside: Outside) -> None:
    order_id = _filled()
    story.book()
    story.turn()
    first = story.confirm_of(order_id)
    body = CustodianMessage.objects.filter(body__contains=first.leg_id).order_by("seq")[0].body
    story.bust(order_id)
    story.turn(3)
    story.store(first.custodian_id, 950, body.replace("ST-", "ST-X"))
    story.turn(1)
    (said,) = CustodianMessage.objects.filter(seq=950)
    assert said.verdict == "not_needed"
    resending.many([first.id], by=trading.person("alpha_ops"), at=clock.now())
    said.refresh_from_db()
    assert said.verdict == "not_needed"
