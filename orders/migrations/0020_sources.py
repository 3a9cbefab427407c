"""A movement names what happened: the database refuses one that names nothing.

Beside it: positions and balances say what their last movement left, and a transaction is decided
once.
"""

from __future__ import annotations

from django.db import migrations

# Looked at once per statement, always by an index: a plan that was made while a table was empty
# would read all of it later.
_HOW = (
    "LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off"
)
_BUY = "CASE {side} WHEN 'buy' THEN 1 ELSE -1 END"

# Every fill moves the account of its order, or else suspense, by exactly its own numbers.
_EXECUTION = f"""EXISTS (
    SELECT 1 FROM orders_execution x JOIN orders_order o ON o.id = x.order_id,
    LATERAL (SELECT {_BUY.format(side="o.side")} AS sign) s
    WHERE x.id = m.source_id AND x.kind = m.kind AND x.order_id = m.order_id
        AND x.organization_id = m.organization_id AND o.organization_id = m.organization_id
        AND m.account_id = coalesce(o.account_id, 'suspense:' || o.organization_id)
        AND m.instrument_id = o.instrument_id
        AND (m.qty, m.principal, m.accrued_interest, m.fees)
            = (s.sign * x.qty, s.sign * x.principal, s.sign * x.accrued_interest, x.fees)
        AND m.consideration = s.sign * x.principal + x.fees
        AND m.cash = -(s.sign * (x.principal + x.accrued_interest) + x.fees))"""
# A leg moves from suspense, or from its client, to where it is booked; and back.
_LEG = f"""EXISTS (
    SELECT 1 FROM allocations_bookingleg l
    JOIN allocations_allocation a ON a.id = l.allocation_id
    JOIN allocations_accountallocation c ON c.id = l.account_allocation_id,
    LATERAL (SELECT coalesce(l.booked_account_id, c.account_id) AS taker, CASE WHEN a.implicit
        THEN c.account_id ELSE 'suspense:' || l.organization_id END AS giver) w,
    LATERAL (SELECT {_BUY.format(side="a.side")} AS sign, CASE
        WHEN (m.account_id = w.taker) = (m.kind = 'allocation') THEN 1 ELSE -1 END AS way) s
    WHERE l.id = m.source_id AND l.reverses_id IS NULL AND a.order_id = m.order_id
        AND l.organization_id = m.organization_id AND a.instrument_id = m.instrument_id
        AND w.giver <> w.taker AND m.account_id IN (w.giver, w.taker)
        AND (m.qty, m.principal, m.accrued_interest, m.fees)
            = (s.way * s.sign * l.qty, s.way * s.sign * l.principal,
                s.way * s.sign * l.accrued_interest, s.way * l.fees)
        AND m.consideration = s.way * (s.sign * l.principal + l.fees)
        AND m.cash = -s.way * (s.sign * (l.principal + l.accrued_interest) + l.fees))"""
_TRANSACTION = """EXISTS (
    SELECT 1 FROM allocations_transaction t,
    LATERAL (SELECT CASE WHEN t.kind = 'withdrawal'
        OR t.kind = 'transfer' AND m.account_id = t.account_id THEN -1 ELSE 1 END AS sign) s
    WHERE t.id = m.source_id AND t.organization_id = m.organization_id AND m.order_id = ''
        AND t.decision <> 'rejected'
        AND m.kind = CASE t.kind WHEN 'correction' THEN 'adjustment' ELSE t.kind END
        AND (m.account_id = t.account_id OR t.kind = 'transfer' AND m.account_id = t.to_account_id)
        AND m.instrument_id IS NOT DISTINCT FROM t.instrument_id AND m.currency = t.currency
        AND (m.qty, m.consideration, m.cash)
            = (s.sign * t.qty, s.sign * t.cost, s.sign * t.amount))"""
_EXCHANGE = """EXISTS (
    SELECT 1 FROM allocations_transaction t
    WHERE t.id = m.source_id AND t.organization_id = m.organization_id AND m.order_id = ''
        AND t.kind = 'exchange' AND t.decision <> 'rejected' AND m.account_id = t.account_id
        AND m.instrument_id IS NULL AND (m.currency, m.cash) = (CASE m.kind WHEN 'fx_buy'
            THEN t.to_currency ELSE t.currency END, CASE m.kind WHEN 'fx_buy'
            THEN t.to_amount ELSE -t.amount END))"""
# What pays for a movement in another currency; what takes such a payment back has a `~` behind it.
_PAYMENT = """EXISTS (
    SELECT 1 FROM allocations_movement p
    WHERE p.source_id = rtrim(m.source_id, '~') AND p.account_id = m.account_id
        AND p.kind IN ('trade', 'bust', 'correction', 'allocation', 'reversal')
        AND (p.kind = 'reversal') = (p.source_id <> m.source_id)
        AND p.organization_id = m.organization_id AND p.order_id = m.order_id
        AND m.instrument_id IS NULL AND (m.currency <> p.currency OR m.cash = -p.cash))"""
