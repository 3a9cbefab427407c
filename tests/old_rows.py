"""A database that has traded for years: every table that grows is full of rows that are over.

Used where a statement must be seen to pass over them. Rows are made by SQL from the models, so a
new table is filled too; only what says that a row is over has to be told here (`OVER`). All of it
happens inside the caller's transaction, keys and checks of those tables included.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.db import connection, models

# What people set up and what is kept by name: few rows, however long the product runs.
KEPT_FEW = frozenset(
    [
        "allocations.Account",
        "allocations.BookingConfiguration",
        "allocations.CashBalance",
        "allocations.ClearingArrangement",
        "allocations.ClearingParty",
        "allocations.Custodian",
        "allocations.FeedEndpoint",
        "allocations.IntroducingBroker",
        "allocations.MarginRate",
        "allocations.MatchingRoute",
        "allocations.MatchingService",
        "allocations.Position",
        "allocations.ReleaseRule",
        "allocations.RiskGroup",
        "allocations.StandingInstruction",
        "allocations.Template",
        "allocations.TemplateShare",
        "controls.Breaker",
        "controls.Control",
        "controls.ControlList",
        "controls.Mandate",
        "controls.PriceMark",
        "orders.BrokerWheel",
        "orders.PriceWatch",
        "orders.Ruleset",
        "venues.Dealer",
        "venues.FixLine",
        "venues.FixNumbers",
        "venues.Instrument",
        "venues.LineState",
        "venues.ReferencePrice",
        "venues.TopOfBook",
        "venues.TradingDayRow",
        "venues.Venue",
        "venues.VenueExtension",
        "venues.VenueFormat",
        "venues.VenueProfile",
        "venues.VenueSymbol",
    ]
)
# Queues: a row that is over is gone.
EMPTIED = frozenset(
    ["allocations.ClearingDue", "allocations.SettlementDue", "orders.AllocationDue"]
)
# As autovacuum does.
_SUMMARIZE = """
SELECT brin_summarize_new_values(i.indexrelid) FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
WHERE a.amname = 'brin' AND c.relnamespace = 'public'::regnamespace
"""
# Facts: made once, they wait for nothing.
FACTS = frozenset(
    [
        "controls.ListingDecision",
        "controls.ReviewVote",
        "controls.Screening",
        "journal.IdempotencyKey",
        "venues.RoutingDecision",
    ]
)
_FORGET = """
SELECT pg_clear_relation_stats(n.nspname, c.relname) FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'i')
"""
_FORGET_COLUMNS = """
SELECT pg_clear_attribute_stats(schemaname, tablename, attname, inherited) FROM pg_stats
WHERE schemaname = 'public'
"""
_ROOMS = ("orders", "controls", "allocations", "venues", "journal")
# Before the frozen day of the tests.
_LONG_AGO = "(timestamptz '2026-11-13 15:00Z' - g * interval '1 minute')"


def _one_of(*words: str) -> str:
    return f"(ARRAY[{_quoted(words)}])[1 + g % {len(words)}]"


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


_ENDED = _one_of("filled", "canceled", "rejected", "expired")
# By table, as SQL expressions of the row's number g: what makes a row one that is over.
OVER: dict[str, dict[str, str]] = {
    "allocations.Allocation": {"status": "'approved'", "complete": "true"},
    "allocations.BookingLeg": {"status": "'booked'"},
    "allocations.ClearingReport": {"status": "'accepted'"},
    "allocations.CorporateAction": {"status": "'applied'", "kind": "'coupon'"},
    "allocations.CustodianMessage": {"applied_at": _LONG_AGO, "verdict": "'applied'"},
    "allocations.FeedDelivery": {"delivered_at": _LONG_AGO},
    "allocations.GiveUp": {"status": _one_of("refused", "taken_up"), "decided_at": _LONG_AGO},
    "allocations.MarginCall": {"met_at": _LONG_AGO},
    "allocations.MatchingMessage": {"applied_at": _LONG_AGO, "verdict": "'applied'"},
    "allocations.MovementNotice": {"answered_at": _LONG_AGO},
    "allocations.PostTradeEntry": {"status": "'approved'", "decided_at": _LONG_AGO},
    "allocations.Repair": {"status": "'approved'"},
    "allocations.SettlementInstruction": {"status": "'settled'", "closed_at": _LONG_AGO},
    "allocations.TradeConfirm": {"status": "'affirmed'", "has_ssi": "true"},
    "allocations.Transaction": {"decision": "'applied'"},
    "controls.Halt": {"status": "'released'", "released_at": _LONG_AGO},
    "controls.OrderGroup": {"status": "'open'"},
    "controls.Override": {"status": "'used'", "used_at": _LONG_AGO},
    "controls.Review": {"status": _one_of("approved", "rejected"), "decided_at": _LONG_AGO},
    "orders.Break": {"closed_at": _LONG_AGO},
    "orders.ExecutionOrder": {"status": _ENDED, "closed_at": _LONG_AGO},
    "orders.ExternalOrder": {"status": _one_of("adopted", "disowned")},
    "orders.Flatten": {
        "decision": "'refused'",
        "decided_at": _LONG_AGO,
        "decided_by_id": "1",
    },
    "orders.FlattenLine": {"outcome": "'ordered'", "side": "'sell'", "position": "1", "qty": "1"},
    "orders.HeldReport": {"status": "'approved'", "decided_at": _LONG_AGO},
    "orders.MassCancel": {"done_at": _LONG_AGO},
    "orders.MassCancelOrder": {"outcome": "'canceled'"},
    "orders.Order": {"status": _ENDED, "expires_at": _LONG_AGO, "leaves_qty": "0"},
    "orders.OrderListWatch": {"over": "true"},
    "orders.Quote": {"status": _one_of("expired", "done")},
    "orders.QuoteRound": {"status": "'lapsed'", "answered_at": _LONG_AGO},
    "orders.Reconciliation": {"outcome": "'clean'", "kind": "'venue'", "party": "'SIMA'"},
    "orders.Recovery": {"status": "'came'", "decided_at": _LONG_AGO},
    "orders.ReplaceLeg": {"status": "'replaced'", "answered_at": _LONG_AGO},
    "orders.Replacement": {"status": "'replaced'"},
    "orders.Rfq": {"status": _one_of("executed", "expired")},
    "orders.Schedule": {"status": "'finished'"},
    "orders.ScheduleSlice": {"status": "'filled'"},
    "orders.VenueOrder": {"status": _ENDED, "leaves_qty": "0"},
    "venues.Inbound": {"applied_at": _LONG_AGO, "verdict": "'applied'", "body": "'{}'"},
    "venues.Outbound": {"sent_at": _LONG_AGO, "answered_at": _LONG_AGO, "kind": "'D'"},
    "venues.SecurityNotice": {"done_at": _LONG_AGO},
}
_TOMORROW = "timestamptz '2026-11-24 22:00Z'"
_WORKING = {"status": "'pending_execution'", "order_qty": "1000"}
# Orders that rest at venues: nobody has to do anything about them.
OPEN: dict[str, dict[str, str]] = {
    "orders.Order": {
        **_WORKING,
        "leaves_qty": "1000",
        "expires_at": _TOMORROW,
        "limit_price": "1",
        "approved_at": _LONG_AGO,
        "ord_type": "'limit'",
        "time_in_force": "'gtc'",
        "side": "'buy'",
    },
    "orders.ExecutionOrder": {
        "status": "'pending_execution'",
        "leaves_qty": "1000",
        "qty": "1000",
        "limit_price": "1",
        "protocol": "'limit_order_book'",
        "strategy": "'smart_order_routing'",
    },
    "orders.VenueOrder": {
        "status": "'new'",
        "leaves_qty": "1000",
        "qty": "1000",
        "limit_price": "1",
    },
    "venues.Outbound": {"sent_at": _LONG_AGO, "answered_at": _LONG_AGO, "kind": "'D'"},
}
# A table with one of these has rows that wait and rows that are over.
STATES = frozenset(
    [
        "answered_at",
        "applied_at",
        "closed_at",
        "decided_at",
        "decision",
        "done_at",
        "due_at",
        "met_at",
        "next_at",
        "outcome",
        "over",
        "released_at",
        "sent_at",
        "state",
        "status",
        "wake_at",
    ]
)
_BY_TYPE: tuple[tuple[type[models.Field[Any, Any]], str], ...] = (
    (models.BooleanField, "false"),
    (models.DateTimeField, _LONG_AGO),
    (models.DateField, "(date '2026-11-13' - g)"),
    (models.DecimalField, "1"),
    (models.FloatField, "1"),
    (models.IntegerField, "1"),
    (models.JSONField, "'{}'::jsonb"),
    (models.BinaryField, "'x'::bytea"),
)


def growing() -> list[type[models.Model]]:
    """The tables that get longer with every day of trading."""
    found = [m for room in _ROOMS for m in apps.get_app_config(room).get_models()]
    return [m for m in found if m._meta.label not in KEPT_FEW and not m._meta.proxy]


def fill(over: int, *, resting: int = 0) -> None:
    """Put rows that are over into every table that grows, and orders that rest at venues."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for model in growing():
            label = model._meta.label
            if label in EMPTIED:
                continue
            _free(cursor, model._meta.db_table)
            cursor.execute(_insert(cursor, model, OVER.get(label, {}), 1, over))
            if resting and label in OPEN:
                sql = _insert(cursor, model, OPEN[label], over + 1, over + resting)
                cursor.execute(sql)
            cursor.execute(f"ALTER TABLE {model._meta.db_table} ENABLE TRIGGER USER")
        cursor.execute(_SUMMARIZE)


