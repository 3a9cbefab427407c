"""Terms never change, executions are facts, no execution order without clearance."""

from django.db import migrations

from oms_site.journal import laws

TERMS = {
    "orders_break": [
        "id",
        "organization_id",
        "kind",
        "key",
        "order_id",
        "evidence",
        "opened_at",
    ],
    "orders_order": [
        "id",
        "organization_id",
        "client_order_id",
        "fingerprint",
        "instrument_id",
        "account_id",
        "ib_id",
        "risk_group_id",
        "custodian_id",
        "allocation_id",
        "policy_id",
        "submitted_by_id",
        "amount_type",
        "order_qty",
        "side",
        "ord_type",
        "limit_price",
        "time_in_force",
        "extended_hours",
        "all_or_none",
        "explicit_cancelation_required",
        "bypass_auto_execution",
        "execution_instructions",
        "fees",
        "trader_profile",
        "annotation",
        "economics",
        "trade_date",
        "eligible_at",
        "expires_at",
        "created_at",
    ],
    "orders_executionorder": [
        "id",
        "organization_id",
        "order_id",
        "order_version",
        "screening_id",
        "screening_outcome",
        "review_id",
        "review_status",
        "client_execution_order_id",
        "fingerprint",
        "protocol",
        "strategy",
        "venue_id",
        "qty",
        "limit_price",
        "all_or_none",
        "suppress_pmp_check",
        "fees",
        "annotation",
        "origin",
        "rule",
        "created_at",
    ],
    "orders_venueorder": [
        "id",
        "organization_id",
        "order_id",
        "execution_order_id",
        "venue_id",
        "qty",
        "limit_price",
        "created_at",
    ],
}

CLEARED_BY_ITS_OWN_SCREENING = """
ALTER TABLE orders_executionorder ADD CONSTRAINT execution_order_of_that_screening
    FOREIGN KEY (screening_id, order_id, order_version, screening_outcome)
    REFERENCES controls_screening (id, subject, subject_version, outcome);
ALTER TABLE orders_executionorder ADD CONSTRAINT execution_order_of_that_review
    FOREIGN KEY (review_id, screening_id, order_id, order_version, review_status)
    REFERENCES controls_review (id, screening_id, subject, subject_version, status)
    DEFERRABLE INITIALLY DEFERRED;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial"), ("journal", "0002_laws"), ("controls", "0002_laws")]
    operations = [
        migrations.RunSQL(CLEARED_BY_ITS_OWN_SCREENING, migrations.RunSQL.noop),
        migrations.RunSQL(
            [
                *[sql for table, terms in TERMS.items() for sql in laws.living(table, terms)],
                *laws.append_only("orders_execution"),
            ],
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            [laws.reference(f"orders_{name}") for name in ("ruleset",)],
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(laws.DROP_PATTERN_INDEXES, migrations.RunSQL.noop),
    ]
