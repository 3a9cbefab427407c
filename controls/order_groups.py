"""Order groups: made, read under a lock, locked when too much is filled too fast, reset.

`orders.grouping` tells it what was filled; what becomes of the orders of a locked group is the
story's part. Whoever takes an order into a group holds its row shared until that order is written,
and whoever adds fills holds it alone: a lock and an order of the group never miss each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import IntegrityError

from controls.models import OrderGroup
from controls.states import GroupStatus
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import NotFound, OmsError

SUBMIT = "order.submit"
Fill = tuple[datetime, Decimal]  # when it reached us, how much


def most_within(fills: Iterable[Fill], *, window: timedelta) -> Decimal:
    """The most that was filled within any span of that length; its first moment is not in it."""
    found, running, oldest = Decimal(0), Decimal(0), 0
    ordered = sorted(fills)
    for moment, qty in ordered:
        running += qty
        while ordered[oldest][0] <= moment - window:
            running -= ordered[oldest][1]
            oldest += 1
        found = max(found, running)
    return found


def create(
    *,
    name: str,
    limit_qty: Decimal,
    window_s: int,
    by: Principal,
    at: datetime,
    client_id: str | None = None,
) -> tuple[OrderGroup, bool]:
    """A new group, and whether it is new: the same `client_id` and content give the first again.

    Raises `OmsError` 409 `idempotency_conflict` for an id used for another group.
    """
    by.require(SUBMIT)
    content = (name, limit_qty, window_s)
    if known := _known(client_id, content, by):
        return known, False
    row = OrderGroup(
        id=ids.prefixed("og"),
        organization_id=by.organization_id,
        client_order_group_id=client_id,
        name=name,
        limit_qty=limit_qty,
        window_s=window_s,
        created_by_id=by.user_id,
        created_at=at,
    )
    try:
        with unit.work(by=actors.person(by), at=at) as work:
            work.add(row)
            _tell(work, row, "order_group_create", limit_qty=limit_qty, window_s=window_s)
    except IntegrityError as clash:
        if "client_order_group_id_for_ever" in str(clash) and (
            known := _known(client_id, content, by)
        ):
            return known, False
        raise
    return row, True


def find(group_id: str, *, organization_id: str) -> OrderGroup:
    """One group of an organization. Raises `NotFound`."""
    rows = OrderGroup.objects.filter(pk=group_id, organization_id=organization_id)
    found = rows.select_related("created_by", "reset_by").first()
    if found is None:
        raise NotFound("order group")
    return found


def newest(organization_id: str, *, limit: int = 100) -> list[OrderGroup]:
    """An organization's groups: those that are locked first, then the newest."""
    rows = OrderGroup.objects.filter(organization_id=organization_id)
    found = rows.select_related("created_by", "reset_by").order_by("status", "-created_at", "-id")
    return list(found[:limit])


def standing() -> Sequence[OrderGroup]:
    """Every group that is locked now, of all organizations."""
    return list(OrderGroup.objects.filter(status=GroupStatus.LOCKED).order_by("locked_at", "id"))


def enter(names: Iterable[str], *, locked: bool = True) -> Mapping[str, OrderGroup]:
    """Groups by id as they are now; nobody locks one of them before this transaction has ended."""
    wanted = sorted(set(names))
    if not wanted:
        return {}
    rows = OrderGroup.objects.filter(pk__in=wanted).order_by("pk")
    if not locked:
        return {row.id: row for row in rows}
    shared = OrderGroup.objects.raw(
        "SELECT * FROM controls_ordergroup WHERE id = ANY(%s) ORDER BY id FOR SHARE", [wanted]
    )
    return {row.id: row for row in shared}


def lock_over(work: Unit, row: OrderGroup, fills: Iterable[Fill], *, at: datetime) -> bool:
    """Lock a group that this unit holds if those fills are more than it allows.

    `fills` are all that count and lie within a window of a new one, the new ones included.
    """
    reached = most_within(fills, window=timedelta(seconds=row.window_s))
    if row.status != GroupStatus.OPEN or reached <= row.limit_qty:
        return False
    row.lock(qty=reached, at=at)
    _tell(
        work,
        row,
        "order_group_lock",
        filled_qty=reached,
        limit_qty=row.limit_qty,
        window_s=row.window_s,
    )
    return True


def reset(work: Unit, row: OrderGroup, *, by: Principal, at: datetime) -> None:
    """Let a group that this unit holds trade again. Raises `OmsError` 409 `order_group_open`."""
    if row.status != GroupStatus.LOCKED:
        raise OmsError("order_group_open", f"{row.name} is not locked.", status=409)
    row.reset(by_id=by.user_id, at=at)
    _tell(work, row, "order_group_reset")


def _known(
    client_id: str | None, content: tuple[str, Decimal, int], by: Principal
) -> OrderGroup | None:
    if not client_id:
        return None
    rows = OrderGroup.objects.filter(organization_id=by.organization_id)
    known = rows.filter(client_order_group_id=client_id).first()
    if known is not None and (known.name, known.limit_qty, known.window_s) != content:
        raise OmsError(
            "idempotency_conflict",
            "This client_order_group_id belongs to another group.",
            field="client_order_group_id",
            status=409,
        )
    return known


def _tell(work: Unit, row: OrderGroup, event_type: str, **facts: object) -> None:
    work.record(
        row,
        event_type,
        msg_type=MsgType.SYSTEM_UPDATE,
        body={
            "order_group_id": row.id,
            "client_order_group_id": row.client_order_group_id,
            "name": row.name,
            "status": str(row.status),
            **facts,
        },
    )
