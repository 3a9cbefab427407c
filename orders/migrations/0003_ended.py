"""How an execution order or a venue order has ended, kept while late shares complete it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_laws")]

    operations = [
        migrations.AddField(
            model_name=name,
            name="ended",
            field=models.CharField(blank=True, max_length=8),
        )
        for name in ("executionorder", "venueorder")
    ]