_ACTION = """EXISTS (
    SELECT 1 FROM allocations_corporateaction c
    WHERE c.id = m.source_id AND c.kind = m.kind AND c.status <> 'withdrawn' AND m.order_id = ''
        AND c.organization_id = m.organization_id AND c.instrument_id = m.instrument_id
        AND (m.qty = 0 OR m.kind IN ('redemption', 'call', 'split')))"""
# What splits had made of a trade goes with the trade that is taken back, under the same source.
_SPLIT_BACK = """EXISTS (
    SELECT 1 FROM allocations_movement p
    WHERE p.source_id = m.source_id AND p.account_id = m.account_id AND p.kind <> 'split'
        AND p.instrument_id = m.instrument_id AND p.organization_id = m.organization_id
        AND p.reverses = m.reverses AND p.reverses <> '' AND p.order_id = m.order_id
        AND (m.cash, m.consideration) = (0, 0))"""

# Sources are written before what they moved in every unit of work, so that one look at the end of
# the statement is enough; whether a second person's decision was noted is only known at the end of
# the transaction, and only people's transactions and issuers' actions wait for that.
SOURCES = f"""
CREATE FUNCTION orders_movement_happened() RETURNS trigger {_HOW} AS $$
DECLARE
    odd record;
BEGIN
    SELECT m.id, m.kind, m.source_id INTO odd FROM fresh m WHERE NOT CASE
        WHEN m.kind IN ('trade', 'bust', 'correction') THEN {_EXECUTION}
        WHEN m.kind IN ('allocation', 'reversal') THEN {_LEG}
        WHEN m.kind IN ('transfer', 'deposit', 'withdrawal', 'adjustment') THEN {_TRANSACTION}
        WHEN m.kind IN ('fx_buy', 'fx_sell') AND m.order_id = '' THEN {_EXCHANGE}
        WHEN m.kind IN ('fx_buy', 'fx_sell') THEN {_PAYMENT}
        WHEN m.kind = 'split' AND m.order_id <> '' THEN {_SPLIT_BACK}
        WHEN m.kind IN ('coupon', 'dividend', 'redemption', 'call', 'split') THEN {_ACTION}
        ELSE false END LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'movement % is no % of %: nothing of the kind happened',
            odd.id, odd.kind, odd.source_id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER allocations_movement_source AFTER INSERT ON allocations_movement
    REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION orders_movement_happened();

CREATE FUNCTION orders_movement_was_decided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM allocations_transaction t
            WHERE t.id = NEW.source_id AND t.decision = 'applied')
        AND NOT EXISTS (SELECT 1 FROM allocations_corporateaction c
            WHERE c.id = NEW.source_id AND c.status = 'applied') THEN
        RAISE EXCEPTION 'movement %: % was not applied', NEW.id, NEW.source_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER allocations_movement_decided AFTER INSERT ON allocations_movement
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.order_id = '')
    EXECUTE FUNCTION orders_movement_was_decided();
CREATE TRIGGER allocations_transaction_once BEFORE UPDATE ON allocations_transaction
    FOR EACH ROW WHEN (OLD.decision <> '') EXECUTE FUNCTION allocations_decided_once();
"""
NO_SOURCES = """
DROP TRIGGER allocations_transaction_once ON allocations_transaction;
DROP TRIGGER allocations_movement_decided ON allocations_movement;
DROP FUNCTION orders_movement_was_decided();
DROP TRIGGER allocations_movement_source ON allocations_movement;
DROP FUNCTION orders_movement_happened();
"""


def _folds(table: str, says: str, left: str) -> str:
    """Rows of this table are what their last movement left: never one without a movement."""
    short = table.removeprefix("allocations_")
    called = f"orders_{short}_was_moved"
    triggers = "".join(
        f"CREATE TRIGGER {table}_{name} AFTER {event} ON {table} REFERENCING NEW TABLE AS fresh"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {called}();\n"
        for name, event in (("born", "INSERT"), ("moved", "UPDATE"))
    )
    return f"""
CREATE FUNCTION {called}() RETURNS trigger {_HOW} AS $$
DECLARE
    odd varchar;
BEGIN
    SELECT h.id INTO odd FROM fresh h WHERE NOT EXISTS (
        SELECT 1 FROM allocations_movement m
        WHERE m.account_id = h.account_id AND m.at = h.moved_at AND {says} = {left}) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% is not what a movement left', odd USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
{triggers}"""


def _no_folds(table: str) -> str:
    short = table.removeprefix("allocations_")
    return (
        f"DROP TRIGGER {table}_moved ON {table}; DROP TRIGGER {table}_born ON {table};"
        f" DROP FUNCTION orders_{short}_was_moved();"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0019_seeks"),
        ("allocations", "0013_taken_back_at_services"),
    ]

    operations = [
        migrations.RunSQL(SOURCES, NO_SOURCES),
        migrations.RunSQL(
            _folds(
                "allocations_position",
                "(m.instrument_id, m.sequence, m.qty_after)",
                "(h.instrument_id, h.sequence, h.qty)",
            ),
            _no_folds("allocations_position"),
        ),
        migrations.RunSQL(
            _folds(
                "allocations_cashbalance",
                "(m.currency, m.cash_sequence, m.cash_after)",
                "(h.currency, h.sequence, h.amount)",
            ),
            _no_folds("allocations_cashbalance"),
        ),
    ]
