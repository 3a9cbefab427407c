"""Allocations, their accounts and legs keep their terms and stay."""

from django.db import migrations

from oms_site.journal import laws

TERMS = {
    "allocations_allocation": [
        "id",
        "organization_id",
        "order_id",
        "client_allocation_id",
        "strategy",
        "implicit",
        "instrument_id",
        "custodian_id",
        "side",
        "requested_qty",
        "created_at",
    ],
    "allocations_accountallocation": [
        "id",
        "organization_id",
        "allocation_id",
        "account_id",
        "client_account_allocation_id",
        "position",
        "requested_qty",
    ],
    "allocations_bookingleg": [
        "id",
        "organization_id",
        "account_allocation_id",
        "allocation_id",
        "custodian_id",
        "sequence",
        "source_ids",
        "qty",
        "price",
        "principal",
        "accrued_interest",
        "fees",
        "net_money",
        "trade_date",
        "settlement_date",
        "created_at",
    ],
}


class Migration(migrations.Migration):
    dependencies = [("allocations", "0001_initial"), ("journal", "0002_laws")]
    operations = [
        migrations.RunSQL(
            [
                *[sql for table, terms in TERMS.items() for sql in laws.living(table, terms)],
            ],
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            [
                laws.reference(f"allocations_{name}")
                for name in ("account", "custodian", "introducingbroker", "riskgroup")
            ],
            migrations.RunSQL.noop,
        ),
    ]
