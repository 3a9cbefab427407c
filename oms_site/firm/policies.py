"""The policy in force for an organization, from memory, and the words it may be written in.

Read by every floor. How a policy changes is `policy_changes`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from oms_site.firm.generation import Cached
from oms_site.firm.models import Policy
from oms_site.kit import numbers
from oms_site.kit.errors import Detail

# The guide's own rules; an organization's policy row overrides what it names.
GUIDE: dict[str, Any] = {
    "allowed_ord_types": ["market", "limit"],
    "allowed_amount_types": ["par", "shares"],
    "allowed_tif": ["day"],
    # Instructions beyond type and time, and lists of orders.
    "allowed_handling": [],
    "allowed_contingencies": [],
    # What becomes of an order for the day that comes after its close: "reject", or "queue" for the
    # next session.
    "outside_hours": "reject",
    "order_amendment": "disallowed",
    # By which schedules an order may be worked over time.
    "allowed_schedules": [],
    # What an order does while its new terms wait for a review: "live", or "hold" to send no more.
    "amendment_review": "live",
    "allocation_entry": "pre_trade_only",
    "allowed_allocation_strategies": ["fifo_without_averaging", "pro_rata_with_averaging"],
    "approvals_required": 1,
    "gtc_max_days": 90,
    "events_window_hours": 48,
    "control_simulation_hours": 24,
    # As what an order is told to end whose time is over: "expire" or "cancel", never both.
    "expiry_event": "expire",
    # "hold": no order is taken before the day's first comparison with the outside is explained.
    "start_of_day_check": "warn",
    # What affirms a trade: that it "match"es, the "counterparty" once it matches, or a "person".
    "trade_affirmation": "match",
    # Whether opposite orders of the organization cross inside before they go to a venue: "off",
    # those "routed" by instructions or rules, or also the "open" ones that wait for a trader.
    "internal_cross": "off",
    # When one account of a block is refused: "whole" refuses the block, "drop" goes on without it.
    "block_account_reject": "whole",
    # Settling days after a failed one until it is bought in.
    "buy_in_days": 4,
    # As what the firm deals with its clients, for their confirms: "agent" or "principal".
    "confirm_capacity": "agent",
}


# Everything else that an organization may open; its row may still narrow it.
PRESETS: dict[str, dict[str, Any]] = {
    "guide": {},
    "full": {
        "allowed_ord_types": [
            "market",
            "limit",
            "stop",
            "stop_limit",
            "market_if_touched",
            "limit_if_touched",
            "trailing_stop",
            "trailing_stop_limit",
        ],
        # Money is turned into a quantity, rounded down; the residual is kept.
        "allowed_amount_types": ["par", "shares", "notional"],
        "allowed_tif": ["day", "ioc", "fok", "gtc", "gtd", "opg", "cls"],
        "allowed_handling": ["display_qty", "min_qty", "post_only", "reduce_only"],
        "allowed_contingencies": ["oco", "oto", "bracket", "basket"],
        "order_amendment": "replace_chain",
        "allowed_schedules": ["twap", "vwap", "implementation_shortfall"],
        # An order may be sent without saying for whom; two people say it afterward.
        "allocation_entry": "post_trade_with_review",
        "allowed_allocation_strategies": [
            "fifo_without_averaging",
            "fifo_with_averaging",
            "pro_rata_with_averaging",
            "pro_rata_without_averaging",
            "flat",
            "percentage",
        ],
    },
}


# Rules that only exist once somebody states them, with what their values look like.
OPTIONAL: dict[str, Any] = {
    "second_approval_above": "25000000",
    # How far the other side's terms may lie from ours: price in points, money in the currency.
    "match_tolerance_price": "0",
    # How far from the market, in percent, a trade reported from elsewhere counts by itself.
    "external_price_percent": "5",
    "match_tolerance_money": "0.01",
}


# Rules whose words are few, and anything else a mistake.
CHOICES: dict[str, tuple[str, ...]] = {
    "outside_hours": ("reject", "queue"),
    "order_amendment": ("disallowed", "replace_chain"),
    "amendment_review": ("live", "hold"),
    "allocation_entry": ("pre_trade_only", "post_trade_with_review"),
    "expiry_event": ("expire", "cancel"),
    "start_of_day_check": ("warn", "hold"),
    "trade_affirmation": ("match", "counterparty", "person"),
    "internal_cross": ("off", "routed", "open"),
    "block_account_reject": ("whole", "drop"),
    "confirm_capacity": ("agent", "principal"),
}

# Numbers of which nothing less makes sense, or nothing more.
BOUNDS: dict[str, tuple[int, int]] = {
    "approvals_required": (1, 9),
    "gtc_max_days": (1, 3_650),
    "events_window_hours": (1, 87_600),
    "control_simulation_hours": (1, 8_760),
}


@dataclass(frozen=True)
class PolicyFacts:
    """One version of a policy; its id is pinned on every order it decided."""

    id: int
    version: int
    preset: str
    effective_at: datetime
    rules: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.rules[name]


def _load() -> dict[str, list[PolicyFacts]]:
    found: dict[str, list[PolicyFacts]] = {}
    approved = Policy.objects.filter(status=Policy.Status.APPROVED)
    for row in approved.order_by("organization_id", "-version"):
        found.setdefault(row.organization_id, []).append(facts(row))
    return found


def facts(row: Policy) -> PolicyFacts:
    """What a version comes to: the guide's rules, its preset's, its own."""
    rules = {**GUIDE, **PRESETS.get(row.preset, {}), **row.rules}
    return PolicyFacts(row.pk, row.version, row.preset, row.effective_at, rules)


_policies = Cached(_load)


def of(organization_id: str, *, at: datetime) -> PolicyFacts:
    """The newest policy in force at a moment. Raises `LookupError` when there is none."""
    for policy in _policies.get().get(organization_id, []):
        if policy.effective_at <= at:
            return policy
    raise LookupError(f"{organization_id} has no policy in force")


def stating(name: str, value: Any) -> frozenset[int]:
    """The ids of all approved versions, of every organization, that say this of a rule."""
    return frozenset(
        policy.id
        for versions in _policies.get().values()
        for policy in versions
        if policy.rules.get(name) == value
    )


def pinned(organization_id: str, policy_id: int) -> PolicyFacts | None:
    """The version that an order has pinned, whether or not it is still in force."""
    known = _policies.get().get(organization_id, [])
    return next((policy for policy in known if policy.id == policy_id), None)


def faults(preset: Any, rules: Any) -> list[Detail]:
    """What is wrong with a policy that somebody wrote, rule by rule."""
    found = []
    if preset not in PRESETS:
        known = ", ".join(PRESETS)
        found.append(Detail("preset", "unknown_preset", f"Known presets: {known}."))
    if not isinstance(rules, dict):
        return [*found, Detail("rules", "invalid_rules", "Give an object of rules.")]
    for name, value in rules.items():
        if text := _fault(name, value):
            found.append(Detail(f"rules.{name}", "invalid_rule", text))
    return found


def _fault(name: str, value: Any) -> str:
    usual = GUIDE.get(name, OPTIONAL.get(name))
    if usual is None:
        return f"Not a rule. Known: {', '.join(sorted({*GUIDE, *OPTIONAL}))}."
    if name in CHOICES and value not in CHOICES[name]:
        return f"Give one of: {', '.join(CHOICES[name])}."
    if type(value) is not type(usual):
        return f"Give a {type(usual).__name__}, such as {usual}."
    if isinstance(value, int):
        least, most = BOUNDS.get(name, (0, 1_000_000))
        if not least <= value <= most:
            return f"Give a number from {least} to {most}."
    if name in OPTIONAL and not _is_number(value):
        return f"Give a number as text, such as {usual}."
    if isinstance(value, list):
        known = PRESETS["full"].get(name, usual)
        strange = [str(one) for one in value if one not in known]
        if strange or not value:
            return f"Give some of: {', '.join(known)}."
    return ""


def _is_number(text: str) -> bool:
    try:
        return numbers.parse_decimal(text) >= 0
    except numbers.NotADecimal:
        return False
