"""Movements that custodians are told of; a broker is a branch within its own organization."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q

from oms_site.journal import columns, laws

KINDS = (
    "'deposit', 'withdrawal', 'transfer', 'coupon', 'dividend', 'redemption', 'call', 'split',"
    " 'fx_buy', 'fx_sell'"
)
# Corrections are not told: they bring our books to what the custodian has. An account without a row
# is an organization's suspense account, which no custodian knows.
TOLD = f"""
CREATE FUNCTION allocations_movement_is_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO allocations_movementnotice
        (movement_id, organization_id, custodian_id, due_at, attempts, ref, code, reason)
        SELECT NEW.id, NEW.organization_id, a.custodian_id, NEW.at, 0, '', '', ''
        FROM allocations_account a WHERE a.id = NEW.account_id;
    RETURN NULL;
END $$;
CREATE TRIGGER allocations_movement_told AFTER INSERT ON allocations_movement FOR EACH ROW
    WHEN (NEW.kind IN ({KINDS})) EXECUTE FUNCTION allocations_movement_is_told();
"""
NOT_TOLD = """
DROP TRIGGER allocations_movement_told ON allocations_movement;
DROP FUNCTION allocations_movement_is_told();
"""
# What a book had before is told too: the key makes it count once wherever it is known.
CATCH_UP = f"""
INSERT INTO allocations_movementnotice
    (movement_id, organization_id, custodian_id, due_at, attempts, ref, code, reason)
    SELECT m.id, m.organization_id, a.custodian_id, m.at, 0, '', '', ''
    FROM allocations_movement m JOIN allocations_account a ON a.id = m.account_id
    WHERE m.kind IN ({KINDS}) ORDER BY m.at, m.id;
"""
# One statement after another walks up from the broker: two people who make each other's branch at
# the same moment wait for each other here, and the second sees what the first has done.
BRANCHES = """
ALTER TABLE allocations_introducingbroker
    ADD CONSTRAINT ib_of_one_organization UNIQUE (organization_id, id);
ALTER TABLE allocations_introducingbroker
    ADD CONSTRAINT ib_parent_of_same_organization FOREIGN KEY (organization_id, parent_id)
    REFERENCES allocations_introducingbroker (organization_id, id);

CREATE FUNCTION allocations_ib_goes_up(broker varchar) RETURNS boolean
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE above(id) AS (
        SELECT parent_id FROM allocations_introducingbroker WHERE id = broker
        UNION
        SELECT b.parent_id FROM allocations_introducingbroker b JOIN above a ON b.id = a.id
    )
    SELECT NOT EXISTS (SELECT 1 FROM above WHERE id = broker)
$$;
CREATE FUNCTION allocations_ib_is_no_circle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('brokers of ' || NEW.organization_id, 22));
    IF NOT allocations_ib_goes_up(NEW.id) THEN
        RAISE EXCEPTION 'broker % would be a branch of itself', NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER allocations_introducingbroker_circle AFTER INSERT OR UPDATE
    ON allocations_introducingbroker FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL)
    EXECUTE FUNCTION allocations_ib_is_no_circle();
DO $$ DECLARE found varchar; BEGIN
    SELECT id INTO found FROM allocations_introducingbroker
        WHERE NOT allocations_ib_goes_up(id) ORDER BY id LIMIT 1;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'broker % is a branch of itself: mend it first', found;
    END IF;
END $$;
"""
NO_BRANCHES = """
DROP TRIGGER allocations_introducingbroker_circle ON allocations_introducingbroker;
DROP FUNCTION allocations_ib_is_no_circle();
DROP FUNCTION allocations_ib_goes_up(varchar);
ALTER TABLE allocations_introducingbroker DROP CONSTRAINT ib_parent_of_same_organization;
ALTER TABLE allocations_introducingbroker DROP CONSTRAINT ib_of_one_organization;
"""


class Migration(migrations.Migration):
    dependencies = [("allocations", "0009_account_kinds"), ("firm", "0005_founders")]

    operations = [
        migrations.CreateModel(
            name="MovementNotice",
            fields=[
                ("id", columns.number()),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("answered_at", models.DateTimeField(blank=True, null=True)),
                ("ref", models.CharField(blank=True, max_length=80)),
                ("code", models.CharField(blank=True, max_length=40)),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("custodian", columns.to("allocations.custodian", constraint=False)),
                ("movement", columns.to("allocations.movement", constraint=False)),
                ("organization", columns.organization()),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=Q(("due_at", None), _negated=True),
                        fields=["custodian", "due_at"],
                        name="movement_notice_due",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("movement",), name="movement_told_once"),
                    models.CheckConstraint(
                        condition=Q(
                            Q(("answered_at", None), ("due_at__isnull", False)),
                            Q(("answered_at__isnull", False), ("due_at", None)),
                            _connector="OR",
                        ),
                        name="movement_notice_waits_or_is_over",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            [
                laws.terms(
                    "allocations_movementnotice", ["movement_id", "organization_id", "custodian_id"]
                ),
                laws.kept("allocations_movementnotice"),
            ],
            migrations.RunSQL.noop,
        ),
        # In this order: making the trigger waits for writers, so none commits in between unseen.
        migrations.RunSQL(TOLD, NOT_TOLD),
        migrations.RunSQL(CATCH_UP, migrations.RunSQL.noop),
        migrations.RunSQL(BRANCHES, NO_BRANCHES),
    ]
