"""The venue's journal: a restart at any point forgets nothing that was said."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from venues import messages
from venues.messages import CancelRequest, ExecType, NewOrder, ReplaceRequest, Side
from venues.simulator import journal as journals
from venues.simulator.exchange import Exchange
from venues.simulator.journal import Journal
from venues.simulator.market import Market
from venues.simulator.register import Inbound, Order

PLAIN = "91282CAA1"
START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


@dataclass
class Listed:
    cusip: str = PLAIN
    reference_price: Decimal = Decimal(100)
    security_type: str = "note"
    min_increment: Decimal = Decimal(100)


class House:
    """A venue that can be killed and started again on the same directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.now = START
        self.said: list[bytes] = []
        self.start()

    def start(self) -> None:
        self.journal = Journal(self.directory, "SIMA")
        self.exchange = Exchange(self.journal.register, Market([Listed()], seed="SIMA"))

    def restart(self) -> None:
        self.journal.close()
        self.start()

    def take(self, *batch: Inbound, wait: int = 0) -> list[messages.OrderReport]:
        self.now += timedelta(seconds=wait)
        for message in batch:
            self.journal.add(messages.encode(message))
            self.exchange.handle(message, self.now)
        self.exchange.tick(self.now)
        return self.finish()

    def finish(self) -> list[messages.OrderReport]:
        reports = [report for report, _ in self.exchange.take()]
        texts = [messages.encode(report) for report in reports]
        for text in texts:
            self.journal.add(text)
        self.journal.write(self.now)
        self.said += texts
        of_orders = (messages.ExecutionReport, messages.CancelReject)
        return [report for report in reports if isinstance(report, of_orders)]


def new(
    cl_ord_id: str, px: str | None = "101", security_id: str = PLAIN, side: Side = "1"
) -> NewOrder:
    return NewOrder(
        cl_ord_id=cl_ord_id,
        security_id=security_id,
        side=side,
        ord_type="2" if px else "1",
        order_qty=Decimal(1_000),
        price=Decimal(px) if px else None,
        transact_time=START,
        expire_time=START + timedelta(seconds=600),
    )


def cancel(cl_ord_id: str, orig: str) -> CancelRequest:
    return CancelRequest(
        cl_ord_id=cl_ord_id, orig_cl_ord_id=orig, security_id=PLAIN, side="1", transact_time=START
    )


def replace(cl_ord_id: str, orig: str, px: str) -> ReplaceRequest:
    return ReplaceRequest(
        cl_ord_id=cl_ord_id,
        orig_cl_ord_id=orig,
        security_id=PLAIN,
        side="1",
        ord_type="2",
        order_qty=Decimal(2_000),
        price=Decimal(px),
        transact_time=START,
    )


def state(orders: dict[str, Order]) -> dict[str, dict[str, object]]:
    names = [f.name for f in fields(Order) if f.name != "script"]
    return {key: {name: getattr(order, name) for name in names} for key, order in orders.items()}


