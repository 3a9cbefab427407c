"""What an account gets as a whole, divided over its sleeves so that nothing is lost or made.

A custodian pays and rounds for the account that it knows; parts that were rounded each by itself
would add up to another figure. Called by corporate actions. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from oms_site.kit.numbers import round_fraction

_CENTS = 100


def in_cents(exact: Mapping[str, Fraction], wholes: Mapping[str, str]) -> dict[str, Decimal]:
    """Cents of each account's exact money: those of one whole together are its own, half up.

    `wholes` names what each account is a part of, itself if it stands alone. Each part first gets
    its money rounded down, then the largest remainders a cent each; a tie goes by id.
    """
    found: dict[str, Decimal] = {}
    for whole in dict.fromkeys(wholes[key] for key in exact):
        mine = sorted(key for key in exact if wholes[key] == whole)
        total = int(round_fraction(sum((exact[key] for key in mine), Fraction(0)), places=2) * 100)
        down = {key: exact[key] * _CENTS // 1 for key in mine}
        over = total - sum(down.values())
        ranked = sorted(mine, key=lambda key: (down[key] - exact[key] * _CENTS, key))
        for n, key in enumerate(ranked):
            found[key] = (Decimal(down[key] + (n < over)) / _CENTS).quantize(Decimal("0.01"))
    return found
