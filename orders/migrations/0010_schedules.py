"""Execution schedules and their slices: terms that never change, slices sent once, exact sums."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.db import migrations, models

from oms_site.journal import columns, laws

TERMS = {
    "orders_schedule": [
        "id",
        "organization_id",
        "order_id",
        "client_schedule_id",
        "fingerprint",
        "origin",
        "requested_by_id",
        "strategy",
        "qty",
        "start_at",
        "end_at",
        "limit_price",
        "venue_id",
        "max_slice",
        "max_participation",
        "urgency",
        "curve",
        "randomize",
        "seed",
        "remainder",
        "completion",
        "annotation",
        "created_at",
    ],
    "orders_scheduleslice": [
        "id",
        "organization_id",
        "schedule_id",
        "order_id",
        "number",
        "due_at",
        "qty",
    ],
}
# A slice is one execution order of its own order, for ever; the slices of a schedule are made with
# it, and come to its quantity exactly.
LAWS = """
CREATE TRIGGER orders_scheduleslice_once BEFORE UPDATE OF execution_order_id ON orders_scheduleslice
    FOR EACH ROW WHEN (OLD.execution_order_id IS NOT NULL
        AND NEW.execution_order_id IS DISTINCT FROM OLD.execution_order_id)
    EXECUTE FUNCTION oms_refuse('a slice is sent once');

CREATE FUNCTION oms_slice_of_its_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM orders_executionorder x
        WHERE x.id = NEW.execution_order_id AND x.order_id = NEW.order_id
            AND x.qty = NEW.sent_qty AND x.origin = 'schedule') THEN
        RAISE EXCEPTION 'the slice % is no such execution order of its order', NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER orders_scheduleslice_order AFTER UPDATE OF execution_order_id
    ON orders_scheduleslice FOR EACH ROW
    WHEN (OLD.execution_order_id IS NULL AND NEW.execution_order_id IS NOT NULL)
    EXECUTE FUNCTION oms_slice_of_its_order();

CREATE FUNCTION oms_slices_are_the_schedule() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE strange text;
BEGIN
    SELECT s.id INTO strange FROM orders_schedule s
    WHERE s.id IN (SELECT f.schedule_id FROM fresh f) AND (
        s.qty <> (SELECT sum(l.qty) FROM orders_scheduleslice l WHERE l.schedule_id = s.id)
        OR EXISTS (SELECT 1 FROM fresh f
            WHERE f.schedule_id = s.id AND f.order_id <> s.order_id)) LIMIT 1;
    IF strange IS NOT NULL THEN
        RAISE EXCEPTION 'the slices of % are not its quantity of its order', strange
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER orders_scheduleslice_sum AFTER INSERT ON orders_scheduleslice
    REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION oms_slices_are_the_schedule();

