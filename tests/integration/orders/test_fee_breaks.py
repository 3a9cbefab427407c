"""What a bust frees of a fee's cap is never silent: a break says who owes what, and two charge it.

The story of docs/reference/residual-rule.md in small: 3,980, 3,000 and 3,000 at 5 % of par, capped
at 250.00 for the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction

from allocations import accounts
from allocations.models import BookingLeg, Movement, MovementNotice, RiskGroup, Transaction
from oms_site.firm import generation
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import breaks, lots
from orders.books import fees as fee_books
from orders.books.verdicts import Run
from orders.models import Adjustment, Break, Execution, VenueOrder
from orders.requests import AccountAsk, AllocationAsk
from tests import trading
from tests.client import Api
from tests.integration.holdings.test_repaired import repaired
from tests.trading import D
from venues.messages import ExecType

FILLS = (3_980, 3_000, 3_000)


def fee(**changes: Any) -> dict[str, Any]:
    return {
        "fee_schedule_id": "fs",
        "fee_schedule_asset_level_id": "fsal",
        "recipient_id": "firm",
        "fee_type": "commission",
        "fee_amount_type": "percentage_of_par",
        "fee_amount": "5",
        "max_fee_amount": "250.00",
        **changes,
    }


def filled(qtys: Sequence[int] = FILLS, **changes: Any) -> tuple[VenueOrder, list[Any]]:
    """An order over 10,000 with these fills; what the venue said of them."""
    terms: dict[str, Any] = {"qty": D(10_000), "fees": (fee(),), **changes}
    child = trading.routed(**terms)
    said, cum = [], 0
    for qty in qtys:
        cum += qty
        said.append(trading.fill(child, qty, cum=cum))
    trading.receive(*said)
    split()
    return child, said


def bust(child: VenueOrder, trade: Any) -> None:
    trading.receive(trading.report(child, ExecType.TRADE_CANCEL, exec_ref_id=trade.exec_id))
    split()


def split() -> None:
    while lots.drain():
        pass


def fees_of(order_id: str) -> list[Decimal]:
    rows = Execution.objects.filter(order_id=order_id).order_by("sequence")
    return list(rows.values_list("fees", flat=True))


def one_break() -> Break:
    return Break.objects.get(kind="fees_differ", closed_at=None)


def figures(row: Break) -> dict[str, Any]:
    """What a break comes to."""
    found: dict[str, Any] | None = row.figures
    assert found is not None
    return found


def owed(row: Break) -> dict[str, str]:
    return {one["account_id"]: one["amount"] for one in figures(row)["accounts"]}


def close(row: Break, reason_code: str = "our_error") -> Break:
    maker, checker = trading.person("alpha_ops"), trading.person("alpha_admin")
    now = clock.now()
    breaks.propose(row.id, reason_code=reason_code, text="the cap", by=maker, at=now)
    version = Break.objects.get(pk=row.pk).version
    return breaks.decide(row.id, agree=True, by=checker, at=now, version=version)


def in_the_books(at: datetime) -> list[tuple[str, str]]:
    (check,) = fee_books.CHECKS
    return list(check.run(Run(at=at, machine_at=at)).first)


def test_what_a_bust_frees_of_a_cap_opens_a_break_with_schedule_charge_and_due(
    sandbox: datetime,
) -> None:
    child, said = filled()
    assert fees_of(child.order_id) == [D("199.00"), D("51.00"), D("0.00")]
    assert not Break.objects.filter(kind="fees_differ").exists()
    bust(child, said[0])
    row = one_break()
    assert (row.key, row.order_id) == (child.order_id, child.order_id)
    assert row.evidence["schedule"][0]["max_fee_amount"] == "250.00"
    assert row.figures == {
        "currency": "USD",
        "charged": "51.00",
        "due": "250.00",
        "settled": "0.00",
        "difference": "199.00",
        "accounts": [{"account_id": "alpha-002", "account": row_code(), "amount": "199.00"}],
    }
    assert in_the_books(sandbox) == []


def row_code() -> str:
    found = accounts.find_account(trading.person().organization_id, "alpha-002")
    assert found is not None
    return found.code


def test_the_books_find_fees_that_a_bust_left_without_a_break(sandbox: datetime) -> None:
    child, said = filled()
    bust(child, said[0])
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE orders_break DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM orders_break WHERE kind = 'fees_differ'")
        cursor.execute("ALTER TABLE orders_break ENABLE TRIGGER USER")
    ((key, what),) = in_the_books(sandbox)
    assert key == child.order_id
    assert what == "charged 51.00, settled 0.00, due 250.00; its break says 0.00"


def test_later_fills_that_use_the_freed_cap_leave_nothing_due_and_void_what_was_proposed(
    sandbox: datetime,
) -> None:
    child, said = filled()
    bust(child, said[0])
    row = one_break()
    ops, admin = trading.person("alpha_ops"), trading.person("alpha_admin")
    breaks.propose(row.id, reason_code="our_error", text="the cap", by=ops, at=clock.now())
    seen = Break.objects.get(pk=row.pk).version
    trading.receive(trading.fill(child, 1_000, cum=7_000))
    split()
    assert fees_of(child.order_id)[-1] == D("50.00")
    row = one_break()
    assert (owed(row), figures(row)["due"]) == ({"alpha-002": "149.00"}, "250.00")
    with pytest.raises(OmsError) as told:
        breaks.decide(row.id, agree=True, by=admin, at=clock.now(), version=seen)
    assert told.value.code == "proposal_changed"
    with pytest.raises(OmsError) as told:
        breaks.decide(row.id, agree=True, by=admin, at=clock.now())
    assert told.value.code == "not_proposed"
    trading.receive(trading.fill(child, 2_980, cum=9_980))
    split()
    assert fees_of(child.order_id)[-1] == D("149.00")
    row = one_break()
    assert (owed(row), figures(row)["difference"]) == ({}, "0.00")
    close(row)
    assert not Transaction.objects.filter(kind="fee").exists()
    assert in_the_books(sandbox) == []


def test_two_people_charge_the_difference_and_the_account_pays_it_once(sandbox: datetime) -> None:
    child, said = filled()
    bust(child, said[0])
    row = close(one_break())
    entry = Transaction.objects.get(kind="fee")
    assert (entry.account_id, entry.amount) == ("alpha-002", D("-199.00"))
    assert entry.decision == "applied"
    assert entry.maker_id != entry.checker_id
    moved = Movement.objects.get(source_id=entry.id)
    assert (moved.kind, moved.cash, moved.qty) == ("fee", D("-199.00"), D(0))
    assert (moved.fees, moved.consideration) == (D("199.00"), D("199.00"))
    # Its custodian has to take the same money: it is told, as of everything that moves cash there.
    assert MovementNotice.objects.filter(movement_id=moved.id).exists()
    note = Adjustment.objects.get(explained_id=row.id)
    assert note.evidence["transactions"] == {"alpha-002": entry.id}
    assert note.evidence["figures"]["difference"] == "199.00"
    trading.receive(trading.fill(child, D("0.05"), cum=D("6000.05")))
    split()
    assert in_the_books(sandbox) == []
    call_command("check_books", stdout=StringIO())


def test_what_was_charged_is_given_back_when_later_fills_pay_the_cap_again(
    sandbox: datetime,
) -> None:
    child, said = filled()
    bust(child, said[0])
    close(one_break())
    trading.receive(trading.fill(child, 3_980, cum=9_980))
    split()
    # 51 by the fills, 199 by the entry, and 199 by the new fill: 199 too much.
    row = one_break()
    assert (owed(row), figures(row)["settled"]) == ({"alpha-002": "-199.00"}, "199.00")
    close(row)
    paid = Transaction.objects.filter(kind="fee").values_list("amount", flat=True)
    assert sorted(paid) == [D("-199.00"), D("199.00")]
    assert in_the_books(sandbox) == []


def test_a_difference_that_two_people_accept_is_charged_to_nobody_and_stays_settled(
    sandbox: datetime,
) -> None:
    child, said = filled()
    bust(child, said[0])
    row = one_break()
    with pytest.raises(OmsError) as told:
        close(row, "timing")
    (fault,) = told.value.details
    assert (fault.code, fault.field) == ("reason_code_unfit", "reason_code")
    close(row, "accepted")
    trading.receive(trading.fill(child, D("0.05"), cum=D("6000.05")))
    split()
    assert not Transaction.objects.filter(kind="fee").exists()
    # The new fill used nothing of a cap that by the books is used up: 0.0025 is no cent.
    assert not Break.objects.filter(kind="fees_differ", closed_at=None).exists()
    assert in_the_books(sandbox) == []


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        # 5,020 stand at one average, 2,000, 2,000 and 1,020 of them: 79.2828, 79.2828 and 40.4343
        # of 199.00, and the missing cent to the largest remainder.
        (
            "pro_rata_with_averaging",
            {"alpha-002": "79.28", "alpha-003": "79.28", "alpha-004": "40.44"},
        ),
        # The second fill lies with two accounts, 2,020 and 490 of 2,510, and would cost 74.50 more;
        # the third one, 124.50 more, with the last of them alone.
        ("fifo_without_averaging", {"alpha-003": "59.96", "alpha-004": "139.04"}),
    ],
)
def test_the_difference_of_a_block_is_split_to_the_cent_over_its_accounts(
    sandbox: datetime, strategy: str, expected: dict[str, str]
) -> None:
    child, said = filled(
        (3_980, 2_510, 2_510),
        account_id=None,
        qty=D(9_000),
        allocation=AllocationAsk(
            strategy=strategy,
            accounts=tuple(AccountAsk(account_id=f"alpha-00{n}", qty=D(3_000)) for n in (2, 3, 4)),
        ),
    )
    bust(child, said[0])
    row = one_break()
    assert owed(row) == expected
    assert sum(map(D, expected.values())) == D("199.00")
    close(row)
    paid = Transaction.objects.filter(kind="fee")
    assert {one.account_id: str(-one.amount) for one in paid} == expected
    assert in_the_books(sandbox) == []


def test_what_a_repair_booked_to_another_account_is_owed_by_that_account(
    sandbox: datetime,
) -> None:
    child, said = filled((3_980, 3_000))
    leg = BookingLeg.objects.get(qty=D(3_000))
    repaired(leg, "alpha-005", sandbox)
    bust(child, said[0])
    assert owed(one_break()) == {"alpha-005": "99.00"}


def test_an_execution_order_with_fees_of_its_own_has_a_break_of_its_own(sandbox: datetime) -> None:
    staged = trading.submit(qty=D(9_000), bypass_auto_execution=True, fees=(fee(),))
    child = trading.execute(staged, 9_000, fees=(fee(max_fee_amount="100.00"),))
    first, second = trading.fill(child, 1_980, cum=1_980), trading.fill(child, 3_000, cum=4_980)
    trading.receive(first, second)
    split()
    assert fees_of(staged) == [D("99.00"), D("1.00")]
    bust(child, first)
    row = one_break()
    assert (row.key, row.order_id) == (child.execution_order_id, staged)
    assert owed(row) == {"alpha-002": "99.00"}


def test_fees_of_another_schedule_than_todays_open_a_break_that_claims_no_amount(
    sandbox: datetime,
) -> None:
    RiskGroup.objects.update(fees=[fee()])
    generation.check()
    child, said = filled(fees=())
    assert fees_of(child.order_id) == [D("199.00"), D("51.00"), D("0.00")]
    RiskGroup.objects.update(fees=[fee(fee_amount="4")])
    generation.check()
    bust(child, said[0])
    row = one_break()
    assert row.figures is not None
    assert (row.figures["due"], row.figures["accounts"]) == (None, [])
    assert "schedule" in row.figures["why"]
    assert in_the_books(sandbox) == []


def test_figures_of_a_closed_break_are_kept_by_the_database(sandbox: datetime) -> None:
    child, said = filled()
    bust(child, said[0])
    row = close(one_break())
    with pytest.raises(DatabaseError, match="is kept"), transaction.atomic():
        Break.objects.filter(pk=row.pk).update(figures={}, version=row.version + 1)


def test_nobody_charges_a_fee_alone(sandbox: datetime) -> None:
    ask = {"kind": "fee", "account_id": "alpha-002", "amount": -5, "reason": "the cap"}
    status, told = Api("alpha_ops").post("/v1/transaction/", ask)
    assert (status, told["error_details"][0]["field"]) == (422, "kind")
    child, said = filled()
    bust(child, said[0])
    close(one_break())
    true = Transaction.objects.get(kind="fee")
    copy = {one.attname: getattr(true, one.attname) for one in Transaction._meta.concrete_fields}
    for changes in ({"checker_id": None}, {"checker_id": true.maker_id}, {"cost": D(1)}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Transaction.objects.bulk_create([Transaction(**{**copy, "id": "tx_x", **changes})])
