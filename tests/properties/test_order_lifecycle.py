"""The life of orders against a referee that keeps only facts and computes everything from them.

The models step from state to state; the referee knows no states. After every step, whatever it
was, both must say the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django_fsm import TransitionNotAllowed
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orders.models import ExecutionOrder, Order, VenueOrder
from orders.reference.states import machines
from orders.states import Amending, fix_ord_status
from tests import effort

AT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
D = Decimal
EDGES = {machine.model: set(machine.edges) for machine in machines()}
quantities = st.integers(min_value=1, max_value=6).map(lambda n: D(n * 1000))
prices = st.decimals(min_value=90, max_value=110, places=3)


@dataclass
class Facts:
    """What happened, in no order but the ends': enough to say everything about an order."""

    qty: Decimal
    start: str
    approved: bool = True
    routed: bool = True
    known_to_venue: bool = False
    ended: str = ""
    asked: str = ""
    replacing: bool = False
    fills: list[tuple[Decimal, Decimal]] = field(default_factory=list)
    busts: list[int] = field(default_factory=list)

    def cum(self) -> Decimal:
        live = [q for n, (q, _) in enumerate(self.fills) if n not in self.busts]
        return sum(live, D(0))

    def gross(self) -> Decimal:
        return sum((q * p for n, (q, p) in enumerate(self.fills) if n not in self.busts), D(0))

    def status(self) -> str:
        """FIX's precedence: Filled, then how it ended, then Partially Filled, then New."""
        if self.fills and self.cum() >= self.qty:
            return "filled"
        if self.ended:
            return self.ended
        if self.cum() > 0:
            return "partially_filled"
        if self.start == "pending_new":
            return "new" if self.known_to_venue or self.fills else "pending_new"
        return "pending_execution" if self.approved else "pending_approval"

    def pending(self) -> str:
        """A cancel outranks a replace; a replace is answered even after the last fill."""
        return self.asked or ("replace" if self.replacing else "")

    def terminal(self) -> bool:
        return self.status() in {"filled", "canceled", "rejected", "expired"}

    def leaves(self) -> Decimal:
        return D(0) if self.terminal() else self.qty - self.cum()


