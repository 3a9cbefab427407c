"""The reports of one transaction with every row they may move, locked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from oms_site.firm import libpq
from oms_site.journal.unit import Unit
from orders import aftermath, execution
from orders.models import ExecutionOrder, VenueOrder
from orders.tree import Tree
from venues import messages
from venues.messages import ExecType

Applied = tuple[str, str]  # verdict and note, for the inbox
Found = tuple[Tree, ExecutionOrder, VenueOrder]
MOVES = frozenset({ExecType.TRADE, ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT})
Content = tuple[str, Decimal, Decimal]  # venue order, signed quantity, price
_KNOWN = """
SELECT trade_date, exec_id, venue_order_id, qty, price FROM orders_execution
WHERE source = $1 AND exec_id = ANY($2::text[])
"""


class Batch:
    """Finds what a report is about, and remembers what this batch has done so far."""

    def __init__(
        self,
        work: Unit,
        venue_id: str,
        trees: Mapping[str, Tree],
        child_of: Mapping[str, str],
        known: Iterable[libpq.Row],
        at: datetime,
    ) -> None:
        self.work = work
        self.venue_id = venue_id
        self.at = at
        self._tree_of = {
            child.id: one
            for one in trees.values()
            for children in one.venue_orders.values()
            for child in children
        }
        self._child_of = child_of  # venue orders by the ClOrdIDs they got when they were replaced
        # What is stored, by trade date and ExecID(17): the answer to `question`.
        self.seen: dict[tuple[date, str], Content] = {
            (day, exec_id): (child or "", qty, price) for day, exec_id, child, qty, price in known
        }
        self.days = {(content[0], name): day for (day, name), content in self.seen.items()}
        self.filled: dict[str, Tree] = {}

    def find(self, *cl_ord_ids: str) -> Found | None:
        """The tree that one of these ClOrdIDs belongs to."""
        for name in cl_ord_ids:
            cl_ord_id = self._child_of.get(name, name)
            tree = self._tree_of.get(cl_ord_id)
            for row in tree.execution_orders if tree else []:
                assert tree is not None
                for child in tree.venue_orders[row.id]:
                    if child.id == cl_ord_id and child.venue_id == self.venue_id:
                        return tree, row, child
        return None

    def say(self, found: Found, event: str, text: str) -> None:
        """An internal event of a venue order alone: its order has not moved."""
        one, row, child = found
        self.work.record(
            child,
            event,
            body={
                **execution.naming(one, row),
                "cl_ord_id": child.id,
                "venue_id": child.venue_id,
                "venue_order_id": child.venue_order_id,
                "text": text,
            },
            order_id=one.order.id,
            at=self.at,
        )

    def finish(self) -> None:
        """Draw the consequences of all fills, once."""
        aftermath.follow(self.work, self.filled, at=self.at)


def question(venue_id: str, reports: Sequence[messages.Moving]) -> list[libpq.Asked]:
    """What asks for the executions of this venue that are stored already; nothing where none may.

    Asked under the lock of the orders they are of.
    """
    # A bust need not repeat the quantity it takes back, so the type says which ids to look for.
    wanted = {
        r.exec_id
        for r in reports
        if isinstance(r, messages.ExecutionReport) and r.exec_type in MOVES
    }
    return [(_KNOWN, [venue_id, sorted(wanted)])] if wanted else []
