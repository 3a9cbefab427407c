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


class Settling(StrEnum):
    """What becomes of a trade after it is booked."""

    NORMAL = "normal"
    NET_OFF = "net_off"  # the other side has two cents more until it is disputed
    CENT_OFF = "cent_off"  # one cent more
    PRICE_OFF = "price_off"  # another price until it is disputed
    SILENT = "silent"  # the other side does not know the trade until it is asked
    DISPUTES = "disputes"  # it rejects our confirmation
    LATE = "late"  # fails on its day, settles two days later
    IN_PARTS = "in_parts"  # half on its day, the rest on the next
    STUCK = "stuck"  # fails until it is bought in
    ON_HOLD = "on_hold"  # the instruction is refused
    TWICE = "twice"  # what has settled is told twice


SETTLING: dict[str, Settling] = {
    "-NET": Settling.NET_OFF,
    "-CENT": Settling.CENT_OFF,
    "-PX": Settling.PRICE_OFF,
    "-DK": Settling.SILENT,
    "-DISP": Settling.DISPUTES,
    "-LATE": Settling.LATE,
    "-PART": Settling.IN_PARTS,
    "-STUCK": Settling.STUCK,
    "-HOLD": Settling.ON_HOLD,
    "-TWICE": Settling.TWICE,
}


def settling_of(account: str) -> Settling:
    """How trades of this account code are confirmed and settled."""
    found = (mode for end, mode in SETTLING.items() if account.endswith(end))
    return next(found, Settling.NORMAL)
