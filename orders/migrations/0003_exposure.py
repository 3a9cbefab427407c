"""What exposure limits ask of orders: the open ones of an account, found by index."""

from django.db import migrations, models

OPEN = ["partially_filled", "pending_approval", "pending_execution"]


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_laws")]

    operations = [
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("status__in", OPEN)),
                fields=["organization", "account"],
                name="order_open",
            ),
        ),
    ]
