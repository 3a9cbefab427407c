"""Two sleeves of one account trade in a block; their custodian books, and states, one account."""

from __future__ import annotations

from typing import Any

from tests.journeys.stage import APPLE, custodian_bookings, fresh, on_stage
from tests.product import Product, until

PARTS = (("alpha-core", 1000), ("alpha-income", 2000), ("alpha-003", 1000))
_BREAKS = (
    "from orders import reconciliation; from orders.models import Break\n"
    "made = reconciliation.run('intraday')\n"
    "print('said', {row.outcome for row in made if row.party == 'cust_lpl'})\n"
    "print('found', list(Break.objects.filter(key__contains='ALPHA-WHOLE').values_list('key')))"
)


def _block() -> dict[str, Any]:
    total = sum(qty for _, qty in PARTS)
    return {
        "client_order_id": fresh("sleeves"),
        "account_id": None,
        "amount": {"type": "par", "value": total},
        "allocations": {
            "strategy": "pro_rata_with_averaging",
            "client_allocation_id": fresh("allocation"),
            "account_allocations": [
                {
                    "client_account_allocation_id": fresh(f"part-{account}"),
                    "account_id": account,
                    "requested_amount": {"type": "par", "value": qty},
                }
                for account, qty in PARTS
            ],
        },
    }


def _held(desk: Any) -> dict[str, int]:
    _, body = desk("GET", f"position/?account_id=ALPHA-WHOLE&include=sleeves&instrument_id={APPLE}")
    whole = {one["account_code"]: one["amount"] for one in body["whole"]}
    return whole | {one["account_id"]: one["amount"] for one in body["positions"]}


def test_sleeves_trade_by_themselves_and_their_custodian_knows_one_account(
    product: Product,
) -> None:
    with on_stage(product) as (desk, stream):
        before = _held(desk)
        order = desk.submit(**_block())
        stream.wait(order["id"], "allocation_approve")
        _, allocation = desk("GET", f"trading/allocation/{order['allocation_id']}/")
        theirs, outside = custodian_bookings(product), {}
        for part in allocation["account_allocations"]:
            for leg in part["bookings"]:
                where, booking = theirs[leg["booking_id"]]
                outside[part["account_id"]] = (where, booking.instruction.account)
        assert outside == {
            "alpha-core": ("cust_lpl", "ALPHA-WHOLE"),
            "alpha-income": ("cust_lpl", "ALPHA-WHOLE"),
            "alpha-003": ("cust_bny", "ALPHA-003"),
        }
        more = {"ALPHA-WHOLE": 3000, "alpha-core": 1000, "alpha-income": 2000}

        def arrived() -> bool:
            now = _held(desk)
            return {name: now.get(name, 0) - before.get(name, 0) for name in more} == more

        until(arrived, what="the sleeves to hold their parts", seconds=30)
        said = product.manage("shell", "-c", _BREAKS).stdout
        assert "not_checked" not in said.split("found")[0]
        assert "found []" in said
