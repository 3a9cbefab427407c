"""Exceptions that two people make: asked for after a rejection, granted by another, used once.

The floor of the orders says what an order's terms are and puts what is granted on its ticket; the
gate lets pass what the override names and nothing else. What two people cannot lift: a control that
is regulatory, and every refusal that its rule does not leave to people (`Finding.overridable`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from django.db import IntegrityError
from django.db.models import QuerySet

from controls.models import Override
from controls.states import OverrideStatus
from oms_site.firm.generation import Cached
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import Forbidden, NotFound, OmsError

ASK, GRANT = "order.submit", "order.release"
# Long enough for the day on which it was asked for, never for the next.
LASTS = timedelta(hours=8)
_MOST_REASON = 500
Approved = Mapping[str, tuple[str, str]]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What an order must be, to the last of its terms, for an override to be good for it."""

    hash: str
    accounts: tuple[str, ...]
    cusip: str
    side: str
    qty: Decimal
    limit_price: Decimal | None
    maker_id: int


class Held(msgspec.Struct, frozen=True):
    """What an order passed by: each control's override with anything that it finds from then on."""

    id: str
    approved: Approved
    side: str
    qty: Decimal
    limit_price: Decimal | None

    def covers(self, qty: Decimal, limit_price: Decimal | None) -> bool:
        """Whether new terms ask for no more than what was granted."""
        if qty > self.qty:
            return False
        if self.limit_price is None:
            return True
        if limit_price is None:
            return False
        buying = self.side == "buy"
        return limit_price <= self.limit_price if buying else limit_price >= self.limit_price


class _Memory(msgspec.Struct, frozen=True):
    """Overrides to be used, by organization and terms, and those that living orders stand on."""

    granted: Mapping[tuple[str, str], tuple[str, ...]]
    owners: frozenset[str]
    used: Mapping[str, Held]


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
                "message": one["message"],
            }
            for one in refusals
        ],
        accounts=list(terms.accounts),
        cusip=terms.cusip,
        side=terms.side,
        order_qty=terms.qty,
        limit_price=terms.limit_price,
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
def waiting(organization_id: str) -> bool:
    """Whether any override of an organization is there to be used. From memory."""
    return organization_id in _memory.get().owners


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
    for row in sorted(rows, key=lambda row: (row.expires_at, row.id)):
        if row.status == OverrideStatus.GRANTED and at < row.expires_at:
            found.setdefault((row.organization_id, row.terms), row)
    return found


def approved(row: Override) -> Approved:
    """What the gate is to let pass: by control, the override and what was found then."""
    return {one["control_id"]: (row.id, one["found"]) for one in row.controls}


def use(work: Unit, row: Override, *, order_id: str, at: datetime) -> None:
    """An order has passed by an override that this unit holds; no other will."""
    row.use(order_id=order_id, at=at)
    _tell(work, row, "override_use", used_by=order_id)


def held(order_id: str) -> Held | None:
    """What an order passed by, if it did; from memory, for every later look at it."""
    return _memory.get().used.get(order_id)


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
    granted: dict[tuple[str, str], tuple[str, ...]] = {}
    used: dict[str, Held] = {}
    living = [OverrideStatus.GRANTED.value, OverrideStatus.USED.value]
    for row in Override.objects.filter(status__in=living).order_by("id"):
        if row.used_order is None:
            key = row.organization_id, row.terms
            granted[key] = (*granted.get(key, ()), row.id)
        else:
            anything = {one["control_id"]: (row.id, "") for one in row.controls}
            used[row.used_order] = Held(row.id, anything, row.side, row.order_qty, row.limit_price)
    return _Memory(granted, frozenset(owner for owner, _ in granted), used)


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
