"""A policy changes by two people, and the database keeps that against whoever writes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import Error

from oms_site.firm import generation, policies, policy_changes
from oms_site.firm.models import Policy
from oms_site.firm.principals import Principal
from oms_site.kit.errors import OmsError

Caller = Callable[[str], Principal]
pytestmark = pytest.mark.usefixtures("sandbox")


def _propose(by: Principal, at: datetime, **rules: Any) -> Policy:
    wanted = rules or {"gtc_max_days": 30}
    return policy_changes.propose(preset="guide", rules=wanted, reason="less", by=by, at=at)


def _refused(sql: str, *values: Any) -> bool:
    """Whether the database refuses the statement."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, values)
    except (IntegrityError, Error):
        return True
    return False


def test_a_proposal_counts_once_a_second_person_approves(sandbox: datetime, caller: Caller) -> None:
    made = _propose(caller("alpha_compliance"), sandbox)
    generation.check()
    assert policies.of("alpha", at=sandbox).version == 1
    policy_changes.approve(made.version, by=caller("alpha_admin"), at=sandbox)
    generation.check()
    now = policies.of("alpha", at=sandbox)
    assert (now.version, now["gtc_max_days"]) == (2, 30)
    assert policies.of("beta", at=sandbox).version == 1


def test_who_proposed_it_may_not_approve_it(sandbox: datetime, caller: Caller) -> None:
    made = _propose(caller("alpha_admin"), sandbox)
    with pytest.raises(OmsError) as refusal:
        policy_changes.approve(made.version, by=caller("alpha_admin"), at=sandbox)
    assert (refusal.value.code, refusal.value.status) == ("self_approval", 403)


@pytest.mark.parametrize("name", ["alpha_trader", "alpha_ops", "alpha_auditor"])
def test_only_who_is_entitled_proposes_or_decides(
    sandbox: datetime, caller: Caller, name: str
) -> None:
    made = _propose(caller("alpha_admin"), sandbox)
    acts: tuple[Callable[[], Policy], ...] = (
        lambda: _propose(caller(name), sandbox),
        lambda: policy_changes.approve(made.version, by=caller(name), at=sandbox),
        lambda: policy_changes.reject(made.version, reason="no", by=caller(name), at=sandbox),
    )
    for act in acts:
        with pytest.raises(OmsError) as refusal:
            act()
        assert refusal.value.code == "not_entitled"


def test_another_organizations_proposal_is_not_there(sandbox: datetime, caller: Caller) -> None:
    made = _propose(caller("alpha_admin"), sandbox)
    with pytest.raises(OmsError) as refusal:
        policy_changes.approve(made.version, by=caller("beta_admin"), at=sandbox)
    assert refusal.value.status == 404


def test_it_begins_at_its_time_or_with_its_approval(sandbox: datetime, caller: Caller) -> None:
    later = sandbox + timedelta(days=2)
    made = policy_changes.propose(
        preset="full",
        rules={},
        reason="from Wednesday",
        effective_at=later,
        by=caller("alpha_admin"),
        at=sandbox,
    )
    policy_changes.approve(made.version, by=caller("alpha_compliance"), at=sandbox)
    generation.check()
    assert policies.of("alpha", at=sandbox).preset == "guide"
    assert policies.of("alpha", at=later).preset == "full"
    slow = _propose(caller("alpha_admin"), sandbox)
    late = sandbox + timedelta(days=3)
    policy_changes.approve(slow.version, by=caller("alpha_compliance"), at=late)
    assert Policy.objects.get(pk=slow.pk).effective_at == late


def test_an_older_proposal_does_not_replace_a_newer_policy(
    sandbox: datetime, caller: Caller
) -> None:
    old = _propose(caller("alpha_admin"), sandbox)
    new = _propose(caller("alpha_admin"), sandbox, gtc_max_days=10)
    policy_changes.approve(new.version, by=caller("alpha_compliance"), at=sandbox)
    with pytest.raises(OmsError) as refusal:
        policy_changes.approve(old.version, by=caller("alpha_compliance"), at=sandbox)
    assert refusal.value.code == "newer_version_in_force"
    assert _refused(
        "UPDATE firm_policy SET status = 'approved', decided_by_id = %s, decided_at = %s,"
        " effective_at = %s WHERE id = %s",
        *(caller("alpha_compliance").user_id, sandbox, sandbox, old.pk),
    )


