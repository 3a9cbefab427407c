"""Versions of controls, their slices and the second pair of eyes."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("controls", "0002_laws")]

    operations: list[migrations.operations.base.Operation] = []
