"""No page of a ledger writes, whoever asks; what may be done goes through the desk."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.messages import get_messages
from django.db.models import Model
from django.test import Client

from allocations.models import BookingLeg
from oms_site.admin import ReadOnlyAdmin
from oms_site.journal.models import Event
from orders.models import Order
from tests import factories
from tests.integration.admin import ledger
from tests.integration.admin.test_pages import address, browser

LEDGERS = sorted(
    (model for model, page in admin.site._registry.items() if isinstance(page, ReadOnlyAdmin)),
    key=lambda model: model._meta.label,
)
WRITTEN_THROUGH_THE_DOOR = {
    "allocations.AccountAllocation",
    "allocations.Allocation",
    "allocations.BookingLeg",
    "allocations.CashBalance",
    "allocations.CorporateAction",
    "allocations.DroppedAccount",
    "allocations.GiveUp",
    "allocations.MarginCall",
    "allocations.Movement",
    "allocations.Position",
    "allocations.PostTradeEntry",
    "allocations.Repair",
    "allocations.TaxLot",
    "allocations.Transaction",
    "controls.Review",
    "controls.Screening",
    "journal.Event",
    "orders.Break",
    "orders.Cross",
    "orders.Execution",
    "orders.ExecutionOrder",
    "orders.HeldReport",
    "orders.NotionalPart",
    "orders.Order",
    "orders.OrderTerms",
    "orders.Quote",
    "orders.QuoteRound",
    "orders.ReplaceLeg",
    "orders.Replacement",
    "orders.ReportedTrade",
    "orders.Rfq",
    "orders.Schedule",
    "orders.ScheduleSlice",
    "orders.VenueOrder",
    "venues.Certification",
    "venues.Inbound",
    "venues.Outbound",
    "venues.RoutingDecision",
}
pytestmark = pytest.mark.django_db


@pytest.fixture
def rows() -> dict[type[Model], Model]:
    """One row of every model, of alpha."""
    return ledger.fill("alpha")


def test_every_ledger_has_a_page_that_only_shows() -> None:
    assert {model._meta.label for model in LEDGERS} >= WRITTEN_THROUGH_THE_DOOR


def _everything(model: type[Model]) -> list[dict[str, Any]]:
    return list(model._default_manager.order_by("pk").values())


def _attack(model: type[Model]) -> dict[str, str]:
    values = {field.name: "1" for field in model._meta.concrete_fields}
    return {**values, "status": "filled", "_save": "Save", "post": "yes", "verdict": "applied"}


@pytest.mark.parametrize("who", ["admin", "superuser"])
@pytest.mark.parametrize("model", LEDGERS, ids=lambda model: model._meta.label)
def test_posting_to_a_ledger_changes_nothing(
    model: type[Model], who: str, rows: dict[type[Model], Model]
) -> None:
    client = (
        browser("boss", of="alpha", role="admin")
        if who == "admin"
        else browser("root", of="alpha", is_superuser=True)
    )
    key = rows[model].pk
    before = _everything(model)
    posted = [
        client.post(address(model, "change", key), _attack(model)),
        client.post(address(model, "add"), _attack(model)),
        client.post(address(model, "delete", key), {"post": "yes"}),
        client.post(
            address(model, "changelist"),
            {"action": "delete_selected", "_selected_action": str(key), "post": "yes"},
        ),
        client.post(
            address(model, "changelist"),
            {
                "form-TOTAL_FORMS": "1",
                "form-INITIAL_FORMS": "1",
                "form-0-id": str(key),
                "form-0-status": "filled",
                "_save": "Save",
            },
        ),
    ]
    assert _everything(model) == before
    assert {answer.status_code for answer in posted[:3]} <= {302, 403}
    assert posted[0].status_code == 403


# --- what may be done ------------------------------------------------------------------------
def _cancel(client: Client, orders: list[Order], **more: str) -> Any:
    ticked = {"action": "cancel_selected", "_selected_action": [order.pk for order in orders]}
    return client.post("/admin/orders/order/", {**ticked, **more})


def _said(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def test_canceling_asks_first_and_then_says_what_became_of_each_order() -> None:
    client = browser("officer", of="alpha", role="compliance")
    maker = factories.user("maker", of="alpha", role="trader")
    open_one = ledger.order("alpha", maker)
    closed = ledger.order("alpha", maker, status="expired", leaves_qty=0)
    asked = _cancel(client, [open_one, closed])
    assert asked.status_code == 200
    assert b"Cancel these orders?" in asked.content
    assert not Event.objects.exists()

    told = _cancel(client, [open_one, closed], confirmed="yes")
    open_one = ledger.again(open_one)
    assert open_one.status == "canceled"
    assert sorted(_said(told)) == sorted(
        [
            f"{open_one.id}: canceled.",
            f"{closed.id}: refused. The order is expired.",
        ]
    )
    by_order = {
        order.id: list(
            Event.objects.filter(subject=order.id)
            .order_by("seq")
            .values_list("event_type", "actor")
        )
        for order in (open_one, closed)
    }
    assert by_order == {
        open_one.id: [("cancel_request", "officer"), ("cancel", "officer")],
        closed.id: [("cancel_request", "officer"), ("cancel_reject", "officer")],
    }


def test_an_order_can_be_canceled_from_its_own_page_but_not_by_looking() -> None:
    client = browser("officer", of="alpha", role="compliance")
    order = ledger.order("alpha", factories.user("maker", of="alpha", role="trader"))
    page = address(Order, "change", order.pk).removesuffix("change/") + "cancel/"
    assert client.get(page).status_code == 200
    assert client.post(page, {}).status_code == 200  # not confirmed: asked again
    order = ledger.again(order)
    assert order.status == "pending_execution"
    done = client.post(page, {"_form_submitted": "True"})
    assert done.headers["HX-Redirect"] == address(Order, "change", order.pk)
    order = ledger.again(order)
    assert order.status == "canceled"


@pytest.mark.parametrize("who", [{"of": "alpha", "role": "admin"}, {"of": None}, {"of": "alpha"}])
def test_without_the_entitlement_nobody_cancels_not_even_a_superuser(who: dict[str, Any]) -> None:
    superuser = "role" not in who
    client = browser("somebody", is_superuser=superuser, **who)
    order = ledger.order("alpha", factories.user("maker", of="alpha", role="trader"))
    _cancel(client, [order], confirmed="yes")
    page = address(Order, "change", order.pk).removesuffix("change/") + "cancel/"
    assert client.post(page, {"_form_submitted": "True"}).status_code == 403
    order = ledger.again(order)
    assert order.status == "pending_execution"
    assert not Event.objects.exists()


def test_a_superuser_who_trades_for_alpha_cannot_cancel_for_beta() -> None:
    client = browser("root", of="alpha", role="trader", is_superuser=True)
    order = ledger.order("beta", factories.user("maker", of="beta", role="trader"))
    told = _cancel(client, [order], confirmed="yes")
    assert _said(told) == [f"{order.id}: No such order."]
    order = ledger.again(order)
    assert order.status == "pending_execution"


def test_operations_retry_a_failed_booking_and_nobody_else(
    rows: dict[type[Model], Model],
) -> None:
    leg = rows[BookingLeg]
    assert isinstance(leg, BookingLeg)
    allocation = leg.allocation
    type(allocation).objects.filter(pk=allocation.pk).update(status="failed", version=2)
    ticked = {"action": "retry_selected", "_selected_action": leg.pk, "confirmed": "yes"}
    for role in ("admin", "trader"):
        browser(role, of="alpha", role=role).post("/admin/allocations/bookingleg/", ticked)
        leg = ledger.again(leg)
        assert leg.status == "failed"
    client = browser("ops", of="alpha", role="operations")
    told = client.post("/admin/allocations/bookingleg/", ticked)
    leg = ledger.again(leg)
    assert leg.status == "queued"
    assert "queued again" in _said(told)[0]
    again = client.post("/admin/allocations/bookingleg/", ticked)
    assert "is queued" in _said(again)[-1]
