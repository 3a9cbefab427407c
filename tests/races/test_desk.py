"""Many people at one order at the same moment: each decision, id and share counts once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import partial

import pytest
from django.db import OperationalError, connection
from django.db.models import Count
from psycopg.errors import DeadlockDetected

from controls.models import Review
from oms_site.journal.models import Event
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import desk, expiry, lots, routing
from orders.desk import submitting
from orders.models import ExecutionOrder, Order, VenueOrder
from orders.requests import Result, SubmitRequest
from tests import trading
from tests.races.racing import race, same
from venues.models import Inbound

pytestmark = [
    pytest.mark.usefixtures("committed_sandbox"),
    pytest.mark.django_db(transaction=True),
]


def test_twenty_decisions_on_one_order_are_one() -> None:
    order_id = trading.submit(limit_price=Decimal(92))
    checker = trading.person("alpha_compliance")

    def decide(n: int) -> tuple[str, str]:
        answer = desk.decide(
            order_id,
            approve=n % 2 == 0,
            annotation="seen",
            client_decision_id=f"d-{n}",
            by=checker,
            at=clock.now(),
        )
        return answer.decision_id, answer.error.code if answer.error else ""

    answers = race(*(partial(decide, n) for n in range(20)))
    (winner,) = [decision for decision, code in answers if not code]
    assert {code for _, code in answers} == {"", "order_not_pending_approval"}
    review = Review.objects.get(subject=order_id)
    assert review.decision_id == winner
    order = trading.order(order_id)
    assert (review.status, order.status) in {
        ("approved", "pending_execution"),
        ("rejected", "rejected"),
    }
    said = Counter(Event.objects.filter(subject=order_id).values_list("event_type", flat=True))
    assert said["approve"] + said["reject"] == 1
    assert said["manual_approve_fail"] + said["manual_reject_fail"] == 19
    assert said["manual_approve_request"] + said["manual_reject_request"] == 20


def test_one_id_decides_about_one_of_many_orders() -> None:
    orders = [trading.submit(limit_price=Decimal(92)) for _ in range(6)]
    checker = trading.person("alpha_compliance")

    def decide(order_id: str) -> str:
        try:
            answer = desk.decide(
                order_id,
                approve=True,
                annotation="seen",
                client_decision_id="d-1",
                by=checker,
                at=clock.now(),
            )
        except OmsError as refusal:
            return refusal.code
        return answer.error.code if answer.error else "approved"

    said = Counter(race(*(partial(decide, order_id) for order_id in orders)))
    assert said == {"approved": 1, "idempotency_conflict": 5}
    assert Review.objects.filter(status="approved").count() == 1


def test_drains_that_run_at_once_route_every_order_once() -> None:
    desk.submit([trading.request() for _ in range(60)])

    def drain() -> int:
        taken = 0
        while found := routing.drain(limit=7):
            taken += found
        return taken

    assert sum(race(*same(drain, 4))) == 60
    counts = Order.objects.annotate(n=Count("execution_orders")).values_list("n", flat=True)
    assert list(counts) == [1] * 60
    assert VenueOrder.objects.count() == 60
    assert Order.objects.filter(route_at=None, execution_orders_made=1).count() == 60


def test_eight_hands_never_take_more_than_is_open() -> None:
    order_id = trading.submit(bypass_auto_execution=True, qty=Decimal(3000))
    trader = trading.person()

    def take() -> str:
        made = desk.execute(order_id, trading.instruction(1000), by=trader, at=clock.now())
        return made.error.code if made.error else ""

    assert sorted(race(*same(take, 8))) == [""] * 3 + ["exceeds_open_quantity"] * 5
    taken = ExecutionOrder.objects.filter(order_id=order_id).values_list("qty", flat=True)
    assert sum(taken) == 3000
    trading.check_tree(order_id)


def test_one_execution_order_id_makes_one_execution_order() -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    trader = trading.person()
    asked = trading.instruction(1000, client_execution_order_id="once")

    def take() -> tuple[str, bool]:
        made = desk.execute(order_id, asked, by=trader, at=clock.now())
        assert made.error is None
        return made.execution_order_id, made.replayed

    answers = race(*same(take, 8))
    assert len({eo for eo, _ in answers}) == 1
    assert sorted(replayed for _, replayed in answers) == [False] + [True] * 7
    assert ExecutionOrder.objects.count() == 1


def test_fifty_requests_with_one_id_are_one_order() -> None:
    asked = trading.request(client_order_id="once")

    def submit() -> tuple[str, bool]:
        (result,) = desk.submit([asked])
        assert result.error is None
        return result.order_id, result.replayed

    answers = race(*same(submit, 50))
    assert len({order_id for order_id, _ in answers}) == 1
    assert sorted(replayed for _, replayed in answers) == [False] + [True] * 49
    assert Order.objects.count() == 1
    assert Event.objects.filter(event_type="request").count() == 1


def test_batches_that_share_ids_neither_lose_nor_double_one() -> None:
    batch = [trading.request(client_order_id=f"c-{n}") for n in range(10)]

    def submit(turned: bool) -> list[str]:
        results = desk.submit(batch[::-1] if turned else batch)
        assert [r.error for r in results] == [None] * 10
        return sorted(r.order_id for r in results)

    answers = race(*(partial(submit, n % 2 == 0) for n in range(6)))
    assert len({tuple(ids) for ids in answers}) == 1
    assert Order.objects.count() == 10


def test_a_batch_that_a_deadlock_undid_is_submitted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = [trading.request(client_order_id=f"c-{n}") for n in range(3)]
    honest, undone = submitting._submit, [3, 1]

    def deadlocked(requests: Sequence[SubmitRequest]) -> list[Result]:
        if undone and len(requests) == undone[0]:
            undone.pop(0)
            raise OperationalError from DeadlockDetected()
        return honest(requests)

    monkeypatch.setattr(submitting, "_submit", deadlocked)
    assert [r.error for r in desk.submit(batch)] == [None] * 3
    assert (undone, Order.objects.count()) == ([], 3)


def test_what_is_no_deadlock_may_be_committed_and_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cut_off(requests: Sequence[SubmitRequest]) -> list[Result]:
        raise OperationalError

    monkeypatch.setattr(submitting, "_submit", cut_off)
    with pytest.raises(OperationalError):
        desk.submit([trading.request()])


_NOTING = """
CREATE TABLE noted (place bigserial, name text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO noted (name) VALUES (NEW.client_order_id); RETURN NULL; END $$;
CREATE TRIGGER noting AFTER INSERT ON orders_order FOR EACH ROW EXECUTE FUNCTION note();
"""


@pytest.fixture
def noted() -> Iterator[Callable[[], list[str]]]:
    """The client's ids of new orders, in the order in which their rows are inserted."""

    def run(sql: str) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return [row[0] for row in cursor.fetchall()] if cursor.description else []

    run(_NOTING)
    yield lambda: run("SELECT name FROM noted ORDER BY place")
    run("DROP TRIGGER noting ON orders_order; DROP FUNCTION note; DROP TABLE noted")


@pytest.mark.parametrize("names", [("b", "a", "c"), ("c", "b", "a")])
def test_ids_of_a_batch_are_taken_in_one_order_and_its_story_keeps_its_own(
    names: Sequence[str], noted: Callable[[], list[str]]
) -> None:
    desk.submit([trading.request(client_order_id=name) for name in names])
    assert noted() == ["a", "b", "c"]
    told = Event.objects.filter(event_type="request").order_by("id").values_list("subject")
    named = dict(Order.objects.values_list("id", "client_order_id"))
    assert [named[key] for (key,) in told] == list(names)


@pytest.mark.parametrize("round_", range(5))
def test_a_fill_that_meets_a_cancel_counts_and_nobody_waits_for_ever(round_: int) -> None:
    child = trading.routed()
    trading.store(
        trading.fill(child, 1000, cum=1000),
        trading.fill(child, 2000 - 1000 * (round_ % 2), cum=2000),
    )
    trader = trading.person()

    def cancel() -> str:
        (answer,) = desk.cancel([child.order_id], by=trader, at=clock.now())
        return answer.outcome

    race(_apply, cancel)
    order = trading.order(child.order_id)
    assert order.cum_qty == 3000 - 1000 * (round_ % 2)
    assert _verdicts() == {"applied": 2}
    trading.check_tree(child.order_id)


def test_everything_at_once_ends_without_a_deadlock_and_with_every_share() -> None:
    desk.submit([trading.request() for _ in range(20)])
    routing.drain()
    children = list(VenueOrder.objects.order_by("id"))
    trading.store(*(trading.fill(child, 1000, cum=1000) for child in children))
    trader = trading.person()
    order_ids = sorted((child.order_id for child in children), reverse=True)

    def cancel() -> None:
        desk.cancel(order_ids, by=trader, at=clock.now())

    def work() -> None:
        for _ in range(5):
            lots.drain(limit=3)
            routing.drain(limit=3)
            expiry.sweep()

    def more() -> None:
        desk.submit([trading.request() for _ in range(20)])

    race(_apply, cancel, work, work, more)
    assert _verdicts() == {"applied": 20}
    for child in children:
        assert trading.order(child.order_id).cum_qty == 1000
        trading.check_tree(child.order_id)


def _apply() -> None:
    from orders import reports
    from venues import inbox

    reports.apply(trading.VENUE, inbox.contiguous(trading.VENUE, limit=100))


def _verdicts() -> dict[str, int]:
    return dict(Counter(Inbound.objects.values_list("verdict", flat=True)))
