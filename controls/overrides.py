"""Exceptions that two people make: asked for after a rejection, granted by another, used once.

The floor of the orders says what an order's terms are and puts what is granted on its ticket; the
gate lets pass what the override names and nothing else. What two people cannot lift: a control that
is regulatory, and every refusal that its rule does not leave to people (`Finding.about`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from django.db import IntegrityError
from django.db.models import Exists, OuterRef, QuerySet

from controls.models import Override
from controls.states import OverrideStatus
from controls.ticket import Lifted
from oms_site.firm.generation import Cached
from oms_site.firm.models import Organization
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import clock, ids
from oms_site.kit.errors import Forbidden, NotFound, OmsError

ASK, GRANT = "order.submit", "order.release"
# Long enough for the day on which it was asked for, never for the next.
LASTS = timedelta(hours=8)
RAN_OUT = "It ran out and is asked for again."
_MOST_REASON = 500
Approved = Mapping[str, Lifted]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What an order must be, to the last of its terms, for an override to be good for it."""

    hash: str
    accounts: tuple[str, ...]
    cusip: str
    side: str
    qty: Decimal
    limit_price: Decimal | None
    ord_type: str
    stop_price: Decimal | None
    maker_id: int


class Held(msgspec.Struct, frozen=True):
    """What an order passed by: from then on every version of what each control was about."""

    id: str
    approved: Approved
    side: str
    qty: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None

    def covers(self, qty: Decimal, limit_price: Decimal | None, stop_price: Decimal | None) -> bool:
        """Whether new terms ask for no more than what was granted, released by the same stop."""
        if qty > self.qty or stop_price != self.stop_price:
            return False
        if self.limit_price is None:
            return True
        if limit_price is None:
            return False
        buying = self.side == "buy"
        return limit_price <= self.limit_price if buying else limit_price >= self.limit_price


class _Memory(msgspec.Struct, frozen=True):
    """Overrides to be used, by organization and terms; when each organization's last ends; and the
    organizations of which any order may ever have passed by one.
    """

    granted: Mapping[tuple[str, str], tuple[str, ...]]
    until: Mapping[str, datetime]
    owners: frozenset[str]


def request(
    order_id: str,
    *,
    terms: Terms,
    refusals: Sequence[Mapping[str, Any]],
    reason: str,
    by: Principal,
    at: datetime,
    correlation_id: str = "",
) -> Override:
    """Ask that an order on these terms may pass once in spite of `refusals`, as read from evidence.

    Raises `OmsError`: not_entitled (403), reason_required (422), not_overridable,
    override_asked_already (409).
    """
    require_asker(by)
    reason = _said(reason)
    if not refusals:
        text = "What refused this order is nobody's to lift."
        raise OmsError("not_overridable", text, status=409)
    _clear(order_id, by=by, at=at, correlation_id=correlation_id)
    row = Override(
        id=ids.prefixed("ov"),
        organization_id=by.organization_id,
        asked_for=order_id,
        terms=terms.hash,
        controls=[
            {
                "control_id": one["control_id"],
                "control_version": one["control_version"],
                "code": one["code"],
                "found": str(one["actual"]),
                "about": list(one["about"]),
                "message": one["message"],
            }
            for one in refusals
        ],
        accounts=list(terms.accounts),
        cusip=terms.cusip,
        side=terms.side,
        order_qty=terms.qty,
        limit_price=terms.limit_price,
        ord_type=terms.ord_type,
        stop_price=terms.stop_price,
        maker_id=terms.maker_id,
        reason=reason,
        requested_by_id=by.user_id,
        requested_at=at,
        expires_at=at + LASTS,
    )
    try:
        with unit.work(by=actors.person(by, correlation_id), at=at) as work:
            work.add(row)
            _tell(work, row, "override_request", reason=reason)
    except IntegrityError as clash:
        if "override_asked_once" not in str(clash):
            raise
        text = "An override for this order has been asked for."
        raise OmsError("override_asked_already", text, status=409) from None
    return row


def _clear(order_id: str, *, by: Principal, at: datetime, correlation_id: str) -> None:
    """End what was asked for the order before and ran out: one stands at a time."""
    rows = Override.objects.filter(organization_id=by.organization_id, asked_for=order_id)
    over = rows.filter(status__in=_open(grant=False), expires_at__lte=at)
    # A unit of its own: a unit writes what is new before it writes what changed.
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        for row in work.lock(Override, over.values_list("id", flat=True)).values():
            if row.status in _open(grant=False):
                row.refuse(by_id=by.user_id, note=RAN_OUT, at=at)
                _tell(work, row, "override_refuse", reason=RAN_OUT)


def require_asker(by: Principal) -> None:
    """Raises not_entitled (403) for who may not ask for an override."""
    if not (by.may(ASK) or by.may(GRANT)):
        raise Forbidden("not_entitled", f"This needs the entitlement {ASK}.")


def decide(
    override_id: str,
    *,
    grant: bool,
    note: str,
    by: Principal,
    at: datetime,
    correlation_id: str = "",
) -> Override:
    """Grant an override as somebody else than who asks and who trades; or refuse it, or take back.

    Who asked may withdraw it. Raises `NotFound`, `OmsError`: not_entitled, self_approval (403),
    reason_required (422), already_decided, override_expired (409).
    """
    note = _said(note, field="annotation")
    if grant:
        by.require(GRANT)
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        row = work.lock(Override, [override_id]).get(override_id)
        own = row is not None and by.user_id == row.requested_by_id
        if not own:
            by.require(GRANT)
        if row is None or row.organization_id != by.organization_id:
            raise NotFound("override")
        if row.status not in _open(grant):
            raise OmsError("already_decided", f"It is {row.status} already.", status=409)
        if not grant:
            row.refuse(by_id=by.user_id, note=note, at=at)
            _tell(work, row, "override_refuse", reason=note)
            return row
        if own or by.user_id == row.maker_id:
            raise Forbidden("self_approval", "Who asks or trades may not grant it.")
        if at >= row.expires_at:
            raise OmsError("override_expired", "The time to use it is over.", status=409)
        row.grant(by_id=by.user_id, note=note, at=at)
        _tell(work, row, "override_grant", reason=note)
    return row


