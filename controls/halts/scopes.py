"""What a halt may stand over, who may stop that, and how it is told."""

from __future__ import annotations

from typing import Any

import msgspec

from controls.models import Halt
from oms_site.journal import actors
from oms_site.journal.actors import Actor
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit

SCOPES = tuple(scope.value for scope in Halt.Scope)
# What the house stops, it stops for everybody.
HOUSE = "house"
HOUSE_ONLY = (Halt.Scope.ALL.value,)
HOUSE_MAY = (Halt.Scope.ALL.value, Halt.Scope.VENUE.value, Halt.Scope.INSTRUMENT.value)
ENGAGE, RELEASE = "halt.engage", "halt.release"


class Target(msgspec.Struct, frozen=True):
    """What a switch stands over: a scope, the id in it, and its name for people."""

    scope: str
    id: str
    name: str


def system() -> Actor:
    """Who drains halts."""
    return actors.system("halts")


def tell(work: Unit, row: Halt, event_type: str, **facts: Any) -> None:
    """Record what happened to a halt; everybody of its organization hears of it."""
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
