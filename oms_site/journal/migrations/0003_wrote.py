"""A statement that did not write what it was to write ends its transaction."""

from django.db import migrations

WROTE = """
CREATE FUNCTION oms_wrote(wrote bigint, wanted bigint, place bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF wrote <> wanted THEN
        RAISE EXCEPTION '%', place
            USING ERRCODE = 'OMS01', DETAIL = wrote || ' rows, and not ' || wanted;
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("journal", "0002_laws")]
    operations = [
        migrations.RunSQL(WROTE, "DROP FUNCTION oms_wrote(bigint, bigint, bigint)"),
    ]
