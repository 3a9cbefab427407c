"""What may be asked how often, as plain values: lanes, limits, tiers, and what became of an ask.

Numbers of the standard tier are those of the requirements: 100 a second, 1,000 a minute, twice
that for ten seconds. Plain Python; nothing here counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from oms_site.kit.errors import OmsError

SECOND_MS, MINUTE_MS = 1_000, 60_000
# A burst that was used up is there again after ten minutes.
BURST_EVERY_MS = 600_000
# How long a request is held that comes too early by so little: who sends evenly is never refused
# because the network or a busy machine bunched what he sent.
HOLD_MS = 250
# So much of a second's requests may be refused in one second before it is a strike.
GRACE_MS = 250


class Lane(StrEnum):
    """Three ways in that do not wait for each other."""

    ORDERS = "orders"
    CANCELS = "cancels"
    OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests of one subject in one lane. A burst is counted apart, on top of the normal ones."""

    per_second: int
    per_minute: int
    burst_per_second: int = 0
    burst_total: int = 0
    burst_every_ms: int = BURST_EVERY_MS

    def shared_by(self, processes: int) -> Limits:
        """What one of so many processes may let in when they cannot count together."""
        return Limits(
            max(1, self.per_second // processes),
            max(1, self.per_minute // processes),
            self.burst_per_second // processes,
            self.burst_total // processes,
            self.burst_every_ms,
        )

    @property
    def grace(self) -> int:
        """Refusals of one second that earn no strike: a stall bunches what was sent evenly."""
        return (self.per_second + self.burst_per_second) * GRACE_MS // SECOND_MS

    @property
    def at_once(self) -> int:
        """The most that can ever be let in at one moment."""
        return min(self.per_second, self.per_minute) + min(self.burst_per_second, self.burst_total)


@dataclass(frozen=True, slots=True)
class Tier:
    """A named set of limits, one per lane."""

    name: str
    lanes: Mapping[Lane, Limits]


def tier(
    name: str,
    *,
    orders: tuple[int, int],
    cancels: tuple[int, int],
    others: tuple[int, int],
    burst_factor: int = 1,
    burst_seconds: int = 0,
) -> Tier:
    """A tier from its numbers, each pair a second's and a minute's; only orders have a burst."""
    beyond = orders[0] * (burst_factor - 1)
    return Tier(
        name,
        {
            Lane.ORDERS: Limits(*orders, beyond, beyond * burst_seconds),
            Lane.CANCELS: Limits(*cancels),
            Lane.OTHERS: Limits(*others),
        },
    )


STANDARD = tier(
    "standard",
    orders=(100, 1_000),
    cancels=(500, 10_000),
    others=(100, 3_000),
    burst_factor=2,
    burst_seconds=10,
)
# Who has not said who he is, by address.
STRANGER = tier("stranger", orders=(20, 300), cancels=(20, 300), others=(20, 300))


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is counted: a user, a key, an organization or an address, by its key in the counters."""

    key: str
    limits: Limits


@dataclass(frozen=True, slots=True)
class Item:
    """One question to the counters: `wanted` requests of these subjects.

    `whole`: all of them or none. `spare` more may be lent for `lend_ms`. `struck` is the place of
    the subject that gets a strike when too much is refused, or -1. What finds no room now may be
    let in up to `hold_ms` (under a second) later.
    """

    subjects: tuple[Subject, ...]
    wanted: int = 1
    whole: bool = False
    spare: int = 0
    lend_ms: int = 0
    struck: int = -1
    hold_ms: int = 0


@dataclass(frozen=True, slots=True)
class Counted:
    """The counters' answer: how many are let in and lent, when to come again, the headers' numbers.

    `strike` is the number of the strike that this question earned, 0 when it earned none. The last
    of those let in go on only after `holds` ms, one number each.
    """

    granted: int
    lent: int
    wait_ms: int
    limit: int
    remaining: int
    reset_ms: int
    strike: int = 0
    holds: tuple[int, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one request may go on, and what its answer says about limits. Seconds."""

    allowed: bool
    limit: int
    remaining: int
    reset: int
    retry_after: int = 0
    code: str = "rate_limited"
    message: str = "Too many requests. Come again after Retry-After seconds."

    @property
    def headers(self) -> dict[str, str]:
        """`X-RateLimit-*`, and `Retry-After` on a refusal."""
        told = {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-reset": str(self.reset),
        }
        return told if self.allowed else {**told, "retry-after": str(self.retry_after)}

    @property
    def refusal(self) -> OmsError:
        """The refusal of one that was not allowed."""
        return OmsError(self.code, self.message, status=429)

    def require(self) -> None:
        """Raises `OmsError` (429 `rate_limited` or `rate_restricted`) unless it was allowed."""
        if not self.allowed:
            raise self.refusal


def seconds(ms: int) -> int:
    """Whole seconds, rounded up; the one millisecond of caution that windows add is on the way."""
    return math.ceil((ms - 1) / 1_000)
