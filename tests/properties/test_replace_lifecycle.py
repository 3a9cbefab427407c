"""One order, one venue, anything in any order: the desk against a referee that keeps only facts.

The referee is the venue's own story: which requests reached it, what it did, what it said. After
every step the order, its execution order and its venue order must be what those facts fold to.
`--hypothesis-profile=deep` runs a thousand stories of sixty steps.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from oms_site.kit import clock
from orders import desk
from orders.models import ExecutionOrder, Order, OrderTerms, VenueOrder
from tests import effort, policies, trading
from tests.integration.replacing import story
from venues.messages import CancelReject, ExecType, ExecutionReport, OrdStatus, Report

D = Decimal
WHOLE = 10_000
sizes = st.integers(1, 15).map(lambda n: n * 1000)
prices = st.sampled_from(["99.3", "99.5", "99.6", "99.7"])


@dataclass
class Facts:
    """What the venue did. Everything about the order follows from it."""

    qty: int = WHOLE
    price: str = "99.5"
    fills: list[tuple[int, str]] = field(default_factory=list)
    busted: set[str] = field(default_factory=set)
    ended: bool = False
    acknowledged: bool = False
    replaced: int = 0

    def cum(self) -> int:
        return sum(qty for qty, name in self.fills if name not in self.busted)

    def status(self) -> str:
        """FIX's precedence: Filled, how it ended, Partially Filled, New."""
        if self.fills and self.cum() >= self.qty:
            return "filled"
        if self.ended:
            return "canceled"
        return "partially_filled" if self.cum() else "pending_execution"

    def over(self) -> bool:
        return self.status() in {"filled", "canceled"}

    def leaves(self) -> int:
        return 0 if self.over() else self.qty - self.cum()


