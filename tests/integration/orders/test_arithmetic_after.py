"""The page of an allocation still adds up after a give-up, a repair, a bust, a drop, and money."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from allocations import giving_up, repairs
from allocations.models import Allocation, BookingLeg
from oms_site.firm import generation
from oms_site.firm.models import User
from oms_site.journal import actors, unit
from orders import arithmetic, desk, lots
from orders.desk.external import TradeReport
from orders.models import Order, VenueOrder
from orders.requests import AccountAsk, AllocationAsk, Instruction
from tests import policies, trading
from tests.client import Api
from venues.messages import ExecType

D = Decimal
PRO_RATA, IN_ORDER = "pro_rata_with_averaging", "fifo_without_averaging"
ASKS = (("alpha-002", 3000), ("alpha-003", 3000), ("alpha-004", 4000))


def block(strategy: str, **changes: Any) -> VenueOrder:
    asked = tuple(AccountAsk(account_id=name, qty=D(qty)) for name, qty in ASKS)
    return trading.routed(
        qty=D(10_000),
        account_id=None,
        allocation=AllocationAsk(strategy=strategy, accounts=asked),
        **changes,
    )


def shown() -> dict[str, Any]:
    allocation = Allocation.objects.get()
    accounts = list(allocation.accounts.select_related("account").order_by("position"))
    return arithmetic.of(allocation, accounts, list(allocation.legs.order_by("id")))


def verdicts() -> list[tuple[str, bool, bool | None]]:
    return [(s["kind"], s["exact"], s["agrees"]) for s in shown()["steps"]]


def all_booked() -> bool:
    return all(executed == booked for _, executed, booked in shown()["sums"])


def said(at: datetime, word: str = "book") -> None:
    """Custodians book, or refuse, whatever is due."""
    more = {"booking_ref": "b"} if word == "book" else {"code": "NO", "reason": "not here"}
    keys = list(BookingLeg.objects.filter(status="queued").values_list("id", flat=True))
    with unit.work(by=actors.system("test"), at=at) as work:
        for row in work.lock(BookingLeg, keys).values():
            row.wake(due_at=at)
            row.send(retry_at=at)
            getattr(row, word)(**more)
            work.record(row, f"leg_{word}ed", body={})


def leg_of(account: str) -> BookingLeg:
    """The latest booking of an account that stands."""
    rows = BookingLeg.objects.filter(account_allocation__account_id=account, reverses=None)
    found = rows.filter(status="booked").order_by("-sequence").first()
    assert found is not None
    return found


def give_up(leg: BookingLeg, at: datetime, qty: D | None = None) -> None:
    firm = "cust_pershing" if leg.custodian_id != "cust_pershing" else "cust_bny"
    row = giving_up.request(
        leg.id,
        clearing_firm_id=firm,
        qty=qty,
        reason="clears there",
        by=trading.person("alpha_ops"),
        at=at,
    )
    by = trading.person("alpha_admin")
    giving_up.decide(row.id, approve=True, note="seen", by=by, at=at)


@pytest.mark.parametrize("qty", [None, D(1000)])
def test_after_one_account_of_a_block_was_given_up(sandbox: datetime, qty: D | None) -> None:
    child = block(PRO_RATA)
    trading.receive(trading.fill(child, 10_000, cum=10_000, last_px=D("99.411")))
    lots.drain()
    said(sandbox)
    give_up(leg_of("alpha-003"), sandbox, qty)
    said(sandbox)
    assert verdicts() == [("split", True, True), ("back", True, None), ("given", True, True)]
    assert all_booked()
    (given,) = [step for step in shown()["steps"] if step["kind"] == "given"]
    assert sum(leg.qty for leg in given["legs"]) == 3000
    assert len(given["legs"]) == (1 if qty is None else 2)


def test_after_what_stayed_was_given_up_too(sandbox: datetime) -> None:
    child = block(PRO_RATA)
    trading.receive(trading.fill(child, 10_000, cum=10_000, last_px=D("99.411")))
    lots.drain()
    said(sandbox)
    give_up(leg_of("alpha-003"), sandbox, D(1000))
    said(sandbox)
    give_up(leg_of("alpha-003"), sandbox)
    said(sandbox)
    assert [kind for kind, _, _ in verdicts()] == ["split", "back", "given", "back", "given"]
    assert all(exact and agrees is not False for _, exact, agrees in verdicts())
    assert all_booked()


def test_a_give_up_between_two_fills_does_not_change_how_the_second_is_split(
    sandbox: datetime,
) -> None:
    child = block(IN_ORDER)
    first = trading.fill(child, 4000, cum=4000, last_px=D("99.411"))
    trading.receive(first)
    lots.drain()
    said(sandbox)
    give_up(leg_of("alpha-002"), sandbox, D(1000))
    said(sandbox)
    trading.receive(trading.fill(child, 6000, cum=10_000, last_px=D("99.413")))
    lots.drain()
    said(sandbox)
    assert verdicts() == [
        ("split", True, True),
        ("back", True, None),
        ("given", True, True),
        ("split", True, True),
    ]
    assert all_booked()
    # The first fill is taken back: the second was split beside it all the same.
    trading.receive(trading.report(child, ExecType.TRADE_CANCEL, exec_ref_id=first.exec_id))
    lots.drain()
    said(sandbox)
    assert all(exact and agrees is not False for _, exact, agrees in verdicts()), verdicts()
    assert [kind for kind, _, _ in verdicts()] == ["split", "back", "given", "split", "back"]
    assert all_booked()


def test_a_give_up_that_lost_a_cent_does_not_agree(sandbox: datetime) -> None:
    child = block(PRO_RATA)
    trading.receive(trading.fill(child, 10_000, cum=10_000, last_px=D("99.411")))
    lots.drain()
    said(sandbox)
    give_up(leg_of("alpha-003"), sandbox, D(1000))
    allocation = Allocation.objects.get()
    legs = list(allocation.legs.order_by("id"))
    fresh = [leg for leg in legs if leg.status == "queued" and leg.reverses_id is None]
    fresh[0].principal += D("0.01")
    fresh[1].principal -= D("0.01")
    told = arithmetic.of(allocation, list(allocation.accounts.order_by("position")), legs)
    (given,) = [step for step in told["steps"] if step["kind"] == "given"]
    assert (given["exact"], given["agrees"]) == (True, False)


def test_after_a_repair(sandbox: datetime) -> None:
    child = block(PRO_RATA)
    trading.receive(trading.fill(child, 10_000, cum=10_000, last_px=D("99.411")))
    lots.drain()
    said(sandbox, "reject")
    leg = BookingLeg.objects.get(account_allocation__account_id="alpha-003")
    firm = "cust_pershing" if leg.custodian_id != "cust_pershing" else "cust_bny"
    asked = repairs.request(
        leg.id, reason="Moved.", custodian_id=firm, by=trading.person("alpha_ops"), at=sandbox
    )
    repairs.decide(asked.id, approve=True, by=trading.person("alpha_admin"), at=sandbox)
    assert verdicts() == [("split", True, True), ("repaired", True, True)]
    assert all_booked()


def test_with_a_fill_that_was_booked_elsewhere(sandbox: datetime) -> None:
    order_id = trading.submit(
        qty=D(10_000),
        account_id=None,
        bypass_auto_execution=True,
        allocation=AllocationAsk(
            strategy=PRO_RATA,
            accounts=tuple(AccountAsk(account_id=name, qty=D(qty)) for name, qty in ASKS),
        ),
    )
    by = trading.person()
    for qty, outside in ((4000, True), (6000, False)):
        asked = Instruction(protocol="external", strategy="external", qty=D(qty))
        made = desk.execute(order_id, asked, by=by, at=sandbox)
        assert made.row is not None
        report = TradeReport(qty=D(qty), price=D("99.4"), bypass_trade_booking=outside)
        assert desk.report_trade(order_id, made.row.id, report, by=by, at=sandbox).execution
        lots.drain()
    assert {leg.status for leg in BookingLeg.objects.all()} == {"elsewhere", "queued"}
    assert [(kind, exact, agrees) for kind, exact, agrees in verdicts()] == [
        ("split", True, True),
        ("split", True, True),
    ]
    assert all_booked()
    client = Client()
    client.force_login(User.objects.get(username="alpha_ops"))
    page = client.get(f"/ops/allocations/{Allocation.objects.get().id}/").content.decode()
    assert "booked elsewhere" in page
    assert "not booked yet" not in page


def filled(order_id: str, sandbox: datetime) -> None:
    order = Order.objects.get(pk=order_id)
    child = trading.execute(order_id, order.order_qty)
    trading.receive(trading.fill(child, order.order_qty, cum=order.order_qty))
    lots.drain()
    said(sandbox)


def money_block(api: Api, *parts: tuple[str, int]) -> str:
    status, order = api.submit(
        account_id=None,
        limit_price=99.5,
        bypass_auto_execution=True,
        amount={"notional": sum(money for _, money in parts)},
        allocations={
            "strategy": PRO_RATA,
            "account_allocations": [
                {"account_id": name, "requested_amount": {"notional": money}}
                for name, money in parts
            ],
        },
    )
    assert status == 201, order
    return str(order["id"])


def test_money_of_a_block_without_a_dropped_account(api: Any, sandbox: datetime) -> None:
    policies.agreed(preset="full", rules={"block_account_reject": "drop"}, at=sandbox)
    generation.check()
    order_id = money_block(
        api("alpha_trader"), ("alpha-002", 7500), ("alpha-suspended", 5000), ("alpha-003", 2500)
    )
    filled(order_id, sandbox)
    told = shown()
    assert verdicts() == [("split", True, True)]
    assert all_booked()
    (gone,) = told["dropped"]
    assert (gone.account_id, gone.position) == ("alpha-suspended", 1)
    money = [(m.part.account_id, m.part.qty, m.part.residual, m.agrees) for m in told["money"]]
    assert money == [
        ("alpha-002", D(7000), D("535.00"), True),
        ("alpha-003", D(2000), D("510.00"), True),
    ]
    assert told["money_sum"] == {
        "notional": D("10000.00"),
        "qty": D(9000),
        "principal": D("8955.00"),
        "residual": D("1045.00"),
    }
    # What the money came to is what the accounts of the basis are to get.
    assert [m.part.qty for m in told["money"]] == [
        account.requested_qty for account, _ in told["accounts"]
    ]
    client = Client()
    client.force_login(User.objects.get(username="alpha_ops"))
    page = client.get(f"/ops/allocations/{Allocation.objects.get().id}/").content.decode()
    for words in ("ALPHA-SUSPENDED", "Left over", "1,045.00", "computed again: the same"):
        assert words in page, words
    assert "not the same" not in page


def seen_by(who: str, path: str) -> str:
    client = Client()
    client.force_login(User.objects.get(username=who))
    answer = client.get(path)
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def test_a_give_up_is_asked_for_at_its_booking_and_offered_to_a_second_person(
    sandbox: datetime,
) -> None:
    child = block(PRO_RATA)
    trading.receive(trading.fill(child, 10_000, cum=10_000, last_px=D("99.411")))
    lots.drain()
    page = f"/ops/allocations/{Allocation.objects.get().id}/"
    assert "data-give-up=" not in seen_by("alpha_ops", page)
    said(sandbox)
    leg = leg_of("alpha-003")
    assert seen_by("alpha_ops", page).count("data-give-up=") == 3
    assert "data-give-up=" not in seen_by("alpha_auditor", page)
    row = giving_up.request(
        leg.id,
        clearing_firm_id="cust_pershing" if leg.custodian_id != "cust_pershing" else "cust_bny",
        qty=None,
        reason="clears there",
        by=trading.person("alpha_ops"),
        at=sandbox,
    )
    assert seen_by("alpha_ops", page).count("data-give-up=") == 2
    for path in (page, "/ops/", "/ops/?part=board"):
        assert f'data-give="{row.id}"' in seen_by("alpha_admin", path), path
        mine = seen_by("alpha_ops", path)
        assert f'data-give-up-row="{row.id}"' in mine
        assert "somebody else decides" in mine
        assert "data-give=" not in mine
        assert "data-give=" not in seen_by("alpha_auditor", path)
    assert row.id not in seen_by("beta_ops", "/ops/")
    giving_up.decide(row.id, approve=True, by=trading.person("alpha_admin"), at=sandbox)
    said(sandbox)
    assert "not the same" not in seen_by("alpha_ops", page)


def test_the_panel_shows_money_left_over_and_who_was_left_out(api: Any, sandbox: datetime) -> None:
    policies.agreed(preset="full", rules={"block_account_reject": "drop"}, at=sandbox)
    generation.check()
    order_id = money_block(
        api("alpha_trader"), ("alpha-002", 7500), ("alpha-suspended", 5000), ("alpha-003", 2500)
    )
    page = seen_by("alpha_trader", f"/desk/orders/{order_id}/?part=panel")
    assert "1,045.00 left over" in page
    assert "without ALPHA-SUSPENDED" in page
    reference = Client()
    reference.force_login(User.objects.get(username="alpha_trader"))
    policy = reference.get("/desk/reference.json").json()["policy"]
    assert "notional" in policy["amount_types"]
