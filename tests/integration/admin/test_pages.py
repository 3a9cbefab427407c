"""Every page of the back office opens for those it is for, and for nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from oms_site.firm.models import ApiKey
from tests import factories
from tests.integration.admin import ledger

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
PLATFORM = {
    "venues.Outbound",
    "venues.Inbound",
    "venues.Certification",
    "venues.FixMessage",
    "venues.FixNumbers",
    "venues.SecurityNotice",
    "firm.Generation",
    "firm.SandboxClock",
    "throttling.RateGrant",
}
SHARED = {
    "venues.Instrument",
    "venues.ReferencePrice",
    "venues.TradingDayRow",
    "venues.Venue",
    "venues.VenueProfile",
    "venues.VenueSymbol",
    "venues.Dealer",
    "venues.FixLine",
    "venues.VenueFormat",
    "allocations.ClearingParty",
    "allocations.Custodian",
    "allocations.MatchingService",
    "throttling.RateTier",
}
RUN_BY_PLATFORM = {"firm.Organization", "throttling.RateGrant"}
ADDED_BY_ADMINS = {
    "allocations.Account",
    "allocations.ClearingArrangement",
    "allocations.IntroducingBroker",
    "allocations.MarginRate",
    "allocations.MatchingRoute",
    "allocations.ReleaseRule",
    "allocations.RiskGroup",
    "allocations.StandingInstruction",
    "controls.Breaker",
    "controls.Control",
    "controls.ControlList",
    "controls.Mandate",
    "firm.ApiKey",
    "firm.Policy",
    "firm.User",
    "orders.BrokerWheel",
    "orders.DeskClaim",
    "orders.Ruleset",
}
pytestmark = pytest.mark.django_db


def browser(name: str, **who: Any) -> Client:
    """A logged-in browser of a new staff member."""
    client = Client()
    client.force_login(factories.user(name, **who))
    return client


def address(model: type[Model], page: str, *args: Any) -> str:
    """Where a page of a model is."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
    return reverse(name, args=[quote(arg) for arg in args])


@pytest.fixture
def rows() -> dict[type[Model], Model]:
    """One row of every model, of alpha."""
    return ledger.fill("alpha")


def test_there_is_a_row_of_every_registered_model(rows: dict[type[Model], Model]) -> None:
    assert set(rows) == set(MODELS)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_the_organizations_admin_opens_every_page(
    model: type[Model], rows: dict[type[Model], Model]
) -> None:
    label = model._meta.label
    client = browser("boss", of="alpha", role="admin")
    listed = client.get(address(model, "changelist"))
    shown = client.get(address(model, "change", rows[model].pk))
    history = client.get(address(model, "history", rows[model].pk))
    added = client.get(address(model, "add"))
    if label in PLATFORM:
        assert [listed.status_code, added.status_code] == [403, 403]
        assert (shown.status_code, history.status_code) == (403, 302)
        return
    assert (listed.status_code, shown.status_code, history.status_code) == (200, 200, 200)
    assert listed.context["cl"].result_list
    assert added.status_code == (200 if label in ADDED_BY_ADMINS else 403)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_a_superuser_opens_every_page(model: type[Model], rows: dict[type[Model], Model]) -> None:
    client = browser("root", of=None, is_superuser=True)
    assert client.get(address(model, "changelist")).status_code == 200
    assert client.get(address(model, "change", rows[model].pk)).status_code == 200
    may_add = model._meta.label in ADDED_BY_ADMINS | SHARED | RUN_BY_PLATFORM
    assert client.get(address(model, "add")).status_code == (200 if may_add else 403)


