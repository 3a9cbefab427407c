"""Tenants and trees: what refers to each other belongs to one organization and one order."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.db.models import Model

from orders.books.statements import Question, ask, check
from orders.books.verdicts import Check, Run, Tally

# References by plain text, which no foreign key guards: table, column, what it names.
_BY_NAME = (
    ("allocations_allocation", "order_id"),
    ("allocations_posttradeentry", "order_id"),
    ("controls_screening", "subject"),
    ("controls_review", "subject"),
    ("orders_break", "order_id"),
    ("orders_recovery", "order_id"),
    ("journal_event", "order_id"),
)
# Two ways from a row to its parent that must end at the same row.
_TWO_WAYS = (
    ("orders_venueorder", "execution_order_id", "orders_executionorder", "order_id", "order_id"),
    ("orders_rfq", "execution_order_id", "orders_executionorder", "order_id", "order_id"),
    ("orders_execution", "execution_order_id", "orders_executionorder", "order_id", "order_id"),
    (
        "orders_execution",
        "venue_order_id",
        "orders_venueorder",
        "execution_order_id",
        "execution_order_id",
    ),
    ("orders_recovery", "venue_order_id", "orders_venueorder", "order_id", "order_id"),
    ("orders_replaceleg", "replacement_id", "orders_replacement", "order_id", "order_id"),
    ("orders_replaceleg", "venue_order_id", "orders_venueorder", "order_id", "order_id"),
    ("orders_replacement", "screening_id", "controls_screening", "subject", "order_id"),
    (
        "allocations_bookingleg",
        "account_allocation_id",
        "allocations_accountallocation",
        "allocation_id",
        "allocation_id",
    ),
    ("orders_order", "allocation_id", "allocations_allocation", "order_id", "id"),
    ("orders_order", "screening_id", "controls_screening", "subject", "id"),
    ("controls_review", "screening_id", "controls_screening", "subject", "subject"),
)


def _pairs() -> Iterator[tuple[type[Model], str, type[Model]]]:
    """Every foreign key between two tables that both have an organization."""
    for model in apps.get_models():
        if not _has_organization(model):
            continue
        for field in model._meta.concrete_fields:
            target, column = field.related_model, field.column
            if field.name == "organization" or column is None or not isinstance(target, type):
                continue
            if _has_organization(target):
                yield model, column, target


def _has_organization(model: type[Model]) -> bool:
    return any(f.name == "organization" for f in model._meta.concrete_fields)


def _same_organization(model: type[Model], column: str, target: type[Model]) -> Question:
    table = model._meta.db_table
    return Question(
        f"SELECT count(*) FROM {table} t WHERE {{organization:t}}",
        f"SELECT t.{model._meta.pk.column}::text,"
        f" format('{table} of %%s, {column} %%s of %%s',"
        f" t.organization_id, p.{target._meta.pk.column}, p.organization_id)"
        f" FROM {table} t JOIN {target._meta.db_table} p ON p.{target._meta.pk.column} = t.{column}"
        f" WHERE {{organization:t}} AND p.organization_id <> t.organization_id",
    )


def _same_by_name(table: str, column: str) -> Question:
    return Question(
        "SELECT 0",
        f"SELECT t.{'event_id' if table == 'journal_event' else 'id'},"
        f" CASE WHEN p.id IS NULL THEN format('{table}, {column} %%s does not exist', t.{column})"
        f" ELSE format('{table} of %%s, {column} %%s of %%s',"
        f" t.organization_id, t.{column}, p.organization_id) END"
        f" FROM {table} t LEFT JOIN orders_order p ON p.id = t.{column}"
        f" WHERE {{organization:t}} AND t.{column} <> ''"
        f" AND p.organization_id IS DISTINCT FROM t.organization_id",
    )


def _same_parent(table: str, via: str, between: str, there: str, here: str) -> Question:
    return Question(
        "SELECT 0",
        f"SELECT t.id, format('{table}, {here} %%s, but its {via} %%s has {there} %%s',"
        f" t.{here}, m.id, m.{there})"
        f" FROM {table} t JOIN {between} m ON m.id = t.{via}"
        f" WHERE {{organization:t}} AND m.{there} <> t.{here}",
    )


def _organizations(run: Run) -> Tally:
    questions = [_same_organization(*one) for one in _pairs()]
    questions += [_same_by_name(*one) for one in _BY_NAME]
    return ask(run, questions)


CHECKS = (
    Check(
        "one_organization_per_tree",
        "Rows that refer to each other belong to the same organization.",
        _organizations,
    ),
    check(
        "one_order_per_tree",
        "Every way from a row up to its order ends at the same order.",
        Question(
            "SELECT count(*) FROM orders_order o WHERE {scope}",
            "SELECT '', '' WHERE false",
        ),
        *(_same_parent(*one) for one in _TWO_WAYS),
    ),
)