def test_a_proposer_withdraws_and_another_person_rejects(sandbox: datetime, caller: Caller) -> None:
    own = _propose(caller("alpha_admin"), sandbox)
    done = policy_changes.reject(own.version, reason="wrong", by=caller("alpha_admin"), at=sandbox)
    assert (done.status, done.decided_by_id) == ("withdrawn", None)
    other = _propose(caller("alpha_admin"), sandbox)
    by = caller("alpha_compliance")
    assert policy_changes.reject(other.version, reason="no", by=by, at=sandbox).status == "rejected"
    with pytest.raises(OmsError) as refusal:
        policy_changes.approve(other.version, by=by, at=sandbox)
    assert refusal.value.code == "already_decided"


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ({"no_such_rule": 1}, "rules.no_such_rule"),
        ({"gtc_max_days": "30"}, "rules.gtc_max_days"),
        ({"gtc_max_days": -1}, "rules.gtc_max_days"),
        ({"allowed_tif": ["day", "sometimes"]}, "rules.allowed_tif"),
        ({"allowed_tif": []}, "rules.allowed_tif"),
        ({"second_approval_above": "much"}, "rules.second_approval_above"),
    ],
)
def test_rules_that_nobody_could_follow_are_refused(
    sandbox: datetime, caller: Caller, rules: dict[str, Any], field: str
) -> None:
    with pytest.raises(OmsError) as refusal:
        _propose(caller("alpha_admin"), sandbox, **rules)
    assert [one.field for one in refusal.value.details] == [field]


BIRTH = (
    "INSERT INTO firm_policy (organization_id, version, preset, rules, effective_at, status,"
    " origin, reason, proposed_by_id, proposed_at, decided_by_id, decided_at, decision_reason)"
    " VALUES ('alpha', 7, 'full', '{}', now(), %s, %s, '', %s, now(), %s, %s, '')"
)


@pytest.mark.parametrize(
    ("status", "origin", "proposed", "decided"),
    [
        ("approved", "", True, True),
        ("approved", "system", False, False),
        ("approved", "system", True, True),
        ("proposed", "system", True, False),
        ("proposed", "", False, False),
        ("proposed", "", True, True),
    ],
)
def test_the_database_refuses_a_policy_that_nobody_proposed(
    sandbox: datetime, caller: Caller, status: str, origin: str, proposed: bool, decided: bool
) -> None:
    maker = caller("alpha_admin").user_id if proposed else None
    checker = caller("alpha_compliance").user_id if decided else None
    at = sandbox if decided else None
    assert _refused(BIRTH, status, origin, maker, checker, at)


def test_the_database_refuses_a_stranger(sandbox: datetime, caller: Caller) -> None:
    assert _refused(BIRTH, "proposed", "", caller("beta_admin").user_id, None, None)
    assert not _refused(BIRTH, "proposed", "", caller("alpha_admin").user_id, None, None)


@pytest.mark.parametrize(
    "change",
    [
        "status = 'approved', decided_by_id = proposed_by_id, decided_at = effective_at",
        "status = 'approved', decided_at = effective_at",
        "status = 'approved', decided_by_id = %(beta)s, decided_at = effective_at",
        "status = 'approved', decided_by_id = %(checker)s, decided_at = effective_at, rules = '{}'",
        "status = 'approved', decided_by_id = %(checker)s, decided_at = effective_at,"
        " effective_at = effective_at - interval '1 day'",
        "status = 'rejected'",
        "status = 'withdrawn', decided_by_id = %(checker)s",
        "proposed_by_id = %(checker)s",
        "preset = 'full'",
    ],
)
def test_the_database_refuses_a_decision_that_is_none(
    sandbox: datetime, caller: Caller, change: str
) -> None:
    made = _propose(caller("alpha_admin"), sandbox)
    who = {"checker": caller("alpha_compliance").user_id, "beta": caller("beta_admin").user_id}
    text = change % who
    assert _refused(f"UPDATE firm_policy SET {text} WHERE id = %s", made.pk)


@pytest.mark.parametrize(
    "change", ["rules = '{\"gtc_max_days\": 900}'", "status = 'proposed'", "effective_at = now()"]
)
def test_the_database_refuses_to_change_a_policy_that_is_decided(
    sandbox: datetime, caller: Caller, change: str
) -> None:
    assert _refused(f"UPDATE firm_policy SET {change} WHERE organization_id = 'alpha'")
    assert _refused("DELETE FROM firm_policy WHERE organization_id = 'alpha'")