@pytest.mark.parametrize("role", ["trader", "compliance", "operations", "auditor"])
@pytest.mark.parametrize("label", sorted(ADDED_BY_ADMINS | SHARED | {"firm.Organization"}))
def test_other_roles_look_at_configuration_and_change_nothing(
    role: str, label: str, rows: dict[type[Model], Model]
) -> None:
    model = next(model for model in MODELS if model._meta.label == label)
    client = browser("somebody", of="alpha", role=role)
    people = label in {"firm.User", "firm.ApiKey"}
    manages = role == "compliance" and label.startswith(("controls.", "firm.Policy"))
    # Watch lists are nothing for who trades.
    told = label == "controls.ControlList"
    looks = not (people or told) or role in {"compliance", "auditor"}
    assert client.get(address(model, "changelist")).status_code == (200 if looks else 403)
    shown = client.get(address(model, "change", rows[model].pk))
    assert shown.status_code == (200 if looks else 403)
    assert client.get(address(model, "add")).status_code == (200 if manages else 403)
    if not manages:
        changed = client.post(address(model, "change", rows[model].pk), {"name": "taken over"})
        assert changed.status_code == 403


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_staff_without_an_organization_see_nothing(
    model: type[Model], rows: dict[type[Model], Model]
) -> None:
    client = browser("stray", of=None, role="admin")
    assert client.get(address(model, "changelist")).status_code == 403
    assert client.get(address(model, "change", rows[model].pk)).status_code in {302, 403}


def test_who_is_not_staff_is_sent_to_the_login() -> None:
    client = browser("client", of="alpha", role="admin", is_staff=False)
    assert client.get("/admin/")["Location"].startswith("/admin/login/")


def test_a_page_shows_decimals_plainly_and_json_as_it_was(rows: dict[type[Model], Model]) -> None:
    client = browser("boss", of="alpha", role="admin")
    pages = {
        model._meta.label: client.get(address(model, "change", rows[model].pk)).content.decode()
        for model in MODELS
    }
    assert "99.50000000" not in pages["orders.Order"]
    assert "1,000" in pages["orders.Order"]
    assert "2026-11-20 15:30:00 UTC" in pages["orders.Order"]
    # The exact text that clients saw: its numbers are never read, so none changes.
    assert "&quot;price&quot;: 99.50" in pages["journal.Event"]


def test_the_digest_of_a_key_is_on_no_page_and_cannot_be_asked_for(
    rows: dict[type[Model], Model],
) -> None:
    key = rows[ApiKey]
    assert isinstance(key, ApiKey)
    client = browser("root", of=None, is_superuser=True)
    for page in (
        client.get(address(ApiKey, "changelist")),
        client.get(address(ApiKey, "change", key.pk)),
        client.get(address(ApiKey, "changelist"), {"q": key.digest[:12]}),
    ):
        assert key.digest not in page.content.decode()
    asked = client.get(address(ApiKey, "changelist"), {"digest__startswith": key.digest[:2]})
    assert asked.status_code in {302, 400}


@pytest.mark.parametrize(("path", "evaluates"), [("/admin/login/", True), ("/login/", False)])
def test_only_the_admin_may_evaluate_scripts(path: str, evaluates: bool) -> None:
    policy = Client().get(path).headers["Content-Security-Policy"]
    directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert ("'unsafe-eval'" in policy) is evaluates
    assert ("'unsafe-inline'" in policy) is evaluates
    assert "'unsafe-inline'" not in directives.get("script-src", "")
    assert directives["frame-ancestors"] == "'none'"


def test_the_list_of_orders_asks_the_same_queries_for_five_rows_as_for_fifty(
    django_assert_max_num_queries: Any,
) -> None:
    maker = factories.user("maker", of="alpha", role="trader")
    client = browser("boss", of="alpha", role="admin")
    counts = []
    for more in (5, 45):
        for _ in range(more):
            ledger.order("alpha", maker)
        with django_assert_max_num_queries(20) as asked:
            page = client.get("/admin/orders/order/")
        counts.append(len(asked.captured_queries))
        assert page.status_code == 200
    assert len(page.context["cl"].result_list) == 50
    assert counts[0] == counts[1]
