"""Clearing reports, and the valuation feed's addresses and deliveries."""

from __future__ import annotations

from django.conf import settings
from django.db import migrations, models

from oms_site.journal import columns, laws

CLEARING_TERMS = [
    *("id", "organization_id", "party_id", "member", "execution_id", "refers_to_id"),
    *("trans_type", "order_id", "instrument_id", "venue", "exec_id", "counterparty", "side"),
    *("currency", "qty", "price", "principal", "accrued_interest", "net_money", "trade_date"),
    *("settlement_date", "created_at"),
]
ENDPOINT_TERMS = ["id", "organization_id", "name", "url", "created_by_id", "created_at"]
DELIVERY_TERMS = ["id", "endpoint_id", "movement_id", "account_id", "queued_at"]
# Every change of a client's position is queued by the database itself: no room can forget one.
# What is held in suspense is nobody's position yet.
FEED = """
CREATE FUNCTION allocations_feed_movement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO allocations_feeddelivery
            (endpoint_id, movement_id, account_id, queued_at, due_at, attempts, body, status_code,
            error)
        SELECT e.id, m.id, m.account_id, m.at, m.at, 0, '', 0, ''
        FROM fresh m
        JOIN allocations_feedendpoint e ON e.organization_id = m.organization_id AND e.active
        JOIN allocations_account a ON a.id = m.account_id
        WHERE m.instrument_id IS NOT NULL
        ORDER BY m.account_id, m.instrument_id, m.sequence;
    RETURN NULL;
END $$;
CREATE TRIGGER allocations_movement_feed AFTER INSERT ON allocations_movement
    REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION allocations_feed_movement();
CREATE FUNCTION allocations_feed_body() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was sent is sent again as it was' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER allocations_feeddelivery_body BEFORE UPDATE OF body ON allocations_feeddelivery
    FOR EACH ROW WHEN (OLD.body <> '' AND NEW.body <> OLD.body)
    EXECUTE FUNCTION allocations_feed_body();
"""
NO_FEED = """
DROP TRIGGER allocations_feeddelivery_body ON allocations_feeddelivery;
DROP FUNCTION allocations_feed_body();
DROP TRIGGER allocations_movement_feed ON allocations_movement;
DROP FUNCTION allocations_feed_movement();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("allocations", "0007_client_side"),
        ("venues", "0001_initial"),
        ("journal", "0002_laws"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="ClearingDue",
            fields=[
                ("id", columns.number()),
                ("execution_id", models.CharField(max_length=40)),
                ("due_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "verbose_name_plural": "clearing due",
            },
        ),
        migrations.CreateModel(
            name="ClearingParty",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=80)),
                (
                    "role",
                    models.CharField(
                        choices=[("ccp", "Central counterparty"), ("broker", "Clearing broker")],
                        max_length=8,
                    ),
                ),
                ("adapter", models.CharField(default="simulated", max_length=20)),
                ("active", models.BooleanField(default=True)),
            ],
            options={
                "verbose_name_plural": "clearing parties",
            },
        ),
        migrations.CreateModel(
            name="FeedEndpoint",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("name", models.CharField(max_length=80)),
                ("url", models.CharField(max_length=300)),
                ("created_at", models.DateTimeField()),
                ("active", models.BooleanField(default=True)),
                ("secret_version", models.PositiveIntegerField(default=1)),
                ("created_by", columns.to(settings.AUTH_USER_MODEL)),
                ("organization", columns.organization()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("active", True)),
                        fields=("organization", "url"),
                        name="one_active_feed_per_address",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="FeedDelivery",
            fields=[
                ("id", columns.number()),
                ("queued_at", models.DateTimeField()),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("body", models.TextField(blank=True)),
                ("status_code", models.PositiveSmallIntegerField(default=0)),
                ("error", models.CharField(blank=True, max_length=200)),
                ("delivered_at", models.DateTimeField(blank=True, null=True)),
                ("dead_at", models.DateTimeField(blank=True, null=True)),
                ("account", columns.to("allocations.account", constraint=False)),
                ("movement", columns.to("allocations.movement", constraint=False)),
                ("endpoint", columns.to("allocations.feedendpoint", "deliveries")),
            ],
            options={
                "verbose_name_plural": "feed deliveries",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("endpoint", "movement"), name="feed_delivery_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("dead_at", None), ("delivered_at", None), ("due_at__isnull", False)
                            ),
                            models.Q(
                                ("dead_at", None), ("delivered_at__isnull", False), ("due_at", None)
                            ),
                            models.Q(
                                ("dead_at__isnull", False), ("delivered_at", None), ("due_at", None)
                            ),
                            _connector="OR",
                        ),
                        name="feed_delivery_waits_or_is_over",
                    ),
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(("due_at", None), _negated=True),
                        fields=["due_at"],
                        name="feed_due",
                    ),
                    models.Index(
                        condition=models.Q(("dead_at", None), _negated=True),
                        fields=["endpoint", "dead_at"],
                        name="feed_dead",
                    ),
                    models.Index(fields=["endpoint", "-id"], name="feed_latest"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ClearingArrangement",
            fields=[
                ("id", columns.number()),
                ("asset_class", models.CharField(max_length=12)),
                ("member", models.CharField(max_length=20)),
                ("active", models.BooleanField(default=True)),
                ("organization", columns.to("firm.organization", index=True)),
                ("party", columns.to("allocations.clearingparty", index=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "asset_class", "party"),
                        name="one_clearing_arrangement",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ClearingReport",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("member", models.CharField(max_length=20)),
                ("execution_id", models.CharField(max_length=40)),
                (
                    "trans_type",
                    models.CharField(
                        choices=[("new", "New"), ("cancel", "Cancel"), ("replace", "Replace")],
                        max_length=8,
                    ),
                ),
                ("order_id", models.CharField(db_index=True, max_length=40)),
                ("venue", models.CharField(max_length=40)),
                ("exec_id", models.CharField(max_length=80)),
                ("counterparty", models.CharField(blank=True, max_length=40)),
                ("side", models.CharField(max_length=4)),
                ("currency", models.CharField(max_length=3)),
                ("qty", columns.qty()),
                ("price", columns.price()),
                ("principal", columns.money()),
                ("accrued_interest", columns.money()),
                ("net_money", columns.money()),
                ("trade_date", models.DateField()),
                ("settlement_date", models.DateField()),
                ("created_at", models.DateTimeField()),
                ("status", models.CharField(default="pending", max_length=8)),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("ref", models.CharField(blank=True, max_length=80)),
                ("code", models.CharField(blank=True, max_length=40)),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("answered_at", models.DateTimeField(blank=True, null=True)),
                ("instrument", columns.to("venues.instrument", constraint=False)),
                ("organization", columns.organization()),
                ("party", columns.to("allocations.clearingparty", constraint=False)),
                (
                    "refers_to",
                    columns.to("allocations.clearingreport", "followers", index=True, null=True),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("due_at", None), _negated=True),
                        fields=["due_at"],
                        name="clearing_due",
                    ),
                    models.Index(
                        condition=models.Q(("status__in", ["pending", "rejected"])),
                        fields=["organization", "created_at", "id"],
                        name="clearing_open",
                    ),
                    models.Index(
                        fields=["organization", "trade_date", "id"], name="clearing_of_day"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("party", "execution_id"), name="cleared_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["pending", "accepted", "rejected", "dropped"])
                        ),
                        name="clearing_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("refers_to", None), ("trans_type", "new")),
                            models.Q(
                                models.Q(("trans_type", "new"), _negated=True),
                                ("refers_to__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="clearing_refers_to_a_report",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("qty__gt", 0)), name="clearing_qty_positive"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status", "pending"), ("due_at", None), _connector="OR"
                        ),
                        name="clearing_ends",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            [
                *laws.living("allocations_clearingreport", CLEARING_TERMS),
                *laws.living("allocations_feedendpoint", ENDPOINT_TERMS),
                laws.terms("allocations_feeddelivery", DELIVERY_TERMS),
                laws.kept("allocations_feeddelivery"),
                laws.reference("allocations_clearingparty"),
                laws.reference("allocations_clearingarrangement"),
                laws.DROP_PATTERN_INDEXES,
            ],
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(FEED, NO_FEED),
    ]
