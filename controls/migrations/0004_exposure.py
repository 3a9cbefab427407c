"""What exposure limits need: locks, lists and groups."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("controls", "0003_governance")]

    operations: list[migrations.operations.base.Operation] = []
