"""The ticket: all that a control may know about an order, frozen before the first control looks.

The floor that owns the orders fills it; the checks read it and nothing else. Plain values only, so
the same ticket always gets the same verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any

import msgspec

from controls.findings import Missing
from controls.needs import ACCOUNT, INSTRUMENT, TRADER, Need

# Wide enough that a product of two database numbers is never rounded.
EXACT = Context(prec=80)
PER_SHARE = frozenset({"equity"})
# A list of this kind lets pass and tells compliance alone.
WATCH = "watch"
_WHEN_GIVEN = (
    *("issuer", "sector", "country", "rating", "currency", "maturity_date"),
    *("protocol", "ib_id", "risk_group_id"),
    *("min_denomination", "min_increment", "list_versions", "tags", "figures", "pmp_suppressed_by"),
    "halted",
    "reduced",
    "reduce_only",
    "short_sale",
    "exempt_by",
    "api_key",
    "quiet",
    "overrides",
    "named",
)


class AccountFacts(msgspec.Struct, frozen=True):
    """An account that the order is for; `qty` is its part of a block, None for the whole order.

    `whole` and `whole_code` are set of a sleeve and of an account that has sleeves: the account
    that they are parts of.
    """

    id: str
    code: str
    status: str
    organization_id: str
    risk_group_id: str = ""
    currency: str = "USD"
    qty: Decimal | None = None
    whole: str = ""
    whole_code: str = ""


class Part(msgspec.Struct, frozen=True):
    """The part of an order that counts for one account, trader, instrument or organization."""

    entity: str
    label: str
    qty: Decimal


def entity_of_whole(account: str) -> str:
    """Under what the figures of an account with all its sleeves stand; no account's id."""
    return f"whole:{account}" if account else ""


class Listed(msgspec.Struct, frozen=True):
    """A list in force that names the instrument or one of the accounts, with its version."""

    name: str
    kind: str
    version: int
    hit: str
    reason: str = ""


class Lifted(msgspec.Struct, frozen=True, array_like=True):
    """What two people let an order pass at one control: an override's id, what the control had
    found then ("": whatever it finds), and what they knew to be `about` (see `Finding`).
    """

    id: str
    found: str = ""
    about: tuple[str, ...] = ()

    def covers(self, about: tuple[str, ...], found: str) -> bool:
        """Whether nothing refuses that they did not know of."""
        known = bool(about) and set(about) <= set(self.about)
        return known and self.found in ("", found)


class Mandate(msgspec.Struct, frozen=True):
    """What an account's client allows, as agreed in that version."""

    account: str
    version: int
    rules: Mapping[str, Any]


