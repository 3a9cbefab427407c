"""The session rules of what comes in: what is due now, what waits, what is answered. Pure.

One `Intake` per connection. It is given messages as they come and says, in the venue's order and
once, which of them count; whoever calls keeps them before anybody hears of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from oms_site.kit import clock
from venues.fix.codec import Fields, Message, digits
from venues.gateways.port import GatewayError

LOGON, HEARTBEAT, TEST, RESEND, RESET, LOGOUT = "A", "0", "1", "2", "4", "5"
SESSION_TYPES = (LOGON, HEARTBEAT, TEST, RESEND, RESET, LOGOUT)
MOST_HELD = 10_000
_SAME_GAP_ASKED = 3
GAP_SECONDS = 10.0


@dataclass
class Intake:
    """Where the incoming numbers are, and what waits behind a hole."""

    session: str
    begin: str
    ours: str
    theirs: str
    next_in: int
    held: dict[int, Message] = field(default_factory=dict)
    answers: list[tuple[str, Fields]] = field(default_factory=list)
    resends: list[tuple[int, int]] = field(default_factory=list)
    # Resets that skipped numbers: only people find out what was said under those.
    resets: list[Message] = field(default_factory=list)
    _answered: set[int] = field(default_factory=set)
    now: Callable[[], float] = clock.monotonic
    _asked: int = 0
    _asked_at: float = 0.0
    _asked_times: int = 0

    def take(self, message: Message) -> Iterator[Message]:
        """What this one makes due, in order. Raises `GatewayError` at a broken rule."""
        self._check(message)
        if message.type == RESET and message.get(123) != "Y":
            # Reset mode is the way out of a disaster: its own number means nothing.
            yield from self._advance(message)
            return
        if message.type == LOGON and message.get(141) == "Y":
            self._begin_anew(message)
        if message.seq > self.next_in:
            self._hold(message)
            if message.type in (LOGON, LOGOUT):
                yield message
            return
        if message.seq < self.next_in:
            if not message.possibly_repeated:
                raise GatewayError(
                    "sequence_too_low",
                    f"{self.session}: {message.seq} came where {self.next_in} was due",
                    permanent=True,
                )
            return
        yield from self._due(message)
        while (waiting := self.held.pop(self.next_in, None)) is not None:
            if waiting.type in (LOGON, LOGOUT):
                self.next_in += 1  # it was heard when it came
            else:
                yield from self._due(waiting)

    def _due(self, message: Message) -> Iterator[Message]:
        if message.type == RESET:
            yield from self._advance(message)
            return
        self.next_in += 1
        self._asked_times = 0
        if message.type == TEST:
            self.answers.append((HEARTBEAT, [(112, message.get(112))]))
        elif message.type == RESEND and message.seq not in self._answered:
            self._resend(message)
        yield message

    def _hold(self, message: Message) -> None:
        if message.type == RESEND and message.seq not in self._answered:
            # Answered before the hole is filled: two that wait for each other would wait for ever.
            self._answered.add(message.seq)
            self._resend(message)
        self.held[message.seq] = message
        if len(self.held) > MOST_HELD:
            raise GatewayError("gap_too_long", f"{self.session}: {MOST_HELD} wait behind a hole")
        # What is told again comes message by message: one request for a hole will do, for a while.
        if self._asked != self.next_in or self.now() - self._asked_at > GAP_SECONDS:
            self._ask()

    def _ask(self) -> None:
        if self._asked == self.next_in:
            self._asked_times += 1
            if self._asked_times >= _SAME_GAP_ASKED:
                raise GatewayError("gap_stays", f"{self.session}: {self.next_in} is never told")
        self._asked, self._asked_at = self.next_in, self.now()
        self.answers.append((RESEND, [(7, str(self.next_in)), (16, "0")]))

    def _resend(self, message: Message) -> None:
        first, last = message.get(7), message.get(16)
        if digits(first) and digits(last):
            self.resends.append((int(first), int(last)))

    def _advance(self, message: Message) -> Iterator[Message]:
        """Go on with NewSeqNo(36); what was heard behind the hole counts, though it is passed."""
        told, fills_gap = message.get(36), message.get(123) == "Y"
        following = int(told) if digits(told) else 0
        if fills_gap:
            following = max(following, self.next_in + 1)
        elif following < self.next_in:
            raise GatewayError(
                "sequence_reset", f"{self.session}: reset back to {told[:20]}", permanent=True
            )
        for seq in sorted(seq for seq in self.held if seq < following):
            heard = self.held.pop(seq)
            if heard.type not in SESSION_TYPES:
                yield heard
        if not fills_gap and following > self.next_in:
            # Its numbers from there on are used anew.
            self.held.clear()
            self.resets.append(message)
        self.next_in = following

    def _begin_anew(self, message: Message) -> None:
        if message.seq != 1 or self.next_in != 1:
            raise GatewayError(
                "sequence_reset",
                f"{self.session}: the venue begins anew where {self.next_in} was due",
                permanent=True,
            )

    def _check(self, message: Message) -> None:
        said = (message.get(8), message.get(49), message.get(56))
        if said != (self.begin, self.theirs, self.ours):
            raise GatewayError(
                "session_mismatch", f"{self.session}: this is {'/'.join(said)}", permanent=True
            )
        if not message.seq:
            raise GatewayError("no_number", f"{self.session}: a message without its number")
