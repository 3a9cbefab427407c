"""Positions, balances, lots and transactions over HTTP: scoped, dated, idempotent, four eyes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from allocations.models import Account, Movement
from oms_site.firm import generation
from oms_site.kit import clock
from orders.requests import AccountAsk, AllocationAsk
from tests import trading

D = trading.D
Api = Callable[[str], Any]
DEPOSIT = {
    "kind": "deposit",
    "account_id": "ALPHA-002",
    "amount": 1000,
    "client_transaction_id": "dep-1",
}


def bought(qty: int = 3000, **changes: Any) -> Any:
    child = trading.routed(qty=D(qty), **changes)
    trading.receive(trading.fill(child, qty, cum=qty))
    return child


def test_positions_tell_cost_price_and_profit(api: Api) -> None:
    bought()
    status, body = api("alpha_trader").get("/v1/position/?account_id=ALPHA-002")
    assert status == 200
    (one,) = body["positions"]
    assert (one["account_code"], one["amount"], one["cost"]) == ("ALPHA-002", 3000, 2982.0)
    assert one["average_price"] == 99.4
    assert one["unrealized"] == pytest.approx(one["market_value"] - 2982.0)
    assert one["price_stale"] in (True, False)


def test_another_firm_sees_none_of_it(api: Api) -> None:
    bought()
    assert api("beta_trader").get("/v1/position/?account_id=alpha-002")[1]["positions"] == []
    assert api("beta_trader").get("/v1/balance/")[1]["balances"] == []
    assert api("beta_trader").get("/v1/tax-lot/")[1]["tax_lots"] == []


def test_as_of_tells_what_was_held_then(api: Api, sandbox: datetime) -> None:
    bought()
    with clock.frozen_at(sandbox + timedelta(hours=1)):
        bought(1000, limit_price=D("99.6"))
        then = (sandbox + timedelta(minutes=30)).isoformat()
        for now, expected in (("", 4000), (then, 3000)):
            _, body = api("alpha_trader").get(f"/v1/position/?account_id=alpha-002&as_of={now}")
            assert [one["amount"] for one in body["positions"]] == [expected]
        _, lots = api("alpha_trader").get(f"/v1/tax-lot/?account_id=alpha-002&as_of={then}")
        assert [one["open_amount"] for one in lots["tax_lots"]] == [3000]
        before = (sandbox - timedelta(seconds=1)).isoformat()
        _, body = api("alpha_trader").get(f"/v1/position/?account_id=alpha-002&as_of={before}")
        assert body["positions"] == []


@pytest.mark.parametrize(
    "query",
    ["as_of=yesterday", "as_of=2026-11-23", "as_of=2026-11-23T15:00:01Z", "limit=0", "cursor=x"],
)
def test_what_cannot_be_read_is_refused(api: Api, query: str) -> None:
    bought()
    status, body = api("alpha_trader").get(f"/v1/position/?{query}")
    assert (status, body["code"]) == (422, "invalid_filter")


def test_pages_follow_each_other_without_a_gap(api: Api) -> None:
    for account in ("alpha-002", "alpha-003", "alpha-004"):
        bought(1000, account_id=account)
    seen, cursor = [], ""
    for _ in range(5):
        _, body = api("alpha_trader").get(f"/v1/position/?limit=1&cursor={cursor}")
        seen += [one["account_id"] for one in body["positions"]]
        cursor = body["next_cursor"]
        if not cursor:
            break
    assert seen == ["alpha-002", "alpha-003", "alpha-004"]


def test_a_deposit_shows_in_the_balance_and_is_made_once(api: Api) -> None:
    ops = api("alpha_ops")
    first, again = (ops.post("/v1/transaction/", DEPOSIT) for _ in range(2))
    assert (first[0], again[0]) == (201, 200)
    assert again[1]["id"] == first[1]["id"]
    other = ops.post("/v1/transaction/", {**DEPOSIT, "amount": 999})
    assert (other[0], other[1]["code"]) == (409, "idempotency_conflict")
    (balance,) = ops.get("/v1/balance/?account_id=alpha-002")[1]["balances"]
    assert (balance["traded"], balance["settled"], balance["available"]) == (1000, 1000, 1000)


def test_a_trader_makes_no_transactions(api: Api) -> None:
    assert api("alpha_trader").post("/v1/transaction/", DEPOSIT)[0] == 403


CORRECTION = {
    "kind": "correction",
    "account_id": "alpha-002",
    "amount": -12.5,
    "reason": "a fee that was forgotten",
}


def test_a_correction_waits_for_somebody_else(api: Api) -> None:
    ops = api("alpha_ops")
    status, made = ops.post("/v1/transaction/", CORRECTION)
    assert (status, made["status"]) == (202, "pending")
    assert ops.get("/v1/balance/")[1]["balances"] == []
    path = f"/v1/transaction/{made['id']}/approve/"
    own = ops.post(path, {"annotation": "fine"})
    assert (own[0], own[1]["code"]) == (403, "maker_is_checker")
    done = api("alpha_compliance").post(path, {"annotation": "seen the invoice"})
    assert (done[0], done[1]["status"]) == (200, "applied")
    (balance,) = ops.get("/v1/balance/")[1]["balances"]
    assert balance["traded"] == -12.5
    assert api("alpha_compliance").post(path, {"annotation": "again"})[0] == 409


def test_a_rejected_correction_moves_nothing(api: Api) -> None:
    _, made = api("alpha_ops").post("/v1/transaction/", CORRECTION)
    path = f"/v1/transaction/{made['id']}/reject/"
    assert api("beta_ops").post(path, {"annotation": "no"})[0] in (401, 403, 404)
    assert api("alpha_compliance").post(path, {"annotation": "no"})[1]["status"] == "rejected"
    assert Movement.objects.count() == 0


def test_what_lies_in_suspense_is_moved_by_two_people(api: Api) -> None:
    shares = (AccountAsk(account_id="alpha-003", qty=D(1000)),)
    ask = AllocationAsk(strategy="fifo_without_averaging", accounts=shares)
    bought(1000, account_id=None, allocation=ask)
    _, body = api("alpha_trader").get("/v1/position/?account_id=suspense")
    assert [(one["amount"], one["provisional"]) for one in body["positions"]] == [(1000, True)]
    asked = {
        "kind": "transfer",
        "account_id": "suspense",
        "to_account_id": "alpha-005",
        "instrument_id": trading.BOND,
        "qty": 1000,
        "cost": 994,
        "reason": "the client called",
    }
    status, made = api("alpha_ops").post("/v1/transaction/", asked)
    assert status == 202
    api("alpha_compliance").post(f"/v1/transaction/{made['id']}/approve/", {"annotation": "ok"})
    _, body = api("alpha_trader").get("/v1/position/?instrument_id=" + trading.BOND)
    assert [(one["account_code"], one["amount"]) for one in body["positions"]] == [
        ("ALPHA-005", 1000)
    ]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"account_id": "nobody"}, "account_not_found"),
        ({"amount": -1}, "amount_not_positive"),
        ({"amount": None}, "required"),
        ({"to_account_id": "alpha-003"}, "not_expected"),
        ({"kind": "gift"}, "invalid_choice"),
        ({"instrument_id": "nothing"}, "instrument_not_found"),
    ],
)
def test_a_transaction_that_makes_no_sense_is_refused(
    api: Api, changes: dict[str, Any], code: str
) -> None:
    status, body = api("alpha_ops").post("/v1/transaction/", {**DEPOSIT, **changes})
    assert status == 422
    assert code in [body["code"], *(one["code"] for one in body["error_details"])]


def test_named_lots_are_taken_for_a_sale(api: Api) -> None:
    Account.objects.filter(id="alpha-002").update(lot_relief="specific")
    generation.check()
    for price in ("99.0", "99.4"):
        child = trading.routed(qty=D(1000))
        trading.receive(trading.fill(child, 1000, cum=1000, last_px=D(price)))
    sale = trading.routed(side="sell", qty=D(1000))
    trading.receive(trading.fill(sale, 1000, cum=1000, last_px=D("99.6"), side="2"))
    _, body = api("alpha_ops").get("/v1/position/?account_id=alpha-002")
    # Nobody has said which: the first, bought for 990.00, sold for 996.00.
    assert body["positions"][0]["realized"] == 6.0
    movement = Movement.objects.get(qty__lt=0)
    _, lots = api("alpha_ops").get("/v1/tax-lot/?account_id=alpha-002")
    (second,) = lots["tax_lots"]
    pick = {"movement_id": movement.id, "lots": [{"lot_id": second["lot_id"], "amount": 1000}]}
    status, answer = api("alpha_ops").post("/v1/tax-lot/", pick)
    # The second had cost 994.00; now the first is left.
    assert (status, answer["realized"], answer["cost"]) == (200, 2.0, 990.0)
    _, lots = api("alpha_ops").get("/v1/tax-lot/?account_id=alpha-002")
    assert [one["open_cost"] for one in lots["tax_lots"]] == [990.0]
