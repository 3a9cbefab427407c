"""Attempts to have something traded that no gate has seen: by the queue, by rows, by reports."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.db import connection, transaction
from django.db.utils import Error

from controls import halts
from controls.models import Halt
from oms_site.kit import clock
from orders import halting, last_look, reports
from orders.models import Break, ExecutionOrder, Order, VenueOrder
from tests import quoting, trading
from venues import inbox, messages
from venues.messages import ExecType, NewOrder
from venues.models import Outbound

pytestmark = pytest.mark.usefixtures("sandbox")


def _queued(body: messages.NewOrder | messages.CancelRequest, **row: Any) -> Outbound:
    terms = {"venue_id": trading.VENUE, "cl_ord_id": body.cl_ord_id, "kind": "D"}
    return Outbound.objects.create(
        body=messages.encode(body).decode(), created_at=clock.now(), **{**terms, **row}
    )


def _forged(**changes: Any) -> NewOrder:
    terms: dict[str, Any] = {
        "cl_ord_id": "vo_forged",
        "security_id": trading.BOND,
        "side": "1",
        "ord_type": "2",
        "order_qty": Decimal(1_000_000),
        "price": Decimal(101),
        "transact_time": clock.now(),
    }
    return NewOrder(**{**terms, **changes})


def _sent(*rows: Outbound) -> list[int]:
    return [row.pk for row in last_look.before_wire(trading.VENUE, list(rows))]


def _waiting() -> tuple[VenueOrder, Outbound]:
    child = trading.routed()
    return child, Outbound.objects.get(cl_ord_id=child.id, kind="D")


def _changed(row: Outbound, **fields: Any) -> Outbound:
    message = msgspec.structs.replace(messages.decode_outgoing(row.body), **fields)
    Outbound.objects.filter(pk=row.pk).update(body=messages.encode(message).decode())
    return Outbound.objects.get(pk=row.pk)


def test_what_was_decided_is_sent() -> None:
    _, row = _waiting()
    assert _sent(row) == [row.pk]
    assert not Break.objects.exists()


def test_a_message_put_into_the_queue_by_hand_is_never_sent() -> None:
    _, own = _waiting()
    row = _queued(_forged())
    assert _sent(own, row) == [own.pk]
    told = Break.objects.get(kind="forged_message")
    assert told.evidence["why"] == "nobody has decided it"
    assert Outbound.objects.get(pk=row.pk).answered_at is not None


@pytest.mark.parametrize(
    "forgery",
    [
        {"order_qty": Decimal(999_000)},
        {"price": Decimal(150)},
        {"price": None, "ord_type": "1"},
        {"side": "2"},
        {"security_id": "912810SX7"},
        {"cl_ord_id": "vo_another"},
    ],
)
def test_a_message_that_was_changed_after_the_gate_is_never_sent(forgery: dict[str, Any]) -> None:
    _, row = _waiting()
    assert _sent(_changed(row, **forgery)) == []
    assert Break.objects.filter(kind="forged_message").count() == 1


def _hit() -> Outbound:
    rfq = quoting.ask(quoting.staged())
    found = quoting.quoted(rfq, [(quoting.SWIFT, "99.30"), (quoting.LOOK, "99.25")])
    child = quoting.child(quoting.hit(found[quoting.LOOK]))
    return Outbound.objects.get(cl_ord_id=child.id)


def test_a_hit_that_was_decided_is_sent() -> None:
    row = _hit()
    assert last_look.before_wire(quoting.VENUE, [row]) == [row]
    assert not Break.objects.exists()


@pytest.mark.parametrize(
    "forgery",
    [
        {"order_qty": Decimal(999_000)},
        {"order_qty": None},
        {"price": Decimal(150)},
        {"price": None},
        {"quote_id": "Q-of-another"},
        {"quote_id": ""},
        {"quote_req_id": "rfq_of_another"},
    ],
)
def test_a_hit_that_was_changed_after_the_gate_is_never_sent(forgery: dict[str, Any]) -> None:
    row = _hit()
    assert last_look.before_wire(quoting.VENUE, [_changed(row, **forgery)]) == []
    assert Break.objects.filter(kind="forged_message").count() == 1


def test_an_order_that_calls_itself_a_cancel_is_never_sent() -> None:
    assert _sent(_queued(_forged(), kind="F")) == []
    assert Break.objects.get(kind="forged_message").evidence["why"] == (
        "it is not what its row calls it"
    )


def test_an_order_that_was_turned_to_another_venue_is_never_sent() -> None:
    _, row = _waiting()
    Outbound.objects.filter(pk=row.pk).update(venue_id="SIMB")
    assert last_look.before_wire("SIMB", [Outbound.objects.get(pk=row.pk)]) == []


def test_a_replacement_that_nobody_asked_for_is_never_sent() -> None:
    child, _ = _waiting()
    trading.receive(trading.report(child, ExecType.NEW))
    request = messages.ReplaceRequest(
        cl_ord_id="rl_forged",
        orig_cl_ord_id=child.id,
        security_id=trading.BOND,
        side="1",
        ord_type="2",
        order_qty=Decimal(9_000_000),
        price=Decimal(120),
        transact_time=clock.now(),
    )
    row = Outbound.objects.create(
        venue_id=trading.VENUE,
        cl_ord_id="rl_forged",
        kind="G",
        body=messages.encode(request).decode(),
        created_at=clock.now(),
    )
    assert _sent(row) == []


def test_what_cannot_be_read_harms_nobody_else() -> None:
    _, own = _waiting()
    _, other = trading.routed(qty=Decimal(5000)), _queued(_forged(cl_ord_id="vo_noise"))
    Outbound.objects.filter(pk=other.pk).update(body="{nothing")
    assert _sent(own, Outbound.objects.get(pk=other.pk)) == [own.pk]


def _engaged() -> None:
    by = trading.person("alpha_compliance")
    target = halting.target_of("organization", "", by=by)
    halts.engage(target, reason="r", cancels=False, by=by, at=clock.now())


def _refused(sql: str, *values: Any) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, values)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except Error:
        return True
    return False


_COPY = (
    "INSERT INTO {table} SELECT (r).* FROM (SELECT jsonb_populate_record(o, '{changes}') AS r"
    " FROM {table} o ORDER BY id LIMIT 1) one"
)


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        (
            "orders_executionorder",
            '{"id": "eo_x", "client_execution_order_id": null, "screening_id": null}',
        ),
        (
            "orders_executionorder",
            '{"id": "eo_x", "client_execution_order_id": null, "screening_outcome": "flagged"}',
        ),
        (
            "orders_executionorder",
            '{"id": "eo_x", "client_execution_order_id": null, "order_version": 2}',
        ),
        ("controls_screening", '{"id": "scr_x", "outcome": "anything"}'),
    ],
)
def test_copies_of_rows_that_passed_pass_nothing(table: str, changes: str) -> None:
    _waiting()
    assert _refused(_COPY.format(table=table, changes=changes))


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE orders_order SET order_qty = order_qty * 10, version = version + 1",
        "UPDATE orders_order SET side = 'sell', version = version + 1",
        "UPDATE orders_executionorder SET qty = qty * 10, version = version + 1",
        "UPDATE orders_venueorder SET qty = qty * 10, version = version + 1",
        "UPDATE controls_screening SET outcome = 'passed'",
        "DELETE FROM controls_screening",
        "TRUNCATE controls_halt CASCADE",
        "DELETE FROM controls_halt",
    ],
)
def test_rows_that_passed_cannot_be_made_to_say_more(attack: str) -> None:
    _waiting()
    _engaged()
    assert _refused(attack)


@pytest.mark.parametrize("model", [Order, ExecutionOrder, VenueOrder, Halt])
def test_the_orm_gets_no_further_than_sql(model: Any) -> None:
    _waiting()
    _engaged()
    row = model.objects.order_by("pk").first()
    with pytest.raises(Error), transaction.atomic():
        model.objects.filter(pk=row.pk).update(organization_id="beta")
    with pytest.raises(Error), transaction.atomic():
        model.objects.filter(pk=row.pk).delete()


def test_a_report_for_a_message_nobody_sent_moves_no_order() -> None:
    child, _ = _waiting()
    said = trading.fill(child, 1000, cum=1000, cl_ord_id="vo_forged", orig_cl_ord_id="")
    trading.store(said)
    reports.apply(trading.VENUE, inbox.contiguous(trading.VENUE, limit=10))
    assert trading.order(child.order_id).cum_qty == 0
    assert Break.objects.exists()
