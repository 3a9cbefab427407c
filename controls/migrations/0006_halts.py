"""Kill switches, halts and circuit breakers."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("controls", "0005_review_desk")]

    operations: list[migrations.operations.base.Operation] = []
