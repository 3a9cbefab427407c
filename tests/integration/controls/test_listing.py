"""Lists and mandates change by two people, and nothing is in force that two have not seen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import Error, connection, transaction

from allocations.models import Account
from controls import content, listing, lists, seed
from controls.models import Control, ControlList, ListingDecision
from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.kit.errors import OmsError
from tests import trading

Caller = Callable[[str], Principal]
pytestmark = pytest.mark.usefixtures("sandbox")
BOND = trading.BOND


def _refused(sql: str, *values: Any) -> bool:
    """Whether the database refuses the statement."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, values)
    except Error:
        return True
    return False


def _draft(by: Principal, at: datetime, *cusips: str, name: str = "embargo") -> ControlList:
    return listing.draft(name, kind="restricted", cusips=cusips or [BOND], by=by, at=at)


def test_a_list_counts_once_a_second_person_approves_it(sandbox: datetime, caller: Caller) -> None:
    row = _draft(caller("alpha_compliance"), sandbox)
    generation.check()
    assert trading.order(trading.submit()).status == "pending_execution"
    listing.approve(row, by=caller("alpha_compliance2"), at=sandbox)
    generation.check()
    order = trading.order(trading.submit())
    assert (order.status, order.reject_code) == ("rejected", "instrument_restricted")
    assert "embargo version 1" in order.reject_reason
    assert lists.restricting("alpha", BOND) == ("embargo",)
    assert lists.restricting("beta", BOND) == ()


def test_the_old_version_counts_until_the_next_is_approved(
    sandbox: datetime, caller: Caller
) -> None:
    maker, checker = caller("alpha_compliance"), caller("alpha_compliance2")
    listing.approve(_draft(maker, sandbox), by=checker, at=sandbox)
    lifted = listing.draft("embargo", kind="restricted", by=maker, at=sandbox)
    generation.check()
    assert lists.restricting("alpha", BOND) == ("embargo",)
    listing.approve(lifted, by=checker, at=sandbox)
    generation.check()
    assert lists.restricting("alpha", BOND) == ()


def test_the_author_does_not_approve(sandbox: datetime, caller: Caller) -> None:
    by = caller("alpha_compliance")
    row = _draft(by, sandbox)
    with pytest.raises(OmsError) as refusal:
        listing.approve(row, by=by, at=sandbox)
    assert refusal.value.code == "self_approval"
    listing.reject(row, reason="mistaken", by=by, at=sandbox)
    assert listing.status(ControlList.objects.get(pk=row.pk)) == "withdrawn"
    with pytest.raises(OmsError) as refusal:
        listing.approve(row, by=caller("alpha_compliance2"), at=sandbox)
    assert refusal.value.code == "already_decided"


def test_an_older_version_does_not_replace_a_newer_one(sandbox: datetime, caller: Caller) -> None:
    maker, checker = caller("alpha_compliance"), caller("alpha_compliance2")
    old, new = _draft(maker, sandbox), _draft(maker, sandbox, "912810SX7")
    listing.approve(new, by=checker, at=sandbox)
    with pytest.raises(OmsError) as refusal:
        listing.approve(old, by=checker, at=sandbox)
    assert refusal.value.code == "newer_version_in_force"
    assert _refused(DECISION, old.pk, checker.user_id)


def test_a_mandate_counts_once_a_second_person_approves_it(
    sandbox: datetime, caller: Caller
) -> None:
    maker, checker = caller("alpha_compliance"), caller("alpha_compliance2")
    account = Account.objects.get(organization_id="alpha", code="ALPHA-002")
    row = listing.agree(account.pk, {"max_maturity_years": 1}, by=maker, at=sandbox)
    generation.check()
    assert account.pk not in lists.of("alpha").mandates
    with pytest.raises(OmsError):
        listing.approve(row, by=maker, at=sandbox)
    listing.approve(row, by=checker, at=sandbox)
    generation.check()
    assert lists.of("alpha").mandates[account.pk].version == 1


