"""A halt and a reducing one stand over the same target side by side."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q

STANDING = ["confirmed_flat", "draining", "engaged", "release_requested"]


class Migration(migrations.Migration):
    dependencies = [("controls", "0010_order_groups")]

    operations = [
        migrations.RemoveConstraint("halt", "one_standing_halt"),
        migrations.AddConstraint(
            "halt",
            models.UniqueConstraint(
                fields=["organization", "kind", "scope", "target", "imposed", "mode"],
                name="one_standing_halt",
                condition=Q(status__in=STANDING),
            ),
        ),
    ]
