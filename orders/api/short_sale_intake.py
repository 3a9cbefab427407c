"""Reads which way an order goes, its mark as a short sale, and where its shares have been found."""

from __future__ import annotations

from oms_site.api.shape import Reader
from orders import sides

FIELDS = ("locate_id", "locate_broker")


def read(body: Reader) -> tuple[str, dict[str, str]]:
    """`buy` or `sell`, and what else is to be kept of it; a short sale names its locate.

    Absent keys stay unset in the request, so that older fingerprints stay true.
    """
    named = body.choice("side", sides.KNOWN)
    side, mark = sides.split(named) if named else ("", None)
    told = {
        "locate_id": body.text("locate_id", longest=80),
        "locate_broker": body.text("locate_broker", longest=40),
    }
    found = {name: text for name, text in told.items() if text}
    if side == "buy":
        for name in found:
            body.fault(name, "locate_forbidden", "Only a sale needs to find its shares.")
    if mark:
        if not found and not _faulty(body):
            text = "Find the shares first: give their locate_id, or the locate_broker."
            body.fault("locate_id", "locate_required", text)
        found["short_sale"] = mark
    return side, found


def _faulty(body: Reader) -> bool:
    where = {body.where(name) for name in FIELDS}
    return any(fault.field in where for fault in body.faults)
