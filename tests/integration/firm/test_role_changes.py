"""More rights need two people, whatever path is taken; fewer need one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.utils import Error

from oms_site.firm import principals, role_changes
from oms_site.firm.models import Organization, RoleChange, User
from oms_site.firm.principals import Principal
from oms_site.firm.roles import ENTITLEMENTS, Role
from oms_site.kit.errors import OmsError
from orders.management.commands import seed_sandbox

Caller = Callable[[str], Principal]
pytestmark = pytest.mark.usefixtures("sandbox")


def _propose(by: Principal, at: datetime, *roles: str, of: str = "alpha_trader") -> RoleChange:
    return role_changes.propose(of, roles, reason="a new desk", by=by, at=at)


def _refused(sql: str, *values: Any) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, values)
    except (IntegrityError, Error):
        return True
    return False


def _roles(username: str = "alpha_trader") -> list[str]:
    return User.objects.get(username=username).roles


def test_a_person_has_new_roles_once_a_second_one_approves(
    sandbox: datetime, caller: Caller
) -> None:
    made = _propose(caller("alpha_admin"), sandbox, "senior_trader")
    assert _roles() == ["trader"]
    role_changes.approve(made.pk, by=caller("alpha_compliance"), at=sandbox)
    assert _roles() == ["senior_trader"]
    principals.forget()
    assert caller("alpha_trader").may("pmp.suppress")


@pytest.mark.parametrize("name", ["alpha_admin", "alpha_compliance2"])
def test_neither_who_asked_nor_who_gets_it_approves(
    sandbox: datetime, caller: Caller, name: str
) -> None:
    made = _propose(caller("alpha_admin"), sandbox, "compliance", "admin", of="alpha_compliance2")
    with pytest.raises(OmsError) as refusal:
        role_changes.approve(made.pk, by=caller(name), at=sandbox)
    assert refusal.value.code == "self_approval"
    assert _refused(
        "UPDATE firm_rolechange SET status = 'approved', decided_by_id = %s, decided_at = now()"
        " WHERE id = %s",
        *(caller(name).user_id, made.pk),
    )


def test_roles_that_changed_meanwhile_are_proposed_anew(sandbox: datetime, caller: Caller) -> None:
    made = _propose(caller("alpha_admin"), sandbox, "senior_trader")
    User.objects.filter(username="alpha_trader").update(roles=[])
    with pytest.raises(OmsError) as refusal:
        role_changes.approve(made.pk, by=caller("alpha_compliance"), at=sandbox)
    assert refusal.value.code == "stale_version"
    assert _refused(
        "UPDATE firm_rolechange SET status = 'approved', decided_by_id = %s, decided_at = now()"
        " WHERE id = %s",
        *(caller("alpha_compliance").user_id, made.pk),
    )


def test_one_change_at_a_time_and_each_is_decided_once(sandbox: datetime, caller: Caller) -> None:
    admin, checker = caller("alpha_admin"), caller("alpha_compliance")
    made = _propose(admin, sandbox, "senior_trader")
    with pytest.raises(OmsError) as refusal:
        _propose(admin, sandbox, "auditor")
    assert refusal.value.code == "change_pending"
    assert role_changes.reject(made.pk, reason="no", by=checker, at=sandbox).status == "rejected"
    with pytest.raises(OmsError) as refusal:
        role_changes.approve(made.pk, by=checker, at=sandbox)
    assert refusal.value.code == "already_decided"
    again = _propose(admin, sandbox, "auditor")
    done = role_changes.reject(again.pk, reason="never mind", by=admin, at=sandbox)
    assert (done.status, done.decided_by_id) == ("withdrawn", None)


@pytest.mark.parametrize(
    ("by", "of", "roles", "code"),
    [
        ("alpha_trader", "alpha_ops", ["trader"], "not_entitled"),
        ("alpha_compliance", "alpha_ops", ["trader"], "not_entitled"),
        ("alpha_admin", "beta_trader", ["auditor"], "not_found"),
        ("alpha_admin", "alpha_ops", ["king"], "unknown_role"),
        ("alpha_admin", "alpha_ops", ["operations"], "nothing_changed"),
    ],
)
def test_what_may_not_be_asked_for(
    sandbox: datetime, caller: Caller, by: str, of: str, roles: list[str], code: str
) -> None:
    with pytest.raises(OmsError) as refusal:
        _propose(caller(by), sandbox, *roles, of=of)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "change",
    [
        "roles = '{trader,admin}'",
        "roles = '{admin}'",
        "organization_id = 'beta'",
    ],
)
def test_the_database_gives_nobody_more_rights(sandbox: datetime, change: str) -> None:
    assert _refused(f"UPDATE firm_user SET {change} WHERE username = 'alpha_trader'")


@pytest.mark.parametrize(
    ("roles", "organization", "refused"),
    [
        ("{admin}", "'alpha'", True),
        ("{trader}", "'alpha'", True),
        ("{}", "'alpha'", False),
        ("{trader}", "NULL", False),
        ("{trader,admin}", "'gamma'", False),
    ],
)
def test_nobody_is_born_with_roles_where_two_people_could_give_them(
    sandbox: datetime, roles: str, organization: str, refused: bool
) -> None:
    Organization.objects.create(id="gamma", name="founded just now")
    born = (
        "INSERT INTO firm_user (username, password, is_superuser, first_name, last_name, email,"
        " is_staff, is_active, date_joined, organization_id, roles) VALUES"
        f" ('newcomer', '', false, '', '', '', true, true, now(), {organization}, '{roles}')"
    )
    assert _refused(born) == refused


def test_whoever_writes_many_people_at_once_gives_none_of_them_roles(sandbox: datetime) -> None:
    new = [User(username=f"n{n}", organization_id="alpha", roles=["admin"]) for n in range(3)]
    with pytest.raises(DatabaseError, match="two people"), transaction.atomic():
        User.objects.bulk_create(new)


def _born(username: str, *, superuser: bool, organization: str = "NULL", roles: str = "{}") -> str:
    return (
        "INSERT INTO firm_user (username, password, is_superuser, first_name, last_name, email,"
        " is_staff, is_active, date_joined, organization_id, roles) VALUES"
        f" ('{username}', '', {superuser}, '', '', '', true, true, now(), {organization},"
        f" '{roles}')"
    )


@pytest.mark.parametrize("organization", ["NULL", "'alpha'", "'house'"])
def test_nobody_is_born_a_superuser_once_two_have_founded_the_platform(
    sandbox: datetime, organization: str
) -> None:
    assert _refused(_born("king", superuser=True, organization=organization))
    # Nor when one makes room: the house still has two who approve roles.
    User.objects.filter(organization_id="house").update(is_superuser=False)
    assert _refused(_born("king", superuser=True, organization=organization))
    assert not _refused(_born("clerk", superuser=False, organization=organization))


def test_a_platform_that_has_lost_its_founders_is_founded_again(sandbox: datetime) -> None:
    User.objects.filter(organization_id="house").update(is_active=False)
    founders = [_born(name, superuser=True) for name in ("first", "second", "third")]
    assert [_refused(one) for one in founders] == [False, False, True]


def test_nobody_comes_back_a_superuser(sandbox: datetime) -> None:
    one = "WHERE username = 'house_admin'"
    leaves = f"UPDATE firm_user SET is_active = false {one}"
    returns = f"UPDATE firm_user SET roles = '{{}}', is_active = true {one}"
    # While only one founder is left the other may come back, but for his roles.
    assert [_refused(leaves), _refused(returns), _refused(leaves)] == [False] * 3
    assert not _refused(_born("third", superuser=False, organization="'house'", roles="{admin}"))
    assert _refused(returns)


def test_nobody_becomes_a_superuser(sandbox: datetime) -> None:
    assert _refused("UPDATE firm_user SET is_superuser = true WHERE username = 'alpha_trader'")
    assert not _refused("UPDATE firm_user SET is_superuser = false WHERE username = 'house_admin'")


def test_a_sandbox_of_old_hires_who_is_missing(
    sandbox: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(seed_sandbox.PEOPLE, "newcomer", Role.AUDITOR)
    seed_sandbox.seed(sandbox)
    assert _roles("alpha_newcomer") == ["auditor"]
    assert RoleChange.objects.get(user__username="alpha_newcomer").status == "approved"


def test_who_comes_back_comes_back_without_roles(sandbox: datetime) -> None:
    one = "WHERE username = 'alpha_trader'"
    assert not _refused(f"UPDATE firm_user SET is_active = false {one}")
    assert _refused(f"UPDATE firm_user SET is_active = true {one}")
    assert not _refused(f"UPDATE firm_user SET roles = '{{}}', is_active = true {one}")


def test_an_approved_change_gives_rights_once(sandbox: datetime, caller: Caller) -> None:
    made = _propose(caller("alpha_admin"), sandbox, "senior_trader")
    role_changes.approve(made.pk, by=caller("alpha_compliance"), at=sandbox)
    User.objects.filter(username="alpha_trader").update(roles=[])
    assert _refused("UPDATE firm_user SET roles = '{senior_trader}' WHERE username='alpha_trader'")


def test_the_database_refuses_a_change_that_is_born_approved(
    sandbox: datetime, caller: Caller
) -> None:
    trader, admin = caller("alpha_trader").user_id, caller("alpha_admin").user_id
    checker, stranger = caller("alpha_compliance").user_id, caller("beta_admin").user_id
    birth = (
        "INSERT INTO firm_rolechange (user_id, organization_id, was, roles, status, reason,"
        " proposed_by_id, proposed_at, decided_by_id, decided_at, decision_reason)"
        " VALUES (%s, 'alpha', '{trader}', '{admin}', %s, 'x', %s, now(), %s, now(), '')"
    )
    assert _refused(birth, trader, "approved", admin, checker)
    assert _refused(birth, trader, "proposed", stranger, None)
    made = _propose(caller("alpha_admin"), sandbox, "senior_trader")
    assert _refused("UPDATE firm_rolechange SET roles = '{admin}' WHERE id = %s", made.pk)
    assert _refused("DELETE FROM firm_rolechange WHERE id = %s", made.pk)


def test_every_entitlement_that_code_asks_for_is_in_a_role() -> None:
    held = frozenset().union(*ENTITLEMENTS.values())
    assert {"pmp.suppress", "policy.manage", "access.manage", "access.approve"} <= held
    assert ENTITLEMENTS[Role.SENIOR_TRADER] > ENTITLEMENTS[Role.TRADER]
    assert "pmp.suppress" not in ENTITLEMENTS[Role.TRADER]
