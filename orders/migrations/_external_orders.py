"""Orders that venues know and we never sent; the queue of executions to be cleared.

Operations of the migration beside this file.
"""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.db import migrations, models

from oms_site.journal import columns, laws

EXTERNAL_TERMS = [
    *("id", "organization_id", "venue_id", "cl_ord_id", "venue_order_id", "desk", "security_id"),
    *("side", "order_qty", "created_at"),
]
# What is to be told to clearing parties is queued by the database itself: no room can make an
# execution and forget it. Those whose street side is booked elsewhere are not ours to report.
CLEARING = """
CREATE FUNCTION orders_execution_is_cleared() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO allocations_clearingdue (execution_id, due_at)
        SELECT id, received_at FROM fresh WHERE NOT bypass_street_side_leg
        ORDER BY order_id, sequence;
    RETURN NULL;
END $$;
CREATE TRIGGER orders_execution_clearing AFTER INSERT ON orders_execution
    REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION orders_execution_is_cleared();
"""
NO_CLEARING = """
DROP TRIGGER orders_execution_clearing ON orders_execution;
DROP FUNCTION orders_execution_is_cleared();
"""
# A fill in suspense counts for nobody: only two people make it an execution.
SUSPENSE = """
CREATE FUNCTION orders_external_fill_is_its_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM orders_externalorder o WHERE o.id = NEW.external_id
            AND (o.organization_id, o.venue_id) = (NEW.organization_id, NEW.venue_id)) THEN
        RAISE EXCEPTION 'a fill is of its own order and venue' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER orders_externalfill_order BEFORE INSERT ON orders_externalfill
    FOR EACH ROW EXECUTE FUNCTION orders_external_fill_is_its_order();
"""
NO_SUSPENSE = """
DROP TRIGGER orders_externalfill_order ON orders_externalfill;
DROP FUNCTION orders_external_fill_is_its_order();
"""

OPERATIONS: list[migrations.operations.base.Operation] = [
    migrations.CreateModel(
        name="DeskClaim",
        fields=[
            ("id", columns.number()),
            (
                "prefix",
                models.CharField(
                    blank=True,
                    help_text="of the ClOrdID; empty: whatever else comes",
                    max_length=40,
                ),
            ),
            ("desk", models.CharField(max_length=40)),
            ("active", models.BooleanField(default=True)),
            ("organization", columns.to("firm.organization", index=True)),
            ("venue", columns.to("venues.venue", index=True)),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(
                    condition=models.Q(("active", True)),
                    fields=("venue", "prefix"),
                    name="one_claim",
                )
            ],
        },
    ),
    migrations.CreateModel(
        name="ExternalOrder",
        fields=[
            ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
            ("version", models.PositiveIntegerField(default=0)),
            ("cl_ord_id", models.CharField(max_length=80)),
            ("venue_order_id", models.CharField(blank=True, max_length=60)),
            ("desk", models.CharField(blank=True, max_length=40)),
            ("security_id", models.CharField(max_length=40)),
            ("side", models.CharField(max_length=4)),
            ("order_qty", columns.qty()),
            ("created_at", models.DateTimeField()),
            ("status", models.CharField(default="suspense", max_length=8)),
            ("ord_status", models.CharField(max_length=2)),
            ("cum_qty", columns.qty(default=Decimal(0))),
            ("fills_made", models.PositiveIntegerField(default=0)),
            ("last_report_at", models.DateTimeField()),
            ("order_id", models.CharField(blank=True, max_length=40)),
            ("execution_order_id", models.CharField(blank=True, max_length=40)),
            ("disowns", models.BooleanField(default=False)),
            ("reason", models.CharField(blank=True, max_length=200)),
            ("proposed_at", models.DateTimeField(blank=True, null=True)),
            ("decided_at", models.DateTimeField(blank=True, null=True)),
            ("decided_by", columns.to(settings.AUTH_USER_MODEL, null=True)),
            ("organization", columns.organization()),
            ("proposed_by", columns.to(settings.AUTH_USER_MODEL, null=True)),
            ("venue", columns.to("venues.venue", constraint=False)),
        ],
        options={
            "indexes": [
                models.Index(
                    condition=models.Q(("status__in", ["suspense", "proposed"])),
                    fields=["organization", "created_at", "id"],
                    name="external_waiting",
                )
            ],
            "constraints": [
                models.UniqueConstraint(fields=("venue", "cl_ord_id"), name="external_order_once"),
                models.CheckConstraint(
                    condition=models.Q(
                        ("status__in", ["suspense", "proposed", "adopted", "disowned"])
                    ),
                    name="external_status_known",
                ),
                models.CheckConstraint(
                    condition=models.Q(
                        ("decided_by", None),
                        models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                        _connector="OR",
                    ),
                    name="external_maker_is_not_checker",
                ),
                models.CheckConstraint(
                    condition=models.Q(
                        models.Q(("status__in", ["adopted", "disowned"]), _negated=True),
                        models.Q(("decided_by__isnull", False), ("proposed_by__isnull", False)),
                        _connector="OR",
                    ),
                    name="external_decided_by_two",
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="ExternalFill",
        fields=[
            ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
            ("exec_id", models.CharField(max_length=80)),
            ("exec_ref_id", models.CharField(blank=True, max_length=80)),
            ("sequence", models.PositiveIntegerField()),
            ("qty", columns.qty()),
            ("price", columns.price()),
            ("trade_date", models.DateField()),
            ("executed_at", models.DateTimeField()),
            ("received_at", models.DateTimeField()),
            ("body", models.TextField()),
            ("organization", columns.organization()),
            ("venue", columns.to("venues.venue", constraint=False)),
            ("external", columns.to("orders.externalorder", "fills")),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(
                    fields=("venue", "trade_date", "exec_id"), name="external_fill_once"
                ),
                models.UniqueConstraint(
                    fields=("external", "sequence"), name="external_fill_order"
                ),
                models.CheckConstraint(
                    condition=models.Q(("qty", 0), _negated=True), name="external_fill_moves"
                ),
            ],
        },
    ),
    migrations.AddIndex(
        model_name="venueorder",
        index=models.Index(fields=["venue", "last_report_at"], name="venue_order_last_report"),
    ),
    migrations.RunSQL(
        [
            *laws.living("orders_externalorder", EXTERNAL_TERMS),
            *laws.append_only("orders_externalfill"),
            laws.reference("orders_deskclaim"),
            laws.DROP_PATTERN_INDEXES,
        ],
        migrations.RunSQL.noop,
    ),
    migrations.RunSQL(SUSPENSE, NO_SUSPENSE),
    migrations.RunSQL(CLEARING, NO_CLEARING),
]
