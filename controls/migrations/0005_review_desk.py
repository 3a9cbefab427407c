"""Claims, several approvers and decisions per failed control."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("controls", "0004_exposure")]

    operations: list[migrations.operations.base.Operation] = []
