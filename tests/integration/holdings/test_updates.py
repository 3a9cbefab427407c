"""One update in several views: order, transaction, holding and balance under one id."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from allocations.holdings import projected
from allocations.models import CashBalance, Movement, Position
from oms_site.journal.models import Event
from orders import lots
from orders.models import Execution
from orders.requests import AccountAsk, AllocationAsk
from tests import trading
from tests.client import Api

Apis = Callable[[str], Api]
D = trading.D


def events(after: int = 0) -> list[Any]:
    rows = Event.objects.filter(id__gt=after).order_by("id")
    return [json.loads(row.body, parse_float=Decimal) for row in rows]


def newest() -> int:
    last = Event.objects.order_by("-id").first()
    return last.pk if last else 0


def as_streamed(after: int = 0) -> list[Any]:
    """What a client with all views is sent of these events."""
    found = []
    for row in Event.objects.filter(id__gt=after).order_by("id"):
        if row.msg_type != "internal":
            found.append(json.loads(row.body, parse_float=Decimal))
        else:
            texts = projected.frames(row.body, projected.VIEWS)
            found += [json.loads(text, parse_float=Decimal) for text in texts]
    return found


def test_one_fill_is_four_events_with_one_update_id(sandbox: datetime, api: Apis) -> None:
    child = trading.routed()
    before = newest()
    trading.receive(trading.fill(child, 3000, cum=3000))
    told = [one for one in as_streamed(before) if one["event"]["event_type"] != "close"]
    kinds = [one["event"]["event_type"] for one in told]
    assert kinds[:4] == ["execution", "transaction", "holding", "balance"]
    (update_id,) = {one["update_id"] for one in told[:4]}
    assert update_id.startswith("up_")
    order, transaction, holding, balance = (one["event"] for one in told[:4])
    (fill,) = Execution.objects.all()
    # The client joins them: by the update, and the execution by its id.
    (moved,) = transaction["movements"]
    assert moved["source_id"] == order["execution_id"] == fill.id
    assert (moved["amount"], -moved["net_money"]) == (3000, fill.net_money)
    (held,) = holding["positions"]
    position = Position.objects.get(account_id="alpha-002")
    assert (held["amount"], held["cost"]) == (position.qty, position.cost)
    (money,) = balance["balances"]
    assert money == {"currency": "USD", "traded": -fill.net_money}
    assert len({one["event_id"] for one in told}) == len(told)
    # Asked for later, the answer is the same update in the same views.
    status, body = api("alpha_trader").get(f"/v1/update/{update_id}/")
    assert status == 200
    assert [one["execution_id"] for one in body["orders"]] == [fill.id]
    assert [one["source_id"] for one in body["transactions"]] == [fill.id]
    assert [D(str(one["amount"])) for one in body["holdings"]] == [position.qty]
    assert [D(str(one["traded"])) for one in body["balances"]] == [-fill.net_money]
    assert api("beta_trader").get(f"/v1/update/{update_id}/")[0] == 404


def test_a_deposit_is_a_balance_event_a_transaction_and_an_audit_update(
    sandbox: datetime, api: Apis
) -> None:
    before = newest()
    asked = {"kind": "deposit", "account_id": "alpha-002", "amount": 250.25}
    status, made = api("alpha_ops").post("/v1/transaction/", asked)
    assert status == 201
    audit = events(before)
    kinds = [one["event"]["event_type"] for one in audit]
    assert kinds == ["transaction_request", "transaction_apply", "holdings_move"]
    assert {one["update_id"] for one in audit} == {made["update_id"]}
    told = as_streamed(before)
    assert [one["msg_type"] for one in told] == ["transaction_update", "balance_update"]
    transaction, balance = (one["event"] for one in told)
    (moved,) = transaction["movements"]
    assert (moved["source_id"], moved["net_money"]) == (made["id"], D("250.25"))
    assert balance["balances"] == [{"currency": "USD", "traded": D("250.25")}]
    assert CashBalance.objects.get().amount == D("250.25")
    body = api("alpha_ops").get(f"/v1/update/{made['update_id']}/")[1]
    assert body["orders"] == body["holdings"] == []
    assert [one["source_id"] for one in body["transactions"]] == [made["id"]]
    # Read again, alone or in the list, it names the same update.
    (listed,) = api("alpha_ops").get("/v1/transaction/")[1]["transactions"]
    assert listed["update_id"] == made["update_id"]


def test_what_waits_for_a_second_person_has_moved_nothing_yet(sandbox: datetime, api: Apis) -> None:
    asked = {"kind": "correction", "account_id": "alpha-002", "amount": 5, "reason": "a typo"}
    status, made = api("alpha_ops").post("/v1/transaction/", asked)
    assert (status, made["update_id"]) == (202, None)
    before = newest()
    approve = f"/v1/transaction/{made['id']}/approve/"
    status, body = api("alpha_compliance").post(approve, {"annotation": "seen"})
    assert status == 200
    assert {one["update_id"] for one in events(before)} == {body["update_id"]}


def test_the_shares_of_a_block_are_updates_of_their_own(sandbox: datetime, api: Apis) -> None:
    accounts = (
        AccountAsk(account_id="alpha-002", qty=D(2000)),
        AccountAsk(account_id="alpha-003", qty=D(1000)),
    )
    allocation = AllocationAsk(strategy="fifo_without_averaging", accounts=accounts)
    child = trading.routed(account_id=None, allocation=allocation)
    before = newest()
    trading.receive(trading.fill(child, 3000, cum=3000))
    (filled,) = {
        one["update_id"] for one in as_streamed(before) if one["event"]["event_type"] == "execution"
    }
    before = newest()
    lots.drain()
    told = as_streamed(before)
    (split,) = {one["update_id"] for one in told}
    assert split != filled
    kinds = {one["event"]["event_type"] for one in told}
    assert kinds == {
        *("allocation_calculate", "allocation_submit", "transaction", "holding", "balance"),
    }
    body = api("alpha_trader").get(f"/v1/update/{split}/")[1]
    gained = {one["account_id"]: one["amount"] for one in body["holdings"]}
    assert gained == {"alpha-002": 2000, "alpha-003": 1000, "suspense:alpha": 0}


def test_what_moves_nothing_has_no_views_and_no_update_to_ask_for(
    sandbox: datetime, api: Apis
) -> None:
    trading.submit(bypass_auto_execution=True)
    rows = Event.objects.order_by("id")
    assert all(not list(projected.frames(row.body, projected.VIEWS)) for row in rows)
    # The request and its approval are one update too; nothing was held or paid.
    (update_id,) = {one["update_id"] for one in events()}
    assert api("alpha_trader").get(f"/v1/update/{update_id}/")[0] == 404


def test_a_view_is_made_only_for_who_asks_for_it(sandbox: datetime) -> None:
    child = trading.routed()
    trading.receive(trading.fill(child, 3000, cum=3000))
    row = Event.objects.get(event_type="holdings_move")
    (text,) = projected.frames(row.body, {"balance"})
    assert json.loads(text)["msg_type"] == "balance_update"
    assert list(projected.frames(row.body, set())) == []
    # An event from before updates were named on the envelope names it in its body.
    older = row.body.replace(f',"update_id":"{json.loads(row.body)["update_id"]}"}}', "}")
    assert older != row.body
    assert [json.loads(one)["update_id"] for one in projected.frames(older, projected.VIEWS)] == [
        Movement.objects.get().update_id
    ] * 3


@pytest.mark.parametrize("qty", ["0.000001", "12345678901234.123456"])
def test_numbers_are_passed_on_with_every_digit(qty: str) -> None:
    body = (
        '{"msg_type":"internal","event":{"event_type":"holdings_move","time":"t","account_id":"a",'
        f'"update_id":"up_1","movements":[],"positions":[{{"amount":{qty}}}],"balances":[]}},'
        '"event_id":"evt_1"}'
    )
    (text,) = projected.frames(body, projected.VIEWS)
    assert f'"amount":{qty}}}' in text