@pytest.mark.parametrize(
    "rules", [{"sectors": "government"}, {"min_rating": "good"}, {"max_maturity_years": "soon"}]
)
def test_a_mandate_that_nobody_could_check_is_not_written(
    sandbox: datetime, caller: Caller, rules: dict[str, Any]
) -> None:
    account = Account.objects.get(organization_id="alpha", code="ALPHA-002")
    with pytest.raises(OmsError) as refusal:
        listing.agree(account.pk, rules, by=caller("alpha_compliance"), at=sandbox)
    assert (refusal.value.code, refusal.value.status) == ("invalid_rules", 422)


def test_a_control_is_for_the_lists_and_keys_that_there_are(
    sandbox: datetime, caller: Caller
) -> None:
    maker, checker = caller("alpha_compliance"), caller("alpha_compliance2")
    row = _draft(maker, sandbox)

    def faults() -> list[str]:
        stated = {
            "name": "mine",
            "rule_class": "universe.restricted",
            "remediation": "reject",
            "slice": {"instrument_list": ["embargo"], "api_key": [str(maker.api_key_id)]},
        }
        try:
            content.read(stated, organization_id="alpha")
        except OmsError as refusal:
            return [detail.field for detail in refusal.details]
        return []

    # Proposed is not there yet.
    assert faults() == ["slice.instrument_list"]
    listing.approve(row, by=checker, at=sandbox)
    assert faults() == []


@pytest.mark.parametrize("name", ["alpha_trader", "alpha_auditor", "beta_compliance"])
def test_nobody_else_writes_or_decides(sandbox: datetime, caller: Caller, name: str) -> None:
    row = _draft(caller("alpha_compliance"), sandbox)
    with pytest.raises(OmsError) as refusal:
        listing.approve(row, by=caller(name), at=sandbox)
    assert refusal.value.status in {403, 404}
    account = Account.objects.get(organization_id="alpha", code="ALPHA-002")
    with pytest.raises(OmsError):
        listing.agree(account.pk, {}, by=caller(name), at=sandbox)


def test_the_seeded_lists_refuse_the_same_securities(sandbox: datetime) -> None:
    for house in ("alpha", "beta"):
        assert lists.restricting(house, "38143C3G4") == ("restricted",)
        assert lists.restricting(house, "912810TD0") == ("sandbox-pretrade-reject",)
    assert ListingDecision.objects.filter(decided_by=None).count() == 0


DECISION = (
    "INSERT INTO controls_listingdecision (organization_id, control_list_id, approve,"
    " decided_by_id, decided_at, reason) VALUES ('alpha', %s, true, %s, now(), '')"
)


def test_the_database_refuses_an_approval_by_the_author_or_a_stranger(
    sandbox: datetime, caller: Caller
) -> None:
    maker = caller("alpha_compliance")
    row = _draft(maker, sandbox)
    assert _refused(DECISION, row.pk, maker.user_id)
    assert _refused(DECISION, row.pk, None)
    assert _refused(DECISION, row.pk, caller("beta_compliance").user_id)
    assert not _refused(DECISION, row.pk, caller("alpha_compliance2").user_id)
    assert _refused(DECISION, row.pk, caller("alpha_admin").user_id)
    assert _refused("UPDATE controls_listingdecision SET approve = false")
    assert _refused("DELETE FROM controls_listingdecision")


def test_the_database_refuses_to_approve_what_nobody_wrote(caller: Caller) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO controls_controllist (organization_id, name, version, kind, cusips,"
            " issuers, accounts, reason, created_at)"
            " VALUES ('alpha', 'nobody', 1, 'watch', '{}', '{}', '{}', '', now()) RETURNING id"
        )
        (made,) = cursor.fetchone()
    assert _refused(DECISION, made, caller("alpha_compliance").user_id)


CONTROL = (
    "INSERT INTO controls_control (organization_id, code, version, name, type, rule_class, params,"
    " remediation, regulatory, asset_classes, slice, assigned_to, citation, message, status,"
    " pending, origin, reason, change_reason, created_at, approved_by_id, approved_at)"
    " VALUES ('alpha', 'sneaked', 1, 'x', 'order', %s, %s, %s, false, '{}', '{}', '{}', '', '',"
    " %s, '', %s, '', '', now(), %s, %s)"
)