def forget_the_past() -> None:
    """Tables and statistics as if nothing had run before, or a plan would depend on what did.

    An ANALYZE that is rolled back leaves its count of rows behind, rows that are rolled back their
    pages, and autovacuum comes when it likes.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for model in growing():
            table = model._meta.db_table
            cursor.execute(f"CLUSTER {table} USING {table}_pkey")
        cursor.execute(_FORGET)
        cursor.execute(_FORGET_COLUMNS)


def _free(cursor: Any, table: str) -> None:
    """Lift what would refuse rows that stand for nothing."""
    cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    cursor.execute(
        "SELECT conname FROM pg_constraint "
        "WHERE conrelid = %s::regclass AND contype IN ('c', 'f') AND conparentid = 0",
        [table],
    )
    if names := [row[0] for row in cursor.fetchall()]:
        drops = ", ".join(f'DROP CONSTRAINT "{name}"' for name in names)
        cursor.execute(f"ALTER TABLE {table} {drops}")


def _insert(
    cursor: Any, model: type[models.Model], said: dict[str, str], first: int, last: int
) -> str:
    meta = model._meta
    cursor.execute(
        "SELECT column_name FROM information_schema.columns "
        "WHERE table_name = %s AND is_generated = 'ALWAYS'",
        [meta.db_table],
    )
    generated = {row[0] for row in cursor.fetchall()}
    unique = _unique(model)
    values = {
        name: said.get(name) or _value(cursor, field, unique)
        for field in meta.concrete_fields
        if (name := str(field.column)) not in generated
    }
    names = ", ".join(f'"{name}"' for name in values)
    return (
        f"INSERT INTO {meta.db_table} ({names}) "
        f"SELECT {', '.join(values.values())} FROM generate_series({first}, {last}) g"
    )


def _unique(model: type[models.Model]) -> frozenset[str]:
    """The columns that make a row unique, together or alone."""
    named = {name for c in model._meta.constraints for name in getattr(c, "fields", ())}
    named |= {name for together in model._meta.unique_together for name in together}
    return frozenset(str(f.column) for f in model._meta.concrete_fields if f.name in named)


def _value(cursor: Any, field: Any, unique: frozenset[str]) -> str:
    target = field.remote_field.model if field.remote_field is not None else None
    if target is not None and not (field.primary_key and target not in growing()):
        return _reference(cursor, field, target)
    if field.primary_key:
        return _key(field)
    if field.null:
        return f"NULL::{field.db_type(connection)}"
    if isinstance(field, models.CharField | models.TextField):
        if field.choices:
            return f"'{next(iter(dict(field.flatchoices)))}'"
        return _text(field) if field.column in unique or field.unique else "''"
    if field.column in unique and isinstance(field, models.IntegerField):
        return "g" if not isinstance(field, models.SmallIntegerField) else "g % 32000"
    for kind, value in _BY_TYPE:
        if isinstance(field, kind):
            return value
    return f"'{{}}'::{field.db_type(connection)}"


def _reference(cursor: Any, field: Any, target: type[models.Model]) -> str:
    """One of the rows there are of what people set up; the row of the same number of the rest."""
    if target in growing():
        return _key(target._meta.pk)
    if field.unique and field.null:
        return f"NULL::{field.db_type(connection)}"
    cursor.execute(f"SELECT {field.target_field.column} FROM {target._meta.db_table} LIMIT 20")
    keys = sorted(str(row[0]) for row in cursor.fetchall())
    kind = field.db_type(connection)
    if not keys:
        return f"NULL::{kind}" if field.null else _key(field.target_field)
    return f"((ARRAY[{_quoted(keys)}])[1 + g % {len(keys)}])::{kind}"


def _key(field: Any) -> str:
    kind = field.target_field if field.remote_field is not None else field
    return "-g" if isinstance(kind, models.IntegerField) else _text(kind)


def _text(field: Any) -> str:
    return f"left('old-' || g, {field.max_length or 40})"
