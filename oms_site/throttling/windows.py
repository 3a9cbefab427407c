"""Sliding windows in memory: the same rules as the counters' script, for one process.

The gate asks here when the shared counters do not answer; tests hold the script against it. What
was let in counts until its whole window has passed, so no interval ever holds more than the limit.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from oms_site.throttling.limits import MINUTE_MS, SECOND_MS, Counted, Item, Subject

# How exactly each window remembers; coarser is only stricter.
SECOND_GRAIN, MINUTE_GRAIN, BURST_GRAIN = 1, 500, 5_000
# Seven doubling pauses, then the eighth strike is for people to look at.
PENALTIES = 7
FORGIVEN_MS = 60_000
KEEP_MOST = 10_000


class Window:
    """What was let in, oldest first, each until it has left the window."""

    def __init__(self, span: int, grain: int) -> None:
        self.span, self.grain = span, grain
        self.count = 0
        self._entries: deque[list[int]] = deque()

    def drop(self, now: int) -> None:
        """Forget what has left."""
        entries = self._entries
        while entries and entries[0][0] + self.span <= now:
            self.count -= entries.popleft()[1]

    def put(self, number: int, until: int) -> None:
        """Remember requests that are used at `until` at the latest."""
        if not number:
            return
        end = -(-until // self.grain) * self.grain
        if self._entries and self._entries[-1][0] >= end:
            self._entries[-1][1] += number
        else:
            self._entries.append([end, number])
        self.count += number

    def wait(self, limit: int, now: int) -> int:
        """Milliseconds until something leaves a full window; 0 when it is not full."""
        if self.count < limit:
            return 0
        return self._entries[0][0] + self.span - now if self._entries else self.span

    def when(self, limit: int, now: int, latest: int) -> int | None:
        """The moment from which one more fits; None when it comes after `latest`."""
        over = self.count + 1 - limit
        if over <= 0:
            return now
        for end, number in self._entries:
            if end + self.span > latest:
                break
            over -= number
            if over <= 0:
                return end + self.span
        return None

    def reset(self, now: int) -> int:
        """Milliseconds until the oldest leaves."""
        return self._entries[0][0] + self.span - now if self._entries else 0


@dataclass
class State:
    """One subject's windows and strikes."""

    second: Window = field(default_factory=lambda: Window(SECOND_MS, SECOND_GRAIN))
    minute: Window = field(default_factory=lambda: Window(MINUTE_MS, MINUTE_GRAIN))
    burst: Window = field(default_factory=lambda: Window(SECOND_MS, SECOND_GRAIN))
    total: Window = field(default_factory=lambda: Window(0, BURST_GRAIN))
    strikes: int = 0
    barred_until: int = 0
    forgiven_at: int = 0
    refused: int = 0
    refused_since: int = 0

    def refuse(self, number: int, grace: int, now: int) -> int:
        """So many more were refused. Returns the number of the strike when it is too much."""
        if now - self.refused_since >= SECOND_MS:
            self.refused, self.refused_since = 0, now
        self.refused += number
        return self.strike(now) if self.refused > grace else 0

    def strike(self, now: int) -> int:
        """One more; each bars for twice as long as the last. Returns its number."""
        self.strikes = 1 if now >= self.forgiven_at else self.strikes + 1
        pause = 1_000 << (min(self.strikes, PENALTIES) - 1)
        self.barred_until = now + pause
        self.forgiven_at = self.barred_until + FORGIVEN_MS
        return self.strikes


