"""Breaks, from opening to their adjusting entry: what does not agree is kept and shown.

Opened by whoever finds a difference, worked on by operations; facts are never invented or edited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.actors import Actor
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import NotFound, OmsError
from orders import fee_entries
from orders.models import Adjustment, Break

RESOLVE = "break.resolve"

HOUSE = "house"  # the organization of what belongs to nobody we know


def open(
    work: Unit,
    *,
    kind: str,
    key: str,
    evidence: Mapping[str, Any],
    at: datetime,
    organization_id: str = HOUSE,
    order_id: str = "",
    figures: Mapping[str, Any] | None = None,
    by: Actor | None = None,
) -> bool:
    """Open a break, unless the same one is open already; whether it is new.

    `figures` are what it comes to, where that will `follow` what happens next.
    """
    known = Break.objects.filter(
        organization_id=organization_id, kind=kind, key=key, closed_at=None
    )
    if (organization_id, kind, key) in _opened_in(work) or known.exists():
        return False
    _opened_in(work).add((organization_id, kind, key))
    row = Break(
        id=ids.prefixed("br"),
        organization_id=organization_id,
        kind=kind,
        key=key,
        order_id=order_id,
        evidence=dict(evidence),
        figures=None if figures is None else dict(figures),
        opened_at=at,
    )
    work.add(row)
    work.record(
        row,
        "break_open",
        body={"break_id": row.id, "kind": kind, "key": key, "order_id": order_id},
        order_id=order_id,
        at=at,
        by=by,
    )
    return True


def follow(work: Unit, row: Break, figures: Mapping[str, Any], *, at: datetime) -> bool:
    """Bring a locked open break to what it comes to now; whether that is something else.

    An explanation of the old figures is void: it has to be proposed again.
    """
    if row.figures == figures:
        return False
    row.follow(figures)
    body = {"break_id": row.id, "kind": row.kind, "key": row.key, "figures": dict(figures)}
    work.record(row, "break_follow", body=body, order_id=row.order_id, at=at)
    return True


def find(work: Unit, organization_id: str, kind: str, key: str) -> Break:
    """The open break of these, opened in this unit or before it. Raises `LookupError`."""
    fresh: list[Break] = work.added(Break)
    for row in fresh:
        if (row.organization_id, row.kind, row.key) == (organization_id, kind, key):
            return row
    known = Break.objects.filter(
        organization_id=organization_id, kind=kind, key=key, closed_at=None
    ).first()
    if known is None:
        raise LookupError(f"no open break {kind} {key}")
    return known


def count_open(organization_id: str) -> int:
    """How many breaks of an organization are open."""
    return Break.objects.filter(organization_id=organization_id, closed_at=None).count()


def _opened_in(work: Unit) -> set[tuple[str, str, str]]:
    opened: set[tuple[str, str, str]] = work.notes.setdefault("breaks", set())
    return opened


# --- what people do with them ----------------------------------------------------------------
def assign(break_id: str, *, by: Principal, at: datetime, correlation_id: str = "") -> Break:
    """Take a break: the caller becomes its owner. Raises `NotFound`, `OmsError`."""
    actor = actors.person(by, correlation_id)
    with unit.work(by=actor, at=at) as work:
        row = _held(work, break_id, by)
        row.owner_id = by.user_id
        _tell(work, row, "break_assign", owner=by.username)
    return row


def propose(
    break_id: str,
    *,
    reason_code: str,
    text: str,
    by: Principal,
    at: datetime,
    correlation_id: str = "",
) -> Break:
    """Say why a break may be closed; another person has to agree.

    Raises `NotFound`, `OmsError` (422 `reason_code_unknown`, `reason_code_unfit`,
    `explanation_required`; 409 `already_closed`).
    """
    if reason_code not in Break.Reason.values:
        known = ", ".join(Break.Reason.values)
        raise OmsError("reason_code_unknown", f"Give one of {known}.", field="reason_code")
    if not text.strip():
        raise OmsError("explanation_required", "Say why it may be closed.", field="text")
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        row = _held(work, break_id, by)
        fee_entries.check_reason(row, reason_code)
        row.propose(reason_code=reason_code, text=text.strip(), user_id=by.user_id, at=at)
        _tell(work, row, "break_propose", reason_code=reason_code, text=row.resolution)
    return row


def decide(
    break_id: str,
    *,
    agree: bool,
    by: Principal,
    at: datetime,
    version: int | None = None,
    correlation_id: str = "",
) -> Break:
    """Close a proposed break by an adjusting entry, or send it back. Never by who proposed it.

    `version` is the one that this person has read; without it, the latest is meant. Raises
    `NotFound`, `OmsError` (409 `not_proposed`, `already_closed`, `proposal_changed`; 403
    `same_person`).
    """
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        row = _held(work, break_id, by)
        if version not in (None, row.version):
            raise OmsError("proposal_changed", "It has changed since: look again.", status=409)
        if row.proposed_by_id is None:
            raise OmsError("not_proposed", "Nobody has explained this break yet.", status=409)
        if row.proposed_by_id == by.user_id:
            raise OmsError("same_person", "Another person has to agree.", status=403)
        if not agree:
            row.refuse()
            _tell(work, row, "break_refuse")
            return row
        entry = fee_entries.post(work, row, by_id=by.user_id, at=at)
        _close(work, row, by.user_id, {**row.evidence, **entry}, at)
    return row


def explain(
    work: Unit,
    row: Break,
    *,
    reason_code: str,
    text: str,
    made_by_id: int,
    approved_by_id: int,
    evidence: Mapping[str, Any],
    at: datetime,
) -> None:
    """Close a locked break by what two people have decided elsewhere, within the caller's unit."""
    row.propose(reason_code=reason_code, text=text, user_id=made_by_id, at=at)
    _close(work, row, approved_by_id, evidence, at)


def _close(
    work: Unit, row: Break, approved_by_id: int, evidence: Mapping[str, Any], at: datetime
) -> None:
    assert row.proposed_by_id is not None
    entry = Adjustment(
        id=ids.prefixed("adj"),
        organization_id=row.organization_id,
        explained_id=row.id,
        reason_code=row.reason_code,
        text=row.resolution,
        evidence=dict(evidence),
        made_by_id=row.proposed_by_id,
        approved_by_id=approved_by_id,
        made_at=at,
    )
    work.add(entry)
    row.close(user_id=approved_by_id, at=at)
    facts = {"reason_code": row.reason_code, "adjustment_id": entry.id}
    _tell(work, row, "break_close", also=[entry], **facts)


def _held(work: Unit, break_id: str, by: Principal) -> Break:
    by.require(RESOLVE)
    row = work.lock(Break, [break_id]).get(break_id)
    if row is None or row.organization_id != by.organization_id:
        raise NotFound("break")
    if row.closed_at is not None:
        raise OmsError("already_closed", "This break is closed.", status=409)
    return row


def _tell(
    work: Unit, row: Break, event_type: str, *, also: Sequence[Adjustment] = (), **facts: Any
) -> None:
    body = {"break_id": row.id, "kind": row.kind, "key": row.key, **facts}
    work.record(row, event_type, body=body, order_id=row.order_id, also=also)
