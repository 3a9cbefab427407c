"""A routing decision may be a cross of two orders of our own; a market may be crossed."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("venues", "0007_formats")]
    operations = [
        migrations.AddField(
            model_name="referenceprice",
            name="crossed",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.RemoveConstraint(model_name="routingdecision", name="routing_kind_known"),
        migrations.AddConstraint(
            model_name="routingdecision",
            constraint=models.CheckConstraint(
                condition=Q(kind__in=["route", "reroute", "cross"]), name="routing_kind_known"
            ),
        ),
    ]
