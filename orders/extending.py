"""What only one venue knows of an order: checked by its format, kept, and said with every message.

Nothing here knows what a parameter means; the venue's format says which there are and as which tags
they go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import Detail
from orders.models import ExecutionOrder, Schedule
from orders.requests import Extension, Instruction
from venues import formats, registry
from venues.capabilities import WORKED
from venues.models import VenueExtension


def faults(instruction: Instruction, *, field: str = "") -> list[Detail]:
    """What is wrong with an instruction's extension: no venue, unknown names, wrong values."""
    asked = instruction.extension
    if asked is msgspec.UNSET:
        return []
    where = f"{field}." if field else ""
    venue = registry.find(instruction.venue_id) if instruction.venue_id else None
    if venue is None and instruction.venue_id:
        return []  # said of every instruction, by `destinations`
    if venue is None or instruction.protocol not in WORKED:
        text = "Name the order book whose parameters these are."
        return [Detail(f"{where}venue_id", "extension_needs_venue", text)]
    return formats.check(
        venue.id,
        dict(asked.parameters),
        field=f"{where}venue_parameters",
        algorithm=asked.algorithm,
    )


def offered() -> list[dict[str, Any]]:
    """Every order book that knows more than the standard does, for a form to be made of it.

    A venue whose format cannot be read is left out: nothing goes there anyway.
    """
    found = []
    for venue in registry.every():
        if venue.internal or venue.desk or venue.status != "active" or not _readable(venue.id):
            continue
        content = formats.of(venue.id)
        algorithms = [
            {"name": name, "label": one.label or name, "parameters": _fields(one.parameters)}
            for name, one in content.algorithms.items()
        ]
        if algorithms or content.extensions:
            parameters = _fields(content.extensions)
            told = {"id": venue.id, "name": venue.name, "parameters": parameters}
            found.append({**told, "algorithms": algorithms})
    return found


def _readable(venue_id: str) -> bool:
    try:
        return formats.extends(venue_id) and bool(formats.of(venue_id))
    except ValueError:
        return False


def _fields(known: Mapping[str, formats.Parameter]) -> list[dict[str, Any]]:
    """What must be said first; a format keeps no order of its own."""
    found = [
        {
            "name": name,
            "label": one.label or name,
            "kind": one.kind,
            "choices": list(one.choices),
            "required": one.required,
        }
        for name, one in known.items()
    ]
    return sorted(found, key=lambda one: (not one["required"], str(one["label"])))


def keep(
    work: Unit, row: ExecutionOrder | Schedule, asked: Extension | msgspec.UnsetType
) -> list[Any]:
    """The row that keeps an execution order's or a schedule's extension, added; none without one.

    A schedule's is said by each of its slices, and kept again with each.
    """
    if asked is msgspec.UNSET or row.venue_id is None:
        return []
    fact = VenueExtension(
        id=ids.prefixed("vext"),
        organization_id=row.organization_id,
        subject=row.id,
        venue_id=row.venue_id,
        algorithm=asked.algorithm,
        parameters=[list(pair) for pair in asked.parameters],
    )
    work.add(fact)
    return [fact]


def wire(row: ExecutionOrder, asked: Extension | msgspec.UnsetType | None = None) -> dict[str, Any]:
    """The fields of a message that say it. `asked` saves the question where the row is new."""
    if asked is None:
        asked = kept(row)
    if asked is msgspec.UNSET:
        return {}
    assert isinstance(asked, Extension)
    return {"extensions": asked.parameters, "algorithm": asked.algorithm}


def kept(row: ExecutionOrder | Schedule) -> Extension | msgspec.UnsetType:
    """What was asked for when this row was made; no query where no venue has any."""
    if row.venue_id is None or not formats.extends(row.venue_id):
        return msgspec.UNSET
    fact = VenueExtension.objects.filter(subject=row.id).first()
    if fact is None:
        return msgspec.UNSET
    pairs = tuple((str(name), str(value)) for name, value in fact.parameters)
    return Extension(algorithm=fact.algorithm, parameters=pairs)


def told(asked: Extension | msgspec.UnsetType) -> dict[str, Any]:
    """As it is stored on the order and echoed to the client."""
    if asked is msgspec.UNSET:
        return {}
    return {"algorithm": asked.algorithm, "venue_parameters": dict(asked.parameters)}


def read(stored: Any) -> Extension | msgspec.UnsetType:
    """What `told` stored."""
    if "venue_parameters" not in stored:
        return msgspec.UNSET
    return Extension(
        algorithm=stored.get("algorithm", ""),
        parameters=tuple(sorted(stored["venue_parameters"].items())),
    )