class Life(RuleBasedStateMachine):
    """An order at one venue that may be filled, replaced, canceled and busted at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self._example = ExitStack()
        self._example.enter_context(trading.for_this_example())
        self.facts = Facts()
        self.replace: tuple[str, int, str] | None = None  # ClOrdID, quantity, price
        self.cancel = ""
        self.current = ""
        self.said: list[Report] = []

    def teardown(self) -> None:
        self._example.close()

    @initialize()
    def enter(self) -> None:
        self.order_id = trading.submit(qty=D(WHOLE), bypass_auto_execution=True)
        self.child = trading.execute(self.order_id, WHOLE)
        self.current = self.child.id

    # --- what we ask -------------------------------------------------------------------------
    @rule(qty=sizes, price=prices)
    def amend(self, qty: int, price: str) -> None:
        result = story.amend(self.order_id, qty=qty, limit_price=price)
        facts = self.facts
        may = (
            not facts.over()
            and self.replace is None
            and not self.cancel
            and qty > facts.cum()
            and (qty, price) != (facts.qty, facts.price)
        )
        assert (result.error is None) == may, result.error
        if may:
            self.replace = (story.leg(self.order_id).id, qty, price)

    @rule()
    def ask_to_cancel(self) -> None:
        (result,) = desk.cancel([self.order_id], by=trading.person(), at=clock.now())
        may = not self.facts.over() and not self.cancel
        assert (result.outcome == "pending") == may, result
        if may:
            self.cancel = story.sent("F")[-1].cl_ord_id

    # --- what the venue says -----------------------------------------------------------------
    def say(self, report: Report) -> None:
        self.said.append(report)
        trading.receive(report)

    def report(self, kind: ExecType, **changes: Any) -> Report:
        facts = self.facts
        status = {
            "filled": OrdStatus.FILLED,
            "canceled": OrdStatus.CANCELED,
            "partially_filled": OrdStatus.PARTIALLY_FILLED,
            "pending_execution": OrdStatus.NEW,
        }[facts.status()]
        terms: dict[str, Any] = {
            "ord_status": status,
            "cl_ord_id": self.current,
            "order_qty": D(facts.qty),
            "cum_qty": D(facts.cum()),
            "leaves_qty": D(facts.leaves()),
        }
        return trading.report(self.child, kind, **{**terms, **changes})

    @rule()
    def acknowledge(self) -> None:
        self.facts.acknowledged = True
        self.say(self.report(ExecType.NEW))

    @precondition(lambda self: not self.facts.over())
    @rule(part=st.integers(1, 100), price=st.sampled_from(["99.1", "99.2", "99.3"]))
    def fill(self, part: int, price: str) -> None:
        left = self.facts.leaves()
        qty = max(left * part // 100 // 1000 * 1000, min(left, 1000))
        name = f"T{trading.next_seq()}"
        self.facts.fills.append((qty, name))
        if self.facts.over():
            self.cancel = ""  # too late: we say so at once
        self.say(self.report(ExecType.TRADE, exec_id=name, last_qty=D(qty), last_px=D(price)))

    @precondition(lambda self: self.replace is not None and not self.facts.ended)
    @rule()
    def take_the_new_terms(self) -> None:
        assert self.replace is not None
        name, qty, price = self.replace
        before, self.current = self.current, name
        self.facts.qty, self.facts.price = max(qty, self.facts.cum()), price
        self.facts.replaced += 1
        self.replace = None
        if self.facts.over():
            self.cancel = ""
        self.say(self.report(ExecType.REPLACED, orig_cl_ord_id=before))

    @precondition(lambda self: self.replace is not None and not self.facts.ended)
    @rule(reason=st.sampled_from([0, 2, 99]))
    def refuse_the_new_terms(self, reason: int) -> None:
        assert self.replace is not None
        name = self.replace[0]
        self.replace = None
        self.say(self.reject(name, reason, "2"))

    @precondition(lambda self: self.replace is not None and not self.facts.ended)
    @rule()
    def say_that_it_pends(self) -> None:
        assert self.replace is not None
        self.say(
            self.report(
                ExecType.PENDING_REPLACE,
                cl_ord_id=self.replace[0],
                orig_cl_ord_id=self.current,
                ord_status=OrdStatus.PENDING_REPLACE,
            )
        )

    def reject(self, name: str, reason: int, to: str) -> CancelReject:
        return CancelReject(
            seq=trading.next_seq(),
            order_id=f"V-{self.child.id}",
            cl_ord_id=name,
            orig_cl_ord_id=self.current,
            ord_status=OrdStatus.NEW,
            cxl_rej_reason=reason,
            transact_time=clock.now(),
            response_to=to,
        )

    @precondition(lambda self: bool(self.cancel) and not self.facts.over())
    @rule()
    def refuse_to_cancel(self) -> None:
        name, self.cancel = self.cancel, ""
        self.say(self.reject(name, 99, "1"))

    @precondition(lambda self: not self.facts.over())
    @rule(asked=st.booleans())
    def end(self, asked: bool) -> None:
        names = (
            {"cl_ord_id": self.cancel, "orig_cl_ord_id": self.current}
            if asked and self.cancel
            else {}
        )
        self.facts.ended = True
        self.cancel, self.replace = "", None
        self.say(self.report(ExecType.CANCELED, leaves_qty=D(0), **names))

    @precondition(lambda self: len(self.facts.fills) > len(self.facts.busted))
    @rule(data=st.data())
    def bust(self, data: Any) -> None:
        live = [name for _, name in self.facts.fills if name not in self.facts.busted]
        name = data.draw(st.sampled_from(live))
        self.facts.busted.add(name)
        self.say(self.report(ExecType.TRADE_CANCEL, exec_ref_id=name))

    @precondition(lambda self: bool(self.said))
    @rule(data=st.data())
    def repeat(self, data: Any) -> None:
        """Anything that was said may be said again: a trade, a bust and a refusal change nothing.

        Of the other reports only the latest word counts, so only that is repeated.
        """
        lasting = (ExecType.TRADE, ExecType.TRADE_CANCEL, ExecType.REPLACED)
        again = [
            one
            for one in self.said
            if isinstance(one, CancelReject)
            or (isinstance(one, ExecutionReport) and one.exec_type in lasting)
        ]
        if again:
            trading.receive(data.draw(st.sampled_from(again)))

    @rule()
    def tell_the_status(self) -> None:
        self.say(self.report(ExecType.ORDER_STATUS))

    # --- what must hold ----------------------------------------------------------------------
    @invariant()
    def everything_follows_from_the_facts(self) -> None:
        if not self.current:
            return
        facts, order = self.facts, Order.objects.get(pk=self.order_id)
        row = ExecutionOrder.objects.get(order_id=self.order_id)
        child = VenueOrder.objects.get(pk=self.child.pk)
        assert str(order.status) == facts.status()
        expected = (D(facts.qty), D(facts.leaves()), D(facts.cum()))
        for one, qty in ((order, order.order_qty), (row, row.qty), (child, child.qty)):
            assert (qty, one.leaves_qty, one.cum_qty) == expected
            assert one.limit_price == D(facts.price)
        assert child.current_cl_ord_id == self.current
        assert row.order_version == order.revision

    @invariant()
    def what_pends_is_what_nobody_has_answered(self) -> None:
        if not self.current:
            return
        order = Order.objects.get(pk=self.order_id)
        waits = "cancel" if self.cancel else "replace" if self.replace else ""
        assert order.pending == waits
        assert bool(order.amending) == (self.replace is not None)
        asked = None if self.replace is None else D(self.replace[1])
        assert order.asked_qty == asked

    @invariant()
    def the_revisions_say_what_was_in_force(self) -> None:
        if not self.current:
            return
        order = Order.objects.get(pk=self.order_id)
        rows = list(OrderTerms.objects.filter(order_id=self.order_id).order_by("revision"))
        assert len(rows) == (self.facts.replaced + 1 if self.facts.replaced else 0)
        if rows:
            assert (rows[-1].revision, rows[-1].order_qty) == (order.revision, order.order_qty)

    @invariant()
    def the_tree_adds_up(self) -> None:
        if self.current:
            trading.check_tree(self.order_id)


def test_an_order_is_what_its_venues_facts_make_it(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))
    chosen = settings(
        max_examples=effort.examples(25),
        stateful_step_count=effort.steps(25),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Life, settings=chosen)
