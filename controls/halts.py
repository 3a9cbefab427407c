"""Kill switches: engaged by one person, released by two, standing over orders until then.

`over` is asked for every ticket, from memory that follows the database by `firm.generation`: so an
engaged switch refuses at every look of the gate, the last one before the wire included. Asking a
halt's orders to stop and proving that they are gone is the story's part (`orders.halting`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from django.db import IntegrityError

from controls.models import Halt
from controls.states import HALT_STANDING, HaltStatus
from oms_site.firm import generation
from oms_site.firm.generation import Cached
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.actors import Actor
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import NotFound, OmsError

SCOPES = (
    Halt.Scope.ORGANIZATION.value,
    Halt.Scope.ACCOUNT.value,
    Halt.Scope.TRADER.value,
    Halt.Scope.INSTRUMENT.value,
)
ENGAGE, RELEASE = "halt.engage", "halt.release"
Key = tuple[str, str]


class Target(msgspec.Struct, frozen=True):
    """What a switch stands over: a scope, the id in it, and its name for people."""

    scope: str
    id: str
    name: str


def _load() -> dict[str, dict[Key, str]]:
    found: dict[str, dict[Key, str]] = defaultdict(dict)
    for row in Halt.objects.filter(status__in=sorted(HALT_STANDING)):
        found[row.organization_id][(row.scope, row.target)] = f"{row.target_name} ({row.reason})"
    return dict(found)


_standing = Cached(_load)


def over(
    organization_id: str, *, accounts: Iterable[str], trader: str, cusip: str
) -> tuple[str, ...]:
    """The names of what stands over an order; empty when it may go on."""
    standing = _standing.get().get(organization_id)
    if not standing:
        return ()
    keys = [
        ("organization", organization_id),
        ("trader", trader),
        ("instrument", cusip),
        *(("account", account) for account in accounts),
    ]
    return tuple([standing[key] for key in keys if key in standing])


def standing(organization_id: str) -> list[Halt]:
    """The halts that stand in an organization now, newest first; for screens."""
    rows = Halt.objects.filter(
        organization_id=organization_id, status__in=sorted(HALT_STANDING)
    ).select_related("engaged_by", "release_requested_by")
    return list(rows.order_by("-engaged_at"))


def engage(target: Target, *, reason: str, cancels: bool, by: Principal, at: datetime) -> Halt:
    """Stop everything new in a scope at once, and with `cancels` what is open as well.

    Raises `OmsError`: 409 `already_engaged`, 403 without the entitlement.
    """
    by.require(ENGAGE)
    row = Halt(
        id=ids.prefixed("halt"),
        organization_id=by.organization_id,
        engagement_id=ids.prefixed("eng"),
        kind=Halt.Kind.KILL_SWITCH,
        scope=target.scope,
        target=target.id,
        target_name=target.name,
        mode=Halt.Mode.HALT,
        cancels=cancels,
        source=Halt.Source.ADMIN,
        reason=reason[:500],
        engaged_by_id=by.user_id,
        engaged_at=at,
    )
    try:
        with unit.work(by=actors.person(by, ""), at=at) as work:
            # Who came in before has committed by then, and who comes later knows of it.
            generation.shut_entrance()
            row.engage()
            work.add(row)
            _tell(work, row, "trading_halt", reason=reason, cancels=cancels)
            work.ring("orders.tasks.drain_halts")
    except IntegrityError as clash:
        if "one_standing_halt" not in str(clash):
            raise
        raise OmsError("already_engaged", f"{target.name} is halted already.", status=409) from None
    return row


def request_release(halt_id: str, *, reason: str, by: Principal, at: datetime) -> Halt:
    """Ask that a switch be released; a second person has to agree.

    Raises `NotFound`, or `OmsError` 409 `not_flat` while orders in it may still be alive.
    """
    by.require(RELEASE)
    with unit.work(by=actors.person(by, ""), at=at) as work:
        row = _locked(work, halt_id, by)
        if row.status == HaltStatus.RELEASE_REQUESTED:
            raise OmsError("already_requested", "Its release has been asked for.", status=409)
        if row.cancels and row.status != HaltStatus.CONFIRMED_FLAT:
            raise OmsError(
                "not_flat", "Orders in it may still be alive; wait until it is flat.", status=409
            )
        if not row.is_standing:
            raise OmsError("not_engaged", "It has been released.", status=409)
        row.request_release(by_id=by.user_id, reason=reason[:500], at=at)
        _tell(work, row, "halt_release_request", reason=reason)
    return row


def release(halt_id: str, *, by: Principal, at: datetime) -> Halt:
    """Release a switch, as another person than who asked. Raises `OmsError` 403 `self_release`."""
    by.require(RELEASE)
    with unit.work(by=actors.person(by, ""), at=at) as work:
        row = _locked(work, halt_id, by)
        if row.status != HaltStatus.RELEASE_REQUESTED:
            raise OmsError("not_requested", "Nobody has asked to release it.", status=409)
        if row.release_requested_by_id == by.user_id:
            raise OmsError("self_release", "Another person has to agree.", status=403)
        row.release(by_id=by.user_id, at=at)
        _tell(work, row, "trading_resume", reason=row.release_reason)
    return row


def settle(work: Unit, row: Halt, *, flat: bool, alive: int) -> None:
    """Note how far a locked halt has come: orders alive in it, or all proven gone."""
    if flat and row.status in (HaltStatus.ENGAGED, HaltStatus.DRAINING):
        row.confirm_flat(at=work.at)
        _tell(work, row, "halt_flat", alive=0)
    elif not flat and row.status in (HaltStatus.ENGAGED, HaltStatus.CONFIRMED_FLAT):
        row.drain(at=work.at)
        _tell(work, row, "halt_drain", alive=alive)


def _locked(work: Unit, halt_id: str, by: Principal) -> Halt:
    row = work.lock(Halt, [halt_id]).get(halt_id)
    if row is None or row.organization_id != by.organization_id:
        raise NotFound("kill switch")
    return row


def _tell(work: Unit, row: Halt, event_type: str, **facts: Any) -> None:
    work.record(
        row,
        event_type,
        msg_type=MsgType.SYSTEM_UPDATE,
        body={
            "halt_id": row.id,
            "scope": row.scope,
            "target": row.target,
            "target_name": row.target_name,
            "status": str(row.status),
            **facts,
        },
    )


def system() -> Actor:
    """Who drains halts."""
    return actors.system("halts")
