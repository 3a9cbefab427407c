"""What every batch of orders asks, planned once per connection and always by an index.

The planner would read all of a table that was empty a minute ago, and planning anew costs more than
asking. A function keeps its plan by itself, behind a pooler too.
"""

from __future__ import annotations

from django.db import migrations

_HOW = "LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off"

BY_CLIENT_ID = f"""
CREATE FUNCTION orders_by_client_id(whose text[], names text[])
RETURNS TABLE (organization text, name text, order_id text, fingerprint text) {_HOW} AS $$
BEGIN
    RETURN QUERY
    SELECT asked.whose, asked.name, o.id::text, o.fingerprint::text
    FROM unnest($1, $2) AS asked (whose, name),
    LATERAL (SELECT n.id, n.fingerprint FROM orders_order n
             WHERE n.organization_id = asked.whose AND n.client_order_id = asked.name LIMIT 1) o;
END $$;
"""
BY_KEY = f"""
CREATE FUNCTION orders_by_key(whose text[], names text[])
RETURNS TABLE (organization text, name text, order_id text, fingerprint text) {_HOW} AS $$
BEGIN
    RETURN QUERY
    SELECT asked.whose, asked.name, k.body::text, k.fingerprint::text
    FROM unnest($1, $2) AS asked (whose, name),
    LATERAL (SELECT n.body, n.fingerprint FROM journal_idempotencykey n
             WHERE n.organization_id = asked.whose AND n.key = asked.name LIMIT 1) k;
END $$;
"""
ALIKE = f"""
CREATE FUNCTION orders_alike(numbers bigint[], since timestamptz)
RETURNS TABLE (economics bigint, order_id text, created_at timestamptz) {_HOW} AS $$
BEGIN
    RETURN QUERY
    SELECT asked.number, o.id::text, o.created_at
    FROM unnest($1) AS asked (number),
    LATERAL (SELECT n.id, n.created_at FROM orders_order n
             WHERE n.economics = asked.number AND n.created_at > $2 AND n.status <> 'rejected'
             ORDER BY n.created_at) o;
END $$;
"""
FUNCTIONS = {
    "orders_by_client_id(text[], text[])": BY_CLIENT_ID,
    "orders_by_key(text[], text[])": BY_KEY,
    "orders_alike(bigint[], timestamptz)": ALIKE,
}


class Migration(migrations.Migration):
    """Three questions."""

    dependencies = [
        ("orders", "0018_client_ids"),
        ("journal", "0001_initial"),
    ]
    operations = [
        migrations.RunSQL(made, f"DROP FUNCTION {name};") for name, made in FUNCTIONS.items()
    ]
