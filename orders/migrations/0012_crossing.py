"""Internal crosses: two executions of equal quantity and price, opposite sides, never one alone.

And the broker wheel: weights by version, one in force.
"""

from __future__ import annotations

from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

from oms_site.firm.exact_json import ExactJSONField
from oms_site.journal import columns, laws

LAWS = """
CREATE FUNCTION orders_cross_has_two_sides() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM orders_execution b JOIN orders_order bo ON bo.id = b.order_id
        JOIN orders_execution s ON s.id = NEW.sell_execution_id
        JOIN orders_order so ON so.id = s.order_id
        WHERE b.id = NEW.buy_execution_id
            AND b.order_id = NEW.buy_order_id AND s.order_id = NEW.sell_order_id
            AND bo.side = 'buy' AND so.side = 'sell'
            AND b.source = 'INTX' AND s.source = 'INTX'
            AND b.kind = 'trade' AND s.kind = 'trade'
            AND b.qty = NEW.qty AND s.qty = NEW.qty
            AND b.price = NEW.price AND s.price = NEW.price
            AND bo.instrument_id = NEW.instrument_id AND so.instrument_id = NEW.instrument_id
            AND bo.organization_id = NEW.organization_id
            AND so.organization_id = NEW.organization_id
    ) THEN
        RAISE EXCEPTION 'cross % has not two equal executions of opposite sides', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (
        SELECT 1 FROM (
            SELECT o.account_id AS account FROM orders_order o
                WHERE o.id = NEW.buy_order_id AND o.account_id IS NOT NULL
            UNION SELECT p.account_id FROM orders_order o
                JOIN allocations_accountallocation p ON p.allocation_id = o.allocation_id
                WHERE o.id = NEW.buy_order_id) b
        JOIN (
            SELECT o.account_id AS account FROM orders_order o
                WHERE o.id = NEW.sell_order_id AND o.account_id IS NOT NULL
            UNION SELECT p.account_id FROM orders_order o
                JOIN allocations_accountallocation p ON p.allocation_id = o.allocation_id
                WHERE o.id = NEW.sell_order_id) s ON s.account = b.account
    ) THEN
        RAISE EXCEPTION 'cross % would trade an account with itself', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER orders_cross_two_sides AFTER INSERT ON orders_cross
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION orders_cross_has_two_sides();

CREATE FUNCTION orders_execution_has_its_cross() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM orders_cross c
        WHERE c.buy_execution_id = NEW.id OR c.sell_execution_id = NEW.id)
    THEN
        RAISE EXCEPTION 'execution % at the internal venue is in no cross', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER orders_execution_in_cross AFTER INSERT ON orders_execution
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.source = 'INTX')
    EXECUTE FUNCTION orders_execution_has_its_cross();
"""
NO_LAWS = """
DROP TRIGGER orders_execution_in_cross ON orders_execution;
DROP FUNCTION orders_execution_has_its_cross();
DROP TRIGGER orders_cross_two_sides ON orders_cross;
DROP FUNCTION orders_cross_has_two_sides();
"""


HELD_TERMS = [
    "id",
    "organization_id",
    "order_id",
    "execution_order_id",
    "exec_id",
    "client_report_id",
    "report",
    "reason",
    "requested_by_id",
    "requested_at",
]
DECIDED_ONCE = """
CREATE TRIGGER orders_heldreport_once BEFORE UPDATE ON orders_heldreport
    FOR EACH ROW WHEN (OLD.status <> 'held') EXECUTE FUNCTION oms_refuse('it was decided once');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0011_contingent"),
        ("venues", "0008_lists"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="Cross",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("qty", columns.qty()),
                ("price", columns.price()),
                ("bid_px", columns.price()),
                ("ask_px", columns.price()),
                ("reason", models.CharField(max_length=1000)),
                ("crossed_at", models.DateTimeField()),
                ("organization", columns.organization()),
                ("instrument", columns.to("venues.instrument")),
                ("buy_order", columns.to("orders.order", index=True)),
                ("sell_order", columns.to("orders.order", index=True)),
                ("buy_execution", columns.one("orders.execution")),
                ("sell_execution", columns.one("orders.execution")),
            ],
            options={
                "verbose_name_plural": "crosses",
                "constraints": [
                    models.CheckConstraint(condition=Q(qty__gt=0), name="cross_qty_positive"),
                    models.CheckConstraint(
                        condition=Q(price__gt=0, bid_px__lte=F("price"), ask_px__gte=F("price")),
                        name="cross_inside_the_market",
                    ),
                    models.CheckConstraint(
                        condition=~Q(buy_order=F("sell_order"))
                        & ~Q(buy_execution=F("sell_execution")),
                        name="cross_has_two_sides",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BrokerWheel",
            fields=[
                ("id", columns.number()),
                ("version", models.PositiveIntegerField()),
                ("weights", models.JSONField(default=dict)),
                ("active", models.BooleanField(default=False)),
                ("turns", models.PositiveBigIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                ("organization", columns.to("firm.organization", "wheels", index=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "version"), name="wheel_version_once"
                    ),
                    models.UniqueConstraint(
                        condition=Q(active=True),
                        fields=("organization",),
                        name="one_active_wheel",
                    ),
                ]
            },
        ),
        migrations.CreateModel(
            name="HeldReport",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("exec_id", models.CharField(max_length=80)),
                ("client_report_id", models.CharField(blank=True, max_length=80, null=True)),
                ("report", ExactJSONField()),
                ("reason", models.CharField(max_length=300)),
                ("requested_at", models.DateTimeField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("held", "Held"),
                            ("approved", "Approved"),
                            ("rejected", "Rejected"),
                        ],
                        default="held",
                        max_length=8,
                    ),
                ),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("note", models.CharField(blank=True, max_length=500)),
                ("decided_by", columns.to(settings.AUTH_USER_MODEL, constraint=False, null=True)),
                ("requested_by", columns.to(settings.AUTH_USER_MODEL, constraint=False)),
                ("execution_order", columns.to("orders.executionorder")),
                ("order", columns.to("orders.order", "held_reports", index=True)),
                ("organization", columns.organization()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=~Q(status="rejected"),
                        fields=("organization", "exec_id"),
                        name="held_report_once",
                    ),
                    models.CheckConstraint(
                        condition=Q(status__in=["held", "approved", "rejected"]),
                        name="held_report_status_known",
                    ),
                    models.CheckConstraint(
                        condition=Q(status="held", decided_by=None, decided_at=None)
                        | (
                            ~Q(status="held")
                            & Q(decided_by__isnull=False, decided_at__isnull=False)
                            & ~Q(decided_by=F("requested_by"))
                        ),
                        name="held_report_maker_is_not_checker",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            [*laws.living("orders_heldreport", HELD_TERMS), DECIDED_ONCE], migrations.RunSQL.noop
        ),
        migrations.RunSQL(
            [*laws.append_only("orders_cross"), laws.DROP_PATTERN_INDEXES],
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(LAWS, NO_LAWS),
    ]
