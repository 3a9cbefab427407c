"""What happens to those who ask too often."""

from __future__ import annotations

from orders.events.kinds import SYSTEM, Kind

RATES = (
    Kind(
        "rate_restrict",
        SYSTEM,
        "rate restriction",
        "Somebody exceeded the limits after every pause: no orders until `until`, or until lifted.",
        ("restriction_id", "username", "via", "until", "reason"),
    ),
    Kind(
        "rate_lift",
        SYSTEM,
        "rate restriction",
        "A person lifted it before its end.",
        ("restriction_id", "username", "reason"),
    ),
)
