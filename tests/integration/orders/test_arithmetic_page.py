"""The page of an allocation computes every split again, and shows where each odd cent went."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from allocations.models import AccountAllocation, Allocation, BookingLeg
from oms_site.firm.models import User
from orders import arithmetic, lots
from orders.requests import AccountAsk, AllocationAsk
from tests import trading

D = Decimal


def split(strategy: str, *, fills: tuple[tuple[int, str], ...]) -> dict[str, Any]:
    asks = [("alpha-002", 3000), ("alpha-003", 3000), ("alpha-004", 4000)]
    child = trading.routed(
        qty=D(10_000),
        account_id=None,
        allocation=AllocationAsk(
            strategy=strategy,
            accounts=tuple(AccountAsk(account_id=name, qty=D(qty)) for name, qty in asks),
        ),
    )
    done = 0
    for qty, price in fills:
        done += qty
        trading.receive(trading.fill(child, qty, cum=done, last_px=D(price)))
    lots.drain()
    return shown()


def shown() -> dict[str, Any]:
    accounts = AccountAllocation.objects.select_related("account").order_by("position")
    return arithmetic.of(
        Allocation.objects.get(), list(accounts), list(BookingLeg.objects.order_by("id"))
    )


@pytest.fixture(autouse=True)
def _market(sandbox: datetime) -> None:
    """Ten o'clock."""


def test_the_odd_cent_is_shown_where_it_went() -> None:
    told = split("pro_rata_with_averaging", fills=((7000, "99.411"), (3000, "99.417")))
    (step,) = told["steps"]
    assert step["agrees"] is True
    assert step["exact"] is True
    # 7000 at 99.411 is 6958.77, 3000 at 99.417 is 2982.51: 9941.28 together.
    # 30 % is 2982.384, 40 % is 3976.512: the cents 2982.38, 2982.38, 3976.51 leave one cent,
    # and the first two are furthest behind, by 0.4 cents each; the earlier place gets it.
    principal = [line["principal"] for line in step["lines"]]
    assert [part.exact for part in principal] == [D("2982.384"), D("2982.384"), D("3976.512")]
    assert [part.residual for part in principal] == [D("0.01"), D("0.00"), D("0.00")]
    assert [part.got for part in principal] == [D("2982.39"), D("2982.38"), D("3976.51")]
    assert all(part.whole + part.residual == part.got for part in principal)
    qty = [line["qty"] for line in step["lines"]]
    assert [(part.exact, part.residual) for part in qty] == [(3000, 0), (3000, 0), (4000, 0)]


def test_fills_in_order_have_no_exact_share_and_agree_all_the_same() -> None:
    told = split("fifo_without_averaging", fills=((4000, "99.4"), (6000, "99.5")))
    assert [step["agrees"] for step in told["steps"]] == [True, True]
    first, second = told["steps"]
    assert [line["got"] for line in first["lines"]] == [3000, 1000, 0]
    assert [line["got"] for line in second["lines"]] == [0, 2000, 4000]
    assert all(line["qty"] is None for step in told["steps"] for line in step["lines"])


def test_a_leg_that_was_tampered_with_does_not_agree() -> None:
    split("fifo_without_averaging", fills=((10_000, "99.4"),))
    legs = list(BookingLeg.objects.order_by("id"))
    legs[0].principal += D("0.01")
    legs[1].principal -= D("0.01")
    accounts = list(AccountAllocation.objects.order_by("position"))
    (step,) = arithmetic.of(Allocation.objects.get(), accounts, legs)["steps"]
    # The sums still agree: only computing it again shows it.
    assert (step["exact"], step["agrees"]) == (True, False)


def test_the_page_tells_basis_split_and_who(client: Client) -> None:
    split("pro_rata_with_averaging", fills=((10_000, "99.411"),))
    client.force_login(User.objects.get(username="alpha_ops"))
    page = client.get(f"/ops/allocations/{Allocation.objects.get().id}/").content.decode()
    for words in ("computed again: the same", "= exact share", "allocation create", "residual"):
        assert words in page
