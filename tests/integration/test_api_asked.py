"""What an operation may be asked in its address: what is misspelled does and answers nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from oms_site.journal.sequencer import Sequencer
from orders.models import Order
from tests.client import Api

ORDER = {
    "account_id": "alpha-002",
    "instrument_id": "037833DP2",
    "amount": {"par": 100_000},
    "type": "limit",
    "side": "buy",
    "limit_price": 99.5,
}


@pytest.mark.parametrize(
    "address",
    [
        "order/?dry_run=1",
        "order/?dry_run=",
        "order/?dryrun=true",
        "order/?dry_run=true&dry_run=false",
        "order/bulk/?dry_run=true",
    ],
)
def test_a_misspelled_preview_trades_nothing(
    sandbox: datetime, api: Callable[[str], Api], address: str
) -> None:
    body: Any = {"orders": [ORDER]} if "bulk" in address else ORDER
    status, said = api("alpha_trader").post(f"/v1/trading/{address}", body)
    assert status == 422
    assert said["code"] in {"unknown_filter", "invalid_filter"}
    assert "dry" in said["error_details"][0]["field"]
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ("/v1/trading/event/?acount_id=alpha-002", "acount_id"),
        ("/v1/trading/event/?limit=0", "limit"),
        ("/v1/ops/trade/file/?date=2026-11-23", "date"),
        ("/v1/position/?limit=0010001", "limit"),
        ("/v1/balance/?as_of=0001-01-01T00:00:00Z", "as_of"),
        ("/v1/trading/rfq/?status=%00", "status"),
    ],
)
def test_a_filter_that_cannot_be_meant_is_refused_by_name(
    sandbox: datetime, api: Callable[[str], Api], address: str, field: str
) -> None:
    status, said = api("alpha_ops").get(address)
    assert status == 422
    assert [one["field"] for one in said["error_details"]] == [field]


def test_an_address_that_no_row_can_have_is_not_found(
    sandbox: datetime, api: Callable[[str], Api]
) -> None:
    assert api("alpha_trader").get("/v1/trading/order/%00/")[0] == 404


def test_controls_of_any_of_several_types_are_listed(
    sandbox: datetime, api: Callable[[str], Api]
) -> None:
    client = api("alpha_compliance")

    def types(query: str) -> set[str]:
        return {one["type"] for one in client.get(f"/v1/control/{query}")[1]["controls"]}

    assert types("?type=order&type=universe") == {"order", "universe"}
    assert types("?type[]=order") == {"order"}
    assert types("?asset_class=nonsense") == set()


def test_events_of_one_account_are_those_of_its_orders(
    sandbox: datetime, api: Callable[[str], Api]
) -> None:
    trader = api("alpha_trader")
    made = {
        name: trader.post("/v1/trading/order/", {**ORDER, "account_id": name})[1]["id"]
        for name in ("alpha-002", "alpha-003")
    }
    Sequencer.resume().run_once()
    found = trader.get("/v1/trading/event/?account_id=alpha-003")[1]["events"]
    assert {one["event"]["order_id"] for one in found} == {made["alpha-003"]}
