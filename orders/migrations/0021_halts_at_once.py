"""Which entries of a venue's book are orders of ours is answered by a seek.

It was asked by reading all that lives in a security, inside the entrance, for every order that was
routed: a kill switch over ten thousand orders waited for that.
"""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("orders", "0020_sources")]
    operations = [
        migrations.AddIndex(
            model_name="venueorder",
            index=models.Index(
                condition=~Q(status__in=["canceled", "expired", "filled", "rejected"]),
                fields=["venue_order_id", "venue"],
                name="venue_order_in_books",
            ),
        ),
    ]
