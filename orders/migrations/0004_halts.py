"""Mass cancellations."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orders", "0003_exposure")]

    operations: list[migrations.operations.base.Operation] = []