def _open(grant: bool) -> set[str]:
    asked = {OverrideStatus.REQUESTED.value}
    return asked if grant else asked | {OverrideStatus.GRANTED.value}


# --- using ---------------------------------------------------------------------------------------
def waiting(organization_id: str, *, at: datetime) -> bool:
    """Whether an override of an organization may be there to be used. From memory."""
    until = _memory.get().until.get(organization_id)
    return until is not None and at < until


def offers(
    work: Unit | None, wanted: Sequence[tuple[str, str]], *, at: datetime
) -> dict[tuple[str, str], Override]:
    """The override to be used for each (organization, hash of terms), its row locked.

    Without a unit, as a preview asks, nothing is locked. What somebody else has used since, or
    whose time is over, is left out.
    """
    granted = _memory.get().granted
    keys = [key for one in set(wanted) for key in granted.get(one, ())]
    if not keys:
        return {}
    rows = (
        Override.objects.in_bulk(keys).values()
        if work is None
        else work.lock(Override, keys).values()
    )
    found: dict[tuple[str, str], Override] = {}
    # The newest first: whoever asked again did so because an older one did not do any more.
    for row in sorted(rows, key=lambda row: (row.requested_at, row.id), reverse=True):
        if row.status == OverrideStatus.GRANTED and at < row.expires_at:
            found.setdefault((row.organization_id, row.terms), row)
    return found


def approved(row: Override) -> Approved:
    """What the gate is to let pass, by control: the override, what was found and about what."""
    return {one["control_id"]: _lifted(row, one, one["found"]) for one in row.controls}


def _lifted(row: Override, one: Mapping[str, Any], found: str) -> Lifted:
    # What was granted before anybody noted what it was about lifts nothing.
    return Lifted(row.id, found, tuple(one.get("about", ())))


def use(work: Unit, row: Override, *, order_id: str, at: datetime) -> None:
    """An order has passed by an override that this unit holds; no other will."""
    row.use(order_id=order_id, at=at)
    _tell(work, row, "override_use", used_by=order_id)


def held(orders: Iterable[tuple[str, str]]) -> dict[str, Held]:
    """What each of these orders (organization, id) passed by, for every later look at it: one
    indexed question, and none for organizations that never granted anything.
    """
    owners = _memory.get().owners
    order_ids = [order_id for owner, order_id in orders if owner in owners]
    return {
        str(row.used_order): Held(
            id=row.id,
            approved={one["control_id"]: _lifted(row, one, "") for one in row.controls},
            side=row.side,
            qty=row.order_qty,
            limit_price=row.limit_price,
            stop_price=row.stop_price,
        )
        for row in Override.objects.filter(used_order__in=order_ids)
    }


def newest(organization_id: str, *, limit: int = 100) -> QuerySet[Override]:
    """An organization's overrides with their people, newest first."""
    rows = Override.objects.filter(organization_id=organization_id)
    people = rows.select_related("requested_by", "decided_by", "maker")
    return people.order_by("-requested_at", "-id")[:limit]


def asked(organization_id: str, *, at: datetime) -> list[Override]:
    """Those that wait for a second person, the longest waiting first."""
    rows = Override.objects.filter(
        organization_id=organization_id, status=OverrideStatus.REQUESTED, expires_at__gt=at
    )
    return list(rows.select_related("requested_by", "maker").order_by("requested_at", "id")[:100])


def _load() -> _Memory:
    """What can be used. Nothing tells of a use: `offers` reads the row again under its lock."""
    granted: dict[tuple[str, str], tuple[str, ...]] = {}
    until: dict[str, datetime] = {}
    rows = Override.objects.filter(status=OverrideStatus.GRANTED, expires_at__gt=clock.now())
    for key, owner, terms, ends in rows.order_by("id").values_list(
        "id", "organization_id", "terms", "expires_at"
    ):
        granted[owner, terms] = (*granted.get((owner, terms), ()), key)
        until[owner] = max(ends, until.get(owner, ends))
    # A grant tells every process and comes before its use: nobody else's order has passed by one.
    lent = Override.objects.filter(
        organization=OuterRef("pk"), status__in=[OverrideStatus.GRANTED, OverrideStatus.USED]
    )
    owners = Organization.objects.filter(Exists(lent)).values_list("pk", flat=True)
    return _Memory(granted, until, frozenset(owners))


_memory: Cached[_Memory] = Cached(_load, quick=True)


def _said(text: str, *, field: str = "reason") -> str:
    if not text.strip():
        raise OmsError("reason_required", "Say why.", field=field)
    return text.strip()[:_MOST_REASON]


def _tell(work: Unit, row: Override, event_type: str, **facts: Any) -> None:
    work.record(
        row,
        event_type,
        msg_type=MsgType.SYSTEM_UPDATE,
        body={
            "override_id": row.id,
            "asked_for": row.asked_for,
            "status": str(row.status),
            "controls": [one["control_id"] for one in row.controls],
            **facts,
        },
        # All of its events hang at the order that it was asked for, whichever order uses it.
        order_id=row.asked_for,
    )
