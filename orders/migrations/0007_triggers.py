"""Orders that wait for a price."""

from importlib import import_module

from django.db import migrations, models
from django.db.models import Q

from oms_site.journal import columns, laws

WITH_LIMIT = ["limit", "limit_if_touched", "stop_limit"]
WITHOUT_LIMIT = ["market", "market_if_touched", "stop"]
WITH_TRIGGER = ["limit_if_touched", "market_if_touched", "stop", "stop_limit"]
TERMS = import_module("orders.migrations.0002_laws").TERMS["orders_order"]
CLOSED = ["canceled", "expired", "filled", "rejected"]


class Migration(migrations.Migration):
    dependencies = [("orders", "0006_breaks")]

    operations = [
        migrations.RunSQL(
            "DROP TRIGGER orders_order_terms ON orders_order", migrations.RunSQL.noop
        ),
        migrations.AlterField("order", "ord_type", models.CharField(max_length=20)),
        migrations.AddField("order", "stop_price", columns.price(null=True)),
        migrations.AddField("order", "triggered_at", models.DateTimeField(null=True, blank=True)),
        migrations.RemoveConstraint("order", "order_price_by_type"),
        migrations.AddConstraint(
            "order",
            models.CheckConstraint(
                condition=(Q(ord_type__in=WITH_LIMIT) & Q(limit_price__gt=0))
                | (Q(ord_type__in=WITHOUT_LIMIT) & Q(limit_price=None)),
                name="order_price_by_type",
            ),
        ),
        migrations.AddConstraint(
            "order",
            models.CheckConstraint(
                condition=(Q(ord_type__in=WITH_TRIGGER) & Q(stop_price__gt=0))
                | (~Q(ord_type__in=WITH_TRIGGER) & Q(stop_price=None)),
                name="order_trigger_by_type",
            ),
        ),
        migrations.AddIndex(
            "order",
            models.Index(
                fields=["instrument"],
                name="order_waits_for_price",
                condition=~Q(stop_price=None) & Q(triggered_at=None) & ~Q(status__in=CLOSED),
            ),
        ),
        migrations.RunSQL(
            laws.terms("orders_order", [*TERMS, "stop_price"]), migrations.RunSQL.noop
        ),
    ]
