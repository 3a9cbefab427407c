"""A client's id of a decision names one decision for ever."""

from __future__ import annotations

from django.db import migrations, models

_NAME, _TABLE = "client_decision_id_for_ever", "controls_reviewvote"
# Rows from before the law may share an id: the oldest keeps it, the others stay as they are.
_MAKE = f"""
DO $$
DECLARE later text;
BEGIN
    SELECT string_agg(quote_literal(id), ', ') INTO later FROM (
        SELECT id, row_number() OVER (
            PARTITION BY organization_id, client_decision_id, approve ORDER BY decided_at, id
        ) AS n FROM {_TABLE} WHERE client_decision_id <> ''
    ) AS named WHERE n > 1;
    EXECUTE 'CREATE UNIQUE INDEX {_NAME} ON {_TABLE}'
        ' (organization_id, client_decision_id, approve) WHERE client_decision_id <> '''''
        || coalesce(' AND id <> ALL (ARRAY[' || later || '])', '');
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("controls", "0014_plans")]

    operations: list[migrations.operations.base.Operation] = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(_MAKE, f"DROP INDEX {_NAME};"),
            ],
            state_operations=[
                migrations.AddConstraint(
                    "reviewvote",
                    models.UniqueConstraint(
                        condition=models.Q(("client_decision_id", ""), _negated=True),
                        fields=("organization", "client_decision_id", "approve"),
                        name=_NAME,
                    ),
                ),
            ],
        ),
    ]
