"""Room on the pages of living rows, so that thousands of cancel requests at once touch no index.

A request changes no indexed column, so a new version that finds room on its row's own page is one
write (HOT) instead of one per index. On full pages hardly any of them found it.
"""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q

TABLES = ("orders_order", "orders_executionorder", "orders_venueorder")
# Half, because all rows of a page change in one statement.
ROOM = [f"ALTER TABLE {name} SET (fillfactor = 50)" for name in TABLES]
NO_ROOM = [f"ALTER TABLE {name} RESET (fillfactor)" for name in TABLES]
# Every message to a venue wrote an index for LIKE that nobody asks (journal.laws).
NO_PATTERNS = """
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()
        AND indexname LIKE '%\\_like' AND tablename IN ('venues_outbound', 'venues_inbound')
    LOOP EXECUTE format('DROP INDEX %I', name); END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0014_client_side"), ("venues", "0001_initial")]
    operations = [
        migrations.RunSQL(ROOM, NO_ROOM),
        migrations.RunSQL(NO_PATTERNS, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="venueorder",
            index=models.Index(
                condition=Q(("in_doubt", True)),
                fields=["organization", "order"],
                name="venue_order_in_doubt",
            ),
        ),
    ]