class Windows:
    """All subjects of one process. Not for several threads at once."""

    def __init__(self) -> None:
        self._states: dict[str, State] = {}

    def ask(self, item: Item, now: int) -> Counted:
        """Let in what fits into every subject's windows; `now` in milliseconds."""
        states = [self._state(subject, now) for subject in item.subjects]
        rooms = [_rooms(s, subject) for s, subject in zip(states, item.subjects, strict=True)]
        granted = min(item.wanted, *(sum(room) for room in rooms))
        if item.whole and granted < item.wanted:
            granted = 0
        struck = states[item.struck] if item.struck >= 0 else None
        barred = struck is not None and struck.barred_until > now
        granted = 0 if barred else granted
        for state, (normal, _) in zip(states, rooms, strict=True):
            _take(state, min(granted, normal), granted - min(granted, normal), now + 1)
        may_wait = item.hold_ms and not barred and not item.whole
        holds = _hold(states, item, item.wanted - granted, now) if may_wait else ()
        lent = 0
        if granted == item.wanted and item.spare:
            left = min(max(0, normal - granted) for normal, _ in rooms)
            lent = min(item.spare, left // 4)
            for state in states:
                _take(state, lent, 0, now + 1 + item.lend_ms)
        granted += len(holds)
        strike = 0
        wait = 0
        if granted < item.wanted:
            wait = max(
                _wait(s, subject, now) for s, subject in zip(states, item.subjects, strict=True)
            )
            if struck is not None:
                if not barred:
                    grace = item.subjects[item.struck].limits.grace
                    strike = struck.refuse(item.wanted - granted, grace, now)
                wait = max(wait, struck.barred_until - now)
        return _answer(item, states, now, granted, lent, wait, strike, holds)

    def _state(self, subject: Subject, now: int) -> State:
        state = self._states.get(subject.key)
        if state is None:
            if len(self._states) >= KEEP_MOST:
                self._states.clear()
            state = self._states[subject.key] = State()
        state.total.span = subject.limits.burst_every_ms
        for window in (state.second, state.minute, state.burst, state.total):
            window.drop(now)
        return state


def _rooms(state: State, subject: Subject) -> tuple[int, int]:
    """How many more: normal ones, and those of the burst."""
    limits = subject.limits
    normal = min(limits.per_second - state.second.count, limits.per_minute - state.minute.count)
    burst = min(limits.burst_per_second - state.burst.count, limits.burst_total - state.total.count)
    return max(0, normal), max(0, burst)


def _take(state: State, normal: int, burst: int, until: int) -> None:
    state.second.put(normal, until)
    state.minute.put(normal, until)
    state.burst.put(burst, until)
    state.total.put(burst, until)


def _hold(states: list[State], item: Item, number: int, now: int) -> tuple[int, ...]:
    """Places of the near future for what finds no room now: how long each waits, in ms.

    Each counts from now until its own window has passed, so nobody is let in before it.
    """
    holds: list[int] = []
    latest = now + item.hold_ms
    for _ in range(number):
        ways = [_ways(s, x, now, latest) for s, x in zip(states, item.subjects, strict=True)]
        soonest = [min(times) for way in ways if (times := [at for at in way if at is not None])]
        if len(soonest) < len(states):
            break
        at = max(soonest)
        for state, (normal, _) in zip(states, ways, strict=True):
            fits = int(normal is not None and normal <= at)
            _take(state, fits, 1 - fits, at + 1)
        holds.append(at - now)
    return tuple(holds)


def _ways(state: State, subject: Subject, now: int, latest: int) -> tuple[int | None, int | None]:
    """From when one more fits: as a normal one, and out of the burst."""
    limits = subject.limits
    pairs = (
        ((state.second, limits.per_second), (state.minute, limits.per_minute)),
        ((state.burst, limits.burst_per_second), (state.total, limits.burst_total)),
    )
    found: list[int | None] = []
    for windows in pairs:
        times = [window.when(limit, now, latest) for window, limit in windows]
        found.append(None if None in times else max(at for at in times if at is not None))
    return found[0], found[1]


def _wait(state: State, subject: Subject, now: int) -> int:
    limits = subject.limits
    normal = max(
        state.second.wait(limits.per_second, now), state.minute.wait(limits.per_minute, now)
    )
    if not limits.burst_per_second:
        return normal
    burst = max(
        state.burst.wait(limits.burst_per_second, now), state.total.wait(limits.burst_total, now)
    )
    return min(normal, burst)


def _answer(
    item: Item,
    states: list[State],
    now: int,
    granted: int,
    lent: int,
    wait: int,
    strike: int,
    holds: tuple[int, ...],
) -> Counted:
    """The numbers of the window that is nearest to its end."""
    told: tuple[int, int, int] | None = None
    for state, subject in zip(states, item.subjects, strict=True):
        pairs = (
            (state.second, subject.limits.per_second),
            (state.minute, subject.limits.per_minute),
        )
        for window, limit in pairs:
            remaining = max(0, limit - window.count)
            if told is None or remaining < told[1]:
                told = (limit, remaining, window.reset(now))
    assert told is not None
    return Counted(granted, lent, wait, *told, strike, holds=holds)