class Lifecycle(RuleBasedStateMachine):
    """Rules that all three kinds of order share."""

    row: Any
    facts: Facts
    kind: str

    def take(self, step: str, **words: Any) -> bool:
        """Take a step of ours; refused means that nothing moved at all."""
        before, was = self.row.state(), str(self.row.status)
        try:
            getattr(self.row, step)(**words)
        except TransitionNotAllowed:
            assert self.row.state() == before
            return False
        assert (was, step, str(self.row.status)) in EDGES[self.kind]
        return True

    def end(self, step: str, ended: str, **words: Any) -> None:
        """A command that ends it works exactly while it is open."""
        was_open = not self.facts.terminal()
        assert self.take(step, **words) == was_open
        if was_open:
            self.facts.ended, self.facts.asked = ended, ""
            # Whoever ends it drops what it was to become.
            self.drop_replace()

    def move(self, qty: Decimal, price: Decimal) -> None:
        """A venue's fact is never refused."""
        words = {"qty": qty, "gross": qty * price, "at": AT}
        if self.kind == "VenueOrder":
            del words["gross"]
        assert self.take("execute", **words)

    # What has never been routed is at no venue, and no venue can fill it.
    @precondition(lambda self: self.facts.routed)
    @rule(qty=quantities, price=prices)
    def fill(self, qty: Decimal, price: Decimal) -> None:
        self.facts.fills.append((qty, price))
        self.move(qty, price)
        self.answered_if_filled()

    @precondition(lambda self: len(self.facts.fills) > len(self.facts.busts))
    @rule(data=st.data())
    def bust(self, data: Any) -> None:
        live = [n for n in range(len(self.facts.fills)) if n not in self.facts.busts]
        n = data.draw(st.sampled_from(live))
        self.facts.busts.append(n)
        qty, price = self.facts.fills[n]
        self.move(-qty, price)
        self.answered_if_filled()

    def answered_if_filled(self) -> None:
        """A cancel of what is complete was too late."""
        if self.facts.status() == "filled":
            if self.kind == "ExecutionOrder" and self.facts.asked:
                self.facts.replacing = False  # its venue orders know
            self.facts.asked = ""

    @rule()
    def refuse_cancel(self) -> None:
        words: dict[str, Any] = {"at": AT, "text": ""} if self.kind == "VenueOrder" else {}
        if self.kind == "ExecutionOrder":
            words = {"replacing": self.facts.replacing}
        assert self.take("refuse_cancel", **words)
        self.facts.asked = ""

    # What an order may become, by kind: the words of each step.
    def words_of_asking(self, qty: Decimal) -> dict[str, Any]:
        return {}

    def words_of_replacing(self, qty: Decimal) -> dict[str, Any]:
        return {"qty": qty, "limit_price": None, "at": AT}

    @rule(qty=quantities)
    def request_replace(self, qty: Decimal) -> None:
        workable = self.facts.approved and not self.facts.terminal()
        assert self.take("request_replace", **self.words_of_asking(qty)) == workable
        self.facts.replacing |= workable

    @rule()
    def drop_replace(self) -> None:
        words = {"at": AT, "text": ""} if self.kind == "VenueOrder" else {}
        assert self.take("refuse_replace", **words)
        self.facts.replacing = False

    @rule(qty=quantities)
    def replace(self, qty: Decimal) -> None:
        """A venue's word that its terms are others is never refused either."""
        if self.kind == "VenueOrder" or self.facts.approved or not self.facts.fills:
            assert self.take("replace", **self.words_of_replacing(qty))
            self.facts.qty, self.facts.replacing = qty, False
            self.facts.known_to_venue = True
            self.answered_if_filled()

    @invariant()
    def the_state_follows_from_the_facts(self) -> None:
        assert str(self.row.status) == self.facts.status()

    @invariant()
    def the_quantities_follow_from_the_facts(self) -> None:
        assert self.row.cum_qty == self.facts.cum()
        assert self.row.leaves_qty == self.facts.leaves()
        if not self.facts.terminal():
            assert self.row.cum_qty + self.row.leaves_qty == self.facts.qty

    @invariant()
    def what_is_over_waits_for_nothing(self) -> None:
        assert self.row.pending == self.facts.pending()
        if self.facts.terminal() and self.row.pending:
            assert (self.facts.status(), self.row.pending) == ("filled", "replace")

    @invariant()
    def it_is_terminal_as_its_status_says(self) -> None:
        assert self.row.is_terminal == self.facts.terminal()


class OrderLife(Lifecycle):
    """An order: released or refused, then worked, then over."""

    kind = "Order"

    def words_of_asking(self, qty: Decimal) -> dict[str, Any]:
        return {"amending": Amending.SENT, "qty": qty, "price": None}

    def words_of_replacing(self, qty: Decimal) -> dict[str, Any]:
        prices: dict[str, Any] = {"limit_price": None, "stop_price": None}
        more = {"revision": self.row.revision + 1, "screening_id": "s"}
        return {**super().words_of_replacing(qty), **prices, **more}

    @initialize(qty=quantities)
    def submit(self, qty: Decimal) -> None:
        self.facts = Facts(qty, "pending_approval", approved=False, routed=False)
        self.row = Order(id="mo_x", order_qty=qty, leaves_qty=qty)

    @rule()
    def approve(self) -> None:
        waits = not self.facts.approved and not self.facts.ended
        assert self.take("approve", at=AT, route_at=AT) == waits
        self.facts.approved |= waits

    @precondition(lambda self: self.facts.approved and not self.facts.terminal())
    @rule()
    def route(self) -> None:
        self.row.routed(execution_orders=1)
        self.facts.routed = True

    @rule()
    def reject(self) -> None:
        waits = not self.facts.approved and not self.facts.ended
        words = {"rejected_by": "control", "code": "c", "reason": "r"}
        assert self.take("reject", at=AT, **words) == waits
        if waits:
            self.facts.ended = "rejected"

    @rule(pending=st.sampled_from(["cancel", "expire"]))
    def request_cancel(self, pending: str) -> None:
        workable = self.facts.approved and not self.facts.terminal()
        assert self.take("request_cancel", at=AT, pending=pending) == workable
        if workable:
            self.facts.asked = pending

    @rule()
    def cancel(self) -> None:
        self.end("cancel", "canceled", at=AT)

    @rule()
    def expire(self) -> None:
        self.end("expire", "expired", at=AT)

    @invariant()
    def the_money_follows_from_the_facts(self) -> None:
        assert self.row.gross == self.facts.gross()
        assert self.row.executions_made == len(self.facts.fills) + len(self.facts.busts)

    @invariant()
    def the_stamps_say_what_the_state_says(self) -> None:
        stamped = {
            name: getattr(self.row, f"{name}_at") is not None
            for name in ("filled", "canceled", "rejected", "expired")
        }
        ended = {name for name, is_set in stamped.items() if is_set and name != "filled"}
        assert ended == ({self.facts.ended} - {""})
        assert stamped["filled"] == (self.facts.status() == "filled")
        assert self.row.route_at is None or not self.facts.terminal()

    @invariant()
    def fix_says_it_by_precedence(self) -> None:
        said = fix_ord_status(self.row.status, self.row.pending)
        if self.row.pending == "replace":
            assert said == "E"
        elif self.row.pending:
            assert said == "6"
        else:
            base = {"pending_approval": "A", "pending_execution": "0", "partially_filled": "1"}
            closed = {"filled": "2", "canceled": "4", "rejected": "8", "expired": "C"}
            assert said == {**base, **closed}[self.facts.status()]


