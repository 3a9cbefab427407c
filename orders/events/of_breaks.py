"""What happens when two parties differ."""

from __future__ import annotations

from orders.events.kinds import AUDIT, ORDER, Kind

_RECOVERY = (
    *("recovery_id", "break_id", "venue_id", "cl_ord_id", "venue_execution_id"),
    *("amount", "price", "trade_date"),
)
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
        "break_follow",
        AUDIT,
        "break",
        "What it comes to has changed while it was open; an explanation of before is void.",
        ("break_id", "kind", "key", "figures"),
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
    Kind(
        "recovery_offer",
        AUDIT,
        "recovery",
        "A venue's drop copy tells of an execution that is not here: it may be booked by two.",
        _RECOVERY,
    ),
    Kind(
        "recovery_propose",
        AUDIT,
        "recovery",
        "Somebody said that it is to be booked; another person has to agree.",
        (*_RECOVERY, "reason"),
    ),
    Kind(
        "recovery_refuse",
        AUDIT,
        "recovery",
        "Another person did not agree: it waits as before.",
        _RECOVERY,
    ),
    Kind(
        "recovery_book",
        AUDIT,
        "recovery",
        "Another person agreed: it was booked by the way of the venue's reports.",
        (*_RECOVERY, "execution_id", "reason"),
    ),
    Kind(
        "recovery_come",
        AUDIT,
        "recovery",
        "The venue's own report was here first: nothing was booked.",
        _RECOVERY,
    ),
    Kind(
        "recovery_drop",
        AUDIT,
        "recovery",
        "Its break was closed for another reason: nothing was booked.",
        _RECOVERY,
    ),
)
