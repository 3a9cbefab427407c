"""Whatever the desk and the venues do: rows are the fold of their events, each version in one.

Random stories go through the real door on PostgreSQL; the fold here is ten lines of Python and
knows nothing of the unit that wrote the events.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.db import models
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oms_site.journal import statements
from oms_site.journal.models import Event
from oms_site.journal.rows import LedgerFact, LedgerRow
from oms_site.kit import clock
from orders import desk, expiry, lots, routing
from orders.events import KINDS
from orders.models import ExecutionOrder, VenueOrder
from orders.requests import AccountAsk, AllocationAsk
from tests import effort, trading
from venues.messages import ExecType, OrdStatus

D = Decimal
Rows = dict[tuple[str, str], dict[str, Any]]


def _read(text: str) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def fold(events: list[Event]) -> tuple[Rows, dict[tuple[str, str], list[int]]]:
    """The rows that the events describe, and which versions of each they state."""
    rows: Rows = {}
    versions: dict[tuple[str, str], list[int]] = defaultdict(list)
    for event in events:
        for table, key, columns in _read(event.changes):
            rows.setdefault((table, key), {}).update(columns)
            if "version" in columns:
                versions[table, key].append(int(columns["version"]))
    return rows, versions


def ledger_models() -> list[type[models.Model]]:
    """Every model whose rows have events."""
    return [m for m in apps.get_models() if issubclass(m, LedgerRow | LedgerFact)]


def stored() -> Rows:
    """Every ledger row there is, as its columns."""
    return {
        (model._meta.db_table, row.pk): _read(statements.encode(_columns(row)))
        for model in ledger_models()
        for row in model._base_manager.all()
    }


def _columns(row: models.Model) -> dict[str, Any]:
    # Read back by attribute name, as the fold's columns are not: both ways must name the same.
    fields = row._meta.concrete_fields
    values = {str(field.column): getattr(row, field.attname) for field in fields}
    return {name: value for name, value in values.items() if value is not None}


def check_journal() -> None:
    """Rows = fold(events); versions without a gap; events as their catalogue says."""
    events = list(Event.objects.order_by("id"))
    rows, versions = fold(events)
    there = stored()
    assert rows.keys() == there.keys()
    for key, columns in there.items():
        assert {n: v for n, v in rows[key].items() if v is not None} == columns, key
        if "version" in columns:
            assert sorted(versions[key]) == list(range(1, int(columns["version"]) + 1)), key
    for event in events:
        _check_catalogued(event)


def _check_catalogued(event: Event) -> None:
    kind = KINDS[event.event_type]
    implicit = kind.subject == "allocation" and event.msg_type == "internal"
    assert implicit or event.msg_type == kind.msg_type
    frame = _read(event.body)
    assert set(frame["event"]) - {"event_type", "time"} <= set(kind.fields), event.event_type
    assert frame["msg_type"] == event.msg_type
    assert ("order" in frame) == (event.msg_type == "order_update")


class Story:
    """What may happen, each word with a number that chooses whom it happens to."""

    def __init__(self) -> None:
        self.orders: list[str] = []
        self.cum: dict[str, Decimal] = defaultdict(lambda: D(0))
        self.said: list[Any] = []

    def _order(self, n: int) -> str:
        if not self.orders:
            self.submit(n)
        return self.orders[n % len(self.orders)]

    def _child(self, n: int) -> VenueOrder | None:
        children = list(VenueOrder.objects.filter(order_id__in=self.orders).order_by("id"))
        return children[n % len(children)] if children else None

    def submit(self, n: int) -> None:
        shapes: list[dict[str, Any]] = [
            {},
            {"limit_price": D(92)},
            {"limit_price": D(60)},
            {"bypass_auto_execution": True},
            {"side": "sell", "limit_price": D(98)},
            {"account_id": None, "allocation": _block()},
            {"account_id": "alpha-fee", "explicit_cancelation_required": True},
            {"instructions": (trading.instruction(1000), trading.instruction(2000))},
        ]
        self.orders.append(trading.submit(**shapes[n % len(shapes)]))

    def refused(self, n: int) -> None:
        (result,) = desk.submit([trading.request(qty=D(500 + n % 3))])
        assert result.error is not None

    def route(self, n: int) -> None:
        routing.drain(limit=1 + n)

    def execute(self, n: int) -> None:
        asked = trading.instruction(1000 * (1 + n % 3))
        desk.execute(self._order(n), asked, by=trading.person(), at=clock.now())

    def decide(self, n: int) -> None:
        desk.decide(
            self._order(n),
            approve=n % 3 > 0,
            annotation="seen" if n % 5 else "",
            client_decision_id="",
            by=trading.person("alpha_compliance" if n % 4 else "alpha_trader"),
            at=clock.now(),
        ) if n % 4 else None

    def cancel(self, n: int) -> None:
        desk.cancel([self._order(n)], by=trading.person(), at=clock.now())

    def cancel_part(self, n: int) -> None:
        row = ExecutionOrder.objects.filter(order_id=self._order(n)).order_by("id").first()
        if row is not None:
            desk.cancel_execution(row.order_id, row.id, by=trading.person(), at=clock.now())

    def fill(self, n: int) -> None:
        child = self._child(n)
        if child is not None:
            self.cum[child.id] += 1000
            self._say(trading.fill(child, 1000, cum=self.cum[child.id], last_px=D(98 + n % 3)))

    def bust(self, n: int) -> None:
        trades = [one for one in self.said if getattr(one, "last_qty", None)]
        child = self._child(n)
        if trades and child is not None:
            one = trades[n % len(trades)]
            child = VenueOrder.objects.get(pk=one.cl_ord_id)
            self._say(trading.report(child, ExecType.TRADE_CANCEL, exec_ref_id=one.exec_id))

    def repeat(self, n: int) -> None:
        if self.said:
            self._say(self.said[n % len(self.said)])

    def end(self, n: int) -> None:
        child = self._child(n)
        how = [
            (ExecType.CANCELED, OrdStatus.CANCELED),
            (ExecType.REJECTED, OrdStatus.REJECTED),
            (ExecType.EXPIRED, OrdStatus.EXPIRED),
            (ExecType.NEW, OrdStatus.NEW),
            (ExecType.ORDER_STATUS, OrdStatus.NEW),
        ][n % 5]
        if child is not None:
            tally = self.cum[child.id]
            self._say(trading.report(child, how[0], ord_status=how[1], cum_qty=tally))

    def refuse_cancel(self, n: int) -> None:
        child = self._child(n)
        if child is not None:
            self._say(trading.cancel_refused(child))

    def allocate(self, n: int) -> None:
        lots.drain(limit=1 + n)

    def close_of_day(self, n: int) -> None:
        with clock.frozen_at(clock.now() + timedelta(hours=9)):
            expiry.sweep(limit=1 + n)

    def _say(self, one: Any) -> None:
        self.said.append(one)
        trading.receive(one)


def _block() -> AllocationAsk:
    parts = tuple(AccountAsk(account_id=f"alpha-00{n}", qty=D(1000)) for n in (2, 3, 4))
    return AllocationAsk(strategy="pro_rata_with_averaging", accounts=parts)


WORDS = sorted(name for name in vars(Story) if not name.startswith("_"))
# Reports come most often, as they do in life.
often = st.sampled_from([*WORDS, "submit", "route", "fill", "fill", "end", "cancel"])


@settings(
    max_examples=effort.examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(words=st.lists(st.tuples(often, st.integers(0, 40)), min_size=3, max_size=30))
def test_rows_are_the_fold_of_their_events(sandbox: datetime, words: list[tuple[str, int]]) -> None:
    with trading.for_this_example():
        story = Story()
        for word, n in words:
            getattr(story, word)(n)
        check_journal()
        trading.check_trees(story.orders)


def test_the_checker_sees_a_row_that_no_event_explains(sandbox: datetime) -> None:
    child = trading.routed()
    check_journal()
    VenueOrder.objects.filter(pk=child.pk).update(text="edited", version=child.version + 1)
    with pytest.raises(AssertionError):
        check_journal()


def test_the_checker_sees_a_lost_version(sandbox: datetime) -> None:
    child = trading.routed()
    trading.receive(trading.report(child, ExecType.NEW))
    events = list(Event.objects.filter(subject=child.order_id).order_by("id"))
    whole, gapless = fold(events)
    lost, gap = fold([*events[:-1]])
    key = ("orders_order", child.order_id)
    assert whole[key] != lost[key]
    assert gapless[key] != gap[key]