class Reference(msgspec.Struct, frozen=True):
    """The price that orders are measured against: `price` is the mid, `at` when it was made."""

    price: Decimal
    bid: Decimal | None
    ask: Decimal | None
    source: str
    at: datetime


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one order as the controls see it.

    `phase` is where `at` lies in the order's session (before, open, closed, no_session);
    `session_close` the close of that session, when known. `economics` hashes what makes two orders
    alike, `recent_alike` counts those in the duplicate window, None when nobody has counted.
    """

    order_id: str
    order_version: int = 1
    organization_id: str
    user_id: int
    username: str
    entitlements: frozenset[str]
    accounts: tuple[AccountFacts, ...]
    instrument_id: int
    cusip: str
    asset_class: str
    instrument_status: str
    side: str
    ord_type: str
    order_qty: Decimal
    limit_price: Decimal | None
    extended_hours: bool
    phase: str
    session_close: datetime | None = None
    reference: Reference | None
    economics: int
    recent_alike: int | None
    # Lists without versions, as tickets of old have them; `listed` is what there is now.
    restricted_on: tuple[str, ...]
    at: datetime
    # Where it is looked at: order, release, execution_order, replace or wire.
    stage: str = "order"
    issuer: str = ""
    sector: str = ""
    country: str = ""
    rating: str = ""
    currency: str = "USD"
    maturity_date: date | None = None
    min_denomination: Decimal | None = None
    min_increment: Decimal | None = None
    protocol: str = ""
    ib_id: str = ""
    risk_group_id: str = ""
    listed: tuple[Listed, ...] = ()
    # The lists of securities, universes and groups that exist: a name without a list is a fault.
    list_versions: Mapping[str, int] = {}
    # The names of these that only compliance may hear of.
    quiet: tuple[str, ...] = ()
    # What two people let this very order pass, by the control's code.
    overrides: Mapping[str, Lifted] = {}
    mandates: tuple[Mandate, ...] = ()
    tags: Mapping[str, str] = {}
    # Who asked, with the right to, that the prevailing market price is not looked at.
    pmp_suppressed_by: str = ""
    # What stands over it: the names of kill switches and halts.
    halted: tuple[str, ...] = ()
    # What lets only orders pass that lessen a position, and the key the order came in with.
    reduced: tuple[str, ...] = ()
    api_key: str = ""
    # The order itself asks that it only lessens a position.
    reduce_only: bool = False
    # A sale that is marked: short, or short exempt (Regulation SHO 200(g)).
    short_sale: str = ""
    # What two people agreed to close out by it: most controls only note what they have to say.
    exempt_by: str = ""
    # Figures shared with other orders, by `Need.key`; absent or None is "cannot be known".
    figures: Mapping[str, Decimal | None] = {}
    # The sets of fees of which its fills may be charged one; not kept, what they come to is.
    charged: tuple[tuple[Mapping[str, Any], ...], ...] = ()
    # The accounts that the control which looks is for, by id or code; empty: all of them.
    named: frozenset[str] = frozenset()

    @property
    def is_divided(self) -> bool:
        """Whether any of its accounts is a sleeve, or has some."""
        return any(account.whole for account in self.accounts)

    def shares(self) -> tuple[Part, ...]:
        """The accounts that it is for, each by itself with its quantity."""
        return tuple(
            Part(a.id, f"account {a.code}", self.order_qty if a.qty is None else a.qty)
            for a in self.accounts
        )

    def parts(self, scope: str) -> tuple[Part, ...]:
        """Whom the order counts for in a scope, each with its quantity.

        A sleeve counts by itself and with all of its account. A control that names the account
        looks at the whole, one that names a sleeve at this alone, and one that names none at both.
        """
        if scope == ACCOUNT:
            return (*self._alone(), *self._wholes()) if self.is_divided else self.shares()
        if scope == TRADER:
            return (Part(str(self.user_id), f"trader {self.username}", self.order_qty),)
        if scope == INSTRUMENT:
            return (Part(str(self.instrument_id), self.cusip, self.order_qty),)
        return (Part(self.organization_id, "the organization", self.order_qty),)

    def _alone(self) -> Iterator[Part]:
        for account, part in zip(self.accounts, self.shares(), strict=True):
            whole = not self.named.isdisjoint((account.whole, account.whole_code))
            if not whole or not self.named.isdisjoint((account.id, account.code)):
                yield part

    def _wholes(self) -> Iterator[Part]:
        sums: dict[str, Part] = {}
        for account, part in zip(self.accounts, self.shares(), strict=True):
            names = (account.whole, account.whole_code)
            if not account.whole or (self.named and self.named.isdisjoint(names)):
                continue
            entity = entity_of_whole(account.whole)
            so_far = sums[entity].qty if entity in sums else Decimal(0)
            label = f"account {account.whole_code} with its sleeves"
            sums[entity] = Part(entity, label, so_far + part.qty)
        yield from sums.values()

    def figure(self, need: Need, entity: str) -> Decimal:
        """A shared figure; raises Missing when nobody has read it or it cannot be known."""
        value = self.figures.get(need.key(entity))
        if value is None:
            raise Missing(f"{need.what} of the {need.scope} is not known")
        return value

    def value_of(self, qty: Decimal) -> Decimal:
        """Exact money of a quantity at the working price; raises Missing without a price."""
        price = self.working_price
        if price is None:
            raise Missing(f"there is no price to value {self.cusip}")
        return value(qty, price, self.asset_class)

    @property
    def lists(self) -> tuple[str, ...]:
        """The names of the lists that hold the security, its issuer or one of the accounts."""
        return (*self.restricted_on, *(one.name for one in self.listed))

    def belongs_to(self, name: str) -> bool:
        """Whether a list names the security or its issuer; accounts do not count."""
        own = {self.cusip, self.issuer.casefold()}
        return any(
            one.name == name and not own.isdisjoint((one.hit, one.hit.casefold()))
            for one in self.listed
        )

    @property
    def watched(self) -> bool:
        """Whether a watch list names the security, its issuer or one of the accounts."""
        return any(one.kind == WATCH for one in self.listed)

    def reduces(self) -> bool:
        """Whether every account only lessens what it holds, open orders counted; may be Missing."""
        buying = self.side == "buy"
        need = Need("position", ACCOUNT, "long" if buying else "short")
        free = -1 if buying else 1
        parts = self.shares()
        return bool(parts) and all(
            part.qty <= free * self.figure(need, part.entity) for part in parts
        )

    @property
    def signed(self) -> int:
        """1 for a buy, -1 for a sell."""
        return 1 if self.side == "buy" else -1

    @property
    def working_price(self) -> Decimal | None:
        """The limit, or for a market order the reference price; None when there is neither."""
        if self.ord_type == "limit":
            return self.limit_price
        return self.reference.price if self.reference is not None else None

    @property
    def notional(self) -> Decimal | None:
        """Exact money: qty x working price, over 100 for bonds; None when there is no price."""
        price = self.working_price
        return None if price is None else value(self.order_qty, price, self.asset_class)

    def fresh_reference(self, max_age_s: int) -> Reference:
        """The reference price; raises Missing without one, or when it is older than that.

        One as far in the future is refused too: a clock is wrong and its age unknown.
        """
        reference = self.reference
        if reference is None or not reference.price > 0:
            raise Missing(f"there is no reference price for {self.cusip}")
        age = (self.at - reference.at).total_seconds()
        if age > max_age_s:
            raise Missing(
                f"the reference price of {self.cusip} is {age:.0f} s old (at most {max_age_s} s)"
            )
        if age < -max_age_s:
            raise Missing(f"the reference price of {self.cusip} is dated in the future")
        return reference

    def facts(self) -> dict[str, Any]:
        """What was looked at, as it is stored with the verdict; decimals stay exact."""
        reference = self.reference
        facts: dict[str, Any] = {
            "user_id": self.user_id,
            "username": self.username,
            "entitlements": _sorted(self.entitlements),
            "accounts": [_told(a) for a in self.accounts],
            "instrument_id": self.instrument_id,
            "cusip": self.cusip,
            "asset_class": self.asset_class,
            "instrument_status": self.instrument_status,
            "side": self.side,
            "ord_type": self.ord_type,
            "order_qty": self.order_qty,
            "limit_price": self.limit_price,
            "extended_hours": self.extended_hours,
            "phase": self.phase,
            "economics": self.economics,
            "recent_alike": self.recent_alike,
            "restricted_on": self.restricted_on,
            "at": self.at,
        }
        if self.session_close is not None:
            facts["session_close"] = self.session_close
        facts.update(self._more_facts())
        if reference is not None:
            facts["reference"] = {
                "price": reference.price,
                "bid": reference.bid,
                "ask": reference.ask,
                "source": reference.source,
                "at": reference.at,
            }
        return facts

    def _more_facts(self) -> dict[str, Any]:
        """Facts that most tickets do not have; absent they are what the class says."""
        more: dict[str, Any] = {}
        if self.stage != "order":
            more["stage"] = self.stage
        if self.listed:
            more["listed"] = [[one.name, one.kind, one.version, one.hit] for one in self.listed]
        if self.mandates:
            more["mandates"] = [[m.account, m.version, dict(m.rules)] for m in self.mandates]
        for name in _WHEN_GIVEN:
            if given := getattr(self, name):
                more[name] = given
        return more


def _told(one: AccountFacts) -> list[str]:
    """An account as it is stored; what it is a part of is told where it is a part."""
    own = [one.id, one.code, one.status, one.organization_id]
    return [*own, one.whole, one.whole_code] if one.whole else own


def value(qty: Decimal, price: Decimal, asset_class: str) -> Decimal:
    """Exact money: quantity x price, over 100 for bonds."""
    money = EXACT.multiply(qty, price)
    return money if asset_class in PER_SHARE else money.scaleb(-2, EXACT)


@lru_cache(maxsize=1024)
def _sorted(entitlements: frozenset[str]) -> list[str]:
    return sorted(entitlements)