class ExecutionOrderLife(Lifecycle):
    """An execution order: cleared from the start."""

    kind = "ExecutionOrder"

    def words_of_replacing(self, qty: Decimal) -> dict[str, Any]:
        cleared = (2, "s", "passed", None, None)
        return {**super().words_of_replacing(qty), "cleared": cleared}

    @initialize(qty=quantities)
    def issue(self, qty: Decimal) -> None:
        self.facts = Facts(qty, "pending_execution")
        self.row = ExecutionOrder(id="eo_x", qty=qty, leaves_qty=qty)

    @rule(pending=st.sampled_from(["cancel", "expire"]))
    def request_cancel(self, pending: str) -> None:
        workable = not self.facts.terminal()
        assert self.take("request_cancel", pending=pending) == workable
        if workable:
            self.facts.asked = pending

    @rule(step=st.sampled_from(["cancel", "reject", "expire"]))
    def finish(self, step: str) -> None:
        ended = {"cancel": "canceled", "reject": "rejected", "expire": "expired"}[step]
        self.end(step, ended, at=AT, reason="r")


class VenueOrderLife(Lifecycle):
    """A venue order: only the venue's words move it."""

    kind = "VenueOrder"

    def words_of_asking(self, qty: Decimal) -> dict[str, Any]:
        return {"replace_cl_ord_id": "vr"}

    def words_of_replacing(self, qty: Decimal) -> dict[str, Any]:
        return {**super().words_of_replacing(qty), "cl_ord_id": "vr"}

    @initialize(qty=quantities)
    def send(self, qty: Decimal) -> None:
        self.facts = Facts(qty, "pending_new")
        self.row = VenueOrder(id="vo_x", qty=qty, leaves_qty=qty)

    @rule()
    def acknowledge(self) -> None:
        assert self.take("acknowledge", venue_order_id="V", at=AT)
        self.facts.known_to_venue = True

    @rule()
    def request_cancel(self) -> None:
        workable = not self.facts.terminal()
        assert self.take("request_cancel", cancel_cl_ord_id="vc") == workable
        if workable:
            self.facts.asked = "cancel"

    @rule(step=st.sampled_from(["cancel", "reject", "expire"]))
    def finish(self, step: str) -> None:
        ended = {"cancel": "canceled", "reject": "rejected", "expire": "expired"}[step]
        self.end(step, ended, at=AT, text="t")


_often = settings(
    max_examples=effort.examples(150), stateful_step_count=effort.steps(30), deadline=None
)
OrderLife.TestCase.settings = _often
ExecutionOrderLife.TestCase.settings = _often
VenueOrderLife.TestCase.settings = _often
TestOrder = OrderLife.TestCase
TestExecutionOrder = ExecutionOrderLife.TestCase
TestVenueOrder = VenueOrderLife.TestCase
