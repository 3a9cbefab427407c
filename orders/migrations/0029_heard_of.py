"""A venue order is changed in place: no index of values holds the moment that each report moves."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orders", "0028_sources_by_key")]

    operations = [
        migrations.RemoveIndex(model_name="venueorder", name="venue_order_last_report"),
        migrations.AddIndex(
            model_name="venueorder",
            index=BrinIndex(
                autosummarize=True, fields=["last_report_at"], name="venue_orders_heard_of"
            ),
        ),
        migrations.AddIndex(
            model_name="venueorder",
            index=BrinIndex(
                autosummarize=True, fields=["created_at"], name="venue_orders_of_a_day"
            ),
        ),
    ]
