"""Every ledger row is the fold of its events, column by column, and its versions have no gap.

One pass serves both checks: it takes orders in batches, folds all their events in the database,
where decimals stay exact, and compares the result with the rows. What belongs to no order is last.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from django.apps import apps
from django.db.models import Model

from oms_site.journal.rows import LedgerFact, LedgerRow
from orders.books.hands import spread
from orders.books.statements import rows, stream
from orders.books.verdicts import Check, Run, Tally

BATCH = 2_000
_OF_ALLOCATION = "(SELECT a.order_id FROM allocations_allocation a WHERE a.id = t.allocation_id)"
# How a row is found from its order; tables that are not named here belong to no order.
_ORDER_OF = {
    "orders_order": "t.id",
    "orders_notionalpart": "t.order_id",
    "orders_executionorder": "t.order_id",
    "orders_venueorder": "t.order_id",
    "orders_execution": "t.order_id",
    "orders_orderterms": "t.order_id",
    "orders_replacement": "t.order_id",
    "orders_replaceleg": "t.order_id",
    "orders_break": "t.order_id",
    "orders_cross": "t.buy_order_id",
    "orders_heldreport": "t.order_id",
    "orders_reportedtrade": "t.order_id",
    "orders_rfq": "t.order_id",
    "orders_quote": "(SELECT r.order_id FROM orders_rfq r WHERE r.id = t.rfq_id)",
    "orders_schedule": "t.order_id",
    "orders_scheduleslice": "t.order_id",
    "orders_quoteround": "(SELECT r.order_id FROM orders_rfq r WHERE r.id = t.rfq_id)",
    "orders_adjustment": "(SELECT b.order_id FROM orders_break b WHERE b.id = t.explained_id)",
    "allocations_repair": _OF_ALLOCATION,
    "allocations_giveup": _OF_ALLOCATION,
    "allocations_droppedaccount": _OF_ALLOCATION,
    "allocations_allocation": "t.order_id",
    "allocations_accountallocation": _OF_ALLOCATION,
    "allocations_posttradeentry": "t.order_id",
    "allocations_bookingleg": _OF_ALLOCATION,
    "allocations_tradeconfirm": "t.order_id",
    "allocations_settlementinstruction": "t.order_id",
    "allocations_settlementfact": "t.order_id",
    "allocations_clearingreport": "t.order_id",
    **{
        f"allocations_{name}": "(SELECT c.order_id FROM allocations_tradeconfirm c"
        " WHERE c.id = t.confirm_id)"
        for name in ("counterpartytrade", "matchverdict", "confirmadjustment")
    },
    "venues_routingdecision": "(SELECT x.order_id FROM orders_executionorder x"
    " WHERE x.id = t.subject)",
    "venues_venueextension": "(SELECT x.order_id FROM orders_executionorder x"
    " WHERE x.id = t.subject UNION ALL"
    " SELECT s.order_id FROM orders_schedule s WHERE s.id = t.subject)",
    "controls_override": "t.asked_for",
    "controls_screening": "t.subject",
    "controls_review": "t.subject",
    "controls_reviewvote": "(SELECT r.subject FROM controls_review r WHERE r.id = t.review_id)",
    "controls_reviewdecision": "(SELECT r.subject FROM controls_reviewvote v "
    "JOIN controls_review r ON r.id = v.review_id WHERE v.id = t.vote_id)",
}
_THROUGH_ALLOCATION = (
    "t.allocation_id IN (SELECT a.id FROM allocations_allocation a WHERE a.order_id = ANY(%(ids)s))"
)
_THROUGH = {
    **{
        f"allocations_{name}": "t.confirm_id IN (SELECT c.id FROM allocations_tradeconfirm c"
        " WHERE c.order_id = ANY(%(ids)s))"
        for name in ("counterpartytrade", "matchverdict", "confirmadjustment")
    },
    "controls_reviewvote": "t.review_id IN "
    "(SELECT r.id FROM controls_review r WHERE r.subject = ANY(%(ids)s))",
    "controls_reviewdecision": "t.vote_id IN (SELECT v.id FROM controls_reviewvote v "
    "JOIN controls_review r ON r.id = v.review_id WHERE r.subject = ANY(%(ids)s))",
    "orders_quote": "t.rfq_id IN (SELECT r.id FROM orders_rfq r WHERE r.order_id = ANY(%(ids)s))",
    "orders_quoteround": "t.rfq_id IN "
    "(SELECT r.id FROM orders_rfq r WHERE r.order_id = ANY(%(ids)s))",
    **{
        f"venues_{name}": "t.subject IN "
        "(SELECT x.id FROM orders_executionorder x WHERE x.order_id = ANY(%(ids)s) UNION ALL"
        " SELECT s.id FROM orders_schedule s WHERE s.order_id = ANY(%(ids)s))"
        for name in ("routingdecision", "venueextension")
    },
}
_EVENTS_OF_ORDERS = """
SELECT e.event_id, e.subject, e.seq, e.changes FROM journal_event e WHERE e.subject = ANY(%(ids)s)
UNION ALL
SELECT e.event_id, e.subject, e.seq, e.changes FROM journal_event e
WHERE e.order_id = ANY(%(ids)s) AND e.order_id <> '' AND e.order_id <> e.subject
"""
_EVENTS_OF_NONE = """
SELECT e.event_id, e.subject, e.seq, e.changes FROM journal_event e
WHERE {organization:e} AND NOT EXISTS (SELECT 1 FROM orders_order o WHERE o.id = e.order_id)
    AND NOT EXISTS (SELECT 1 FROM orders_order o WHERE o.id = e.subject)
