"""Reports are found by their numbers: an index of venues alone was written and never read."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("venues", "0012_asked_after_a_reset")]

    operations = [
        migrations.AlterField(
            model_name="inbound",
            name="venue",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="venues.venue",
            ),
        ),
    ]
