"""Milestones of an order: `validated`, `routed` and `accepted`, for clients who ask for them.

Pure: made from one stored event each time it is read, so a replay says the same, and the events
that everybody gets stay as they are. An order is validated when its controls have let it pass or
have sent it to a second person, routed when it has been given to venues, accepted when a venue has
acknowledged it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import msgspec

from oms_site.journal.feed import Frame

VIEWS = ("milestone",)
# The stored event that a milestone is made from.
OF = {
    "approve": "validated",
    "flagged_for_review": "validated",
    "execution_order_create": "routed",
    "venue_acknowledge": "accepted",
}
# Of an event without a number the milestone is all that clients get.
UNNUMBERED = "venue_acknowledge"
_MARKS = tuple(f'"event_type":"{name}"' for name in OF)
_NAMED = ("order_id", "client_order_id", "execution_order_id", "client_execution_order_id")
_encoder = msgspec.json.Encoder(decimal_format="number")


class _Frame(msgspec.Struct):
    event: dict[str, Any]
    event_id: str
    update_id: str = ""


_decoder = msgspec.json.Decoder(_Frame)


def leads(body: str) -> bool:
    """Whether the milestone of a stored frame comes before it: what is approved was validated."""
    return _MARKS[0] in body or _MARKS[1] in body


def frames(body: str, views: Collection[str]) -> Iterator[str]:
    """The milestone that a stored frame stands for, if any; without a number of its own."""
    if "milestone" not in views or not any(mark in body for mark in _MARKS):
        return
    stored = _decoder.decode(body)
    event = stored.event
    name = OF.get(event["event_type"], "")
    venues = _venues(event)
    # A second person's release approves what was validated before; what waits was not routed.
    if not name or event.get("manual_approve_id") or (name == "routed" and not venues):
        return
    told: dict[str, Any] = {
        "event_type": name,
        "time": event["time"],
        **{field: event[field] for field in _NAMED if field in event},
    }
    if name != "validated":
        told["venue_ids"] = venues
    frame = {"msg_type": "milestone", "event": told, "event_id": f"{stored.event_id}.{name}"}
    if update := stored.update_id or event.get("update_id"):
        frame["update_id"] = update
    yield _encoder.encode(frame).decode()


def among(found: Iterable[Frame]) -> list[str]:
    """The texts of a page of events with their milestones, in the order of the journal."""
    told = list[str]()
    for frame in sorted(found, key=lambda one: one.position):
        own = [frame.wire()] if frame.number is not None else []
        made = list(frames(frame.body, VIEWS))
        told += [*made, *own] if leads(frame.body) else [*own, *made]
    return told


def _venues(event: dict[str, Any]) -> list[str]:
    sent = [one.get("venue_id") for one in event.get("venue_orders") or ()]
    return list(dict.fromkeys(name for name in (*sent, event.get("venue_id")) if name))
