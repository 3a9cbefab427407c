"""Evidence is read back with the digits it was written with; the columns stay as they are."""

from django.db import migrations

import oms_site.firm.exact_json


def _exact(model: str, name: str) -> migrations.AlterField:
    return migrations.AlterField(model, name, oms_site.firm.exact_json.ExactJSONField())


class Migration(migrations.Migration):
    dependencies = [("controls", "0006_halts")]

    operations = [
        _exact("screening", "ticket"),
        _exact("screening", "results"),
        _exact("review", "failed_controls"),
    ]