@pytest.mark.parametrize(
    ("rule_class", "params", "remediation", "status", "origin"),
    [
        ("size.max_quantity", '{"max_qty": "1"}', "reject", "active", "system"),
        ("size.max_quantity", '{"max_qty": "1"}', "reject", "draft", "system"),
        ("size.max_quantity", '{"max_qty": "1"}', "reject", "active", ""),
        ("size.max_quantity", '{"max_qty": "1"}', "reject", "suspended", "sandbox"),
        ("halt.standing", "{}", "warn", "active", "system"),
        ("halt.standing", "{}", "reject", "suspended", "system"),
        ("halt.standing", '{"a": 1}', "reject", "active", "system"),
        ("halt.standing", "{}", "reject", "active", ""),
    ],
)
def test_no_control_is_born_in_force(
    rule_class: str, params: str, remediation: str, status: str, origin: str
) -> None:
    assert _refused(CONTROL, rule_class, params, remediation, status, origin, None, None)


def test_the_kill_switch_alone_comes_with_the_house(sandbox: datetime, caller: Caller) -> None:
    born = ("halt.standing", "{}", "reject")
    someone = caller("alpha_admin").user_id
    assert _refused(CONTROL, *born, "active", "system", someone, sandbox)
    assert not _refused(CONTROL, *born, "active", "system", None, None)


def test_no_control_is_born_approved(sandbox: datetime, caller: Caller) -> None:
    someone = caller("alpha_admin").user_id
    assert _refused(CONTROL, "size.max_quantity", "{}", "reject", "draft", "", someone, sandbox)
    assert not _refused(CONTROL, "size.max_quantity", "{}", "reject", "draft", "", None, None)


def test_the_seeded_controls_have_their_two_people() -> None:
    for row in Control.objects.filter(origin=seed.ORIGIN):
        assert row.approved_by_id is not None
        assert row.approved_by_id != row.created_by_id


@pytest.mark.parametrize(
    "values",
    [
        {"status": "'approved'", "decided_by_id": "%(checker)s", "decided_at": "now()"},
        {"status": "'rejected'", "decided_by_id": "%(checker)s", "decided_at": "now()"},
        {"decided_by_id": "%(checker)s"},
        {"approvals": "1"},
        {"decision_id": "'vote_x'"},
    ],
)
def test_no_review_is_born_decided(
    sandbox: datetime, caller: Caller, values: dict[str, str]
) -> None:
    flagged = trading.submit(limit_price=trading.D(109))
    who = {"checker": caller("alpha_compliance").user_id}
    given = {
        "status": "'open'",
        "decided_by_id": "NULL",
        "decided_at": "NULL",
        "approvals": "0",
        "decision_id": "''",
    }
    given |= {name: text % who for name, text in values.items()}
    copied = (
        "INSERT INTO controls_review (id, organization_id, version, subject, subject_version,"
        " screening_id, failed_controls, maker_id, opened_at, deadline_at, approvals_required,"
        " client_decision_id, annotation, " + ", ".join(given) + ") SELECT 'rev_2',"
        " organization_id, 1, subject, subject_version, 'scr_2', failed_controls, maker_id,"
        " opened_at, deadline_at, 1, '', '', " + ", ".join(given.values()) + " FROM"
        f" controls_review WHERE subject = '{flagged}'"
    )
    screening = (
        'INSERT INTO controls_screening SELECT (jsonb_populate_record(s, \'{"id": "scr_2"}\')).*'
        f" FROM controls_screening s WHERE subject = '{flagged}'"
    )
    assert not _refused(screening)
    assert _refused(copied)


def test_a_review_counts_no_votes_that_are_not_there(sandbox: datetime) -> None:
    flagged = trading.submit(limit_price=trading.D(109))
    assert _refused(
        "UPDATE controls_review SET approvals = 1, version = version + 1 WHERE subject = %s",
        flagged,
    )
