"""What a movement names is looked for by its key, also by a plan that was made for empty tables.

An EXISTS under a CASE may be answered by reading its whole table into memory once per statement.
For a table that is empty that is cheap, and a connection keeps the plan: four milliseconds of every
batch of fills after some thousand of them, and more with each. A question for one row has no such
plan.
"""

from __future__ import annotations

from importlib import import_module

from django.db import migrations

before = import_module("orders.migrations.0020_sources")
fees = import_module("orders.migrations.0025_fee_breaks")


def _one_row(condition: str) -> str:
    inner = condition.strip().removeprefix("EXISTS (").removesuffix(")")
    return f"coalesce(({inner.replace('SELECT 1', 'SELECT true', 1)} LIMIT 1), false)"


_FUNCTION: str = fees._HAPPENED.replace(fees._BEFORE, fees._AFTER)
_CONDITIONS = (
    before._EXECUTION,
    before._LEG,
    before._TRANSACTION,
    before._EXCHANGE,
    before._PAYMENT,
    before._ACTION,
    before._SPLIT_BACK,
)


def _by_key() -> str:
    sql = _FUNCTION
    for condition in _CONDITIONS:
        assert condition in sql
        sql = sql.replace(condition, _one_row(condition))
    return sql


class Migration(migrations.Migration):
    dependencies = [("orders", "0027_order_words")]

    operations = [migrations.RunSQL(_by_key(), _FUNCTION)]
