"""What a venue has reported stays as it came."""

from __future__ import annotations

from django.db import migrations

from oms_site.journal import laws


class Migration(migrations.Migration):
    dependencies = [("venues", "0010_market_tape"), ("journal", "0002_laws")]

    operations = [
        migrations.RunSQL(laws.told("venues_inbound", "venue_id"), laws.untold("venues_inbound"))
    ]