CREATE FUNCTION oms_schedule_has_slices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM orders_scheduleslice l WHERE l.schedule_id = NEW.id) THEN
        RAISE EXCEPTION 'the schedule % has no slices', NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER orders_schedule_slices AFTER INSERT ON orders_schedule
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION oms_schedule_has_slices();
"""
FORGET = """
DROP TRIGGER orders_schedule_slices ON orders_schedule;
DROP TRIGGER orders_scheduleslice_sum ON orders_scheduleslice;
DROP TRIGGER orders_scheduleslice_order ON orders_scheduleslice;
DROP TRIGGER orders_scheduleslice_once ON orders_scheduleslice;
DROP FUNCTION oms_schedule_has_slices();
DROP FUNCTION oms_slices_are_the_schedule();
DROP FUNCTION oms_slice_of_its_order();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0009_mass_cancel"),
        ("venues", "0001_initial"),
        ("firm", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Schedule",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("client_schedule_id", models.CharField(blank=True, max_length=80, null=True)),
                ("fingerprint", models.CharField(blank=True, max_length=64)),
                ("origin", models.CharField(max_length=12)),
                ("strategy", models.CharField(max_length=24)),
                ("qty", columns.qty()),
                ("start_at", models.DateTimeField()),
                ("end_at", models.DateTimeField()),
                ("limit_price", columns.price(null=True)),
                ("max_slice", columns.qty()),
                (
                    "max_participation",
                    models.DecimalField(blank=True, decimal_places=3, max_digits=6, null=True),
                ),
                (
                    "urgency",
                    models.DecimalField(blank=True, decimal_places=3, max_digits=6, null=True),
                ),
                ("curve", models.CharField(blank=True, max_length=60)),
                (
                    "randomize",
                    models.DecimalField(decimal_places=3, default=Decimal("0"), max_digits=6),
                ),
                ("seed", models.BigIntegerField(blank=True, null=True)),
                ("remainder", models.CharField(max_length=5)),
                ("completion", models.CharField(max_length=6)),
                ("annotation", models.TextField(blank=True)),
                ("created_at", models.DateTimeField()),
                ("status", models.CharField(default="working", max_length=8)),
                ("next_at", models.DateTimeField(blank=True, null=True)),
                ("paused_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("order", columns.to("orders.order", "schedules")),
                ("organization", columns.organization()),
                ("requested_by", columns.to(settings.AUTH_USER_MODEL, constraint=False, null=True)),
                ("venue", columns.to("venues.venue", null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("client_schedule_id", None), _negated=True),
                        fields=("organization", "client_schedule_id"),
                        name="client_schedule_id_for_ever",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("status__in", ["paused", "working"])),
                        fields=("order",),
                        name="one_open_schedule_of_an_order",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["working", "paused", "finished", "canceled", "expired"])
                        ),
                        name="schedule_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("qty__gt", 0),
                            ("max_slice__gt", 0),
                            ("end_at__gt", models.F("start_at")),
                        ),
                        name="schedule_terms",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("status__in", ["paused", "working"]), ("next_at__isnull", False)
                            ),
                            models.Q(
                                models.Q(("status__in", ["paused", "working"]), _negated=True),
                                ("next_at", None),
                            ),
                            _connector="OR",
                        ),
                        name="schedule_open_is_looked_at",
                    ),
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(("next_at", None), _negated=True),
                        fields=["next_at", "id"],
                        name="schedule_due",
                    ),
                    models.Index(fields=["order", "created_at"], name="schedules_of_order"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ScheduleSlice",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("number", models.PositiveSmallIntegerField()),
                ("due_at", models.DateTimeField()),
                ("qty", columns.qty()),
                ("status", models.CharField(default="planned", max_length=8)),
                ("sent_qty", columns.qty(null=True)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                ("reason", models.CharField(blank=True, max_length=300)),
                (
                    "execution_order",
                    columns.one("orders.executionorder", "schedule_slice", null=True),
                ),
                ("order", columns.to("orders.order", index=True)),
                ("organization", columns.organization()),
                ("schedule", columns.to("orders.schedule", "slices")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("schedule", "number"), name="slice_numbered_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                ["planned", "sent", "filled", "returned", "skipped", "refused"],
                            )
                        ),
                        name="slice_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("qty__gt", 0)), name="slice_qty_positive"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("status__in", ["sent", "filled", "returned"]),
                                ("execution_order__isnull", False),
                                ("sent_qty__gt", 0),
                            ),
                            models.Q(
                                ("status__in", ["planned", "skipped", "refused"]),
                                ("execution_order", None),
                                ("sent_qty", None),
                            ),
                            _connector="OR",
                        ),
                        name="slice_sent_is_an_execution_order",
                    ),
                ],
                "indexes": [],
            },
        ),
        *(
            migrations.RunSQL(law, migrations.RunSQL.noop)
            for table, names in TERMS.items()
            for law in laws.living(table, names)
        ),
        migrations.RunSQL(LAWS, FORGET),
        migrations.RunSQL(laws.DROP_PATTERN_INDEXES, migrations.RunSQL.noop),
    ]
