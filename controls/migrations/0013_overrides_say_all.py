"""An override says its order's type and stop; its use wakes nobody; no order has another's."""

from __future__ import annotations

from django.db import migrations, models

from oms_site.journal import laws

TERMS = [
    "id",
    "organization_id",
    "asked_for",
    "terms",
    "controls",
    "accounts",
    "cusip",
    "side",
    "order_qty",
    "limit_price",
    "maker_id",
    "reason",
    "requested_by_id",
    "requested_at",
    "expires_at",
]
SAID = "DROP TRIGGER controls_override_terms ON controls_override;"
# A use holds up nobody who changes reference data: whoever takes orders reads the row again.
GRANTED = """
DROP TRIGGER controls_override_generation ON controls_override;
CREATE TRIGGER controls_override_generation AFTER UPDATE OF status ON controls_override
    FOR EACH ROW WHEN (OLD.status <> NEW.status AND (NEW.status = 'granted'
        OR OLD.status = 'granted' AND NEW.status = 'refused'))
    EXECUTE FUNCTION oms_raise_halt_generation();
"""
EVERY_STEP = """
DROP TRIGGER controls_override_generation ON controls_override;
CREATE TRIGGER controls_override_generation AFTER INSERT OR UPDATE OF status
    ON controls_override FOR EACH STATEMENT EXECUTE FUNCTION oms_raise_halt_generation();
"""
# Looked at as the transaction ends: the evidence is written before the override is used.
OWN = """
CREATE FUNCTION controls_overridden() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM jsonb_array_elements(NEW.results) AS r
        WHERE r ->> 2 = 'overridden' AND NOT EXISTS (SELECT 1 FROM controls_override v
            WHERE v.id = r ->> 4 AND v.status = 'used' AND v.used_order = NEW.subject)) THEN
        RAISE EXCEPTION 'INSERT on controls_screening is refused: % has no such override',
            NEW.subject USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER controls_screening_overridden AFTER INSERT ON controls_screening
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.outcome <> 'rejected' AND NEW.results @> '[["overridden"]]')
    EXECUTE FUNCTION controls_overridden();
"""
ANYBODYS = """
DROP TRIGGER controls_screening_overridden ON controls_screening;
DROP FUNCTION controls_overridden();
"""


class Migration(migrations.Migration):
    dependencies = [("controls", "0012_overrides")]

    operations = [
        # Without a default: of what was asked for before, no event says either.
        migrations.AddField(
            "override", "ord_type", models.CharField(blank=True, max_length=20, null=True)
        ),
        migrations.AddField(
            "override",
            "stop_price",
            models.DecimalField(blank=True, decimal_places=8, max_digits=18, null=True),
        ),
        migrations.RunSQL(
            [SAID, laws.terms("controls_override", [*TERMS, "ord_type", "stop_price"])],
            [SAID, laws.terms("controls_override", TERMS)],
        ),
        migrations.RunSQL(GRANTED, EVERY_STEP),
        migrations.RunSQL(OWN, ANYBODYS),
    ]
