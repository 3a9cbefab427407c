"""What applying reports is measured against: saving each row by the ORM, and pgbench.

Used by `benchmarks.reports` alone; both write the rows that one real fill writes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from benchmarks import baselines, stage

VENUE = "SIMA"
TEN = datetime.fromisoformat("2026-11-23T15:00:00+00:00")


# --- the ORM's way ---------------------------------------------------------------------------
def by_orm(seq: int, text: str) -> None:
    """What a handler of one report does without a batch: read, lock, save each row."""
    from django.db import transaction

    from orders import fills, render
    from orders.models import AllocationDue, ExecutionOrder, Order, VenueOrder
    from orders.tree import Tree
    from venues import messages
    from venues.models import Inbound, Outbound

    inbound = Inbound.objects.create(venue_id=VENUE, seq=seq, body=text, received_at=TEN)
    told = messages.decode_report(text)
    assert isinstance(told, messages.ExecutionReport)
    assert told.last_qty
    assert told.last_px
    with transaction.atomic():
        child = VenueOrder.objects.get(id=told.cl_ord_id)
        order = Order.objects.select_for_update().get(id=child.order_id)
        row = ExecutionOrder.objects.select_for_update().get(id=child.execution_order_id)
        child = VenueOrder.objects.select_for_update().get(id=told.cl_ord_id)
        tree = Tree(order, [row])
        tree.venue_orders[row.id].append(child)
        fill = fills.make(
            tree,
            row,
            source=VENUE,
            exec_id=told.exec_id,
            qty=told.last_qty,
            price=told.last_px,
            trade_date=told.trade_date,
            executed_at=told.transact_time,
            received_at=TEN,
            venue_order=child,
        )
        gross = fill.qty * fill.price
        child.execute(qty=fill.qty, at=TEN)
        row.execute(qty=fill.qty, gross=gross, at=TEN)
        order.execute(qty=fill.qty, gross=gross, at=TEN)
        order.average(**fills.averages(tree, settlement_date=fill.settlement_date))
        fill.save(force_insert=True)
        for one in (child, row, order):
            one.version += 1
            one.save(update_fields=[*one.MUTABLE, "version"])
        image = {"order": render.order_json(order)}
        wire = fills.wire(fill, order.amount_type)
        _event(order.id, order.version, order.id, "execution", wire, **image)
        _holdings_by_orm(order, fill)
        Outbound.objects.filter(cl_ord_id=told.cl_ord_id, answered_at=None).update(answered_at=TEN)
        AllocationDue.objects.create(order_id=order.id, due_at=TEN)
        inbound.applied_at, inbound.verdict = TEN, "applied"
        inbound.save(update_fields=["applied_at", "verdict"])


def _holdings_by_orm(order: Any, fill: Any) -> None:
    from allocations.holdings import ledger
    from allocations.models import CashBalance, Movement, Position, TaxLot
    from oms_site.kit import ids
    from orders import holdings

    posting = holdings._posting(fill, order, None, at=TEN)
    assert posting.instrument_id is not None
    position = Position.objects.select_for_update().get(
        account_id=posting.account_id, instrument_id=posting.instrument_id
    )
    purse = CashBalance.objects.select_for_update().get(
        account_id=posting.account_id, currency=posting.currency
    )
    position.qty += posting.qty
    position.cost += posting.consideration
    purse.amount += posting.cash
    for row in (position, purse):
        row.sequence += 1
        row.version += 1
        row.moved_at = TEN
    values = {name: getattr(posting, name) for name in posting.__slots__}
    movement = Movement(
        id=ids.prefixed("mv"),
        update_id=ids.prefixed("up"),
        relief="fifo",
        at=TEN,
        sequence=position.sequence,
        qty_after=position.qty,
        cost_after=position.cost,
        realized_after=position.realized,
        cash_sequence=purse.sequence,
        cash_after=purse.amount,
        **values,
    )
    movement.save(force_insert=True)
    for row in (position, purse):
        row.save(update_fields=[*row.MUTABLE, "version"])
    lot = TaxLot(
        id=f"lot_{movement.id[3:]}",
        organization_id=order.organization_id,
        position_id=position.id,
        movement_id=movement.id,
        acquired=fill.trade_date,
        opened=position.sequence,
        price=fill.price,
        qty=posting.qty,
        cost=posting.consideration,
        open_qty=posting.qty,
        open_cost=posting.consideration,
        version=1,
    )
    lot.save(force_insert=True)
    body = {"movements": [ledger.wire(movement)], "positions": [ledger.standing(position)]}
    _event(position.id, position.version, "", "holdings_move", body)


def _event(
    subject: str, seq: int, order_id: str, kind: str, body: dict[str, Any], **more: Any
) -> None:
    from oms_site.journal import statements
    from oms_site.journal.models import Event
    from oms_site.kit import ids

    Event.objects.create(
        event_id=ids.prefixed("evt"),
        organization_id="alpha",
        msg_type="order_update",
        event_type=kind,
        subject=subject,
        seq=seq,
        order_id=order_id,
        at=TEN,
        recorded_at=TEN,
        actor=f"system:venue:{VENUE}",
        correlation_id="",
        body=statements.encode({"event": {"event_type": kind, **body}, **more}),
        changes="[]",
    )


# --- pgbench ---------------------------------------------------------------------------------
class SameFill(baselines.SameRows):
    """pgbench writing what one real fill writes: seven rows inserted, six updated, one commit."""

    def learn(self, order_id: str) -> None:
        """Take the newest fill of an order, applied alone, as the model of all rows."""
        self._list_orders()
        newest = "id = (SELECT max(id) FROM {})".format
        key = "lpad(:round, 4, '0') || lpad(:client_id, 4, '0') || lpad(:k, 14, '0')"
        seq = "1000000000 + :round * 100000000 + :client_id * 1000000 + :k"
        fill = {"id": f"'ex_' || {key}", "exec_id": f"'B' || {key}", "order_id": ":order_id"}
        held = {"id": f"'mv_' || {key}", "source_id": f"'ex_' || {key}", "order_id": ":order_id"}
        lot = {"id": f"'lot_' || {key}", "movement_id": f"'mv_' || {key}"}
        self.lines = [
            "\\set n random(1, :orders)",
            "\\set k :k + 1",
            "BEGIN;",
            "SELECT * FROM bench_orders WHERE n = :n \\gset",
            *(f"{update} \\gset" for update in _UPDATES),
            self._insert("venues_inbound", newest("venues_inbound"), {"seq": seq}, {"id"}),
            self._insert(
                "orders_execution",
                newest("orders_execution"),
                {**fill, "execution_order_id": ":execution", "venue_order_id": ":child"},
            ),
            self._insert(
                "allocations_movement",
                newest("allocations_movement"),
                {**held, "account_id": ":account", "sequence": ":moved", "cash_sequence": ":paid"},
            ),
            self._insert(
                "allocations_taxlot",
                newest("allocations_taxlot"),
                {**lot, "position_id": ":position", "opened": ":moved"},
            ),
            self._event("execution", f"'evt_a' || {key}", ":order_id", ":version"),
            self._event("holdings_move", f"'evt_b' || {key}", ":position", ":held"),
            "INSERT INTO orders_allocationdue (order_id, due_at) VALUES (:order_id, now());",
            "COMMIT;",
        ]

    def _list_orders(self) -> None:
        with stage.connect(self.product, self.database) as link:
            link.execute(_LIST)
            link.execute("GRANT SELECT ON bench_orders TO oms")
            row = link.execute("SELECT count(*) FROM bench_orders").fetchone()
        self.values["orders"] = str((row or [0])[0])

    def _event(self, kind: str, event_id: str, subject: str, seq: str) -> str:
        newest = f"id = (SELECT max(id) FROM journal_event WHERE event_type = '{kind}')"
        keys = {"event_id": event_id, "subject": subject, "seq": seq, "recorded_at": "now()"}
        return self._insert("journal_event", newest, keys, without={"id"})


_LIST = """
CREATE TABLE bench_orders AS SELECT row_number() OVER ()::int AS n, o.id AS order_id,
    x.id AS execution, v.id AS child, o.account_id AS account, p.id AS position, c.id AS purse
