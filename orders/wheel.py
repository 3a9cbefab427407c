"""The broker wheel: whose turn it is, so that over all orders each broker gets its weight.

Smooth weighted round robin: within a round of as many turns as the weights add up to, each broker
comes exactly as often as it weighs, spread evenly. The same turn always names the same broker.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

from django.db import connection

STRATEGY = "broker_wheel"
MOST_TURNS = 10_000
_TURN = """
UPDATE orders_brokerwheel SET turns = turns + 1
WHERE organization_id = %s AND active RETURNING version, weights::text, turns - 1
"""


def order_at(weights: Mapping[str, int], turn: int) -> tuple[str, ...]:
    """Whose turn it is first, then who else, the heaviest first. Turns count from 0."""
    known = tuple(sorted((name, weight) for name, weight in weights.items() if weight > 0))
    if not known:
        return ()
    round_ = _round(known)
    first = round_[turn % len(round_)]
    others = sorted((-weight, name) for name, weight in known if name != first)
    return (first, *(name for _, name in others))


@lru_cache(maxsize=64)
def _round(weights: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    total, credit = sum(weight for _, weight in weights), {name: 0 for name, _ in weights}
    turns = []
    for _ in range(total):
        for name, weight in weights:
            credit[name] += weight
        picked = max(credit, key=lambda name: (credit[name], name))
        credit[picked] -= total
        turns.append(picked)
    return tuple(turns)


def spin(organization_id: str) -> tuple[tuple[str, ...], str]:
    """Take the next turn: brokers in the order to try them, and the words; empty without a wheel.

    The row stays locked until the caller's transaction ends, so no turn is given twice.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TURN, [organization_id])
        row = cursor.fetchone()
    if row is None:
        return (), "no broker wheel is in force"
    version, text, turn = row
    weights = _weights(text)
    words = ", ".join(f"{name} {weight}" for name, weight in sorted(weights.items()))
    return order_at(weights, turn), f"broker wheel version {version} ({words}), turn {turn + 1}"


def _weights(text: str) -> dict[str, int]:
    found: dict[str, int] = json.loads(text)
    return found


def problem_of(weights: object, known: frozenset[str]) -> str:
    """What is wrong with weights that somebody wrote, or nothing."""
    if not isinstance(weights, dict) or not weights:
        return 'Give whole numbers by venue, such as {"SIMA": 60, "SIMB": 40}.'
    for name, weight in weights.items():
        if name not in known:
            return f"There is no venue {name}."
        if type(weight) is not int or weight < 0:
            return f"The weight of {name} is no whole number."
    total = sum(weights.values())
    if not 0 < total <= MOST_TURNS:
        return f"The weights add up to {total}, not to 1 to {MOST_TURNS}."
    return ""
