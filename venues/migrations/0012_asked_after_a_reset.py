"""Whether the orders of a session whose numbers began anew were asked about is a row.

Sessions that began anew before this ask once more: what was lost then is asked about now.
"""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("venues", "0011_told_for_ever")]

    operations = [
        migrations.AddField(
            "fixnumbers", "asked", models.PositiveIntegerField(default=1, db_default=1)
        ),
    ]
