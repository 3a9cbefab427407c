"""The gate over plain controls: all failures together, reject before flag, closed on errors."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controls import library, screening
from controls.findings import PASSED, Finding, Missing
from controls.library import ActiveControl
from controls.screening import Verdict
from controls.ticket import Listed, Mandate, Ticket
from tests.unit.controls.tickets import AT, account, reference, ticket

D = Decimal
BUILTIN_IDS = [f"builtin.{name}" for name in library.BUILTIN]


def collar(remediation: str, *, percent: str = "5", code: str = "price") -> ActiveControl:
    return library.bind(
        code=code,
        version=3,
        name="Price tolerance",
        rule_class="price.collar",
        params={"max_percent": percent, "max_age_s": 60},
        remediation=remediation,
    )


def size(remediation: str, *, code: str = "size", **scope: Any) -> ActiveControl:
    return library.bind(
        code=code,
        version=1,
        name="Maximum quantity",
        rule_class="size.max_quantity",
        params={"max_qty": "1000000"},
        remediation=remediation,
        **scope,
    )


def answering(check: Callable[[Ticket], Any], *, remediation: str = "flag") -> ActiveControl:
    return ActiveControl(
        code="odd",
        version=1,
        name="Odd control",
        control_type="order",
        remediation=remediation,
        failure_code="odd",
        check=check,
    )


def verdict(*controls: ActiveControl, **changes: Any) -> Verdict:
    subject = ticket(**changes)
    gate = library.gate(controls)
    return screening.judge(gate.controls_for(subject), subject, at=AT)


def codes(of: Verdict) -> list[tuple[str, str]]:
    return [(failed["control_id"], failed["code"]) for failed in of.failed_controls()]


def test_an_order_that_breaches_nothing_passes_with_every_result_kept() -> None:
    given_verdict = verdict(collar("flag"), size("reject"))
    assert given_verdict.outcome == "passed"
    assert given_verdict.failed_controls() == []
    assert (given_verdict.reject_code, given_verdict.reject_reason) == ("", "")
    assert [result.control.code for result in given_verdict.results] == [
        *BUILTIN_IDS,
        "price",
        "size",
    ]


def test_the_same_breach_flags_or_rejects_by_the_remediation_alone() -> None:
    assert verdict(collar("flag"), limit_price=D("90")).outcome == "flagged"
    assert verdict(collar("reject"), limit_price=D("90")).outcome == "rejected"


def test_all_failures_are_told_together_and_a_reject_outweighs_flags() -> None:
    given_verdict = verdict(
        collar("flag"), size("reject"), limit_price=D("90"), order_qty=D("1000001")
    )
    assert given_verdict.outcome == "rejected"
    assert codes(given_verdict) == [
        ("price", "price_outside_collar"),
        ("size", "quantity_over_limit"),
    ]
    assert given_verdict.reject_code == "quantity_over_limit"
    assert given_verdict.reject_reason == "Quantity 1,000,001 is over the limit of 1,000,000."


def test_a_failed_control_is_told_with_everything_that_decided() -> None:
    (failed,) = verdict(collar("flag"), limit_price=D("90")).failed_controls()
    assert failed == {
        "control_id": "price",
        "control_version": 3,
        "control_type": "order",
        "remediation": "flag",
        "code": "price_outside_collar",
        "control_message": "Limit 90.000 is 10.00 % from the reference 100.000 (limit 5.00 %).",
        "limit": D("5"),
        "actual": D("10.00000000"),
    }


def test_several_rejections_are_all_in_the_reason() -> None:
    given_verdict = verdict(
        collar("reject"), phase="closed", limit_price=D("90"), instrument_status="halted"
    )
    assert given_verdict.reject_code == "market_closed"
    for part in ("has closed", "912810SX7 is halted.", "Limit 90.000 is"):
        assert part in given_verdict.reject_reason


@pytest.mark.parametrize(
    ("changes", "control_id", "code"),
    [
        ({"phase": "closed"}, "builtin.session.hours", "market_closed"),
        ({"phase": "no_session"}, "builtin.session.hours", "market_closed"),
        ({"phase": "?"}, "builtin.session.hours", "control_unavailable"),
        (
            {"accounts": (account(status="closed"),)},
            "builtin.account.status",
            "account_not_active",
        ),
        ({"instrument_status": "halted"}, "builtin.instrument.status", "instrument_not_active"),
        ({"entitlements": frozenset()}, "builtin.entitlement.trader", "not_entitled"),
    ],
)
def test_the_built_in_controls_reject_even_where_no_control_is_in_force(
    changes: dict[str, Any], control_id: str, code: str
) -> None:
    given_verdict = verdict(**changes)
    assert given_verdict.outcome == "rejected"
    assert codes(given_verdict) == [(control_id, code)]


@pytest.mark.parametrize("remediation", ["flag", "reject"])
@pytest.mark.parametrize("known", [None, reference(age_s=61)])
@pytest.mark.parametrize("ord_type", ["limit", "market"])
def test_a_missing_or_stale_reference_fails_closed_by_its_own_remediation(
    remediation: str, known: Any, ord_type: str
) -> None:
    given_verdict = verdict(
        collar(remediation),
        reference=known,
        ord_type=ord_type,
        limit_price=None if ord_type == "market" else D("100"),
    )
    assert given_verdict.outcome == ("flagged" if remediation == "flag" else "rejected")
    (failed,) = given_verdict.failed_controls()
    assert failed["code"] == "control_unavailable"
    assert failed["control_message"].startswith("Price tolerance could not be checked: ")


def _crash(_: Ticket) -> Any:
    raise ZeroDivisionError


def _miss(_: Ticket) -> Any:
    raise Missing("the feed is down")


@pytest.mark.parametrize(
    "check",
    [_crash, _miss, lambda _: None, lambda _: True, lambda _: "passed", lambda _: Finding],
    ids=["crash", "missing", "none", "true", "text", "class"],
)
@pytest.mark.parametrize(("remediation", "outcome"), [("flag", "flagged"), ("reject", "rejected")])
def test_a_control_that_errors_or_gives_no_proper_answer_never_passes(
    check: Callable[[Ticket], Any], remediation: str, outcome: str
) -> None:
    given_verdict = verdict(answering(check, remediation=remediation))
    assert given_verdict.outcome == outcome
    assert codes(given_verdict) == [("odd", "control_unavailable")]


def test_an_error_in_one_control_does_not_keep_the_others_from_speaking() -> None:
    given_verdict = verdict(answering(_crash), size("reject"), order_qty=D("1000001"))
    assert [code for _, code in codes(given_verdict)] == [
        "control_unavailable",
        "quantity_over_limit",
    ]


@pytest.mark.parametrize(
    ("rule_class", "params"),
    [("price.colar", {}), ("price.collar", {}), ("size.max_quantity", {"max_qty": "NaN"})],
)
def test_a_control_whose_rule_or_numbers_cannot_be_read_passes_nothing(
    rule_class: str, params: dict[str, Any]
) -> None:
    broken = library.bind(
        code="broken",
        version=1,
        name="Broken",
        rule_class=rule_class,
        params=params,
        remediation="flag",
    )
    given_verdict = verdict(broken)
    assert given_verdict.outcome == "flagged"
    assert codes(given_verdict) == [("broken", "control_unavailable")]


def test_a_remediation_nobody_knows_rejects() -> None:
    assert verdict(collar("shrug"), limit_price=D("90")).outcome == "rejected"


def test_a_control_of_other_asset_classes_is_not_asked() -> None:
    equities = size("reject", asset_classes=["equity"])
    assert verdict(equities, order_qty=D("1000001")).outcome == "passed"
    assert verdict(equities, order_qty=D("1000001"), asset_class="equity").outcome == "rejected"


def test_the_widest_window_is_counted_when_several_controls_look_for_duplicates() -> None:
    def alike(seconds: int) -> ActiveControl:
        return library.bind(
            code=f"alike-{seconds}",
            version=1,
            name="Duplicates",
            rule_class="duplicates.economic",
            params={"window_s": seconds},
            remediation="flag",
        )

    assert library.gate().duplicate_window is None
    assert library.gate([alike(10), alike(60), collar("flag")]).duplicate_window == 60


def test_the_row_keeps_inputs_and_every_result() -> None:
    subject = ticket(limit_price=D("90"), order_version=2)
    gate = library.gate([collar("flag"), size("reject")])
    row = screening.judge(gate.controls, subject, at=AT).row(subject)
    assert row.id.startswith("scr_")
    assert (row.organization_id, row.subject, row.subject_version) == ("alpha", "mo_1", 2)
    assert (row.outcome, row.screened_at, row.stage) == ("flagged", AT, "order")
    assert row.ticket["limit_price"] == D("90")
    assert row.ticket["reference"]["price"] == D("100")
    results = screening.read_results(row.results)
    assert [(r["control_id"], r["effect"]) for r in results] == [
        *[(code, "pass") for code in BUILTIN_IDS],
        ("price", "flag"),
        ("size", "pass"),
    ]
    assert results[-2]["code"] == "price_outside_collar"
    assert (results[-1]["limit"], results[-1]["actual"]) == (D("1000000"), D("1000000"))
    assert results[-1]["message"] == ""


def test_everything_on_a_ticket_but_its_name_is_stored_as_evidence() -> None:
    subject = ticket(
        **{
            **dict.fromkeys(("issuer", "sector", "country", "rating", "pmp_suppressed_by"), "x"),
            **dict.fromkeys(("protocol", "ib_id", "risk_group_id"), "x"),
            **dict.fromkeys(("min_denomination", "min_increment"), D(1)),
            **{name: {"x": 1} for name in ("list_versions", "tags", "figures")},
            "session_close": AT,
            "maturity_date": AT.date(),
            "stage": "wire",
            "halted": ("all of alpha (a reason)",),
            "reduced": ("account A1 (a reason)",),
            "api_key": "7",
            "quiet": ("insiders",),
            "overrides": {"restricted-list": ("ov_1", "embargo version 1")},
            "reduce_only": True,
            "short_sale": "short",
            "exempt_by": "fl_1-1",
            "named": frozenset({"A1"}),
            "listed": (Listed("watch", "restricted", 3, "912810SX7"),),
            "mandates": (Mandate("A1", 2, {}),),
        }
    )
    named_by_the_row = {"order_id", "order_version", "organization_id"}
    # What fees come to is among the figures.
    left_out = {*named_by_the_row, "charged"}
    assert set(subject.facts()) == set(subject.__struct_fields__) - left_out


def test_a_ticket_cannot_be_changed_by_a_control() -> None:
    with pytest.raises(AttributeError):
        ticket().order_qty = D(1)  # type: ignore[misc]  # the point of the test


prices = st.none() | st.decimals(min_value="0.01", max_value=200, places=3)
tickets = st.builds(
    ticket,
    ord_type=st.sampled_from(["limit", "market"]),
    limit_price=prices,
    order_qty=st.decimals(min_value=1, max_value=2_000_000, places=2),
    reference=st.none() | st.builds(reference, st.just("100"), age_s=st.floats(-100, 100)),
    phase=st.sampled_from(["before", "open", "closed", "no_session", ""]),
    recent_alike=st.none() | st.integers(0, 3),
    restricted_on=st.sampled_from([(), ("restricted",)]),
    asset_class=st.sampled_from(["treasury", "equity", "corporate"]),
    instrument_status=st.sampled_from(["active", "halted"]),
)
rules = st.sampled_from(
    [
        ("price.collar", {"max_percent": "5", "max_age_s": 60}),
        ("price.collar", {}),
        ("size.max_quantity", {"max_qty": "1000000"}),
        ("size.max_notional", {"max_notional": "1000000"}),
        ("universe.restricted", {}),
        ("duplicates.economic", {"window_s": 10}),
        ("unknown", {}),
    ]
)


def _bound(rows: list[tuple[tuple[str, dict[str, Any]], str]]) -> list[ActiveControl]:
    return [
        library.bind(
            code=f"c{i}",
            version=1,
            name=rule_class,
            rule_class=rule_class,
            params=params,
            remediation=remediation,
        )
        for i, ((rule_class, params), remediation) in enumerate(rows)
    ]


@given(tickets, st.lists(st.tuples(rules, st.just("reject")), max_size=6))
def test_an_organization_with_only_reject_controls_never_flags(
    subject: Ticket, rows: list[Any]
) -> None:
    outcome = screening.judge(library.gate(_bound(rows)).controls, subject, at=AT).outcome
    assert outcome in {"passed", "rejected"}


@given(tickets, st.lists(st.tuples(rules, st.sampled_from(["flag", "reject"])), max_size=6))
def test_the_outcome_is_the_worst_effect_and_asking_twice_gives_the_same(
    subject: Ticket, rows: list[Any]
) -> None:
    controls = library.gate(_bound(rows)).controls
    first = screening.judge(controls, subject, at=AT)
    remediations = {failed["remediation"] for failed in first.failed_controls()}
    expected = "rejected" if "reject" in remediations else "flagged" if remediations else "passed"
    assert first.outcome == expected
    assert len(first.results) == len(controls)
    again = screening.judge(controls, subject, at=AT)
    assert msgspec.json.encode(again.failed_controls()) == msgspec.json.encode(
        first.failed_controls()
    )


@given(tickets, st.lists(st.tuples(rules, st.sampled_from(["flag", "reject"])), min_size=1))
def test_one_more_control_never_makes_a_verdict_milder(subject: Ticket, rows: list[Any]) -> None:
    severity = ["passed", "flagged", "rejected"]
    controls = _bound(rows)
    fewer = screening.judge(library.gate(controls[:-1]).controls, subject, at=AT).outcome
    more = screening.judge(library.gate(controls).controls, subject, at=AT).outcome
    assert severity.index(more) >= severity.index(fewer)


def test_an_answer_that_passes_is_the_only_one_that_passes() -> None:
    assert verdict(answering(lambda _: PASSED, remediation="reject")).outcome == "passed"
