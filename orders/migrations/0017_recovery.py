"""Executions that only a drop copy tells of, offered to be booked by two people."""

from __future__ import annotations

from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

from oms_site.journal import columns, laws

TERMS = [
    *("id", "organization_id", "difference_id", "venue_id", "order_id", "venue_order_id"),
    *("exec_id", "qty", "price", "trade_date", "traded_at", "found_at"),
]
# A recovery is offered before anybody has said anything, and what it booked is what it offered.
LAWS = """
CREATE FUNCTION orders_recovery_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> 'open' OR NOT EXISTS (SELECT 1 FROM orders_venueorder v
            WHERE v.id = NEW.venue_order_id AND (v.organization_id, v.order_id, v.venue_id)
                = (NEW.organization_id, NEW.order_id, NEW.venue_id)) THEN
        RAISE EXCEPTION 'recovery % is not of its own venue order, or not new', NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER orders_recovery_begins BEFORE INSERT ON orders_recovery
    FOR EACH ROW EXECUTE FUNCTION orders_recovery_begins();

CREATE FUNCTION orders_recovery_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.status, NEW.status) NOT IN (('open', 'proposed'), ('proposed', 'proposed'),
            ('proposed', 'open'), ('proposed', 'booked'), ('open', 'came'), ('proposed', 'came'),
            ('open', 'dropped'), ('proposed', 'dropped'))
        OR NEW.status = 'booked' AND NEW.proposed_by_id IS DISTINCT FROM OLD.proposed_by_id THEN
        RAISE EXCEPTION 'recovery % does not go from % to %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER orders_recovery_moves BEFORE UPDATE ON orders_recovery
    FOR EACH ROW EXECUTE FUNCTION orders_recovery_moves();

-- Looked at when the transaction ends: the execution is made in the same unit.
CREATE FUNCTION orders_recovery_books() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM orders_execution x WHERE x.id = NEW.execution_id
            AND (x.venue_order_id, x.source, x.exec_id, x.trade_date, x.qty, x.price)
                = (NEW.venue_order_id, NEW.venue_id, NEW.exec_id, NEW.trade_date, NEW.qty,
                   NEW.price)) THEN
        RAISE EXCEPTION 'recovery % booked another execution than it offered', NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER orders_recovery_books AFTER UPDATE ON orders_recovery
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.status = 'booked')
    EXECUTE FUNCTION orders_recovery_books();
"""
UNDO = """
DROP TRIGGER orders_recovery_books ON orders_recovery;
DROP FUNCTION orders_recovery_books();
DROP TRIGGER orders_recovery_moves ON orders_recovery;
DROP FUNCTION orders_recovery_moves();
DROP TRIGGER orders_recovery_begins ON orders_recovery;
DROP FUNCTION orders_recovery_begins();
"""
STATUSES = [
    ("open", "Open"),
    ("proposed", "Proposed"),
    ("booked", "Booked"),
    ("came", "came by itself"),
    ("dropped", "dropped: its break is closed"),
]


def _user() -> models.ForeignKey[models.Model | None]:
    return columns.to(settings.AUTH_USER_MODEL, constraint=False, null=True)


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0016_authors_do_not_approve"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Recovery",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("order_id", models.CharField(max_length=40)),
                ("exec_id", models.CharField(max_length=80)),
                ("qty", columns.qty()),
                ("price", columns.price()),
                ("trade_date", models.DateField()),
                ("traded_at", models.DateTimeField(blank=True, null=True)),
                ("found_at", models.DateTimeField()),
                ("status", models.CharField(choices=STATUSES, default="open", max_length=8)),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("proposed_at", models.DateTimeField(blank=True, null=True)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("decided_by", _user()),
                ("difference", columns.to("orders.break", "recoveries", index=True)),
                ("execution", columns.to("orders.execution", null=True)),
                ("organization", columns.organization()),
                ("proposed_by", _user()),
                ("venue", columns.to("venues.venue", constraint=False)),
                ("venue_order", columns.to("orders.venueorder")),
            ],
            options={
                "verbose_name_plural": "recoveries",
                "indexes": [
                    models.Index(
                        condition=Q(("status__in", ["open", "proposed"])),
                        fields=["organization", "found_at"],
                        name="recovery_waiting",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=Q(("status__in", ["open", "proposed", "booked"])),
                        fields=("venue", "trade_date", "exec_id"),
                        name="one_recovery",
                    ),
                    models.CheckConstraint(
                        condition=Q(("price__gt", 0), ("qty__gt", 0)), name="recovery_of_a_trade"
                    ),
                    models.CheckConstraint(
                        condition=Q(
                            ("decided_by", None),
                            Q(("decided_by", F("proposed_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="recovery_maker_is_not_checker",
                    ),
                    models.CheckConstraint(
                        condition=Q(
                            Q(
                                ("decided_at", None),
                                ("execution", None),
                                ("proposed_by", None),
                                ("status", "open"),
                            ),
                            Q(
                                ("decided_at", None),
                                ("execution", None),
                                ("proposed_by__isnull", False),
                                ("status", "proposed"),
                            ),
                            Q(
                                ("decided_at__isnull", False),
                                ("decided_by__isnull", False),
                                ("execution__isnull", False),
                                ("proposed_by__isnull", False),
                                ("status", "booked"),
                            ),
                            Q(
                                ("decided_at__isnull", False),
                                ("execution", None),
                                ("status__in", ["came", "dropped"]),
                            ),
                            _connector="OR",
                        ),
                        name="recovery_is_booked_by_two",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            [*laws.living("orders_recovery", TERMS), laws.DROP_PATTERN_INDEXES],
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(LAWS, UNDO),
    ]
