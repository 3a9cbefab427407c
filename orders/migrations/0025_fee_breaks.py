"""What a break comes to follows while it is open; what a call pays is price and interest."""

from __future__ import annotations

from importlib import import_module

from django.db import migrations, models

FOLLOWS = """
CREATE TRIGGER orders_break_figures BEFORE UPDATE OF figures ON orders_break
    FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL AND OLD.figures IS DISTINCT FROM NEW.figures)
    EXECUTE FUNCTION oms_refuse('what a break came to when it was closed is kept');
"""
NO_FOLLOWS = "DROP TRIGGER orders_break_figures ON orders_break;"

_DECIDED = """
CREATE OR REPLACE FUNCTION orders_movement_was_decided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM allocations_transaction t
            WHERE t.id = NEW.source_id AND t.decision = 'applied')
        AND NOT EXISTS (SELECT 1 FROM allocations_corporateaction c
            WHERE c.id = NEW.source_id AND c.status = 'applied') THEN
        RAISE EXCEPTION 'movement %: % was not applied', NEW.id, NEW.source_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    {call}RETURN NULL;
END $$;
"""
# An account and its sleeves are paid in whole cents together: each is within two of its own.
_CALL = """IF NEW.kind = 'call' AND NOT EXISTS (SELECT 1 FROM allocations_corporateaction c
            WHERE c.id = NEW.source_id AND NEW.cash = -(NEW.principal + NEW.accrued_interest)
                AND NEW.consideration = NEW.principal AND NEW.fees = 0
                AND abs(NEW.principal - NEW.qty * c.rate / 100) < 0.02
                AND abs(NEW.accrued_interest - NEW.qty * c.accrued / 100) < 0.02) THEN
        RAISE EXCEPTION 'movement %: a call pays its price and the interest to its day', NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    """


# A fee that two people charge later is a transaction, and so is its movement.
_SOURCES: str = import_module("orders.migrations.0020_sources").SOURCES
_HAPPENED = _SOURCES[: _SOURCES.index("CREATE TRIGGER")].replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)
_BEFORE = "('transfer', 'deposit', 'withdrawal', 'adjustment')"
assert _BEFORE in _HAPPENED, "the law of movements is another one"
_AFTER = "('transfer', 'deposit', 'withdrawal', 'adjustment', 'fee')"


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0024_custodians"),
        ("allocations", "0017_past_prices"),
    ]

    operations = [
        migrations.AddField("break", "figures", models.JSONField(blank=True, null=True)),
        migrations.RunSQL(FOLLOWS, NO_FOLLOWS),
        migrations.RunSQL(_HAPPENED.replace(_BEFORE, _AFTER), _HAPPENED),
        migrations.RunSQL(_DECIDED.replace("{call}", _CALL), _DECIDED.replace("{call}", "")),
    ]
