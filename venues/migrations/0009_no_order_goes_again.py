"""A resend tells a venue no order again: each time an order goes, it passes the last look."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("venues", "0008_lists")]

    operations = [migrations.RemoveField(model_name="fixline", name="resend_orders_s")]