"""
_FOLD = """
WITH event AS MATERIALIZED (
    {events}
), moved AS MATERIALIZED (
    SELECT e.event_id, e.subject, e.seq, (c.value ->> 0) COLLATE "C" AS tab,
        (c.value ->> 1) COLLATE "C" AS pk,
        c.value -> 2 AS columns, (c.value -> 2 ->> 'version')::bigint AS version
    FROM event e, jsonb_array_elements(e.changes::jsonb) c
), moved_on AS (
    SELECT m.tab, m.pk, jsonb_object_agg(k.key, k.value ORDER BY m.version) AS columns
    FROM moved m, jsonb_each(m.columns) k WHERE m.version > 1 GROUP BY m.tab, m.pk
), folded AS MATERIALIZED (
    SELECT tab, pk, coalesce(f.columns, jsonb_build_object())
        || coalesce(l.columns, jsonb_build_object()) AS columns
    FROM (SELECT tab, pk, columns FROM moved
        WHERE columns <> jsonb_build_object() AND (version = 1 OR version IS NULL)) f
    FULL JOIN moved_on l USING (tab, pk)
), counted AS (
    SELECT tab, pk, count(*) AS n, count(version) AS versions, count(DISTINCT version) AS different,
        min(version) AS lowest, max(version) AS highest,
        count(*) FILTER (WHERE columns <> jsonb_build_object()) AS stated
    FROM moved GROUP BY tab, pk
)
SELECT 'looked', tab, count(*)::text, '' FROM folded GROUP BY tab
UNION ALL
SELECT 'version', c.tab, c.pk, format('%%s versions from %%s to %%s in %%s events',
    c.different, c.lowest, c.highest, c.n)
FROM counted c WHERE c.tab IN ({living}) AND (c.lowest, c.highest, c.different, c.versions)
    IS DISTINCT FROM (1::bigint, c.n, c.n, c.n)
UNION ALL
SELECT 'version', c.tab, c.pk, format('a fact, stated %%s times', c.stated)
FROM counted c WHERE c.tab NOT IN ({living}) AND c.stated <> 1
UNION ALL
SELECT 'version', 'event', e.event_id, format('number %%s of %%s, which it does not move to there',
    e.seq, e.subject)
FROM event e WHERE NOT EXISTS (SELECT 1 FROM moved m
    WHERE m.event_id = e.event_id AND m.pk = e.subject AND m.version = e.seq)
UNION ALL
SELECT 'fold', f.tab, f.pk, 'no such table' FROM folded f WHERE f.tab NOT IN ({tables})
{comparisons}
"""


@cache
def models() -> dict[str, type[Model]]:
    """Every table that only events may change, by name."""
    return {
        model._meta.db_table: model
        for model in apps.get_models()
        if issubclass(model, LedgerRow | LedgerFact)
    }


def _comparison(table: str, model: type[Model], where: str) -> str:
    """The rows of one table that are not what their events say, each with the columns it is in."""
    names = [field.column for field in model._meta.concrete_fields]
    ours = ", ".join(f't."{name}"' for name in names)
    theirs = ", ".join(f'r."{name}"' for name in names)
    which = ", ".join(
        f"""CASE WHEN t."{n}" IS DISTINCT FROM r."{n}" """
        f"""THEN format('{n} is %%s, by events %%s', t."{n}", r."{n}") END"""
        for n in names
    )
    return f"""
