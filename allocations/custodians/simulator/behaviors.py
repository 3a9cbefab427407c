"""What the simulated custodian does on purpose, by the end of the account code. Data only."""

from __future__ import annotations

from enum import StrEnum

FAILURES_BEFORE_BOOKING = 3
SLOW_SECONDS = 30.0


class Mode(StrEnum):
    """How a custodian treats a booking."""

    NORMAL = "normal"
    REJECT = "reject"  # 422, for ever
    FAIL = "fail"  # 500 a few times without booking, then books
    SLOW = "slow"  # books, answers long after the client has given up
    DOWN = "down"  # 503, books nothing
    ERROR_AFTER = "error_after"  # books, then answers 500


ACCOUNTS: dict[str, Mode] = {
    "-REJ": Mode.REJECT,
    "-FAIL": Mode.FAIL,
    "-SLOW": Mode.SLOW,
    "-DOWN": Mode.DOWN,
}


def mode_of(account: str) -> Mode:
    """How bookings for this account code go."""
    return next((mode for end, mode in ACCOUNTS.items() if account.endswith(end)), Mode.NORMAL)
