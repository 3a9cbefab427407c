"""The controls in force: seeded once, changed for the very next order, each house its own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from controls import library, lists, screening, seed
from controls.library import Gate
from controls.models import Control, ControlList
from oms_site.firm import generation
from oms_site.journal import statements
from tests.integration.controls import people
from tests.unit.controls.tickets import AT, account, reference, ticket

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rolled back test takes its generation number back: nothing cached may outlive it."""
    empty: generation.Cached[dict[str, Gate]] = generation.Cached(library._load)
    monkeypatch.setattr(library, "_gates", empty)


@pytest.fixture
def houses() -> None:
    for name, reject_all in (("alpha", False), ("beta", True)):
        people.maker(name), people.checker(name)
        seed.seed(name, reject_all=reject_all, at=AT)
    generation.check()


def _put_in_force(code: str) -> None:
    for house in ("alpha", "beta"):
        drafts = Control.objects.filter(code=code, organization_id=house)
        maker, checker = people.maker(house).user_id, people.checker(house).user_id
        seed.put_in_force(drafts, maker=maker, checker=checker, at=AT)


def outcome(organization_id: str = "alpha", **changes: Any) -> tuple[str, list[str]]:
    changes.setdefault("accounts", ())
    subject = ticket(organization_id=organization_id, **changes)
    (verdict,) = screening.screen([subject], at=AT)
    return verdict.outcome, [failed["control_id"] for failed in verdict.failed_controls()]


@pytest.mark.parametrize(
    ("changes", "alpha", "failed"),
    [
        ({}, "passed", []),
        ({"limit_price": D("95")}, "passed", []),
        ({"limit_price": D("94.999")}, "flagged", ["price-tolerance"]),
        ({"limit_price": D("120.001")}, "rejected", ["price-limit", "price-tolerance"]),
        ({"limit_price": D("100"), "order_qty": D("25000000")}, "passed", []),
        ({"limit_price": D("100"), "order_qty": D("25000001")}, "flagged", ["notional-review"]),
        (
            {"limit_price": D("100"), "order_qty": D("100000001")},
            "rejected",
            ["notional-limit", "notional-review"],
        ),
        ({"restricted_on": ("restricted",)}, "rejected", ["restricted-list"]),
        ({"recent_alike": 5}, "passed", []),
        ({"reference": reference(age_s=seed.MAX_AGE_S)}, "passed", []),
        (
            {"reference": reference(age_s=seed.MAX_AGE_S + 1)},
            "rejected",
            ["price-limit", "price-tolerance"],
        ),
    ],
)
@pytest.mark.usefixtures("houses")
def test_the_seeded_limits_hold_and_beta_rejects_where_alpha_flags(
    changes: dict[str, Any], alpha: str, failed: list[str]
) -> None:
    assert outcome("alpha", **changes) == (alpha, failed)
    beta = "rejected" if alpha == "flagged" else alpha
    assert outcome("beta", **changes) == (beta, failed)


@pytest.mark.usefixtures("houses")
def test_more_than_a_billion_par_is_rejected() -> None:
    cheap: dict[str, Any] = {"limit_price": D("1"), "reference": reference("1")}
    assert outcome(order_qty=D("1000000000"), **cheap) == ("passed", [])
    assert outcome(order_qty=D("1000000001"), **cheap) == ("rejected", ["max-quantity"])


@pytest.mark.usefixtures("houses")
def test_both_houses_have_the_same_restricted_instruments() -> None:
    for house in ("alpha", "beta"):
        assert lists.restricting(house, "38143C3G4") == ("restricted",)
        assert lists.restricting(house, " 912810td0 ") == ("sandbox-pretrade-reject",)
        assert lists.restricting(house, "912810SX7") == ()


@pytest.mark.usefixtures("houses")
def test_seeding_again_changes_nothing_that_people_changed() -> None:
    people.suspend("price-tolerance")
    before = list(Control.objects.order_by("id").values())
    seed.seed("alpha", reject_all=True, at=AT)
    assert list(Control.objects.order_by("id").values()) == before
    assert ControlList.objects.count() == 4


@pytest.mark.usefixtures("houses")
def test_the_duplicate_control_is_seeded_suspended_and_counts_once_activated() -> None:
    assert screening.window_for_duplicates("alpha") is None
    people.resume("duplicate-order")
    generation.check()
    assert screening.window_for_duplicates("alpha") == 10
    assert screening.window_for_duplicates("beta") is None
    assert outcome(recent_alike=1) == ("flagged", ["duplicate-order"])
    assert outcome(recent_alike=0) == ("passed", [])


@pytest.mark.usefixtures("houses")
def test_a_change_by_any_path_is_in_force_at_the_next_check() -> None:
    assert outcome(limit_price=D("90"))[0] == "flagged"
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO controls_control (organization_id, code, version, name, type, rule_class,"
            " params, remediation, regulatory, asset_classes, slice, assigned_to, citation,"
            " message, status, pending, origin, reason, change_reason, created_at)"
            " SELECT organization_id, 'stricter', 1, name, type, rule_class, params, 'reject',"
            " false, '{}', '{}', '{}', '',"
            " '', 'draft', '', '', '', '', now() FROM controls_control"
            " WHERE code = 'price-tolerance'"
        )
    _put_in_force("stricter")
    assert outcome(limit_price=D("90"))[0] == "flagged"
    generation.check()
    assert outcome(limit_price=D("90"))[0] == "rejected"


@pytest.mark.usefixtures("houses")
def test_no_row_can_switch_a_built_in_control_off() -> None:
    for number, rule_class in enumerate(library.BUILTIN):
        Control.objects.create(
            organization_id="alpha",
            code=f"builtin.{rule_class}",
            version=number + 1,
            name="Softened",
            rule_class=rule_class,
            remediation="flag",
            created_at=AT,
        )
        _put_in_force(f"builtin.{rule_class}")
        if number % 2:
            people.suspend(f"builtin.{rule_class}")
    generation.check()
    assert outcome(phase="closed")[0] == "rejected"
    assert outcome(instrument_status="halted")[0] == "rejected"
    assert outcome(entitlements=frozenset())[0] == "rejected"
    assert outcome(accounts=(account(status="closed"),))[0] == "rejected"


@pytest.mark.usefixtures("houses")
def test_an_organization_without_rows_has_the_built_in_controls() -> None:
    assert outcome("gamma") == ("passed", [])
    assert outcome("gamma", phase="closed") == ("rejected", ["builtin.session.hours"])


@pytest.mark.usefixtures("houses")
def test_a_thousand_tickets_ask_the_database_nothing_once_loaded() -> None:
    library.of("alpha")
    with CaptureQueriesContext(connection) as queries:
        verdicts = screening.screen([ticket(accounts=())] * 1000, at=AT)
    assert len(verdicts) == 1000
    assert len(queries) == 0


@pytest.mark.usefixtures("houses")
def test_the_evidence_is_read_back_as_it_was_compared() -> None:
    subject = ticket(accounts=(), limit_price=D("90.125"))
    (verdict,) = screening.screen([subject], at=AT)
    row = verdict.row(subject)
    statements.insert([(type(row), [row])])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ticket ->> 'limit_price', results::text FROM controls_screening WHERE id = %s",
            [row.id],
        )
        price, results = cursor.fetchone()
    assert price == "90.125"
    assert '["price-tolerance", 1, "flag", 5, 9.87500000, "price_outside_collar"' in results
