"""Sleeves: an account may be a part of another one, which is all that its custodian knows."""

from __future__ import annotations

from django.db import migrations, models

# Of the same organization, for ever. What the custodian has is one account in one currency: where
# that moves to, its sleeves follow in the same statement, and none goes alone.
PARTS = """
ALTER TABLE allocations_account
    ADD CONSTRAINT account_of_one_organization UNIQUE (organization_id, id),
    ADD CONSTRAINT account_at_one_custodian UNIQUE (id, custodian_id, currency);
ALTER TABLE allocations_account
    ADD CONSTRAINT sleeve_of_same_organization FOREIGN KEY (organization_id, sleeve_of_id)
        REFERENCES allocations_account (organization_id, id),
    ADD CONSTRAINT sleeve_at_same_custodian
        FOREIGN KEY (sleeve_of_id, custodian_id, currency)
        REFERENCES allocations_account (id, custodian_id, currency) ON UPDATE CASCADE;
"""
NO_PARTS = """
ALTER TABLE allocations_account
    DROP CONSTRAINT sleeve_at_same_custodian,
    DROP CONSTRAINT sleeve_of_same_organization;
ALTER TABLE allocations_account
    DROP CONSTRAINT account_at_one_custodian,
    DROP CONSTRAINT account_of_one_organization;
"""
# What an account is a part of never changes, so who looks once has looked for good: no two
# statements can make a sleeve of a sleeve by not seeing each other. Looked at after the statement,
# which may bring the whole and its parts together.
ONE_LEVEL = """
CREATE FUNCTION allocations_sleeve_is_of_whole() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM allocations_account a
            WHERE a.id = NEW.sleeve_of_id AND a.sleeve_of_id IS NOT NULL) THEN
        RAISE EXCEPTION 'account % would be a sleeve of a sleeve', NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER allocations_account_one_level AFTER INSERT ON allocations_account FOR EACH ROW
    WHEN (NEW.sleeve_of_id IS NOT NULL) EXECUTE FUNCTION allocations_sleeve_is_of_whole();
CREATE TRIGGER allocations_account_stays_sleeve BEFORE UPDATE ON allocations_account FOR EACH ROW
    WHEN (NEW.sleeve_of_id IS DISTINCT FROM OLD.sleeve_of_id)
    EXECUTE FUNCTION oms_refuse('what an account is a part of never changes');
"""
MANY_LEVELS = """
DROP TRIGGER allocations_account_stays_sleeve ON allocations_account;
DROP TRIGGER allocations_account_one_level ON allocations_account;
DROP FUNCTION allocations_sleeve_is_of_whole();
"""
# What moves between parts of one account moves nothing at its custodian, who is told of none of it.
# Both sides are written by one statement, and this looks after it.
WITHIN = """
CREATE OR REPLACE FUNCTION allocations_movement_is_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO allocations_movementnotice
        (movement_id, organization_id, custodian_id, due_at, attempts, ref, code, reason)
        SELECT NEW.id, NEW.organization_id, a.custodian_id, NEW.at, 0, '', '', ''
        FROM allocations_account a WHERE a.id = NEW.account_id
            AND NOT (NEW.kind = 'transfer' AND EXISTS (
                SELECT 1 FROM allocations_movement o
                JOIN allocations_account b ON b.id = o.account_id
                WHERE o.source_id = NEW.source_id AND o.kind = NEW.kind
                    AND o.account_id <> NEW.account_id
                    AND coalesce(b.sleeve_of_id, b.id) = coalesce(a.sleeve_of_id, a.id)));
    RETURN NULL;
END $$;
"""
ALL_TOLD = """
CREATE OR REPLACE FUNCTION allocations_movement_is_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO allocations_movementnotice
        (movement_id, organization_id, custodian_id, due_at, attempts, ref, code, reason)
        SELECT NEW.id, NEW.organization_id, a.custodian_id, NEW.at, 0, '', '', ''
        FROM allocations_account a WHERE a.id = NEW.account_id;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("allocations", "0013_taken_back_at_services")]

    operations = [
        migrations.AddField(
            model_name="account",
            name="sleeve_of",
            field=models.ForeignKey(
                blank=True,
                help_text="the account that it is a part of; stays as it was made",
                null=True,
                on_delete=models.PROTECT,
                related_name="sleeves",
                to="allocations.account",
            ),
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("sleeve_of", None),
                    models.Q(("sleeve_of", models.F("id")), _negated=True),
                    _connector="OR",
                ),
                name="account_is_no_sleeve_of_itself",
            ),
        ),
        migrations.RunSQL(PARTS, NO_PARTS),
        migrations.RunSQL(ONE_LEVEL, MANY_LEVELS),
        migrations.RunSQL(WITHIN, ALL_TOLD),
    ]
