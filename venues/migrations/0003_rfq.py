"""Quotes of dealers."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("venues", "0002_laws")]

    operations: list[migrations.operations.base.Operation] = []
