"""What a rule class is, and their table: filled by `controls.checks`, which everybody asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from controls.findings import Answer
from controls.needs import Need
from controls.parameters import Params
from controls.ticket import Ticket

P = TypeVar("P", bound=Params)
# Where an order is looked at; before the wire by memory alone, what it uses up is reserved by then.
ENTRY = frozenset({"order", "replace"})
MARKET = frozenset({"execution_order"})
BEFORE_WIRE = ENTRY | {"release"} | MARKET
EVERYWHERE = BEFORE_WIRE | {"wire"}
AND_AFTER = BEFORE_WIRE | {"post_trade"}


def _nothing(params: Any) -> tuple[Need, ...]:
    return ()


class Rule(msgspec.Struct, frozen=True):
    """A rule class: its function, parameters, control type, failure code and one sentence."""

    name: str
    check: Callable[..., Answer]
    params: type[Params]
    control_type: str
    code: str
    sentence: str
    needs: Callable[[Any], tuple[Need, ...]] = _nothing
    stages: frozenset[str] = EVERYWHERE


RULES: dict[str, Rule] = {}


def add(
    name: str,
    check: Callable[[Ticket, P], Answer],
    params: type[P],
    *,
    control_type: str,
    code: str,
    sentence: str,
    needs: Callable[[P], tuple[Need, ...]] = _nothing,
    stages: frozenset[str] = EVERYWHERE,
) -> None:
    """One more rule class."""
    RULES[name] = Rule(name, check, params, control_type, code, sentence, needs, stages)