UNION ALL
SELECT 'fold', '{table}', coalesce(t.id, f.pk), CASE
    WHEN f.pk IS NULL THEN 'no event says that it exists'
    WHEN t.id IS NULL THEN 'events speak of it, there is no such row'
    ELSE concat_ws('; ', {which}) END
FROM (SELECT pk, columns FROM folded WHERE tab = '{table}') f
FULL JOIN (SELECT * FROM {table} t WHERE {where}) t ON t.id = f.pk
LEFT JOIN LATERAL jsonb_populate_record(NULL::{table}, f.columns) r ON true
WHERE f.pk IS NULL OR t.id IS NULL OR ({ours}) IS DISTINCT FROM ({theirs})"""


def _statement(events: str, where: dict[str, str]) -> str:
    known = models()
    living = [table for table, model in known.items() if issubclass(model, LedgerRow)]
    text = _FOLD.replace("{events}", events.strip())
    text = text.replace("{living}", ", ".join(f"'{table}'" for table in living))
    text = text.replace("{tables}", ", ".join(f"'{table}'" for table in known))
    comparisons = (
        _comparison(table, model, where[table]) for table, model in known.items() if table in where
    )
    return text.replace("{comparisons}", "".join(comparisons))


@cache
def rows_of_orders() -> dict[str, str]:
    """The tables with rows of orders, and how those rows `t` are found by the orders' `ids`."""
    return {
        table: _THROUGH.get(table, f"{way} = ANY(%(ids)s)")
        if way != _OF_ALLOCATION
        else _THROUGH_ALLOCATION
        for table, way in _ORDER_OF.items()
    }


@cache
def rows_of_none() -> dict[str, str]:
    """Every table, and which of its rows `t` belong to no order."""
    where = {}
    for table in models():
        way = _ORDER_OF.get(table)
        where[table] = "{organization:t}"
        if way is not None:
            where[table] += f" AND NOT EXISTS (SELECT 1 FROM orders_order o WHERE o.id = {way})"
    return where


@cache
def _of_orders() -> str:
    return _statement(_EVENTS_OF_ORDERS, rows_of_orders())


@cache
def _of_none() -> str:
    return _statement(_EVENTS_OF_NONE, rows_of_none())


def _passed(run: Run) -> tuple[Tally, Tally]:
    """The tallies of versions and of rows; made once per run."""
    if "folding" not in run.memory:
        versions, columns = Tally(), Tally()
        ((whole,),) = rows(run, "SELECT count(*) FROM orders_order o WHERE {scope}")
        done = 0
        for found in spread(run, lambda ids: rows(run, _of_orders(), ids=ids), _batches(run)):
            _count(found, versions, columns)
            done += BATCH
            run.tell(min(done / whole, 1.0))
        if run.since is None:
            _count(rows(run, _of_none()), versions, columns)
        run.memory["folding"] = (versions, columns)
    both: tuple[Tally, Tally] = run.memory["folding"]
    return both


def _batches(run: Run) -> Iterator[list[str]]:
    batch: list[str] = []
    # By time of making: what belongs together lies together on disk.
    for (order_id,) in stream(
        run, "SELECT o.id FROM orders_order o WHERE {scope} ORDER BY o.created_at, o.id"
    ):
        batch.append(order_id)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _count(found: list[tuple[Any, ...]], versions: Tally, columns: Tally) -> None:
    for kind, table, key, what in found:
        if kind == "looked":
            columns.looked_at += int(key)
            versions.looked_at += int(key)
        else:
            tally = versions if kind == "version" else columns
            tally.differs(f"{table} {key}", what)


CHECKS = (
    Check(
        "versions_have_no_gaps",
        "The versions of every row count from 1 without a gap, each stated by exactly one event.",
        lambda run: _passed(run)[0],
    ),
    Check(
        "rows_are_their_events",
        "Every column of every ledger row is what its events, folded, say.",
        lambda run: _passed(run)[1],
    ),
)
