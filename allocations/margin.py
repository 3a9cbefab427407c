"""Margin: what accounts that may owe money must own themselves, and the calls when they do not.

The requirement is a part of every position's worth, long or short, by asset class. Worth that is
unknown is no reason to call anybody, and no reason to let a call go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

from allocations import accounts
from allocations.holdings import ledger, worth
from allocations.holdings.worth import Worth
from allocations.models import Account, MarginCall, MarginRate
from oms_site.firm import generation
from oms_site.firm.generation import Cached
from oms_site.journal import actors, draining, unit
from oms_site.journal.unit import Unit
from oms_site.kit import clock, ids
from oms_site.kit.numbers import round_fraction
from venues import instruments

ZERO = Decimal("0.00")
# What nobody has set a rate for is owned in full.
WHOLE = Decimal(100)
_by = actors.system("margin")


@dataclass(frozen=True, slots=True)
class Standing:
    """One account's margin now, in its currency; None where worth is unknown."""

    account_id: str
    currency: str
    requirement: Decimal | None
    equity: Decimal | None
    missing: tuple[str, ...] = ()

    @property
    def excess(self) -> Decimal | None:
        """What it owns beyond its requirement; negative is what is missing."""
        if self.requirement is None or self.equity is None:
            return None
        return self.equity - self.requirement


def standings(
    organization_id: str, account_ids: Sequence[str], *, at: datetime
) -> dict[str, Standing]:
    """The margin of each of these accounts now, each with all its sleeves; a sleeve has none."""
    rates = _rates.get().get(organization_id, {})
    parts = {
        key: accounts.with_sleeves(organization_id, key)
        for key in account_ids
        if accounts.whole_of(organization_id, key) == key
    }
    each = {name for names in parts.values() for name in names}
    found = worth.of(organization_id, each, at=at)
    return {
        key: _standing(worth.together(key, (found[name] for name in names)), rates)
        for key, names in parts.items()
        if key in found
    }


def watch() -> int:
    """Open and close calls for every account on margin; how many accounts were looked at."""
    generation.check()
    at = clock.now()
    # A sleeve owes nothing by itself: whoever lends has the whole account.
    rows = Account.objects.filter(margin=True, sleeve_of=None)
    pairs = rows.order_by("organization_id", "id")
    by_owner: dict[str, list[str]] = {}
    for organization_id, account_id in pairs.values_list("organization_id", "id"):
        by_owner.setdefault(organization_id, []).append(account_id)

    def look(organization_id: str, account_ids: Sequence[str]) -> int:
        with unit.work(by=_by, at=at) as work:
            ledger.serialize(f"{organization_id}/margin")
            _judge(work, organization_id, account_ids, at)
        return len(account_ids)

    def look_at_all(organization_id: str) -> int:
        def together(taken: list[str]) -> int:
            taken += by_owner[organization_id]
            return look(organization_id, taken)

        return draining.safely(
            together,
            lambda account_id: look(organization_id, [account_id]),
            aside=partial(_tell_people, organization_id),
        )

    return sum(map(look_at_all, by_owner))


def _tell_people(organization_id: str, account_id: str, error: Exception) -> None:
    """An account whose margin cannot be worked out holds up no other; it is asked again."""
    draining.tell("watch_margin", account_id, error, organization_id=organization_id)


def _judge(work: Unit, organization_id: str, account_ids: Sequence[str], at: datetime) -> None:
    keys = MarginCall.objects.filter(account_id__in=account_ids, met_at=None)
    opened = {
        row.account_id: row
        for row in work.lock(MarginCall, keys.values_list("id", flat=True)).values()
    }
    for account_id, now in standings(organization_id, account_ids, at=at).items():
        if now.excess is None:
            continue
        assert now.requirement is not None
        assert now.equity is not None
        row = opened.get(account_id)
        if row is None and now.excess < 0:
            row = MarginCall(
                id=ids.prefixed("mc"),
                organization_id=organization_id,
                account_id=account_id,
                currency=now.currency,
                requirement=now.requirement,
                equity=now.equity,
                opened_at=at,
            )
            work.add(row)
            _tell(work, row, "margin_call")
        elif row is not None and (row.requirement, row.equity) != (now.requirement, now.equity):
            row.requirement, row.equity = now.requirement, now.equity
            if now.excess >= 0:
                row.met_at = at
                _tell(work, row, "margin_met")
            else:
                _tell(work, row, "margin_call")


def _standing(one: Worth, rates: dict[str, Decimal]) -> Standing:
    if one.total is None:
        return Standing(one.account_id, one.currency, None, None, tuple(one.missing))
    needed = sum(
        (
            Fraction(abs(value)) * Fraction(_percent(instrument_id, rates)) / 100
            for instrument_id, value in one.securities.items()
        ),
        Fraction(0),
    )
    return Standing(one.account_id, one.currency, round_fraction(needed, places=2), one.total)


def _percent(instrument_id: int, rates: dict[str, Decimal]) -> Decimal:
    return rates.get(instruments.by_id(instrument_id).asset_class, WHOLE)


def view(organization_id: str, now: Standing) -> dict[str, Any]:
    """A standing as the API tells it."""
    facts = accounts.find_account(organization_id, now.account_id)
    return {
        "account_id": now.account_id,
        "account_code": facts.code if facts else now.account_id,
        "margin": bool(facts and facts.margin),
        "currency": now.currency,
        "requirement": now.requirement,
        "equity": now.equity,
        "excess": now.excess,
        "missing": list(now.missing),
    }


def _tell(work: Unit, row: MarginCall, event_type: str) -> None:
    body = {
        "margin_call_id": row.id,
        "account_id": row.account_id,
        "currency": row.currency,
        "requirement": row.requirement,
        "equity": row.equity,
        "shortfall": max(row.requirement - row.equity, ZERO),
    }
    work.record(row, event_type, body=body)


def _load() -> dict[str, dict[str, Decimal]]:
    found: dict[str, dict[str, Decimal]] = {}
    for row in MarginRate.objects.all():
        found.setdefault(row.organization_id, {})[row.asset_class] = row.percent
    return found


_rates = Cached(_load)
