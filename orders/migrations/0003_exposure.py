"""What exposure limits ask of orders."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_laws")]

    operations: list[migrations.operations.base.Operation] = []
