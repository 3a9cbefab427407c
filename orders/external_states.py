"""The states of an order that a venue knows and we never sent, and every legal step, as data."""

from __future__ import annotations

from enum import StrEnum


class ExternalStatus(StrEnum):
    """In suspense until two people say whose it is."""

    SUSPENSE = "suspense"
    PROPOSED = "proposed"
    ADOPTED = "adopted"
    DISOWNED = "disowned"


E = ExternalStatus
EXTERNAL_STEPS: dict[str, tuple[frozenset[str], str]] = {
    # Something new was reported: what was said about it before is no longer about all of it.
    "external_report": (frozenset(E), E.SUSPENSE),
    "external_propose": (frozenset({E.SUSPENSE, E.PROPOSED}), E.PROPOSED),
    "external_refuse": (frozenset({E.PROPOSED}), E.SUSPENSE),
    "external_adopt": (frozenset({E.PROPOSED}), E.ADOPTED),
    "external_disown": (frozenset({E.PROPOSED}), E.DISOWNED),
}