def test_delays_survive_a_restart(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.take(new("S", security_id="912810SS8"), new("L", "99.04"), new("F", "99.05"))
    house.restart()
    assert [r.cl_ord_id for r in house.take(wait=2)] == ["L"]
    house.restart()
    assert [r.cl_ord_id for r in house.take(wait=3)] == ["F"]
    (half,) = house.take(wait=55)
    house.restart()
    (rest,) = house.take(wait=60)
    assert (half.cl_ord_id, rest.cl_ord_id) == ("S", "S")
    house.restart()
    (expired,) = house.take(wait=480)
    assert (expired.cl_ord_id, expired.ord_status) == ("L", messages.OrdStatus.EXPIRED)


def test_a_waiting_cancel_survives_its_own_repetition_and_a_restart(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.take(new("L", "99.04"), cancel("X", "L"), cancel("X", "L"))
    house.restart()
    *_, last = house.take(wait=2)
    assert (last.cl_ord_id, last.ord_status) == ("X", messages.OrdStatus.CANCELED)


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    house = House(tmp_path)
    last = house.take(new("A", None))[-1].seq
    house.restart()
    assert house.take(new("B", None))[0].seq == last + 1


def test_a_torn_batch_was_never_sent_and_is_cut_off(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.take(new("A", None))
    whole = journals.path_of(tmp_path, "SIMA").read_bytes()
    house.take(new("B", None))
    torn = journals.path_of(tmp_path, "SIMA").read_bytes()
    house.journal.close()
    for size in range(len(whole), len(torn)):
        journals.path_of(tmp_path, "SIMA").write_bytes(torn[:size])
        assert set(journals.orders(tmp_path, "SIMA")) == {"A"}
        house.start()
        house.journal.close()
        assert journals.path_of(tmp_path, "SIMA").read_bytes() == whole


def test_reports_are_read_back_exactly_as_sent(tmp_path: Path) -> None:
    house = House(tmp_path)
    for n in range(20):
        house.take(new(f"A{n}", None), new(f"B{n}", "99.01"))
    house.restart()
    for seq in (1, 7, len(house.said)):
        assert house.journal.read(seq, most=64)[0] == house.said[seq - 1]
    read: list[bytes] = []
    while len(read) < len(house.said):
        read += house.journal.read(len(read) + 1, most=1_000)
    assert read == house.said


def test_executions_are_folded_for_busts_and_corrections(tmp_path: Path) -> None:
    house = House(tmp_path)
    fills = [
        report
        for report in house.take(new("A", None), new("B", None), new("C", None))
        if isinstance(report, messages.ExecutionReport) and report.exec_type is ExecType.TRADE
    ]
    house.exchange.bust(fills[0].exec_id, house.now)
    house.exchange.correct(fills[1].exec_id, house.now, qty=Decimal(700), px=Decimal(99))
    house.finish()
    standing = journals.executions(tmp_path, "SIMA")
    assert {key: (r.last_qty, r.last_px) for key, r in standing.items()} == {
        fills[1].exec_id: (700, 99),
        fills[2].exec_id: (fills[2].last_qty, fills[2].last_px),
    }
    orders = journals.orders(tmp_path, "SIMA")
    assert [orders[key].cum_qty for key in "ABC"] == [0, 700, 1_000]


_securities = st.sampled_from([PLAIN, "912810SS8", "912810RX8", "912810RY6", "912810UK2"])
_limits = st.sampled_from([None, "101", "98.5", "99.01", "99.02", "99.03", "99.04", "99.05"])
_ids = st.sampled_from([f"A{n}" for n in range(6)])
_messages = st.one_of(
    st.builds(new, _ids, _limits, _securities),
    st.builds(cancel, st.sampled_from(["X1", "X2", "X3", "A1"]), _ids),
    st.builds(
        replace, st.sampled_from(["R1", "R2"]), _ids, st.sampled_from(["101", "99.04", "98"])
    ),
)


@settings(max_examples=150, deadline=None)
@given(
    batches=st.lists(
        st.tuples(st.lists(_messages, max_size=4), st.integers(0, 70), st.booleans()), max_size=6
    ),
    amend=st.booleans(),
)
def test_what_is_read_back_is_what_was_known(
    batches: list[tuple[list[Inbound], int, bool]], amend: bool
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        house = House(Path(directory))
        for batch, wait, restarts in batches:
            house.take(*batch, wait=wait)
            if restarts:
                house.restart()
        trades = list(house.exchange.register.trades)
        if amend and trades:
            house.exchange.correct(trades[0], house.now, qty=Decimal(1), px=Decimal(100))
            house.exchange.bust(trades[-1], house.now)
            house.exchange.fill_late("A1", house.now, qty=Decimal(9), px=Decimal(99)) if (
                "A1" in house.exchange.register.orders
            ) else None
            house.finish()
        before = state(house.exchange.register.orders)
        house.restart()
        assert state(house.exchange.register.orders) == before
        assert house.journal.last_seq == house.exchange.register.last_seq == len(house.said)
        house.journal.close()
