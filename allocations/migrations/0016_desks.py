"""Custodians that execute: the venue that is a custodian's desk."""

from __future__ import annotations

from django.db import migrations, models

# What is handed to a custodian goes to its desk and to no other venue, so a desk is nothing else.
LAWS = """
CREATE FUNCTION allocations_custodian_desk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM venues_venue v
            WHERE v.id = NEW.desk_id AND v.protocols = ARRAY['custodian']::varchar[]) THEN
        RAISE EXCEPTION '% is no desk: a desk trades by the protocol custodian alone', NEW.desk_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER allocations_custodian_desk BEFORE INSERT OR UPDATE OF desk_id
    ON allocations_custodian FOR EACH ROW WHEN (NEW.desk_id IS NOT NULL)
    EXECUTE FUNCTION allocations_custodian_desk();
"""
UNDO = """
DROP TRIGGER allocations_custodian_desk ON allocations_custodian;
DROP FUNCTION allocations_custodian_desk();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("allocations", "0015_plans"),
        ("venues", "0012_asked_after_a_reset"),
    ]

    operations = [
        migrations.AddField(
            "custodian",
            "desk",
            models.OneToOneField(
                blank=True,
                help_text="the venue that works what is handed to it; none: it only books",
                limit_choices_to={"protocols": ["custodian"]},
                null=True,
                on_delete=models.PROTECT,
                related_name="+",
                to="venues.venue",
            ),
        ),
        migrations.RunSQL(LAWS, UNDO),
    ]
