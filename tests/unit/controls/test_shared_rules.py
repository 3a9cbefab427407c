"""Rules that know more than the order: at the border, one step beyond, and without their data."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from controls import checks, library, parameters, screening
from controls.checks import expression
from controls.findings import Answer, Finding, Missing, Passed, Suppressed
from controls.ticket import AccountFacts, Listed, Mandate, Ticket
from tests.unit.controls.tickets import AT, reference, ticket

D = Decimal
# 1,000,000 par at 99.5 is worth 995,000.
WORTH = D("995000")


def ask(rule_class: str, subject: Ticket, **params: Any) -> Answer:
    rule = checks.RULES[rule_class]
    return rule.check(subject, parameters.read(rule.params, params))


def given(rule_class: str, subject: Ticket, /, *values: str, **params: Any) -> Ticket:
    """The ticket with a value for each need of the rule, in their order."""
    rule = checks.RULES[rule_class]
    needs = rule.needs(parameters.read(rule.params, params))
    figures = {}
    for need, value in zip(needs, values, strict=True):
        for part in subject.parts(need.scope):
            figures[need.key(part.entity)] = D(value)
    return msgspec.structs.replace(subject, figures=figures)


# rule, parameters, what is shared at the border, what is one step beyond
BORDERS: list[tuple[str, dict[str, Any], tuple[str, ...], tuple[str, ...]]] = [
    ("exposure.gross", {"max_gross": "1000000"}, ("5000",), ("5000.01",)),
    ("exposure.net", {"max_net": "1000000"}, ("5000", "0"), ("5000.01", "0")),
    ("position.limit", {"max_qty": "1500000"}, ("500000", "0"), ("500100", "0")),
    ("credit.limit", {"max_credit": "1000000"}, ("5000",), ("5000.01",)),
    ("window.count", {"max_count": 3}, ("2",), ("3",)),
    ("window.notional", {"max_notional": "1000000"}, ("5000",), ("5000.01",)),
    ("rate.messages", {"max_messages": 100}, ("99",), ("100",)),
    ("rate.order_to_trade", {"max_ratio": "10", "from_messages": 1}, ("19", "2"), ("20", "2")),
    ("cash.buying_power", {}, ("995000", "0"), ("994999.99", "0")),
    ("cash.buying_power", {}, ("995010.5", "10.5"), ("995010.5", "10.51")),
    ("margin.reg_t", {"rates": {"treasury": "10"}}, ("99500", "0"), ("99499", "0")),
    ("concentration.limit", {"max_percent": "10"}, ("0", "9950000"), ("1", "9950000")),
    ("cross.self", {}, ("0",), ("1000",)),
    ("wash.sale", {}, ("0",), ("1",)),
    ("loss.limit", {"max_loss": "1000"}, ("-1000", "0", "0"), ("-1000.01", "0", "0")),
]
NAMES = [border[0] for border in BORDERS]


@pytest.mark.parametrize(("rule", "params", "inside", "beyond"), BORDERS, ids=NAMES)
def test_the_border_passes_and_a_step_beyond_does_not(
    rule: str, params: dict[str, Any], inside: tuple[str, ...], beyond: tuple[str, ...]
) -> None:
    subject = ticket(issuer="UST")
    assert isinstance(ask(rule, given(rule, subject, *inside, **params), **params), Passed)
    answer = ask(rule, given(rule, subject, *beyond, **params), **params)
    assert isinstance(answer, Finding)
    assert answer.message


@pytest.mark.parametrize(("rule", "params", "inside", "beyond"), BORDERS, ids=NAMES)
def test_without_its_figures_a_rule_does_not_pass(
    rule: str, params: dict[str, Any], inside: tuple[str, ...], beyond: tuple[str, ...]
) -> None:
    with pytest.raises(Missing):
        ask(rule, ticket(issuer="UST"), **params)


@pytest.mark.parametrize("rule", sorted(checks.RULES))
def test_every_rule_that_shares_figures_names_them(rule: str) -> None:
    assert checks.RULES[rule].stages <= checks.EVERYWHERE | {"post_trade"}


def test_a_reducing_order_may_be_exempt_and_an_adding_one_never_is() -> None:
    params: dict[str, Any] = {"max_qty": "100", "exempt_reducing": True}
    rule = "size.max_quantity"
    sell, buy = ticket(side="sell"), ticket()
    assert isinstance(ask(rule, given(rule, sell, "0", "1000000", **params), **params), Passed)
    assert isinstance(ask(rule, given(rule, sell, "0", "999999", **params), **params), Finding)
    assert isinstance(ask(rule, given(rule, buy, "0", "1000000", **params), **params), Finding)
    # A short position is reduced by a buy.
    assert isinstance(ask(rule, given(rule, buy, "-1000000", "0", **params), **params), Passed)


def test_a_loss_stops_new_risk_and_lets_reducing_orders_go() -> None:
    sell = given("loss.limit", ticket(side="sell"), "-5000", "0", "1000000", max_loss="1000")
    assert isinstance(ask("loss.limit", sell, max_loss="1000"), Passed)


def test_each_account_of_a_block_is_asked_for_its_own_part() -> None:
    accounts = tuple(
        AccountFacts(name, name, "active", "alpha", qty=D(qty))
        for name, qty in (("a", 700_000), ("b", 300_000))
    )
    block = given("position.limit", ticket(accounts=accounts), "0", "0", max_qty="700000")
    assert isinstance(ask("position.limit", block, max_qty="700000"), Passed)
    assert isinstance(ask("position.limit", block, max_qty="699999"), Finding)


def test_a_short_sale_needs_a_locate() -> None:
    short = given("short.locate", ticket(side="sell"), "999999")
    assert isinstance(ask("short.locate", short), Finding)
    assert isinstance(ask("short.locate", given("short.locate", short, "1000000")), Passed)
    located = msgspec.structs.replace(short, tags={"locate_id": "L-1"})
    assert ask("short.locate", located) == Passed(None, "L-1")


def test_a_sale_that_is_marked_short_needs_a_locate_whatever_is_held() -> None:
    marked = given("short.locate", ticket(side="sell", short_sale="short"), "9000000")
    assert isinstance(ask("short.locate", marked), Finding)
    lent = msgspec.structs.replace(marked, tags={"locate_broker": "LEND"})
    assert ask("short.locate", lent) == Passed(None, "LEND")


# --- the market ------------------------------------------------------------------------------
@pytest.mark.parametrize(("side", "limit"), [("buy", "101"), ("sell", "99")])
def test_a_price_through_the_market_by_the_tolerance_passes(side: str, limit: str) -> None:
    subject = ticket(side=side, limit_price=D(limit), reference=reference("100"))
    assert isinstance(ask("price.pmp", subject, max_percent="1", max_age_s=60), Passed)
    worse = D(limit) + (1 if side == "buy" else -1) * D("0.001")
    beyond = msgspec.structs.replace(subject, limit_price=worse)
    assert isinstance(ask("price.pmp", beyond, max_percent="1", max_age_s=60), Finding)


def test_a_stale_market_price_does_not_pass() -> None:
    with pytest.raises(Missing):
        ask("price.pmp", ticket(reference=reference(age_s=61)), max_percent="1", max_age_s=60)


def test_who_left_the_market_price_out_is_recorded() -> None:
    subject = ticket(pmp_suppressed_by="tina", reference=None, stage="execution_order")
    params = {"max_percent": "1", "max_age_s": 60}
    assert ask("price.pmp", subject, **params) == Suppressed("tina")
    control = library.bind(
        code="pmp", version=1, name="PMP", rule_class="price.pmp", params=params, remediation="flag"
    )
    verdict = screening.judge([control], subject, at=AT)
    assert (verdict.outcome, verdict.results[0].effect) == ("passed", "suppressed")
    # An order that only comes in is not measured by it.
    assert not screening.judge([control], ticket(), at=AT).results


# --- lists, mandates, papers -------------------------------------------------------------------
def test_a_list_is_told_with_its_version() -> None:
    hit = Listed("embargo", "restricted", 7, "912810SX7")
    answer = ask("universe.restricted", ticket(listed=(hit,), list_versions={"embargo": 7}))
    assert answer == Finding(
        "912810SX7 is on the list embargo version 7.", None, "embargo version 7"
    )
    assert isinstance(ask("universe.restricted", ticket(list_versions={"embargo": 7})), Passed)


def test_a_group_or_a_universe_is_no_restriction() -> None:
    hit = Listed("green", "group", 1, "912810SX7")
    assert isinstance(ask("universe.restricted", ticket(listed=(hit,))), Passed)


def test_a_security_outside_the_universe_does_not_pass() -> None:
    inside = Listed("u", "universe", 2, "912810SX7")
    versions = {"u": 2}
    assert isinstance(
        ask("universe.eligible", ticket(listed=(inside,), list_versions=versions), universe="u"),
        Passed,
    )
    assert isinstance(
        ask("universe.eligible", ticket(list_versions=versions), universe="u"), Finding
    )
    with pytest.raises(Missing):
        ask("universe.eligible", ticket(), universe="u")


@pytest.mark.parametrize(
    ("rules", "rating", "passes"),
    [
        ({"min_rating": "BBB-"}, "BBB-", True),
        ({"min_rating": "BBB-"}, "BB+", False),
        ({"min_rating": "BBB-"}, "Baa3", True),
        ({"min_rating": "BBB-"}, "Ba1", False),
        ({"sectors": ["gov"]}, "A", True),
        ({"sectors": ["tech"]}, "A", False),
        ({"excluded_countries": ["US"]}, "A", False),
    ],
)
def test_a_buy_fits_the_mandate_of_every_account(
    rules: dict[str, Any], rating: str, passes: bool
) -> None:
    subject = ticket(
        rating=rating, sector="gov", country="US", mandates=(Mandate("acc_A1", 3, rules),)
    )
    answer = ask("mandate.guideline", subject)
    assert isinstance(answer, Passed) is passes
    if isinstance(answer, Finding):
        assert "version 3" in answer.message
    assert isinstance(
        ask("mandate.guideline", msgspec.structs.replace(subject, side="sell")), Passed
    )


@pytest.mark.parametrize(
    "rules",
    [
        {"min_rating": "BBB-"},
        {"min_rating": ["BBB-"]},
        {"min_rating": "good"},
        {"no_such_rule": 1},
        {"sectors": "government"},
        {"sectors": [""]},
        {"sides": "buy"},
        {"approved_brokers": "SIMA"},
        {"max_maturity_years": 0},
        {"max_maturity_years": True},
        {"max_maturity_years": "soon"},
        # Nobody has said of which sector, country or issuer it is.
        {"sectors": ["gov"]},
        {"excluded_sectors": ["gov"]},
        {"excluded_countries": ["RU"]},
        {"excluded_issuers": ["ACME"]},
    ],
)
def test_a_mandate_that_cannot_be_checked_does_not_pass(rules: dict[str, Any]) -> None:
    with pytest.raises(Missing):
        ask("mandate.guideline", ticket(mandates=(Mandate("acc_A1", 1, rules),)))


def test_an_account_without_a_mandate_that_it_must_have_does_not_pass() -> None:
    with pytest.raises(Missing):
        ask("mandate.guideline", ticket(), required=True)


def test_a_mandate_says_which_sides_are_allowed() -> None:
    def said(side: str, rules: dict[str, Any]) -> Any:
        mandates = (Mandate("acc_A1", 3, rules),)
        return ask("mandate.guideline", ticket(side=side, mandates=mandates), required=True)

    refused = said("buy", {"sides": ["sell"]})
    assert isinstance(refused, Finding)
    assert refused.message.startswith("Account A1 may not buy 912810SX7: buy is outside")
    assert isinstance(said("sell", {"sides": ["buy"]}), Finding)
    assert isinstance(said("buy", {"sides": ["buy"]}), Passed)
    # To sell takes only the side.
    assert isinstance(said("sell", {"sides": ["sell"], "min_rating": "AAA"}), Passed)
    assert isinstance(ask("mandate.guideline", ticket(side="sell"), required=True), Passed)


def test_papers_must_be_there() -> None:
    assert isinstance(ask("tags.required", ticket(), tags=["capacity"]), Finding)
    tagged = ticket(tags={"capacity": "agency", "attestations": "best_execution, no_mnpi"})
    assert isinstance(ask("tags.required", tagged, tags=["capacity"]), Passed)
    assert isinstance(ask("tags.required", ticket(), tags=["x"], asset_classes=["equity"]), Passed)
    assert isinstance(ask("attestation.required", tagged, attestations=["no_mnpi"]), Passed)
    assert isinstance(ask("attestation.required", tagged, attestations=["other"]), Finding)


def test_quantity_and_price_fit_their_steps() -> None:
    fits = ticket(min_denomination=D(1000), min_increment=D(1000))
    assert isinstance(ask("increments.lot", fits, tick="0.125"), Passed)
    assert isinstance(ask("increments.lot", fits, tick="0.3"), Finding)
    off = msgspec.structs.replace(fits, order_qty=D(1500))
    assert isinstance(ask("increments.lot", off), Finding)
    with pytest.raises(Missing):
        ask("increments.lot", ticket())


# --- expressions -------------------------------------------------------------------------------
def test_an_expression_decides() -> None:
    rule = {"expression": "qty <= 1000000.0 && side == 'buy'", "message": "Too much."}
    assert isinstance(ask("expression.cel", ticket(), **rule), Passed)
    answer = ask("expression.cel", ticket(order_qty=D("1000000.01")), **rule)
    assert isinstance(answer, Finding)
    assert answer.message == "Too much."


@pytest.mark.parametrize(
    "text",
    [
        "qty >",
        "nobody == 1",
        "__import__('os')",
        "accounts.all(account, accounts.all(a, a == account))",
        "accounts.map(account, account).exists(account, account == 'x')",
        "accounts.transformList(account, account)",
        "(" * 65 + "true" + ")" * 65,
        "true // comment",
        "true || " * 200 + "true",
    ],
)
def test_an_expression_out_of_bounds_is_refused_when_it_is_written(text: str) -> None:
    with pytest.raises(ValueError):
        expression.compiled(text)


@pytest.mark.parametrize(
    "text",
    [
        "1 + 1",
        "qty",
        "side",
        "'true'",
        "accounts",
        "tags",
        "limit_price",
        "null",
        "qty > 1.0 ? 1 : 2",
    ],
)
def test_an_expression_that_is_neither_true_nor_false_is_refused_when_it_is_written(
    text: str,
) -> None:
    with pytest.raises(ValueError, match="true or false"):
        expression.compiled(text)


@pytest.mark.parametrize(
    "text",
    [
        "limit_price < 100.0",
        "tags.desk == 'a'",
        "has(tags.desk) && tags.desk == 'a'",
        "accounts.all(account, account != 'x')",
        "ord_type == 'market' || limit_price > reference_price",
    ],
)
def test_a_condition_that_fails_of_a_sample_is_still_one(text: str) -> None:
    assert expression.compiled(text)


def test_the_samples_say_what_tickets_say() -> None:
    world = expression._world(ticket())
    for sample in expression.SAMPLES:
        assert sample.keys() == world.keys() == expression.VARIABLES - {"account"}
    assert {name: type(value) for name, value in expression.SAMPLES[0].items()} == {
        name: type(value) for name, value in world.items()
    }


@pytest.mark.parametrize(
    "text",
    [
        "cusip == '037833DP2' && trader == 'trader' ? true : 1",
        "tags.nothing == 'x'",
        "qty + 'a' == 'b'",
        "1 / 0 == 1",
    ],
)
def test_an_expression_that_fails_does_not_pass(text: str) -> None:
    with pytest.raises(Missing):
        ask("expression.cel", ticket(), expression=text)


def test_a_number_too_long_for_an_expression_is_refused_rather_than_rounded() -> None:
    with pytest.raises(Missing):
        ask(
            "expression.cel",
            ticket(order_qty=D("12345678901234.567891")),
            expression="qty > 1.0",
        )


def test_an_expression_with_a_loop_over_many_accounts_ends_soon() -> None:
    accounts = tuple(AccountFacts(f"a{n}", f"A{n}", "active", "alpha") for n in range(1000))
    rule = {"expression": "accounts.all(account, account.startsWith('A'))"}
    assert isinstance(ask("expression.cel", ticket(accounts=accounts), **rule), Passed)
    with pytest.raises(Missing):
        ask("expression.cel", ticket(accounts=(*accounts, accounts[0])), **rule)
