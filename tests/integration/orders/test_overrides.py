"""What two people let pass in spite of a control: one order, on its very terms, once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from controls import evidence, library, listing, overrides, screening
from controls.models import Override, Screening
from oms_site.firm import generation
from oms_site.firm.models import User
from oms_site.journal.models import Event
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import desk, last_look, overriding, rescreen, routing
from orders.books import folding, gate
from orders.books.verdicts import Run
from orders.desk import drafts
from orders.models import Order, VenueOrder
from orders.requests import AccountAsk, AllocationAsk, Handling
from tests import policies, trading
from tests.integration.orders.limits import in_force
from tests.integration.replacing import story
from venues import transmission
from venues.models import Outbound

pytestmark = pytest.mark.usefixtures("sandbox")
Api = Callable[..., Any]
D = Decimal
LIST = "/v1/control/override/"


def embargo(*accounts: str, name: str = "embargo", **members: Any) -> None:
    """A do-not-trade list of accounts, agreed by two people; the sandbox has the control."""
    maker, checker = trading.person("alpha_compliance"), trading.person("alpha_compliance2")
    at = clock.now()
    kind = members.pop("kind", "do_not_trade")
    row = listing.draft(name, kind=kind, accounts=accounts, by=maker, at=at, **members)
    listing.approve(row, by=checker, at=at)
    generation.check()


def entered(**changes: Any) -> Order:
    return trading.order(trading.submit(**changes))


def said(**changes: Any) -> str:
    order = entered(**changes)
    return order.reject_code or order.status


def asked(order: Order, by: str = "alpha_trader") -> Override:
    return overriding.ask(
        order.id, reason="The client closes.", by=trading.person(by), at=clock.now()
    )


def granted(order: Order, by: str = "alpha_compliance") -> Override:
    row = asked(order)
    return decided(row, by)


def decided(row: Override, by: str = "alpha_compliance", *, grant: bool = True) -> Override:
    overrides.decide(row.id, grant=grant, note="Seen.", by=trading.person(by), at=clock.now())
    generation.check()
    return Override.objects.get(pk=row.id)


def refused(order: Order) -> Override:
    """An override of a rejected order that waits."""
    assert order.status == "rejected"
    return asked(order)


@pytest.fixture
def rejected() -> Order:
    """An order of an account that may not trade."""
    embargo("alpha-002")
    order = entered()
    assert order.reject_code == "instrument_restricted"
    return order


def test_an_account_that_may_not_trade_is_refused(rejected: Order) -> None:
    assert "alpha-002 is on the list embargo" in rejected.reject_reason
    assert said(account_id="alpha-003") == "pending_execution"


def test_an_override_lets_one_order_pass_and_no_second(rejected: Order) -> None:
    row = granted(rejected)
    first, second = entered(), entered()
    assert (first.status, second.reject_code) == ("pending_execution", "instrument_restricted")
    row = Override.objects.get(pk=row.pk)
    assert (row.status, row.used_order) == ("used", first.id)
    kept = Screening.objects.get(pk=first.screening_id)
    (lifted,) = [one for one in kept.results if one[2] == "overridden"]
    assert (lifted[0], lifted[4]) == ("restricted-list", row.id)
    lifts = [row.id, "embargo version 1", ["embargo: alpha-002"]]
    assert kept.ticket["overrides"] == {"restricted-list": lifts}


def test_of_two_alike_in_one_batch_only_the_first_passes(rejected: Order) -> None:
    granted(rejected)
    results = desk.submit([trading.request(), trading.request()])
    statuses = [trading.order(one.order_id).status for one in results]
    assert statuses == ["pending_execution", "rejected"]


def test_it_is_asked_for_and_granted_by_two(rejected: Order) -> None:
    row = asked(rejected, by="alpha_compliance")
    assert said() == "instrument_restricted"
    with pytest.raises(OmsError) as own:
        decided(row, "alpha_compliance")
    assert (own.value.code, own.value.status) == ("self_approval", 403)
    with pytest.raises(OmsError) as trader:
        decided(row, "alpha_trader")
    assert trader.value.code == "not_entitled"
    decided(row, "alpha_compliance2")
    assert said() == "pending_execution"


def test_whose_order_it_is_may_not_grant_it_though_another_asks() -> None:
    embargo("alpha-002")
    row = refused(entered())
    with connection.cursor() as cursor, pytest.raises(DatabaseError), transaction.atomic():
        cursor.execute(
            "UPDATE controls_override SET status = 'granted', version = version + 1,"
            " decided_by_id = maker_id, decided_at = now() WHERE id = %s",
            [row.id],
        )


@pytest.mark.parametrize(
    "changes",
    [
        {"qty": D(2000)},
        {"limit_price": D("99.4")},
        {"side": "sell"},
        {"instrument_id": "912810SX7", "limit_price": D(101)},
        {"by": "alpha_senior"},
        {"ord_type": "market", "limit_price": None},
    ],
    ids=str,
)
def test_an_order_on_any_other_terms_does_not_pass(
    rejected: Order, changes: dict[str, Any]
) -> None:
    row = granted(rejected)
    assert said(**changes) == "instrument_restricted"
    row = Override.objects.get(pk=row.pk)
    assert row.status == "granted"


@pytest.mark.parametrize(
    "changes",
    [
        {"stop_price": D("99.6")},
        {"extended_hours": True},
        {"all_or_none": True},
        {"handling": Handling(reduce_only=True)},
        {"handling": Handling(display_qty=D(1000))},
        {"handling": Handling(min_qty=D(1000))},
    ],
    ids=str,
)
def test_an_order_that_is_handled_otherwise_does_not_pass(
    sandbox: datetime, changes: dict[str, Any]
) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))
    embargo("alpha-002")
    terms = {"ord_type": "stop_limit", "stop_price": D(103), "limit_price": D("103.5")}
    order = entered(**terms)
    granted(order)
    ticket = rescreen.ticket_of(order, at=clock.now())
    alike, other = (
        drafts.make(trading.request(**asked_for)).order
        for asked_for in (terms, {**terms, **changes})
    )
    assert overriding.hash_of(alike, ticket) == overriding.hash_of(order, ticket)
    assert overriding.hash_of(other, ticket) != overriding.hash_of(order, ticket)
    assert said(**{**terms, **changes}) == "instrument_restricted"
    assert said(**terms) == "pending_execution"


def test_a_stop_is_shown_to_whoever_grants_and_stays_as_it_is(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))
    embargo("alpha-002")
    terms = {
        "ord_type": "stop_limit",
        "stop_price": D(103),
        "limit_price": D("103.5"),
        "bypass_auto_execution": True,
    }
    row = asked(entered(**terms))
    client = Client()
    client.force_login(User.objects.get(username="alpha_compliance"))
    page = client.get("/review/").content.decode()
    assert "stop <b>103</b>" in page
    assert "stop limit" in page
    decided(row)
    order = entered(**terms)
    assert story.amend(order.id, limit_price="103.4").outcome == "replaced"
    assert story.amend(order.id, stop_price="99.6", limit_price="103.4").outcome == "rejected"


def block(first: int, second: int) -> dict[str, Any]:
    """The terms of an order for two accounts."""
    parts = (("alpha-002", first), ("alpha-003", second))
    return {
        "account_id": None,
        "qty": D(first + second),
        "allocation": AllocationAsk(
            strategy="pro_rata_with_averaging",
            accounts=tuple(AccountAsk(account_id=name, qty=D(qty)) for name, qty in parts),
        ),
    }


def test_a_block_split_in_another_way_does_not_pass() -> None:
    embargo("alpha-002")
    granted(entered(**block(1000, 2000)))
    assert said(**block(2000, 1000)) == "instrument_restricted"
    assert said(**block(1000, 2000)) == "pending_execution"


def test_a_list_that_has_changed_since_is_not_covered_at_the_entry(rejected: Order) -> None:
    granted(rejected)
    embargo("alpha-002", "alpha-005")
    assert said() == "instrument_restricted"


def test_something_else_that_refuses_still_refuses_and_uses_nothing(rejected: Order) -> None:
    row = granted(rejected)
    in_force("size.max_quantity", max_qty="1000")
    assert said() == "quantity_over_limit"
    row = Override.objects.get(pk=row.pk)
    assert row.status == "granted"


def test_it_ends_with_its_day(rejected: Order) -> None:
    row = granted(rejected)
    key = ("alpha", row.terms)
    before = row.expires_at - timedelta(milliseconds=1)
    assert set(overrides.offers(None, [key], at=before)) == {key}
    assert overrides.offers(None, [key], at=row.expires_at) == {}
    with clock.frozen_at(row.expires_at):
        assert entered().status == "rejected"
    assert Override.objects.get(pk=row.pk).status == "granted"


def test_what_is_over_is_not_granted_any_more(rejected: Order) -> None:
    row = asked(rejected)
    with clock.frozen_at(row.expires_at), pytest.raises(OmsError) as late:
        decided(row)
    assert late.value.code == "override_expired"


def test_what_was_granted_can_be_taken_back_before_it_is_used(rejected: Order) -> None:
    row = granted(rejected)
    decided(row, "alpha_compliance2", grant=False)
    assert said() == "instrument_restricted"
    with pytest.raises(OmsError) as over:
        decided(row, "alpha_compliance2")
    assert over.value.code == "already_decided"


def test_who_asked_may_withdraw_it(rejected: Order) -> None:
    row = asked(rejected)
    assert decided(row, "alpha_trader", grant=False).status == "refused"
    # And may ask again.
    assert asked(rejected).status == "requested"


def test_a_restricted_security_is_nobodys_to_lift() -> None:
    embargo("alpha-002", name="insiders", cusips=[trading.BOND], kind="restricted")
    with pytest.raises(OmsError) as never:
        asked(entered())
    assert (never.value.code, never.value.status) == ("not_overridable", 409)


def test_a_restriction_beside_a_do_not_trade_list_is_not_lifted_with_it(rejected: Order) -> None:
    granted(rejected)
    embargo(name="insiders", cusips=[trading.BOND], kind="restricted")
    assert said() == "instrument_restricted"


def test_a_regulatory_control_is_nobodys_to_lift(rejected: Order) -> None:
    row = granted(rejected)
    in_force("universe.restricted", regulatory=True)
    order = entered()
    assert order.reject_code == "instrument_restricted"
    row = Override.objects.get(pk=row.pk)
    assert row.status == "granted"
    with pytest.raises(OmsError, match="nobody's to lift"):
        asked(order)


def test_what_became_regulatory_after_the_grant_is_not_lifted_by_it() -> None:
    embargo("alpha-002")
    control = in_force("universe.restricted")
    row = granted(entered())
    lifted = overrides.approved(row)
    assert set(lifted) == {control.code, "restricted-list"}
    order = Order.objects.get(pk=row.asked_for)
    ticket = rescreen.ticket_of(order, at=clock.now())
    ticket = msgspec.structs.replace(ticket, overrides=lifted)
    (before,) = screening.screen([ticket], at=clock.now())
    assert before.outcome == "passed"
    held = [
        msgspec.structs.replace(one, regulatory=one.code == control.code)
        for one in library.of("alpha").controls_for(ticket)
    ]
    assert screening.judge(held, ticket, at=clock.now()).outcome == "rejected"


def test_an_order_that_no_control_refused_needs_none() -> None:
    with pytest.raises(OmsError) as none:
        asked(entered())
    assert none.value.code == "order_not_rejected"
    with pytest.raises(OmsError) as unknown:
        overriding.ask("mo_x", reason="r", by=trading.person(), at=clock.now())
    assert unknown.value.code == "not_found"


def test_it_is_asked_for_once_and_with_a_reason(rejected: Order) -> None:
    with pytest.raises(OmsError) as empty:
        overriding.ask(rejected.id, reason="  ", by=trading.person(), at=clock.now())
    assert empty.value.code == "reason_required"
    asked(rejected)
    with pytest.raises(OmsError) as twice, transaction.atomic():
        asked(rejected)
    assert twice.value.code == "override_asked_already"


# --- the order's later life ----------------------------------------------------------------------
def test_the_order_that_passed_goes_to_market_and_over_the_wire(rejected: Order) -> None:
    granted(rejected)
    child = trading.routed()
    rows = transmission.take_due(child.venue_id)
    assert [row.cl_ord_id for row in last_look.before_wire(child.venue_id, rows)] == [child.id]
    # A later version of the list that still names it does not stop what was let pass.
    embargo("alpha-002", "alpha-005")
    assert last_look.before_wire(child.venue_id, rows) == rows


@pytest.mark.parametrize("name", ["later", "embargo"])
def test_what_two_people_never_saw_stops_it_before_the_wire(rejected: Order, name: str) -> None:
    granted(rejected)
    child = trading.routed()
    rows = transmission.take_due(child.venue_id)
    # Another list, or the same one that names the security as well by now.
    embargo("alpha-002", name=name, cusips=[trading.BOND])
    assert last_look.before_wire(child.venue_id, rows) == []


def test_every_account_that_a_list_names_is_told_to_who_grants() -> None:
    embargo("alpha-002", "alpha-003")
    order = entered(**block(1000, 2000))
    text = "alpha-002, alpha-003 are on the list embargo version 1."
    assert order.reject_reason == text
    (one,) = granted(order).controls
    assert one["about"] == ["embargo: alpha-002", "embargo: alpha-003"]


def test_an_override_that_does_not_say_what_it_is_about_lifts_nothing(rejected: Order) -> None:
    row = granted(rejected)
    for one in row.controls:
        del one["about"]
    ticket = rescreen.ticket_of(rejected, at=clock.now())
    ticket = msgspec.structs.replace(ticket, overrides=overrides.approved(row))
    assert [one.outcome for one in screening.screen([ticket], at=clock.now())] == ["rejected"]
    looked = Screening.objects.get(pk=rejected.screening_id)
    old = [[*one[:7], True] if len(one) > 7 else one for one in looked.results]
    assert screening.overridable(looked.results)
    assert screening.overridable(old) == []


def test_an_order_that_needed_none_is_stopped_on_the_way_when_its_account_is_listed() -> None:
    order_id = trading.submit()
    embargo("alpha-002")
    routing.drain()
    assert not VenueOrder.objects.filter(order_id=order_id).exists()
    assert not Outbound.objects.exists()


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"limit_price": "99.4"}, "replaced"),
        ({"qty": "2000"}, "replaced"),
        ({"limit_price": "99.6"}, "rejected"),
        ({"qty": "4000"}, "rejected"),
    ],
    ids=str,
)
def test_new_terms_may_ask_for_less_and_never_for_more(
    sandbox: datetime, changes: dict[str, str], outcome: str
) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))
    embargo("alpha-002")
    staged = {"bypass_auto_execution": True}
    granted(entered(**staged))
    order = entered(**staged)
    assert order.status == "pending_execution"
    assert story.amend(order.id, **changes).outcome == outcome


def test_a_wash_sale_is_let_pass_once_too() -> None:
    bought = trading.routed()
    trading.receive(trading.fill(bought, 3000, cum=3000))
    sold = trading.routed(side="sell", limit_price=D(98))
    trading.receive(trading.fill(sold, 3000, cum=3000, last_px=D(98), side="2"))
    in_force("wash.sale")
    order = entered()
    assert order.reject_code == "wash_sale"
    granted(order)
    assert [said(), said()] == ["pending_execution", "wash_sale"]


def lost(account_id: str) -> None:
    """The account buys, and sells for less."""
    bought = trading.routed(account_id=account_id)
    trading.receive(trading.fill(bought, 3000, cum=3000))
    sold = trading.routed(account_id=account_id, side="sell", limit_price=D(98))
    trading.receive(trading.fill(sold, 3000, cum=3000, last_px=D(98), side="2"))


def test_a_wash_sale_of_an_account_that_nobody_named_is_not_lifted_with_anothers() -> None:
    lost("alpha-002")
    in_force("wash.sale")
    order = entered(**block(1000, 2000))
    assert "ALPHA-002" in order.reject_reason
    assert "ALPHA-003" not in order.reject_reason
    granted(order)
    lost("alpha-003")
    again = entered(**block(1000, 2000))
    assert again.reject_code == "wash_sale"
    assert "ALPHA-002, account ALPHA-003 sold" in again.reject_reason
    # Both of them can be let pass by people who have seen both.
    granted(again)
    assert said(**block(1000, 2000)) == "pending_execution"


# --- memory --------------------------------------------------------------------------------------
def number() -> int:
    """How often what is in memory has changed."""
    generation.check()
    return generation._current


def test_a_use_makes_nobody_read_again_and_leaves_nothing_in_memory(rejected: Order) -> None:
    before = number()
    row = asked(rejected)
    assert number() == before
    decided(row)
    granted_at = number()
    assert granted_at != before
    order = entered()
    assert number() == granted_at
    assert overrides.held([("alpha", order.id)])[order.id].id == row.id
    generation.forget()
    assert not overrides._load().granted
    assert not overrides.waiting("alpha", at=clock.now())


def test_who_never_granted_anything_is_not_asked_about(rejected: Order) -> None:
    order = entered(account_id="alpha-003")
    asked(rejected)
    with CaptureQueriesContext(connection) as seen:
        ticket = rescreen.ticket_of(order, at=clock.now())
    assert not ticket.overrides
    assert not [one["sql"] for one in seen.captured_queries if "used_order" in one["sql"]]


def test_what_is_granted_and_never_used_costs_nothing_once_it_ran_out(rejected: Order) -> None:
    row = granted(rejected)
    assert overrides.waiting("alpha", at=row.expires_at - timedelta(milliseconds=1))
    assert not overrides.waiting("alpha", at=row.expires_at)
    with clock.frozen_at(row.expires_at):
        assert not overrides._load().granted


# --- what ran out --------------------------------------------------------------------------------
@pytest.mark.parametrize("step", ["asked", "granted"])
def test_what_ran_out_is_asked_for_again(rejected: Order, step: str) -> None:
    row = asked(rejected)
    if step == "granted":
        decided(row)
    with clock.frozen_at(row.expires_at - timedelta(milliseconds=1)):
        with pytest.raises(OmsError) as early, transaction.atomic():
            asked(rejected)
        assert early.value.code == "override_asked_already"
    with clock.frozen_at(row.expires_at):
        assert asked(rejected).status == "requested"
    old = Override.objects.get(pk=row.pk)
    assert (old.status, old.note) == ("refused", overrides.RAN_OUT)
    run = Run(at=clock.now(), machine_at=clock.now())
    wrong = [check.run(run).first for check in (*folding.CHECKS, *gate.CHECKS)]
    assert [one for found in wrong for one in found] == []


@pytest.mark.parametrize("step", ["asked", "granted"])
def test_the_panel_says_that_it_ran_out_and_offers_to_ask_again(rejected: Order, step: str) -> None:
    row = asked(rejected)
    if step == "granted":
        decided(row)
    client = Client()
    client.force_login(User.objects.get(username="alpha_trader"))
    with clock.frozen_at(row.expires_at):
        page = client.get(f"/desk/orders/{rejected.id}/").content.decode()
    assert "Override ran out" in page
    assert "Ask for an override" in page
    assert "enter the same order again" not in page


# --- the database's own word ---------------------------------------------------------------------
@pytest.mark.parametrize(
    "change",
    [
        "status = 'granted'",
        "used_order = 'mo_other'",
        "used_at = now() + interval '1 s'",
        "status = 'used', used_order = 'mo_other'",
        "note = 'another'",
    ],
)
def test_the_database_refuses_a_second_use(rejected: Order, change: str) -> None:
    granted(rejected)
    entered()
    with connection.cursor() as cursor, pytest.raises(DatabaseError), transaction.atomic():
        cursor.execute(f"UPDATE controls_override SET {change}, version = version + 1")


@pytest.mark.parametrize(
    "change",
    [
        "status = 'used', used_order = 'mo_x', used_at = requested_at, decided_by_id = 0",
        "status = 'granted', decided_by_id = requested_by_id, decided_at = now()",
        "status = 'granted'",
        "reason = 'another'",
        "order_qty = 10",
        "terms = 'x'",
    ],
)
def test_the_database_refuses_what_people_may_not(rejected: Order, change: str) -> None:
    asked(rejected)
    with connection.cursor() as cursor, pytest.raises(DatabaseError), transaction.atomic():
        cursor.execute(f"UPDATE controls_override SET {change}, version = version + 1")


def test_the_database_refuses_a_use_after_its_time_and_an_override_that_nobody_asked(
    rejected: Order,
) -> None:
    row = granted(rejected)
    late = (
        "UPDATE controls_override SET status = 'used', used_order = 'mo_x',"
        " used_at = expires_at, version = version + 1"
    )
    copied = (
        "INSERT INTO controls_override SELECT (jsonb_populate_record(o, jsonb_build_object("
        "'id', 'ov_x', 'asked_for', 'mo_x'))).* FROM controls_override o"
    )
    for statement in (late, copied, "DELETE FROM controls_override"):
        with connection.cursor() as cursor, pytest.raises(DatabaseError), transaction.atomic():
            cursor.execute(statement)
    row = Override.objects.get(pk=row.pk)
    assert row.status == "granted"


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "mo_other"},
        {"results": [["restricted-list", 1, "overridden", None, "ov_nobody", "c", "m"]]},
        {"results": [["restricted-list", 1, "overridden", None, None, "c", "m"]]},
    ],
    ids=str,
)
def test_the_database_refuses_an_order_that_passed_by_no_override_of_its_own(
    rejected: Order, change: dict[str, Any]
) -> None:
    granted(rejected)
    order = entered()
    copied = (
        "INSERT INTO controls_screening SELECT (jsonb_populate_record(s, %s::jsonb)).*"
        " FROM controls_screening s WHERE id = %s"
    )
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(copied, [json.dumps({"id": "scr_again"}), order.screening_id])
        with pytest.raises(DatabaseError, match="no such override"), transaction.atomic():
            cursor.execute(copied, [json.dumps({"id": "scr_x", **change}), order.screening_id])


# --- what is told --------------------------------------------------------------------------------
def test_every_step_is_told_and_the_rows_are_the_fold_of_it(rejected: Order) -> None:
    granted(rejected)
    order = entered()
    told = Event.objects.filter(event_type__startswith="override_").order_by("id")
    assert [(one.event_type, one.actor, one.order_id) for one in told] == [
        ("override_request", "alpha_trader", rejected.id),
        ("override_grant", "alpha_compliance", rejected.id),
        ("override_use", "system:desk", rejected.id),
    ]
    assert all(one.msg_type == "system_update" for one in told)
    assert order.id in told[2].body
    run = Run(at=clock.now(), machine_at=clock.now())
    wrong = [check.run(run).first for check in (*folding.CHECKS, *gate.CHECKS)]
    assert [one for found in wrong for one in found] == []


def test_people_do_all_of_it_over_the_api(api: Api, rejected: Order) -> None:
    trader, compliance = api("alpha_trader"), api("alpha_compliance")
    path = f"/v1/trading/order/{rejected.id}/override/"
    assert trader.post(path, {})[1]["code"] == "reason_required"
    status, made = trader.post(path, {"reason": "The client closes."})
    assert status == 201, made
    assert (made["status"], made["order_id"], made["quantity"]) == ("requested", rejected.id, 3000)
    assert [one["control_id"] for one in made["controls"]] == ["restricted-list"]
    assert trader.post(path, {"reason": "again"})[1]["code"] == "override_asked_already"
    one = f"{LIST}{made['override_id']}/"
    assert trader.post(f"{one}grant/", {"annotation": "me"})[0] == 403
    assert api("beta_compliance").post(f"{one}grant/", {"annotation": "x"})[0] == 404
    assert compliance.post(f"{one}grant/", {})[1]["code"] == "reason_required"
    status, said_ = compliance.post(f"{one}grant/", {"annotation": "Seen."})
    assert (status, said_["status"], said_["decided_by"]) == (200, "granted", "alpha_compliance")
    generation.check()
    order = entered()
    assert order.status == "pending_execution"
    (row,) = trader.get(LIST)[1]["overrides"]
    assert (row["status"], row["used_by"]) == ("used", order.id)


def test_a_preview_says_that_it_passes_and_uses_nothing(api: Api, rejected: Order) -> None:
    row = granted(rejected)
    body = {
        "account_id": "alpha-002",
        "instrument_id": trading.BOND,
        "amount": {"par": 3000},
        "type": "limit",
        "side": "buy",
        "limit_price": 99.5,
    }
    said_ = api("alpha_trader").post("/v1/trading/order/?dry_run=true", body)[1]
    assert said_["outcome"] == "passed"
    row = Override.objects.get(pk=row.pk)
    assert row.status == "granted"


def test_the_screens_offer_it_to_the_right_people(rejected: Order) -> None:
    def shown(name: str, path: str) -> str:
        client = Client()
        client.force_login(User.objects.get(username=name))
        return client.get(path).content.decode()

    panel = f"/desk/orders/{rejected.id}/"
    assert "Ask for an override" in shown("alpha_trader", panel)
    assert "Ask for an override" not in shown("alpha_auditor", panel)
    row = asked(rejected)
    assert "Override requested" in shown("alpha_trader", panel)
    assert f"/v1/control/override/{row.id}/" in shown("alpha_compliance", "/review/")
    assert "It waits for compliance" in shown("alpha_auditor", "/review/exceptions/")
    decided(row)
    assert "enter the same order again" in shown("alpha_trader", panel)
    assert "Overrides asked for" not in shown("alpha_compliance", "/review/")


def test_what_was_lifted_is_in_the_report_and_in_the_evidence(rejected: Order) -> None:
    row = granted(rejected)
    order = entered()
    client = Client()
    client.force_login(User.objects.get(username="alpha_compliance"))
    text = client.get("/review/overrides.csv").content.decode()
    (line,) = [one for one in text.splitlines() if row.id in one]
    assert f",{order.id},{row.id},alpha_trader,alpha_compliance,grant,restricted-list," in line
    assert line.endswith(",yes,override,Seen.,used")
    since = clock.now() - timedelta(hours=1)
    found = evidence.report("alpha", since=since, until=since + timedelta(hours=2))
    (told,) = found["exceptions"]
    assert (told["override_id"], told["used_by"]) == (row.id, order.id)
    assert (told["requested_by"], told["decided_by"]) == ("alpha_trader", "alpha_compliance")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE controls_override SET used_order = 'mo_nobody'",
        "UPDATE controls_override SET maker_id = decided_by_id",
        "UPDATE controls_override SET status = 'granted', used_order = NULL, used_at = NULL",
    ],
)
def test_the_books_find_an_override_that_was_not_used_as_it_says(
    rejected: Order, change: str
) -> None:
    granted(rejected)
    entered()
    (check,) = [one for one in gate.CHECKS if one.name == "overrides_were_used_once"]
    run = Run(at=clock.now(), machine_at=clock.now())
    assert check.run(run).count == 0
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE controls_override DISABLE TRIGGER USER")
        cursor.execute("ALTER TABLE controls_override DROP CONSTRAINT override_by_two")
        cursor.execute(change)
    assert check.run(run).count > 0
