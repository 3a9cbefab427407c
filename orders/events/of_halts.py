"""What happens to kill switches and trading halts."""

from __future__ import annotations

from orders.events.kinds import SYSTEM, Kind

_HALT = ("halt_id", "scope", "target", "target_name", "status")
HALTS = (
    Kind(
        "trading_halt",
        SYSTEM,
        "halt",
        "A kill switch was engaged: nothing new passes in its scope, cancels do.",
        (*_HALT, "reason", "cancels"),
        ("Halt.engage",),
    ),
    Kind(
        "halt_drain",
        SYSTEM,
        "halt",
        "Orders in its scope have been asked to stop; `alive` of them are not proven gone.",
        (*_HALT, "alive"),
        ("Halt.drain",),
    ),
    Kind(
        "halt_flat",
        SYSTEM,
        "halt",
        "Every order in its scope is proven gone.",
        (*_HALT, "alive"),
        ("Halt.confirm_flat",),
    ),
    Kind(
        "halt_release_request",
        SYSTEM,
        "halt",
        "One person asked to trade again; a second one has to agree.",
        (*_HALT, "reason"),
        ("Halt.request_release",),
    ),
    Kind(
        "trading_resume",
        SYSTEM,
        "halt",
        "It was released by a second person, or its cause has gone.",
        (*_HALT, "reason"),
        ("Halt.release", "Halt.lift"),
    ),
)
