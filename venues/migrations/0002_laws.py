"""Reference data of the market side tells every process when it changes."""

from django.db import migrations

from oms_site.journal import laws

# A venue's heartbeat columns change every second and are nobody's reference data.
VENUE_TERMS = [
    "id",
    "name",
    "mpid",
    "gateway",
    "asset_classes",
    "ord_types",
    "preference",
    "status",
]


class Migration(migrations.Migration):
    dependencies = [("venues", "0001_initial"), ("journal", "0002_laws")]
    operations = [
        migrations.RunSQL(
            [
                laws.reference("venues_instrument"),
                laws.reference("venues_tradingdayrow"),
                laws.reference("venues_venue", VENUE_TERMS),
            ],
            migrations.RunSQL.noop,
        )
    ]
