"""The schedules of one order as the desk shows them: how far each is, and what became of slices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from oms_site.kit import numbers
from orders.models import Order
from orders.schedules import view


@dataclass(frozen=True)
class Board:
    """One schedule with its numbers; `done`, `resting` and `due` are percentages of it."""

    facts: dict[str, Any]
    done: Decimal
    resting: Decimal
    due: Decimal

    @property
    def is_open(self) -> bool:
        """Whether it may still be paused, resumed or stopped."""
        return self.facts["status"] in ("working", "paused")


def boards(order: Order, *, at: datetime) -> list[Board]:
    """The schedules of an order, newest first."""
    return [_board(facts) for facts in view.of_order(order, at=at)]


def _board(facts: dict[str, Any]) -> Board:
    whole = Decimal(facts["amount"]["value"])

    def share(name: str) -> Decimal:
        return numbers.round_places(Decimal(facts[name]["value"]) * 100 / whole, places=2)

    return Board(facts, share("filled_amount"), share("working_amount"), share("target_amount"))
