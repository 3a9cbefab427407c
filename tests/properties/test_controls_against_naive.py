"""Shared limits against a second, naive implementation that adds everything up each time."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from controls import library, screening
from controls.exposure import Book, Traits
from controls.ticket import AccountFacts, Ticket
from tests import effort
from tests.unit.controls.tickets import AT, reference, ticket

D = Decimal
ACCOUNTS = ("A1", "A2")
PRICES = {1: D("99.5"), 2: D("101.25"), 3: D("50")}
TRAITS = {
    1: Traits("treasury", "USD", "UST", "gov", "US", "111111111", PRICES[1]),
    2: Traits("corporate", "USD", "ACME", "tech", "US", "222222222", PRICES[2]),
    3: Traits("equity", "USD", "ACME", "tech", "DE", "333333333", PRICES[3]),
}


class Held(NamedTuple):
    account: str
    instrument: int
    qty: Decimal


quantities = st.integers(1, 400).map(lambda n: D(n * 100))
orders: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    account=st.sampled_from(ACCOUNTS),
    instrument=st.sampled_from(sorted(TRAITS)),
    side=st.sampled_from(["buy", "sell"]),
    qty=quantities,
    limit=st.none() | st.decimals(90, 110, places=2),
    trader=st.sampled_from([1, 2]),
)
positions = st.lists(
    st.builds(
        Held,
        st.sampled_from(ACCOUNTS),
        st.sampled_from(sorted(TRAITS)),
        st.integers(-300, 300).map(lambda n: D(n * 100)),
    ),
    max_size=4,
)
money = st.integers(1, 120_000).map(D)
scopes = st.sampled_from(["account", "organization"])
flags = st.booleans()
rules = st.one_of(
    st.builds(
        lambda n, s, e: ("exposure.gross", {"max_gross": n, "scope": s, "exempt_reducing": e}),
        money,
        scopes,
        flags,
    ),
    st.builds(lambda n, s: ("exposure.net", {"max_net": n, "scope": s}), money, scopes),
    st.builds(
        lambda n, s, e: ("position.limit", {"max_qty": n, "scope": s, "exempt_reducing": e}),
        quantities,
        scopes,
        flags,
    ),
    st.builds(lambda n: ("cash.buying_power", {}), money),
    st.builds(lambda n, s: ("credit.limit", {"max_credit": n, "scope": s}), money, scopes),
    st.builds(
        lambda n, s: ("window.count", {"max_count": n, "scope": s}),
        st.integers(1, 4),
        st.sampled_from(["account", "trader", "instrument", "organization"]),
    ),
    st.builds(
        lambda n, s: ("window.notional", {"max_notional": n, "scope": s}),
        money,
        st.sampled_from(["account", "trader", "instrument", "organization"]),
    ),
    st.builds(
        lambda n, by: ("concentration.limit", {"max_percent": n, "by": by}),
        st.integers(1, 100).map(D),
        st.sampled_from(["issuer", "sector", "country"]),
    ),
    st.just(("cross.self", {"scope": "account"})),
)
CASH = D(100_000)


def made(n: int, order: dict[str, Any]) -> Ticket:
    """The ticket of one generated order."""
    traits = TRAITS[order["instrument"]]
    return ticket(
        order_id=f"mo_{n}",
        instrument_id=order["instrument"],
        cusip=traits.cusip,
        asset_class=traits.asset_class,
        issuer=traits.issuer,
        sector=traits.sector,
        country=traits.country,
        accounts=(AccountFacts(order["account"], order["account"], "active", "alpha"),),
        user_id=order["trader"],
        side=order["side"],
        ord_type="market" if order["limit"] is None else "limit",
        order_qty=order["qty"],
        limit_price=order["limit"],
        reference=reference(str(traits.price)),
        at=AT + timedelta(seconds=0),
    )


# --- the second implementation: lists and sums over all of them, with fractions -------------------
def worth(order: dict[str, Any]) -> Fraction:
    price = order["limit"] or PRICES[order["instrument"]]
    scale = 1 if TRAITS[order["instrument"]].asset_class == "equity" else 100
    return Fraction(order["qty"]) * Fraction(price) / scale


def held_worth(one: Held) -> Fraction:
    scale = 1 if TRAITS[one.instrument].asset_class == "equity" else 100
    return Fraction(one.qty) * Fraction(PRICES[one.instrument]) / scale


def together(held: list[Held]) -> list[Held]:
    """One position for each account and security."""
    keys = sorted({(one.account, one.instrument) for one in held})
    return [
        Held(a, i, sum((h.qty for h in held if (h.account, h.instrument) == (a, i)), D(0)))
        for a, i in keys
    ]


def same(scope: str, one: dict[str, Any], other: dict[str, Any]) -> bool:
    return scope == "organization" or one[scope] == other[scope]


def naive(
    rule: str,
    params: dict[str, Any],
    new: dict[str, Any],
    before: list[dict[str, Any]],
    h: list[Held],
) -> bool:
    """Whether the order passes, by going through everything there is."""
    scope = params.get("scope", "account")
    mine = [one for one in before if same(scope, one, new)]
    mine_held = [one for one in h if scope != "account" or one.account == new["account"]]
    sign = 1 if new["side"] == "buy" else -1
    if params.get("exempt_reducing") and reduces(new, before, h):
        return True
    if rule == "exposure.gross":
        # An organization's net in a security counts once, whatever accounts hold it.
        return bool(gross(mine_held) + sum(map(worth, mine)) + worth(new) <= params["max_gross"])
    if rule == "exposure.net":
        side = sum(worth(one) for one in mine if one["side"] == new["side"])
        return bool(sign * sum(map(held_worth, mine_held)) + side + worth(new) <= params["max_net"])
    if rule == "position.limit":
        open_ = [
            o for o in mine if (o["instrument"], o["side"]) == (new["instrument"], new["side"])
        ]
        have = sum(one.qty for one in mine_held if one.instrument == new["instrument"])
        return bool(sign * have + sum(o["qty"] for o in open_) + new["qty"] <= params["max_qty"])
    if rule == "cash.buying_power":
        buys = sum(worth(one) for one in mine if one["side"] == "buy")
        return bool(new["side"] == "sell" or buys + worth(new) <= CASH)
    if rule == "credit.limit":
        return bool(sum(map(worth, mine)) + worth(new) <= params["max_credit"])
    if rule == "window.count":
        return bool(len(mine) + 1 <= params["max_count"])
    if rule == "window.notional":
        return bool(sum(map(worth, mine)) + worth(new) <= params["max_notional"])
    if rule == "cross.self":
        return bool(not any(crosses(new, one) for one in mine))
    return concentration(params, new, mine, mine_held)


def gross(held: list[Held]) -> Fraction:
    by_security: dict[int, Fraction] = {}
    for one in held:
        by_security[one.instrument] = by_security.get(one.instrument, Fraction(0)) + held_worth(one)
    return sum((abs(value) for value in by_security.values()), Fraction(0))


def reduces(new: dict[str, Any], before: list[dict[str, Any]], held: list[Held]) -> bool:
    have = sum(
        (h.qty for h in held if (h.account, h.instrument) == (new["account"], new["instrument"])),
        D(0),
    )
    alike = ("account", "instrument", "side")
    open_ = sum((o["qty"] for o in before if all(o[k] == new[k] for k in alike)), D(0))
    return bool(new["qty"] <= (have - open_ if new["side"] == "sell" else -have - open_))


def crosses(new: dict[str, Any], other: dict[str, Any]) -> bool:
    if other["instrument"] != new["instrument"] or other["side"] == new["side"]:
        return False
    if new["limit"] is None or other["limit"] is None:
        return True
    if new["side"] == "buy":
        return bool(new["limit"] >= other["limit"])
    return bool(new["limit"] <= other["limit"])


def concentration(
    params: dict[str, Any], new: dict[str, Any], mine: list[dict[str, Any]], held: list[Held]
) -> bool:
    if new["side"] == "sell":
        return True
    assets = Fraction(CASH) + sum(map(held_worth, held))
    if assets <= 0:
        return False
    by = params["by"]

    def alike(instrument: int) -> bool:
        return bool(getattr(TRAITS[instrument], by) == getattr(TRAITS[new["instrument"]], by))

    inside = sum((held_worth(one) for one in held if alike(one.instrument)), Fraction(0))
    inside += sum(worth(o) for o in mine if o["side"] == "buy" and alike(o["instrument"]))
    return bool((inside + worth(new)) * 100 <= Fraction(params["max_percent"]) * assets)


@settings(max_examples=effort.examples(400), deadline=None)
@given(st.lists(orders, min_size=1, max_size=8), positions, st.lists(rules, min_size=1, max_size=4))
def test_every_verdict_is_the_naive_one(
    asked: list[dict[str, Any]], given_: list[Held], limits: list[tuple[str, dict[str, Any]]]
) -> None:
    held = together(given_)
    controls = tuple(
        library.bind(
            code=f"c{n}",
            version=1,
            name=rule,
            rule_class=rule,
            params=params,
            remediation="reject",
        )
        for n, (rule, params) in enumerate(limits)
    )
    book = Book("alpha", traits=TRAITS.__getitem__)
    for account in ACCOUNTS:
        book.add_cash(account, "USD", CASH)
    for one in held:
        book.add_held(*one)
    before: list[dict[str, Any]] = []
    for n, order in enumerate(asked):
        plain = made(n, order)
        needs = {need for control in controls for need in control.needs}
        subject = msgspec.structs.replace(plain, figures=book.figures(plain, needs))
        verdict = screening.judge(controls, subject, at=AT)
        expected = [naive(rule, params, order, before, held) for rule, params in limits]
        assert [result.effect == "pass" for result in verdict.results] == expected
        if all(expected):
            book.take(subject)
            before.append(order)
