"""The log and the feed are append-only."""

from django.db import migrations

from oms_site.journal import laws


class Migration(migrations.Migration):
    dependencies = [("journal", "0001_initial"), ("firm", "0001_initial")]
    operations = [
        # An event of three kilobytes is read far more often than compressing it would save.
        migrations.RunSQL(
            "ALTER TABLE journal_event SET (toast_tuple_target = 8160)", migrations.RunSQL.noop
        ),
        migrations.RunSQL(laws.REFUSE_FUNCTION, "DROP FUNCTION oms_refuse"),
        migrations.RunSQL(
            laws.RAISE_GENERATION_FUNCTION,
            "DROP FUNCTION oms_raise_generation; DROP SEQUENCE oms_generation",
        ),
        migrations.RunSQL(
            [laws.reference(f"firm_{name}") for name in ("organization", "policy")],
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            [
                *laws.append_only("journal_event"),
                *laws.append_only("journal_feed"),
                *laws.append_only("journal_idempotencykey"),
            ],
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            [laws.kept(f"firm_{name}") for name in ("organization", "policy", "user")],
            migrations.RunSQL.noop,
        ),
    ]
