"""What no custodian gets, who stops what it has, and what the database refuses."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from allocations.models import Custodian
from controls import halts
from oms_site.firm import generation
from oms_site.kit import clock
from orders import halting, last_look
from orders.models import ExecutionOrder, VenueOrder
from tests import policies, trading
from tests.integration.orders.handing import (
    DESK,
    SHARES,
    Apis,
    events,
    handed,
    hear,
    path,
    refusal,
    said,
    staged,
)
from tests.integration.orders.test_brokers import agreed
from tests.integration.orders.test_fitness import change
from venues import messages
from venues.messages import ExecType, OrdStatus
from venues.models import Outbound, Venue

pytestmark = pytest.mark.usefixtures("sandbox")
D = Decimal


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [{"par": 1000}, {"type": "par", "value": 1000}])
def test_par_is_refused_of_any_order(api: Apis, amount: dict[str, Any]) -> None:
    shares, bond = staged(), trading.submit(bypass_auto_execution=True)
    for order_id in (shares, bond):
        answer = api("alpha_trader").post(path(order_id), {"amount": amount})
        assert refusal(answer) == (422, [("amount", "amount_type_unsupported")])
    for kind in ("shares", "notional"):
        answer = api("alpha_trader").post(path(bond), {"amount": {kind: 1000}})
        assert refusal(answer) == (422, [("amount", "amount_type_unsupported")])
    way = {"protocol": "custodian", "strategy": "manual", "quantity": {"par": 3000}}
    answer = api("alpha_trader").submit(account_id="alpha-002", execution_instructions=[way])
    assert refusal(answer)[0] == 422
    assert ("execution_instructions[0].amount", "amount_type_unsupported") in refusal(answer)[1]
    assert not ExecutionOrder.objects.exists()


def test_money_where_the_policy_has_none_or_that_buys_nothing_is_refused(api: Apis) -> None:
    order_id = staged()
    answer = api("alpha_trader").post(path(order_id), {"amount": {"notional": 10_000}})
    assert refusal(answer) == (422, [("amount", "amount_type_unsupported")])
    policies.agreed(preset="full", at=clock.now())
    generation.check()
    order_id = staged()
    for money, code in [(100, "notional_too_small"), ("1000.005", "too_many_places")]:
        answer = api("alpha_trader").post(path(order_id), {"amount": {"notional": money}})
        assert refusal(answer) == (422, [("amount", code)])
    assert not ExecutionOrder.objects.exists()


@pytest.mark.parametrize(
    ("custodian", "code"),
    [
        ("cust_nobody", "custodian_not_found"),
        ("CUST_LPL", "custodian_not_found"),
        ("cust_bny", "custodian_does_not_execute"),
        ("x" * 41, "too_long"),
    ],
)
def test_a_custodian_that_is_not_there_or_only_books_gets_nothing(
    api: Apis, custodian: str, code: str
) -> None:
    order_id = staged()
    body = {"amount": {"shares": 100}, "custodian_id": custodian}
    assert refusal(api("alpha_trader").post(path(order_id), body)) == (
        422,
        [("custodian_id", code)],
    )
    way = {"protocol": "custodian", "quantity": {"shares": 100}, "custodian_id": custodian}
    answer = api("alpha_trader").submit(**SHARES, execution_instructions=[way])
    assert refusal(answer) == (422, [("execution_instructions[0].custodian_id", code)])
    assert not ExecutionOrder.objects.exists()
    assert not Outbound.objects.exists()


def test_a_custodian_works_only_for_accounts_that_it_keeps(api: Apis) -> None:
    # alpha-003 is kept at BNY.
    order_id = staged(account_id="alpha-003")
    body = {"amount": {"shares": 100}, "custodian_id": "cust_lpl"}
    answer = api("alpha_trader").post(path(order_id), body)
    assert refusal(answer) == (422, [("custodian_id", "custodian_not_of_account")])
    parts = [
        {"account_id": name, "requested_amount": {"shares": 50}}
        for name in ("alpha-002", "alpha-003")
    ]
    block = {
        **SHARES,
        "account_id": None,
        "custodian_id": "cust_lpl",
        "bypass_auto_execution": True,
        "allocations": {"strategy": "fifo_without_averaging", "account_allocations": parts},
    }
    status, order = api("alpha_trader").submit(**block)
    assert status == 201, order
    answer = api("alpha_trader").post(path(order["id"]), body)
    assert refusal(answer) == (422, [("custodian_id", "custodian_not_of_account")])
    parts[1]["account_id"] = "alpha-005"
    status, order = api("alpha_trader").submit(**block)
    status, made = api("alpha_trader").post(path(order["id"]), body)
    assert (status, made["custodian_id"]) == (202, "cust_lpl")


def test_an_order_of_another_organization_is_not_there(api: Apis) -> None:
    order_id = staged()
    body = {"amount": {"shares": 100}, "custodian_id": "cust_lpl"}
    assert api("beta_trader").post(path(order_id), body)[0] == 404
    assert api("alpha_auditor").post(path(order_id), body)[0] == 403
    # Beta's own accounts are kept elsewhere: the desk that alpha uses is not theirs.
    status, order = api("beta_trader").submit(
        **{**SHARES, "account_id": "beta-001"}, bypass_auto_execution=True
    )
    if status == 201 and order["status"] == "pending_execution":
        answer = api("beta_trader").post(path(order["id"]), body)
        assert refusal(answer) == (422, [("custodian_id", "custodian_not_of_account")])
    assert not ExecutionOrder.objects.exists()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"amount": {"shares": 101}}, "exceeds_open_quantity"),
        ({"amount": {"shares": 100}, "limit_price": 232}, "limit_worse_than_order"),
        ({"amount": {"shares": "0.5"}}, "below_min_denomination"),
        ({"amount": {"shares": 100}, "venue_id": DESK}, "unknown_field"),
        ({"amount": {"shares": -1}}, "not_positive"),
        ({}, "required"),
    ],
)
def test_what_no_execution_order_may_be_no_custodian_gets(
    api: Apis, body: dict[str, Any], code: str
) -> None:
    status, found = refusal(api("alpha_trader").post(path(staged()), body))
    assert (status, [one for _, one in found]) == (422, [code])
    assert not ExecutionOrder.objects.exists()


def test_all_custodians_and_venues_together_get_no_more_than_is_open(api: Apis) -> None:
    order_id = staged()
    assert api("alpha_trader").post(path(order_id), {"amount": {"shares": 70}})[0] == 202
    trading.execute(order_id, 20)
    answer = api("alpha_trader").post(path(order_id), {"amount": {"shares": 11}})
    assert refusal(answer) == (422, [("amount", "exceeds_open_quantity")])
    assert api("alpha_trader").post(path(order_id), {"amount": {"shares": 10}})[0] == 202
    trading.check_tree(order_id)


def test_a_desk_is_no_order_book_and_a_book_has_no_custodian(api: Apis) -> None:
    order_id = staged()
    book = f"/v1/trading/order/{order_id}/execution-order/lob/manual/"
    answer = api("alpha_trader").post(book, {"amount": {"shares": 100}, "venue_id": DESK})
    assert refusal(answer) == (422, [("venue_id", "venue_not_capable")])
    sor = book.replace("manual", "sor")
    answer = api("alpha_trader").post(sor, {"amount": {"shares": 100}, "custodian_id": "cust_lpl"})
    assert refusal(answer)[0] == 422
    for way, code in [
        ({"protocol": "limit_order_book", "custodian_id": "cust_lpl"}, "custodian_id_forbidden"),
        ({"protocol": "custodian", "venue_id": "SIMA"}, "venue_id_forbidden"),
    ]:
        asked = [{**way, "quantity": {"shares": 100}}]
        answer = api("alpha_trader").submit(**SHARES, execution_instructions=asked)
        assert [one for _, one in refusal(answer)[1]] == [code]
    assert not ExecutionOrder.objects.exists()


def test_smart_routing_never_chooses_a_desk(api: Apis) -> None:
    suspended = Venue.objects.exclude(id=DESK)
    suspended.update(status="suspended")
    generation.check()
    order_id = staged()
    trading_sor = {"amount": {"shares": 100}}
    book = f"/v1/trading/order/{order_id}/execution-order/lob/sor/"
    assert api("alpha_trader").post(book, trading_sor)[0] == 202
    assert not VenueOrder.objects.exists()
    assert ExecutionOrder.objects.get().status == "rejected"


# --- who may stop it -------------------------------------------------------------------------


def _halt(scope: str, target: str = "") -> None:
    by = trading.person("alpha_compliance")
    found = halting.target_of(scope, target, by=by)
    halts.engage(found, reason="a test", cancels=False, by=by, at=clock.now())
    generation.check()


@pytest.mark.parametrize(
    ("scope", "target"),
    [("organization", "alpha"), ("venue", DESK), ("strategy", "custodian/manual")],
)
def test_a_kill_switch_lets_nothing_to_a_custodian(api: Apis, scope: str, target: str) -> None:
    order_id = staged()
    _halt(scope, target)
    status, error = api("alpha_trader").post(path(order_id), {"amount": {"shares": 100}})
    assert status in (409, 422), error
    assert not ExecutionOrder.objects.exists()
    assert "execution_order_reject" in events(order_id)


def test_a_kill_switch_stops_what_is_on_its_way_to_the_desk(api: Apis) -> None:
    child = handed(api)
    rows = list(Outbound.objects.filter(venue_id=DESK))
    _halt("venue", DESK)
    assert last_look.before_wire(DESK, rows) == []
    child = VenueOrder.objects.get(pk=child.pk)
    assert child.status == "rejected"
    assert ExecutionOrder.objects.get(id=child.execution_order_id).is_terminal
    trading.check_tree(child.order_id)


def test_a_mass_cancel_and_an_order_s_own_reach_the_desk(api: Apis) -> None:
    child = handed(api)
    hear(said(child, ExecType.NEW, OrdStatus.NEW))
    status, answer = api("alpha_trader").delete(f"/v1/trading/order/{child.order_id}/")
    assert (status, answer["outcome"]) == (202, "pending")
    (sent,) = Outbound.objects.filter(venue_id=DESK, kind="F")
    message = messages.decode_outgoing(sent.body)
    assert isinstance(message, messages.CancelRequest)
    assert message.orig_cl_ord_id == child.id


def test_a_mandate_that_names_other_brokers_keeps_the_desk_out(api: Apis) -> None:
    agreed(approved_brokers=["SIMA"])
    order_id = staged()
    answer = api("alpha_trader").post(path(order_id), {"amount": {"shares": 100}})
    assert refusal(answer) == (409, [("", "broker_not_approved")])
    agreed(approved_brokers=["SIMA", DESK])
    assert api("alpha_trader").post(path(order_id), {"amount": {"shares": 100}})[0] == 202


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"status": "suspended"}, "venue_not_active"),
        ({"max_qty": D(50)}, "venue_size_refused"),
        ({"ord_types": ["market"]}, "venue_type_refused"),
        ({"asset_classes": ["corporate"]}, "venue_type_refused"),
        ({"cutoff_at": time(9, 30)}, "venue_capability_refused"),
    ],
)
def test_a_desk_that_does_not_take_it_now_is_told_at_once_and_before_the_wire(
    api: Apis, terms: dict[str, Any], code: str
) -> None:
    child = handed(api)
    order_id = staged()
    change(DESK, protocols=["custodian"], **terms)
    answer = api("alpha_trader").post(path(order_id), {"amount": {"shares": 100}})
    assert refusal(answer) == (409, [("", code)])
    assert last_look.before_wire(DESK, list(Outbound.objects.filter(venue_id=DESK))) == []
    child = VenueOrder.objects.get(pk=child.pk)
    assert (child.status, child.text.split(":")[0]) == ("rejected", code)


def test_a_custodian_that_is_not_active_executes_nothing(api: Apis) -> None:
    order_id = staged()
    Custodian.objects.filter(id="cust_lpl").update(active=False)
    generation.check()
    answer = api("alpha_trader").post(path(order_id), {"amount": {"shares": 100}})
    assert refusal(answer) == (422, [("custodian_id", "custodian_does_not_execute")])


# --- what the database refuses ---------------------------------------------------------------


def copied(row_id: str, **changes: str) -> None:
    """Try to insert the row once more, with other values, as SQL, in some columns."""
    names = [str(field.column) for field in ExecutionOrder._meta.concrete_fields]
    given = {"id": "'eo_copy'", **changes}
    into = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(given.get(name, f'"{name}"') for name in names)
    copy = f"INSERT INTO orders_executionorder ({into}) SELECT {values} FROM orders_executionorder"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"{copy} WHERE id = %s", [row_id])


@pytest.mark.parametrize(
    "changes",
    [
        {"custodian_id": "NULL"},
        {"protocol": "'limit_order_book'"},
        {"venue_id": "NULL"},
    ],
)
def test_an_execution_order_is_a_custodian_s_or_it_is_not(
    api: Apis, changes: dict[str, str]
) -> None:
    row_id = handed(api).execution_order_id
    with pytest.raises(DatabaseError, match="handed_to_somebody"):
        copied(row_id, **changes)


@pytest.mark.parametrize(
    ("venue", "kind", "words"),
    [("SIMA", "shares", "is not the desk of cust_lpl"), (DESK, "par", "is not in shares")],
)
def test_rows_that_passed_cannot_be_copied_to_another_desk_or_order(
    api: Apis, venue: str, kind: str, words: str
) -> None:
    child = handed(api) if kind == "shares" else trading.routed()
    terms = {"protocol": "'custodian'", "custodian_id": "'cust_lpl'", "venue_id": f"'{venue}'"}
    with pytest.raises(DatabaseError, match=words):
        copied(child.execution_order_id, **terms)


def test_money_is_for_desks_alone_and_some(api: Apis) -> None:
    for child, money in ((trading.routed(), "5"), (handed(api), "0")):
        with pytest.raises(DatabaseError, match="execution_order_money_for_a_desk"):
            copied(child.execution_order_id, notional=money)


@pytest.mark.parametrize("sets", ["custodian_id = 'cust_bny'", "notional = 5"])
def test_whose_desk_it_is_and_for_how_much_never_changes(api: Apis, sets: str) -> None:
    row_id = handed(api).execution_order_id
    change_it = f"UPDATE orders_executionorder SET {sets}, version = version + 1 WHERE id = %s"
    with (
        pytest.raises(DatabaseError, match="its terms never change"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change_it, [row_id])


def test_only_a_desk_is_a_custodian_s_desk_and_of_one_alone() -> None:
    for venue_id, words in (("SIMA", "is no desk"), (DESK, "desk_id")):
        with pytest.raises(DatabaseError, match=words), transaction.atomic():
            Custodian.objects.filter(id="cust_bny").update(desk_id=venue_id)
