"""What happens when two parties differ."""

from __future__ import annotations

from orders.events.kinds import AUDIT, ORDER, Kind

BREAKS = (
    Kind(
        "limit_breach",
        AUDIT,
        "order",
        "A fill took a limit over; the position is true, and a person looks.",
        (*ORDER, "failed_controls"),
    ),
    Kind(
        "break_open",
        AUDIT,
        "break",
        "What two parties say differs; it waits for a person's explanation.",
        ("break_id", "kind", "key", "order_id"),
    ),
    Kind(
        "break_assign",
        AUDIT,
        "break",
        "Somebody took it.",
        ("break_id", "kind", "key", "owner"),
    ),
    Kind(
        "break_propose",
        AUDIT,
        "break",
        "Somebody said why it may be closed; another person has to agree.",
        ("break_id", "kind", "key", "reason_code", "text"),
    ),
    Kind(
        "break_refuse",
        AUDIT,
        "break",
        "Another person did not agree: it is open as before.",
        ("break_id", "kind", "key"),
    ),
    Kind(
        "break_close",
        AUDIT,
        "break",
        "Another person agreed: it is closed by an adjusting entry.",
        ("break_id", "kind", "key", "reason_code", "adjustment_id"),
    ),
)
