"""What an organization's policy says about matching and settling, by version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from oms_site.firm import policies

# Where a policy says nothing: prices agree exactly, money to the cent.
PRICE, MONEY = Decimal(0), Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Rules:
    """One version: tolerances by field, who affirms, and how long a fail is borne."""

    policy_id: int
    version: int
    tolerances: dict[str, Decimal]
    affirmation: str
    buy_in_days: int


def of(organization_id: str, *, at: datetime) -> Rules:
    """The rules in force. Raises `LookupError` when there is no policy."""
    policy = policies.of(organization_id, at=at)
    price = Decimal(policy.rules.get("match_tolerance_price", PRICE))
    money = Decimal(policy.rules.get("match_tolerance_money", MONEY))
    return Rules(
        policy_id=policy.id,
        version=policy.version,
        tolerances={
            "price": price,
            "principal": money,
            "accrued_interest": money,
            "net_money": money,
        },
        affirmation=str(policy["trade_affirmation"]),
        buy_in_days=int(policy["buy_in_days"]),
    )
