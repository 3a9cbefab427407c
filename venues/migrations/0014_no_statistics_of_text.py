"""What no query looks for needs no statistics: what venues said, and what was said to them."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("venues", "0013_inbound_by_number")]
    operations = [
        migrations.RunSQL(
            f"ALTER TABLE {table} ALTER body SET STATISTICS 0",
            f"ALTER TABLE {table} ALTER body SET STATISTICS DEFAULT",
        )
        for table in ("venues_inbound", "venues_outbound")
    ]
