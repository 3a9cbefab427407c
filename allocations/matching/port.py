"""What every central matching service can do: take our side, hear that it is disputed or no more.

The settlement room calls it, outside any transaction. Every call carries our own key, so repeating
it is harmless. What the other side tells comes as numbered messages, in the words of a settlement
desk: statements and affirmations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from allocations.custodians.port import Refused
from allocations.custodians.settling import Confirmation, Taken, Told


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What is known of a service; `adapter` is the folder that speaks to it."""

    id: str
    name: str
    adapter: str
    active: bool


class MatchingClient(Protocol):
    """One service, whatever its wire. Every call raises `CustodianError`."""

    def confirm(self, one: Confirmation, *, counterparty: str) -> Taken | Refused:
        """Enter our side of a trade with a broker; empty where several brokers dealt."""
        ...

    def dispute(self, key: str, *, leg_id: str, reason: str, about: str) -> Taken | Refused:
        """Say that the other side has it wrong, or not at all.

        `about` names what is disputed: the same words about something else are said again.
        """
        ...

    def withdraw(self, key: str, *, leg_id: str) -> Taken | Refused:
        """Take a trade of ours back there, even if its confirmation arrives later."""
        ...

    def messages(self, *, after: int) -> list[Told]:
        """What it has told since that number, in order and without a hole."""
        ...
