"""Stopping: a person engages a switch, or a breaker or a regulator trips one.

Asking a halt's orders to stop and proving that they are gone is the story's part
(`orders.halting`); `settle` notes how far it has come.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError

from controls.halts.scopes import ENGAGE, HOUSE, HOUSE_MAY, HOUSE_ONLY, Target, system, tell
from controls.models import Halt
from controls.states import HALT_STANDING, HaltStatus
from oms_site.firm import generation
from oms_site.firm.models import Organization
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.actors import Actor
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import OmsError

__all__ = ["engage", "settle", "standing", "system", "trip"]
_AGAIN = "one_standing_halt"


def standing(organization_id: str) -> list[Halt]:
    """The halts that stand over an organization now, newest first; for screens."""
    rows = Halt.objects.filter(
        organization_id=organization_id, status__in=sorted(HALT_STANDING)
    ).select_related("engaged_by", "release_requested_by")
    return list(rows.order_by("-engaged_at", "-id"))


def engage(
    target: Target,
    *,
    reason: str,
    cancels: bool,
    by: Principal,
    at: datetime,
    mode: str = Halt.Mode.HALT.value,
) -> Halt:
    """Stop everything new in a scope at once, and with `cancels` what is open as well.

    The house stops it for everybody. `mode` reducing lets orders pass that lessen a position.
    Raises `OmsError`: 409 `already_engaged`, 403 `not_entitled` or `house_only`.
    """
    by.require(ENGAGE)
    of_house = by.organization_id == HOUSE
    if target.scope in HOUSE_ONLY and not of_house:
        raise OmsError("house_only", "Only the house stops the whole firm.", status=403)
    if of_house and target.scope not in HOUSE_MAY:
        raise OmsError(
            "scope_unknown", f"The house stops one of {', '.join(HOUSE_MAY)}.", field="scope"
        )
    facts = {
        "kind": Halt.Kind.KILL_SWITCH,
        "source": Halt.Source.ADMIN,
        "mode": mode,
        "cancels": cancels,
        "reason": reason[:500],
        "engaged_by_id": by.user_id,
    }
    try:
        rows = _stop(target, facts, actors.person(by), _whose(by.organization_id), at=at)
    except IntegrityError as clash:
        if _AGAIN not in str(clash):
            raise
        raise OmsError("already_engaged", f"{target.name} is halted already.", status=409) from None
    return next(row for row in rows if row.organization_id == by.organization_id)


def trip(
    target: Target,
    *,
    organization_id: str,
    kind: str,
    source: str,
    trigger: str,
    reason: str,
    cancels: bool,
    at: datetime,
    mode: str = Halt.Mode.HALT.value,
) -> list[Halt]:
    """Stop a scope because a breaker or an exchange says so; the house's stops everybody.

    Empty when the same is halted already: whoever comes second changes nothing.
    """
    facts = {
        "kind": kind,
        "source": source,
        "trigger": trigger[:80],
        "mode": mode,
        "cancels": cancels,
        "reason": reason[:500],
    }
    try:
        return _stop(target, facts, system(), _whose(organization_id), at=at)
    except IntegrityError as clash:
        if _AGAIN not in str(clash):
            raise
        return []


def _whose(organization_id: str) -> list[str]:
    if organization_id != HOUSE:
        return [organization_id]
    return sorted(Organization.objects.values_list("id", flat=True))


def _stop(
    target: Target, facts: dict[str, Any], by: Actor, whose: Sequence[str], *, at: datetime
) -> list[Halt]:
    engagement, rows = ids.prefixed("eng"), list[Halt]()
    with unit.work(by=by, at=at) as work:
        # Who came in before has committed by then, and who comes later knows of it.
        generation.shut_entrance()
        for organization_id in whose:
            row = Halt(
                id=ids.prefixed("halt"),
                organization_id=organization_id,
                engagement_id=engagement,
                scope=target.scope,
                target=target.id,
                target_name=target.name,
                imposed=HOUSE in whose,
                engaged_at=at,
                **facts,
            )
            row.engage()
            work.add(row)
            reason, cancels = facts["reason"], facts["cancels"]
            tell(work, row, "trading_halt", reason=reason, cancels=cancels, mode=str(row.mode))
            rows.append(row)
        work.ring("orders.tasks.drain_halts")
    return rows


def settle(work: Unit, row: Halt, *, flat: bool, alive: int) -> None:
    """Note how far a locked halt has come: orders alive in it, or all proven gone."""
    if flat and row.status in (HaltStatus.ENGAGED, HaltStatus.DRAINING):
        row.confirm_flat(at=work.at)
        tell(work, row, "halt_flat", alive=0)
    elif not flat and row.status in (HaltStatus.ENGAGED, HaltStatus.CONFIRMED_FLAT):
        row.drain(at=work.at)
        tell(work, row, "halt_drain", alive=alive)
