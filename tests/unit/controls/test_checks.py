"""Every rule at its border: one step inside passes, one step outside is told with its numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controls import checks, parameters
from controls.findings import PASSED, Answer, Finding, Missing, Passed
from controls.ticket import Ticket
from tests.unit.controls.tickets import AT, account, reference, ticket

D = Decimal
COLLAR = {"max_percent": "5", "max_age_s": 60}


def ask(rule_class: str, subject: Ticket, /, **params: Any) -> Answer:
    rule = checks.RULES[rule_class]
    return rule.check(subject, parameters.read(rule.params, params))


def refusal(rule_class: str, subject: Ticket, /, **params: Any) -> str:
    answer = ask(rule_class, subject, **params)
    assert isinstance(answer, Finding)
    return answer.message


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("price", ["95", "105", "100", "95.00000001", "104.99999999"])
def test_a_limit_within_the_collar_passes_on_both_sides(side: str, price: str) -> None:
    answer = ask("price.collar", ticket(side=side, limit_price=D(price)), **COLLAR)
    assert isinstance(answer, Passed)


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("price", ["94.99999999", "105.00000001", "0.00000001", "9999999999"])
def test_a_limit_outside_the_collar_fails_on_both_sides(side: str, price: str) -> None:
    answer = ask("price.collar", ticket(side=side, limit_price=D(price)), **COLLAR)
    assert isinstance(answer, Finding)


def test_the_collar_says_limit_distance_reference_and_tolerance() -> None:
    subject = ticket(limit_price=D("93.25"), reference=reference("99.41"))
    assert refusal("price.collar", subject, **COLLAR) == (
        "Limit 93.250 is 6.20 % from the reference 99.410 (limit 5.00 %)."
    )


def test_a_hair_over_the_collar_does_not_read_as_the_limit_itself() -> None:
    message = refusal("price.collar", ticket(limit_price=D("105.00000001")), **COLLAR)
    assert "is 5.00000001 % from" in message


def test_the_border_of_the_collar_is_exact_where_a_division_would_round() -> None:
    # A third of a percent of 3 is 0.01: 3.01 is 0.333...% away, over 0.3333333333, under ...34.
    subject = ticket(limit_price=D("3.01"), reference=reference("3"))
    over = ask("price.collar", subject, max_percent="0.33333333333333333333", max_age_s=60)
    under = ask("price.collar", subject, max_percent="0.33333333333333333334", max_age_s=60)
    assert isinstance(over, Finding)
    assert isinstance(under, Passed)


@pytest.mark.parametrize("ord_type", ["limit", "market"])
@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (None, "no reference price"),
        (reference(age_s=60.001), "s old"),
        (reference(age_s=-60.001), "in the future"),
        (reference("0"), "no reference price"),
    ],
)
def test_without_a_fresh_reference_nothing_passes_the_collar(
    ord_type: str, known: Any, reason: str
) -> None:
    price = None if ord_type == "market" else D("99.5")
    subject = ticket(ord_type=ord_type, limit_price=price, reference=known)
    with pytest.raises(Missing, match=reason):
        ask("price.collar", subject, **COLLAR)


@pytest.mark.parametrize("age_s", [0, 60, -60])
def test_a_reference_of_exactly_the_allowed_age_still_counts(age_s: float) -> None:
    subject = ticket(ord_type="market", limit_price=None, reference=reference(age_s=age_s))
    assert isinstance(ask("price.collar", subject, **COLLAR), Passed)


def test_a_limit_order_without_a_price_cannot_be_checked() -> None:
    with pytest.raises(Missing, match="no limit price"):
        ask("price.collar", ticket(limit_price=None), **COLLAR)


@given(
    price=st.decimals(min_value="0.00000001", max_value=10**9, places=8),
    mid=st.decimals(min_value="0.00000001", max_value=10**9, places=8),
    percent=st.decimals(min_value="0.01", max_value=100, places=2),
)
def test_the_collar_does_what_exact_fractions_say(
    price: Decimal, mid: Decimal, percent: Decimal
) -> None:
    subject = ticket(limit_price=price, reference=reference(str(mid)))
    answer = ask("price.collar", subject, max_percent=str(percent), max_age_s=60)
    distance = abs(Fraction(price) - Fraction(mid)) / Fraction(mid) * 100
    assert isinstance(answer, Passed) is (distance <= Fraction(percent))


@pytest.mark.parametrize(
    ("qty", "passes"), [("999999", True), ("1000000", True), ("1000000.000001", False)]
)
def test_a_quantity_up_to_the_limit_passes(qty: str, passes: bool) -> None:
    answer = ask("size.max_quantity", ticket(order_qty=D(qty)), max_qty="1000000")
    assert isinstance(answer, Passed) is passes


def test_the_quantity_limit_says_both_quantities() -> None:
    subject = ticket(order_qty=D("1005000.000000"))
    assert refusal("size.max_quantity", subject, max_qty="1000000") == (
        "Quantity 1,005,000 is over the limit of 1,000,000."
    )


@pytest.mark.parametrize(
    ("asset_class", "qty", "price", "passes"),
    [
        ("treasury", "1000000", "100", True),
        ("treasury", "1000000", "100.00000001", False),
        ("equity", "10000", "100", True),
        ("equity", "10000", "100.00000001", False),
        ("equity", "1000000", "100", False),
    ],
)
def test_bonds_are_valued_in_percent_of_par_and_equities_per_share(
    asset_class: str, qty: str, price: str, passes: bool
) -> None:
    subject = ticket(asset_class=asset_class, order_qty=D(qty), limit_price=D(price))
    answer = ask("size.max_notional", subject, max_notional="1000000")
    assert isinstance(answer, Passed) is passes


def test_the_notional_of_the_largest_numbers_is_exact() -> None:
    subject = ticket(order_qty=D("99999999999999.999999"), limit_price=D("9999999999.99999999"))
    assert Fraction(subject.notional or 0) == Fraction(subject.order_qty) * (
        Fraction("9999999999.99999999") / 100
    )


def test_a_market_order_is_valued_at_the_reference() -> None:
    subject = ticket(ord_type="market", limit_price=None, reference=reference("101"))
    assert subject.working_price == D("101")
    assert subject.notional == D("1010000")
    assert refusal("size.max_notional", subject, max_notional="1000000") == (
        "Notional 1,010,000 is over the limit of 1,000,000."
    )


def test_a_market_order_without_a_reference_cannot_be_valued() -> None:
    subject = ticket(ord_type="market", limit_price=None, reference=None)
    with pytest.raises(Missing, match="no price to value"):
        ask("size.max_notional", subject, max_notional="1000000")


def test_a_market_order_is_not_valued_at_a_stale_price_when_the_control_limits_its_age() -> None:
    subject = ticket(ord_type="market", limit_price=None, reference=reference(age_s=61))
    with pytest.raises(Missing, match="61 s old"):
        ask("size.max_notional", subject, max_notional="9000000", max_age_s=60)


def test_a_limit_order_needs_no_reference_to_be_valued() -> None:
    subject = ticket(reference=None)
    assert isinstance(ask("size.max_notional", subject, max_notional="1", max_age_s=1), Finding)


def test_an_instrument_on_no_list_passes() -> None:
    assert ask("universe.restricted", ticket()) == PASSED


def test_an_instrument_on_lists_is_told_with_their_names() -> None:
    one = ticket(restricted_on=("restricted",))
    two = ticket(restricted_on=("insiders", "restricted"))
    assert refusal("universe.restricted", one) == "912810SX7 is on the list restricted."
    assert refusal("universe.restricted", two) == "912810SX7 is on the lists insiders, restricted."


def test_a_control_that_names_lists_minds_only_those() -> None:
    subject = ticket(restricted_on=("watch",), list_versions={"restricted": 1})
    said = ask("universe.restricted", subject, lists=["restricted"])
    assert said == Passed(None, "restricted version 1")
    assert isinstance(ask("universe.restricted", subject, lists=["watch"]), Finding)


def test_a_control_that_names_a_list_that_is_not_there_does_not_pass() -> None:
    with pytest.raises(Missing, match="no list nope"):
        ask("universe.restricted", ticket(list_versions={"other": 1}), lists=["other", "nope"])
    both = ticket(restricted_on=("watch",))
    assert isinstance(ask("universe.restricted", both, lists=["nope", "watch"]), Finding)


def test_an_entitled_trader_with_own_accounts_passes() -> None:
    assert ask("entitlement.trader", ticket(accounts=(account("A1"), account("A2")))) == PASSED


def test_a_trader_without_the_entitlement_fails() -> None:
    subject = ticket(entitlements=frozenset({"order.view", "order.release"}))
    assert refusal("entitlement.trader", subject) == "tina is not entitled to submit orders."


def test_an_account_of_another_organization_fails_and_is_not_named() -> None:
    subject = ticket(accounts=(account("A1"), account("SECRET", of="beta")))
    message = refusal("entitlement.trader", subject)
    assert message == "tina is not entitled to one of the accounts."


def test_only_the_named_asset_classes_may_be_traded() -> None:
    allowed = ["treasury", "agency"]
    assert ask("entitlement.trader", ticket(), asset_classes=allowed) == PASSED
    subject = ticket(asset_class="corporate")
    assert refusal("entitlement.trader", subject, asset_classes=allowed) == (
        "tina is not entitled to trade asset class corporate (allowed: treasury, agency)."
    )


def test_one_order_alike_within_the_window_fails() -> None:
    assert ask("duplicates.economic", ticket(recent_alike=0), window_s=10) == Passed(0, 0)
    assert refusal("duplicates.economic", ticket(recent_alike=1), window_s=10) == (
        "1 order like this one was entered within the last 10 s."
    )
    assert refusal("duplicates.economic", ticket(recent_alike=2), window_s=10) == (
        "2 orders like this one were entered within the last 10 s."
    )


def test_orders_alike_that_nobody_counted_do_not_pass() -> None:
    with pytest.raises(Missing):
        ask("duplicates.economic", ticket(recent_alike=None), window_s=10)


@pytest.mark.parametrize("phase", ["before", "open"])
def test_an_order_before_the_open_or_in_the_session_passes(phase: str) -> None:
    assert ask("session.hours", ticket(phase=phase)) == PASSED


def test_an_order_after_the_close_is_told_which_close_it_missed() -> None:
    late = datetime(2026, 11, 20, 21, 0, 5, tzinfo=UTC)
    close = late - timedelta(seconds=5)
    subject = ticket(phase="closed", at=late, session_close=close)
    assert refusal("session.hours", subject) == (
        "The regular session closed at 16:00:00 New York time; this order came at 16:00:05."
    )
    assert refusal("session.hours", ticket(phase="closed", extended_hours=True, at=late)) == (
        "The extended session of Friday, November 20, 2026 has closed; "
        "this order came at 16:00:05 New York time."
    )


def test_an_order_on_a_day_without_session_fails() -> None:
    subject = ticket(phase="no_session", at=AT + timedelta(days=1))
    assert refusal("session.hours", subject) == (
        "There is no session on Saturday, November 21, 2026."
    )


@pytest.mark.parametrize("phase", ["", "unknown", "OPEN"])
def test_an_unknown_phase_does_not_pass(phase: str) -> None:
    with pytest.raises(Missing):
        ask("session.hours", ticket(phase=phase))


@pytest.mark.parametrize("status", ["suspended", "closed", "", "Active"])
def test_every_account_must_be_active(status: str) -> None:
    subject = ticket(accounts=(account("A1"), account("A2", status=status)))
    assert refusal("account.status", subject) == f"Account A2 is {status}."
    assert ask("account.status", ticket()) == PASSED


@pytest.mark.parametrize("status", ["halted", "matured", "", "Active"])
def test_the_instrument_must_be_active(status: str) -> None:
    assert refusal("instrument.status", ticket(instrument_status=status)) == (
        f"912810SX7 is {status}."
    )
    assert ask("instrument.status", ticket()) == PASSED


@pytest.mark.parametrize(
    ("rule_class", "params"),
    [
        ("price.collar", {"max_percent": "5"}),
        ("price.collar", {"max_percent": "0", "max_age_s": 60}),
        ("price.collar", {"max_percent": "NaN", "max_age_s": 60}),
        ("price.collar", {"max_percent": "Infinity", "max_age_s": 60}),
        ("price.collar", {"max_percent": "5", "max_age_s": True}),
        ("price.collar", {"max_percent": "5", "max_age_s": 60, "max_precent": "1"}),
        ("size.max_quantity", {}),
        ("size.max_quantity", {"max_qty": "-1"}),
        ("size.max_quantity", {"max_qty": "many"}),
        ("size.max_quantity", {"max_qty": None}),
        ("size.max_notional", {"max_notional": "1", "max_age_s": 0}),
        ("universe.restricted", {"lists": "restricted"}),
        ("duplicates.economic", {"window_s": 0}),
        ("session.hours", {"anything": 1}),
    ],
)
def test_parameters_that_are_half_understood_are_refused(
    rule_class: str, params: dict[str, Any]
) -> None:
    with pytest.raises(parameters.BadParams):
        parameters.read(checks.RULES[rule_class].params, params)


def test_every_rule_has_its_own_code_and_a_sentence() -> None:
    codes = [rule.code for rule in checks.RULES.values()]
    assert len(set(codes)) == len(codes)
    assert all(rule.sentence.endswith(".") for rule in checks.RULES.values())
    types = {"universe", "exposure", "order", "attestation"}
    assert {rule.control_type for rule in checks.RULES.values()} <= types
