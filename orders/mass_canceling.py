"""Mass cancels: what one would stop, asking for it, and asking every one of its orders.

The rows are the queue: a drain asks orders and notes it in one transaction, so whatever is killed
in between goes on where it stopped and asks nobody twice. Cancels pass under every halt.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.db import IntegrityError, connection
from django.db.models import Count, Q

from controls import ticket
from oms_site.firm import principals
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from oms_site.journal import actors, draining, events, statements, unit
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import clock, ids
from oms_site.kit.errors import NotFound, OmsError
from orders.models import MassCancel, MassCancelOrder, Order, VenueOrder
from orders.stopping import asking, selecting, sizing
from orders.stopping.asking import Asked
from orders.stopping.selecting import Selection
from venues import instruments, market_data

CANCEL = "order.cancel"
AT_ONCE, MOST_AT_ONCE = 2_500, 250
_ZERO = Decimal(0)
_NOTE = """
UPDATE orders_masscancelorder i
SET outcome = s.outcome, cancel_request_id = s.cancel_id, reason = s.reason, asked_at = %s
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS s(id, outcome, cancel_id, reason)
WHERE i.mass_cancel_id = %s AND i.order_id = s.id AND i.outcome = ''
"""


class Size(msgspec.Struct, frozen=True):
    """How much a mass cancel means; orders without any price are not in the notional."""

    orders: int
    leaves_qty: Decimal
    notional: Decimal


def preview(wanted: Selection) -> dict[str, Any]:
    """What would be asked now, par and shares apart, and where it works. Nothing is changed."""
    return sizing.preview(wanted)


def create(
    wanted: Selection,
    *,
    reason: str,
    by: Principal,
    at: datetime,
    client_id: str | None = None,
) -> tuple[MassCancel, bool]:
    """Ask everything that fits now to stop; later orders are not meant. The row, whether it is new.

    The same `client_id` and content give the first one again. Raises `OmsError`: 422
    `nothing_to_cancel`, 409 `idempotency_conflict` for an id used for something else.
    """
    by.require(CANCEL)
    content = {k: v for k, v in msgspec.structs.asdict(wanted).items() if v}
    if known := _known(client_id, content, by):
        return known, False
    try:
        return _create(wanted, content, reason=reason, by=by, at=at, client_id=client_id), True
    except IntegrityError as clash:
        if "client_mass_cancel_id_for_ever" in str(clash) and (
            known := _known(client_id, content, by)
        ):
            return known, False
        raise


def _create(
    wanted: Selection,
    content: dict[str, str],
    *,
    reason: str,
    by: Principal,
    at: datetime,
    client_id: str | None,
) -> MassCancel:
    with unit.work(by=actors.person(by), at=at) as work:
        size, named = _measure(wanted)
        if not named:
            raise OmsError("nothing_to_cancel", "No open order fits.")
        row = MassCancel(
            id=ids.prefixed("mc"),
            organization_id=by.organization_id,
            client_mass_cancel_id=client_id,
            wanted=content,
            reason=reason[:500],
            requested_by_id=by.user_id,
            requested_at=at,
            orders=size.orders,
            leaves_qty=size.leaves_qty,
            notional=size.notional,
        )
        work.add(row)
        work.add(*(statements.fresh(MassCancelOrder, **_item(row, key)) for key in named))
        facts = {"leaves_qty": row.leaves_qty, "notional": row.notional, "reason": row.reason}
        _tell(work, row, "mass_cancel_request", wanted=content, **facts)
        work.ring("orders.tasks.drain_mass_cancels")
    return row


def _item(row: MassCancel, order_id: str) -> dict[str, Any]:
    return {"mass_cancel_id": row.id, "order_id": order_id}


def _known(client_id: str | None, content: dict[str, str], by: Principal) -> MassCancel | None:
    if not client_id:
        return None
    rows = MassCancel.objects.filter(organization_id=by.organization_id)
    known = rows.filter(client_mass_cancel_id=client_id).first()
    if known is not None and known.wanted != content:
        raise OmsError(
            "idempotency_conflict",
            "This client_mass_cancel_id belongs to another mass cancel.",
            field="client_mass_cancel_id",
            status=409,
        )
    return known


def find(mass_cancel_id: str, *, organization_id: str) -> MassCancel:
    """One mass cancel of an organization. Raises `NotFound`."""
    rows = MassCancel.objects.filter(pk=mass_cancel_id, organization_id=organization_id)
    found = rows.select_related("requested_by").first()
    if found is None:
        raise NotFound("mass cancel")
    return found


def counts(row: MassCancel) -> dict[str, int]:
    """How many of its orders wait to be asked, and what was said of the others."""
    named = dict(row.items.values_list("outcome").annotate(n=Count("pk")).order_by("outcome"))
    words = (asking.PENDING, asking.CANCELED, asking.NOTHING)
    return {"due": named.get("", 0), **{word: named.get(word, 0) for word in words}}


def drain() -> int:
    """Ask orders of running mass cancels. Returns how many were asked."""
    running = MassCancel.objects.filter(done_at=None).order_by("requested_at", "id")
    return draining.each(running.select_related("requested_by"), _drain, aside=_tell_people)


def _tell_people(row: MassCancel, error: Exception) -> None:
    """One that cannot go on holds up no other, and is tried again at the next look."""
    draining.tell("drain_mass_cancels", row.id, error, organization_id=row.organization_id)


def _drain(row: MassCancel) -> int:
    wanted = msgspec.convert(row.wanted, Selection)
    # All of it was asked for by one request, and every event of it says by which.
    by = actors.person(_person(row.requested_by), events.asked_in(row.id))
    at = clock.now()
    with unit.work(by=by, at=at) as work:
        due = row.items.select_for_update(skip_locked=True, of=("self",)).filter(outcome="")
        due = due.exclude(order_id__in=asking.odd())
        named = list(due.order_by("pk").values_list("order_id", flat=True)[:AT_ONCE])
        asked = list[Asked]()
        if named:
            asked = asking.ask(work, wanted, named, slowly=MOST_AT_ONCE, by=by, at=at, once=True)
        _note(row, asked, at=at)
        if len(asked) == len(named) and not row.items.filter(outcome="").exists():
            _finish(work, row, at=at)
    return len(asked)


def _finish(work: Unit, row: MassCancel, *, at: datetime) -> None:
    held = work.lock(MassCancel, [row.id])[row.id]
    if held.done_at is None:
        held.done(at=at)
        said = counts(held)
        said.pop("due")
        _tell(work, held, "mass_cancel_done", **said)


def _note(row: MassCancel, asked: Sequence[Asked], *, at: datetime) -> None:
    columns = zip(*((a.order_id, a.outcome, a.cancel_id, a.reason) for a in asked), strict=True)
    lists = [list(column) for column in columns]
    if lists:
        with connection.cursor() as cursor:
            cursor.execute(_NOTE, [at, *lists, row.id])


def _person(user: User) -> Principal:
    return principals.of_user(user, via="mass cancel")


def _measure(wanted: Selection) -> tuple[Size, list[str]]:
    """The orders meant now, and their size at limit or reference price."""
    rows = selecting.open_orders(wanted).order_by("pk")
    leaves, money, named = _ZERO, _ZERO, list[str]()
    for key, qty, limit, instrument_id in rows.values_list(
        "pk", "leaves_qty", "limit_price", "instrument_id"
    ):
        named.append(key)
        leaves += qty
        price = limit if limit is not None else _reference(instrument_id)
        if price is not None:
            money += ticket.value(qty, price, instruments.by_id(instrument_id).asset_class)
    return Size(len(named), leaves, money), named


def _reference(instrument_id: int) -> Decimal | None:
    found = market_data.reference(instrument_id)
    return found.mid if found is not None else None


def _tell(work: Unit, row: MassCancel, event_type: str, **facts: Any) -> None:
    work.record(
        row,
        event_type,
        msg_type=MsgType.SYSTEM_UPDATE,
        body={
            "mass_cancel_id": row.id,
            "client_mass_cancel_id": row.client_mass_cancel_id,
            "orders": row.orders,
            **facts,
        },
    )


def results(row: MassCancel, *, after: int = 0, limit: int = 500) -> list[dict[str, Any]]:
    """What became of its orders so far, in the order of its rows; `cursor` is where to go on."""
    wanted = msgspec.convert(row.wanted, Selection)
    items = list(row.items.filter(pk__gt=after).select_related("order").order_by("pk")[:limit])
    children = _children(wanted, [item.order_id for item in items])
    return [
        {
            "cursor": item.pk,
            "order_id": item.order_id,
            "client_order_id": item.order.client_order_id,
            "cancel_request_id": item.cancel_request_id or None,
            **_result(wanted, item, children.get(item.order_id, [])),
            "order_status": str(item.order.status),
            "asked_at": item.asked_at,
        }
        for item in items
    ]


def _children(wanted: Selection, order_ids: Sequence[str]) -> dict[str, list[VenueOrder]]:
    rows = VenueOrder.objects.filter(~Q(cancel_cl_ord_id=""), order_id__in=order_ids)
    if wanted.venue:
        rows = rows.filter(venue_id=wanted.venue)
    found: dict[str, list[VenueOrder]] = {}
    for child in rows.order_by("pk"):
        found.setdefault(child.order_id, []).append(child)
    return found


def _result(
    wanted: Selection, item: MassCancelOrder, children: Sequence[VenueOrder]
) -> dict[str, Any]:
    """One word for one order: due, pending, refused, canceled, or nothing was left to stop."""
    live = [child for child in children if not child.is_terminal]
    refused = [child for child in live if child.pending != "cancel"]
    if item.outcome != asking.PENDING:
        return {"result": item.outcome or "due", "reason": item.reason or None}
    if refused:
        texts = [f"{child.venue_id}: {child.text or 'refused'}" for child in refused]
        return {"result": "refused", "reason": "; ".join(texts)}
    if live:
        return {"result": "pending", "reason": None}
    order: Order = item.order
    whole = not wanted.narrow and order.is_terminal
    return {"result": str(order.status) if whole else asking.CANCELED, "reason": None}