FROM orders_order o JOIN orders_executionorder x ON x.order_id = o.id
JOIN orders_venueorder v ON v.order_id = o.id
JOIN allocations_position p ON p.account_id = o.account_id
JOIN allocations_cashbalance c ON c.account_id = o.account_id;
ALTER TABLE bench_orders ADD PRIMARY KEY (n);
-- The same rows again and again add up to nothing, which these would refuse; ours is written with
-- them.
ALTER TABLE allocations_movement DISABLE TRIGGER allocations_movement_source;
ALTER TABLE allocations_position DISABLE TRIGGER allocations_position_moved;
ALTER TABLE allocations_cashbalance DISABLE TRIGGER allocations_cashbalance_moved
"""
_UPDATES = (
    "UPDATE orders_order SET version = version + 1, cum_qty = cum_qty + 1, "
    "leaves_qty = leaves_qty - 1, gross = gross + 89.5, executions_made = executions_made + 1 "
    "WHERE id = :order_id RETURNING version",
    "UPDATE orders_executionorder SET version = version + 1, cum_qty = cum_qty + 1, "
    "leaves_qty = leaves_qty - 1 WHERE id = :execution RETURNING 1 AS one",
    "UPDATE orders_venueorder SET version = version + 1, cum_qty = cum_qty + 1, "
    "leaves_qty = leaves_qty - 1, last_report_at = now() WHERE id = :child RETURNING 1 AS two",
    "UPDATE allocations_position SET version = version + 1, qty = qty + 1, cost = cost + 1, "
    "sequence = sequence + 1 WHERE id = :position RETURNING sequence AS moved, version AS held",
    "UPDATE allocations_cashbalance SET version = version + 1, amount = amount - 1, "
    "sequence = sequence + 1 WHERE id = :purse RETURNING sequence AS paid",
)
