"""What breaks alone is set aside; what breaks because the database is away is only put off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError

from oms_site.kit import clock
from orders import breaks, execution, reports, routing
from orders.models import Break
from orders.reports import handlers
from tests import poison, trading
from venues import inbox, messages
from venues.inbox import Raw
from venues.messages import ExecType
from venues.models import Inbound

pytestmark = pytest.mark.usefixtures("sandbox")
AWAY = (OperationalError("gone"), InterfaceError("closed"), DatabaseError("not migrated"))


def _raising(error: Exception) -> Callable[..., Any]:
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
def test_a_report_waits_for_a_database_that_is_away(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    child = trading.routed()
    with monkeypatch.context() as patch:
        patch.setattr(handlers, "handle", _raising(error))
        with pytest.raises(type(error)):
            trading.receive(trading.fill(child, 3000, cum=3000))
    assert not Break.objects.exists()
    reports.apply(trading.VENUE, inbox.contiguous(trading.VENUE, limit=10))
    assert trading.order(child.order_id).status == "filled"


@pytest.mark.parametrize("error", [ValueError("odd"), IntegrityError("twice")], ids=repr)
def test_a_report_that_breaks_by_itself_is_quarantined(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    child = trading.routed()
    monkeypatch.setattr(handlers, "handle", _raising(error))
    trading.receive(trading.report(child, ExecType.NEW))
    assert Inbound.objects.get().verdict == "quarantined"
    assert Break.objects.get().kind == "report_not_applied"


def test_a_report_that_lost_a_race_is_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    child = trading.routed()
    poison.fails_once(monkeypatch, handlers, "handle", IntegrityError("twice"))
    trading.receive(trading.fill(child, 3000, cum=3000))
    assert Inbound.objects.get().verdict == "applied"
    assert trading.order(child.order_id).status == "filled"


def test_of_two_reports_the_good_one_is_applied_before_the_odd_one_is_quarantined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    child = trading.routed()
    odd = trading.report(child, ExecType.NEW)
    monkeypatch.setattr(breaks, "open", _raising(ValueError("odd")))
    monkeypatch.setattr(handlers, "handle", _but(odd.seq, handlers.handle))
    trading.store(odd, trading.fill(child, 3000, cum=3000))
    # Not even this can be done to it: the session breaks off rather than read it again for ever.
    rows = inbox.contiguous(trading.VENUE, limit=10)
    with pytest.raises(ValueError, match="odd"):
        reports.apply(trading.VENUE, rows)
    assert trading.order(child.order_id).status == "filled"
    assert Inbound.objects.get(applied_at=None).pk == rows[0].pk


def _but(seq: int, handle: Callable[..., Any]) -> Callable[..., Any]:
    def fail(batch: Any, report: Any, **facts: Any) -> Any:
        if report.seq == seq:
            raise ValueError("odd")
        return handle(batch, report, **facts)

    return fail


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
def test_an_order_waits_to_be_routed_by_a_database_that_is_away(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    order_id = trading.submit()
    with monkeypatch.context() as patch:
        patch.setattr(execution, "issue", _raising(error))
        with pytest.raises(type(error)):
            routing.drain()
    assert trading.order(order_id).route_at is not None
    assert routing.drain() == 1
    assert trading.order(order_id).execution_orders_made == 1


def test_an_order_that_cannot_be_routed_is_staged_and_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    odd, good = trading.submit(qty=trading.D(2000)), trading.submit()
    issue = execution.issue

    def fail(work: Any, tree: Any, *args: Any, **kwargs: Any) -> Any:
        if tree.order.id == odd:
            raise ValueError("odd")
        return issue(work, tree, *args, **kwargs)

    monkeypatch.setattr(execution, "issue", fail)
    assert routing.drain() == 1
    assert trading.order(good).execution_orders_made == 1
    staged = trading.order(odd)
    assert (staged.status, staged.route_at) == ("pending_execution", None)
    assert poison.aside("route").order_id == odd
    assert routing.drain() == 0


def test_what_a_part_of_a_batch_left_is_applied_together() -> None:
    child = trading.routed()
    trading.store(*(trading.report(child, ExecType.NEW) for _ in range(10)))
    rows = inbox.contiguous(trading.VENUE, limit=100)
    reports.apply(trading.VENUE, rows[::2])
    left = inbox.contiguous(trading.VENUE, limit=100)
    assert [row.seq for row in left] == [row.seq for row in rows[1::2]]
    assert len(inbox.contiguous(trading.VENUE, limit=3)) == 3


@pytest.mark.parametrize("hole", [0, 2, 4])
def test_what_stands_behind_a_hole_waits_whatever_is_applied_before_it(hole: int) -> None:
    child = trading.routed()
    said = [messages.encode(trading.report(child, ExecType.NEW)).decode() for _ in range(6)]
    rows = [Raw(n + 1, body) for n, body in enumerate(said) if n != hole]
    inbox.store(trading.VENUE, rows, at=clock.now())
    ready = inbox.contiguous(trading.VENUE, limit=100)
    assert [row.seq for row in ready] == list(range(1, hole + 1))
    reports.apply(trading.VENUE, ready[1:2])
    left = inbox.contiguous(trading.VENUE, limit=100)
    assert [row.seq for row in left] == [n for n in range(1, hole + 1) if n != 2]
