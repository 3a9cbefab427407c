"""Nobody reaches another organization's rows: by no page, no selection, no form."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse

from allocations.models import Account, IntroducingBroker, RiskGroup
from controls.models import Control
from oms_site.firm.models import ApiKey, Organization, RoleChange, User
from orders.models import Order
from tests import factories
from tests.integration.admin import ledger
from tests.integration.admin.test_pages import PLATFORM, SHARED, address, browser

OWNED = sorted(
    (m for m in admin.site._registry if m._meta.label not in PLATFORM | SHARED),
    key=lambda model: model._meta.label,
)
ROLES = ["admin", "trader", "compliance", "operations", "auditor"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def alphas() -> dict[type[Model], Model]:
    """One row of every model, of alpha; beta has its own."""
    ledger.fill("beta")
    return ledger.fill("alpha")


def _everything(model: type[Model]) -> list[dict[str, Any]]:
    return list(model._default_manager.order_by("pk").values())


def _gives_nothing(answer: Any, key: str) -> bool:
    if answer.status_code in {403, 404}:
        return True
    return answer.status_code == 302 and key not in answer["Location"]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("model", OWNED, ids=lambda model: model._meta.label)
def test_betas_people_get_nothing_of_alphas(
    model: type[Model], role: str, alphas: dict[type[Model], Model]
) -> None:
    client = browser("spy", of="beta", role=role)
    row = alphas[model]
    key, before = str(row.pk), _everything(model)
    for page in ("change", "history", "delete"):
        assert _gives_nothing(client.get(address(model, page, row.pk)), key), page
    assert _gives_nothing(client.post(address(model, "change", row.pk), {"name": "mine"}), key)
    assert _gives_nothing(client.post(address(model, "delete", row.pk), {"post": "yes"}), key)
    listed = client.get(address(model, "changelist"))
    if listed.status_code == 200:
        assert key not in {str(shown.pk) for shown in listed.context["cl"].result_list}
        assert "alpha" not in _main(listed)
    assert _everything(model) == before


def _main(answer: Any) -> str:
    return str(answer.content.decode()).partition('id="content-main"')[2].lower()


ACTIONS = [
    (model, name)
    for model, page in admin.site._registry.items()
    for name in (*(page.actions or ()), *getattr(page, "actions_detail", ()))
]


@pytest.mark.parametrize(
    ("model", "name"), ACTIONS, ids=[f"{m._meta.label}.{n}" for m, n in ACTIONS]
)
def test_betas_people_do_nothing_to_alphas(
    model: type[Model], name: Any, alphas: dict[type[Model], Model]
) -> None:
    # Everything that anyone in beta may do.
    spy = factories.user("spy", of="beta", roles=ROLES)
    client = Client()
    client.force_login(spy)
    row, before = alphas[model], _everything(model)
    page = address(model, "change", row.pk).removesuffix("change/") + f"{name}/"
    if name in getattr(admin.site._registry[model], "actions_detail", ()):
        # What all organizations share they see and may not touch; another's is not there.
        refused = 403 if model._meta.label in SHARED else 404
        assert client.get(page).status_code == refused
        assert client.post(page, {"_form_submitted": "True"}).status_code == refused
    else:
        ticked = {"action": name, "_selected_action": str(row.pk), "confirmed": "yes"}
        client.post(address(model, "changelist"), ticked)
    assert _everything(model) == before


def test_the_same_actions_work_for_those_whose_rows_they_are(
    alphas: dict[type[Model], Model],
) -> None:
    """Otherwise the test above would prove nothing."""
    owner = factories.user("owner", of="alpha", roles=ROLES)
    platform = factories.user("root", of=None, is_superuser=True)
    client = Client()
    assert len(ACTIONS) >= 8
    for model, name in ACTIONS:
        if name in getattr(admin.site._registry[model], "actions_detail", ()):
            page = address(model, "change", alphas[model].pk).removesuffix("change/") + f"{name}/"
            client.force_login(platform if model._meta.label in SHARED else owner)
            assert client.get(page).status_code == 200, page


@pytest.mark.parametrize(
    ("source", "field", "remote"),
    [(ApiKey, "user", User)],
    ids=["api key owner"],
)
def test_autocompletion_finds_only_ones_own(
    source: type[Model], field: str, remote: type[Model], alphas: dict[type[Model], Model]
) -> None:
    client = browser("boss", of="beta", role="admin")
    answer = client.get(
        reverse("admin:autocomplete"),
        {
            "app_label": source._meta.app_label,
            "model_name": str(source._meta.model_name),
            "field_name": field,
        },
    )
    found = {entry["text"] for entry in answer.json()["results"]}
    assert "beta_trader" in found
    assert not any("alpha" in text for text in found)
    assert str(alphas[remote].pk) not in {entry["id"] for entry in answer.json()["results"]}


def test_forms_accept_no_foreign_rows(alphas: dict[type[Model], Model]) -> None:
    client = browser("boss", of="beta", role="admin")
    group = alphas[RiskGroup]
    values = {
        "id": "acc_new",
        "organization": "beta",
        "code": "NEW",
        "name": "New",
        "custodian": "cust_sim",
        "risk_group": group.pk,
        "currency": "USD",
        "status": "active",
    }
    assert client.post("/admin/allocations/account/add/", values).status_code == 200
    client.post("/admin/allocations/account/add/", {**values, "organization": "alpha"})
    client.post("/admin/firm/apikey/add/", {"user": alphas[User].pk})
    assert not Account.objects.filter(id="acc_new").exists()
    assert ApiKey.objects.count() == 2


def test_filters_on_relations_reach_no_further_than_the_rows(
    alphas: dict[type[Model], Model],
) -> None:
    client = browser("boss", of="beta", role="admin")
    order = alphas[Order]
    for query in ({"id": order.pk}, {"q": order.pk}, {"organization__id__exact": "alpha"}):
        answer = client.get("/admin/orders/order/", query)
        if answer.status_code == 200:
            assert not answer.context["cl"].result_list
    asked = client.get("/admin/orders/order/", {"submitted_by__password__startswith": "a"})
    assert asked.status_code in {302, 400}


def test_an_account_cannot_be_moved_to_another_organization(
    alphas: dict[type[Model], Model],
) -> None:
    account = alphas[Account]
    client = browser("root", of=None, is_superuser=True)
    assert isinstance(account, Account)
    values = {
        "id": "other",
        "organization": "beta",
        "code": "RENAMED",
        "name": account.name,
        "custodian": account.custodian_id,
        "risk_group": account.risk_group_id,
        "currency": "USD",
        "status": "suspended",
        "lot_relief": account.lot_relief,
        "account_type": account.account_type,
        "categories": "income, west",
        "currencies": "e1",
    }
    answer = client.post(address(Account, "change", account.pk), values)
    assert "E1 is no currency" in answer.content.decode()
    values["currencies"] = "eur, GBP"
    answer = client.post(address(Account, "change", account.pk), values)
    assert answer.status_code == 302
    account.refresh_from_db()
    assert (account.categories, account.currencies) == (["income", "west"], ["EUR", "GBP"])
    assert (account.organization_id, account.code, account.status) == (
        "alpha",
        "RENAMED",
        "suspended",
    )
    assert not Account.objects.filter(id="other").exists()


def test_a_broker_is_no_branch_of_its_own_branch_nor_of_another_firms(
    alphas: dict[type[Model], Model],
) -> None:
    head = factories.introducing_broker(organization=Organization.objects.get(pk="alpha"))
    branch = factories.introducing_broker(organization=head.organization)
    theirs = factories.introducing_broker(organization=Organization.objects.get(pk="beta"))
    client = browser("root", of=None, is_superuser=True)

    def becomes(row: IntroducingBroker, parent: IntroducingBroker) -> IntroducingBroker | None:
        values = {"organization": row.organization_id, "name": row.name, "parent": parent.pk}
        client.post(address(IntroducingBroker, "change", row.pk), values)
        row.refresh_from_db()
        return row.parent

    assert becomes(branch, head) == head
    assert becomes(head, branch) is None
    assert becomes(head, head) is None
    assert becomes(head, theirs) is None
    with pytest.raises(IntegrityError, match="ib_is_not_its_own_parent"), transaction.atomic():
        IntroducingBroker.objects.filter(pk=head.pk).update(parent=head)


def test_an_organizations_admin_cannot_take_over_a_superuser() -> None:
    root = factories.user("root", of="alpha", is_superuser=True)
    client = browser("boss", of="alpha", role="admin")
    page = address(User, "change", root.pk)
    assert client.get(page).status_code == 200
    assert client.post(page, {"username": "root", "roles": ["trader"]}).status_code == 403
    password = f"/admin/firm/user/{root.pk}/password/"
    told = {"password1": "a-new-Pass-9", "password2": "a-new-Pass-9", "usable_password": "true"}
    assert client.post(password, told).status_code == 403


def test_an_organizations_admin_cannot_make_himself_a_superuser_or_move() -> None:
    client = browser("boss", of="alpha", role="admin")
    factories.organization("beta")
    boss = User.objects.get(username="boss")
    told = {
        "username": "boss",
        "organization": "beta",
        "first_name": "The",
        "roles": ["admin", "auditor"],
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
        "user_permissions": ["1"],
    }
    assert client.post(address(User, "change", boss.pk), told).status_code == 302
    boss.refresh_from_db()
    assert (boss.first_name, boss.roles) == ("The", ["admin"])
    assert RoleChange.objects.get(user=boss).roles == ["admin", "auditor"]
    assert (boss.organization_id, boss.is_superuser) == ("alpha", False)
    assert not boss.user_permissions.exists()


def test_a_history_of_edits_is_told_to_its_organization_only(
    alphas: dict[type[Model], Model],
) -> None:
    for of, seen in (("alpha", "alpha_trader"), ("beta", "beta_trader")):
        page = browser(f"boss_{of}", of=of, role="admin").get("/admin/admin/logentry/")
        users = {entry.user.username for entry in page.context["cl"].result_list}
        assert users == {seen}


def test_organizations_and_controls_of_others_are_on_no_sidebar_or_index() -> None:
    factories.organization("beta", name="Beta Capital")
    ledger.fill("alpha")
    page = browser("boss", of="beta", role="admin").get("/admin/").content.decode()
    assert "Alpha" not in page
    assert Organization.objects.count() == 2
    assert Control.objects.exists()


@pytest.mark.parametrize("model", OWNED, ids=lambda model: model._meta.label)
def test_a_page_denies_a_foreign_row_even_when_it_is_handed_to_it(
    model: type[Model], alphas: dict[type[Model], Model]
) -> None:
    page, row = admin.site._registry[model], alphas[model]
    for of, sees in (("alpha", True), ("beta", False)):
        request = RequestFactory().get("/admin/")
        request.user = factories.user(f"{of}_boss", of=of, role="admin")
        assert page.has_view_permission(request, row) is sees
        assert not (page.has_change_permission(request, row) and not sees)
        assert not (page.has_delete_permission(request, row) and not sees)
