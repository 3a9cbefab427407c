"""Several hands that ask thousands of orders at once: PostgreSQL works on several statements.

Called by the drains of kill switches. Each hand has a connection of its own and a transaction for
each page, so what a killed process had asked stays asked. One hand more asks singly what the others
leave out, while they are still at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from queue import SimpleQueue
from typing import TypeAlias

from django.db import connection

from oms_site.journal import unit
from oms_site.journal.actors import Actor
from orders.stopping import asking
from orders.stopping.asking import Asked

# One page for each hand as long as that is not too long: whatever the first commit sets going (the
# gateway, reports, the sequencer) takes processors from the pages that are still being asked.
HANDS, LONGEST = 4, 5_000
# What hands leave out; None when one has done its page.
_Left: TypeAlias = SimpleQueue[Sequence[str] | None]


def ask(
    order_ids: Sequence[str], singly: Sequence[str], *, slowly: int, by: Actor, at: datetime
) -> list[Asked]:
    """Ask all that can be asked together, and `singly` and what is left of them, `slowly` at most.

    The others are absent and have to be given again. Raises what stopped a hand, after the others
    have done their pages.
    """
    left, pages = _Left(), _pages(order_ids)
    with ThreadPoolExecutor(HANDS + 1, "hand") as hands:
        parts = [hands.submit(_ask_page, page, left, by, at) for page in pages]
        parts.append(hands.submit(_ask_singly, singly, left, len(pages), slowly, by, at))
    return [one for part in parts for one in part.result()]


def _pages(order_ids: Sequence[str]) -> list[Sequence[str]]:
    size = max(1, min(LONGEST, -(-len(order_ids) // HANDS)))
    return [order_ids[n : n + size] for n in range(0, len(order_ids), size)]


def _ask_page(page: Sequence[str], left: _Left, by: Actor, at: datetime) -> list[Asked]:
    try:
        with unit.work(by=by, at=at) as work:
            return asking.together(work, page, at=at, left=left.put)
    finally:
        left.put(None)
        connection.close()


def _ask_singly(
    first: Sequence[str], left: _Left, pages: int, slowly: int, by: Actor, at: datetime
) -> list[Asked]:
    asked = list[Asked]()
    try:
        named: Sequence[str] | None = first
        while True:
            if named is None:
                pages -= 1
            elif taken := named[: slowly - len(asked)]:
                asked += asking.singly(taken, by=by, at=at)
            if not pages:
                return asked
            named = left.get()
    finally:
        connection.close()
