"""The ledger of movements; positions, tax lots and cash as its fold; transactions by people."""

import django.db.models.deletion
from django.db import migrations, models

from oms_site.journal import columns, laws

TERMS = {
    "allocations_position": ["id", "organization_id", "account_id", "instrument_id"],
    "allocations_cashbalance": ["id", "organization_id", "account_id", "currency"],
    "allocations_taxlot": [
        *("id", "organization_id", "position_id", "movement_id", "acquired", "opened", "price"),
    ],
    "allocations_transaction": [
        *("id", "organization_id", "client_transaction_id", "fingerprint", "kind"),
        *("account_id", "to_account_id", "instrument_id", "currency", "qty", "amount", "cost"),
        *("settlement_date", "reason", "maker_id", "created_at"),
    ],
}
FACTS = ("allocations_movement", "allocations_lotchoice")


class Migration(migrations.Migration):
    dependencies = [
        ("allocations", "0002_laws"),
        ("firm", "0001_initial"),
        ("journal", "0002_laws"),
        ("venues", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="account",
            name="lot_relief",
            field=models.CharField(
                choices=[
                    ("fifo", "first in, first out"),
                    ("lifo", "last in, first out"),
                    ("hifo", "highest cost first"),
                    ("average", "average cost: all shares are one lot"),
                    ("specific", "the lots that are named, else the first in"),
                ],
                default="fifo",
                max_length=8,
            ),
        ),
        migrations.CreateModel(
            name="Movement",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("currency", models.CharField(max_length=3)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("trade", "Trade"),
                            ("bust", "Bust"),
                            ("correction", "Correction"),
                            ("allocation", "Allocation"),
                            ("reversal", "Reversal"),
                            ("transfer", "Transfer"),
                            ("deposit", "Deposit"),
                            ("withdrawal", "Withdrawal"),
                            ("adjustment", "Adjustment"),
                        ],
                        max_length=12,
                    ),
                ),
                ("source_id", models.CharField(max_length=40)),
                ("reverses", models.CharField(blank=True, max_length=40)),
                ("order_id", models.CharField(blank=True, max_length=40)),
                ("update_id", models.CharField(max_length=40)),
                ("qty", columns.qty(default=0)),
                (
                    "price",
                    models.DecimalField(blank=True, decimal_places=10, max_digits=24, null=True),
                ),
                ("principal", columns.money(default=0)),
                ("accrued_interest", columns.money(default=0)),
                ("fees", columns.money(default=0)),
                ("consideration", columns.money(default=0)),
                ("cash", columns.money(default=0)),
                ("trade_date", models.DateField()),
                ("settlement_date", models.DateField()),
                ("relief", models.CharField(blank=True, max_length=8)),
                ("at", models.DateTimeField()),
                ("sequence", models.PositiveBigIntegerField(blank=True, null=True)),
                ("qty_after", columns.qty(null=True)),
                ("cost_after", columns.money(null=True)),
                ("realized_after", columns.money(null=True)),
                ("cash_sequence", models.PositiveBigIntegerField(blank=True, null=True)),
                ("cash_after", columns.money(null=True)),
                ("account", columns.to("allocations.account", constraint=False)),
                (
                    "instrument",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="venues.instrument",
                    ),
                ),
                ("organization", columns.organization()),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("instrument", None), _negated=True),
                        fields=["account", "instrument", "at", "sequence"],
                        name="movement_of_position",
                        include=("qty_after", "cost_after", "realized_after"),
                    ),
                    models.Index(
                        fields=["account", "currency", "at", "cash_sequence"],
                        name="movement_of_cash",
                    ),
                    models.Index(fields=["account", "settlement_date"], name="movement_unsettled"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("source_id", "account", "kind"), name="movement_once_per_source"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("source_id", ""), _negated=True),
                        name="movement_has_a_source",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("qty", 0), _negated=True),
                            models.Q(("cash", 0), _negated=True),
                            models.Q(("consideration", 0), _negated=True),
                            _connector="OR",
                        ),
                        name="movement_moves",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("instrument", None), ("qty", 0), ("sequence", None)),
                            models.Q(
                                models.Q(("instrument", None), _negated=True),
                                models.Q(("sequence", None), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="movement_of_a_position",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LotChoice",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("lots", models.JSONField()),
                ("at", models.DateTimeField()),
                ("organization", columns.organization()),
                ("movement", columns.to("allocations.movement", "choices", index=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Position",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("qty", columns.qty(default=0)),
                ("cost", columns.money(default=0)),
                ("realized", columns.money(default=0)),
                ("accrued_interest", columns.money(default=0)),
                ("fees", columns.money(default=0)),
                ("sequence", models.PositiveBigIntegerField(default=0)),
                ("moved_at", models.DateTimeField()),
                ("account", columns.to("allocations.account", constraint=False)),
                ("instrument", columns.to("venues.instrument", constraint=False)),
                ("organization", columns.organization()),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["organization", "account", "instrument"], name="position_list"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "instrument"), name="one_position_per_account"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TaxLot",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("movement_id", models.CharField(max_length=40)),
                ("acquired", models.DateField()),
                ("opened", models.PositiveBigIntegerField()),
                (
                    "price",
                    models.DecimalField(blank=True, decimal_places=10, max_digits=24, null=True),
                ),
                ("qty", columns.qty()),
                ("cost", columns.money()),
                ("open_qty", columns.qty()),
                ("open_cost", columns.money()),
                ("organization", columns.organization()),
                ("position", columns.to("allocations.position", "lots")),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("open_qty", 0), _negated=True),
                        fields=["position", "opened"],
                        name="open_lots",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Transaction",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("client_transaction_id", models.CharField(blank=True, max_length=80, null=True)),
                ("fingerprint", models.CharField(max_length=64)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("deposit", "Deposit"),
                            ("withdrawal", "Withdrawal"),
                            ("transfer", "Transfer"),
                            ("correction", "Correction"),
                        ],
                        max_length=12,
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                ("qty", columns.qty(default=0)),
                ("amount", columns.money(default=0)),
                ("cost", columns.money(default=0)),
                ("settlement_date", models.DateField()),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("maker_id", models.BigIntegerField()),
                ("created_at", models.DateTimeField()),
                ("decision", models.CharField(blank=True, default="", max_length=8)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("checker_id", models.BigIntegerField(blank=True, null=True)),
                ("annotation", models.CharField(blank=True, max_length=300)),
                ("account", columns.to("allocations.account", constraint=False)),
                (
                    "instrument",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="venues.instrument",
                    ),
                ),
                ("organization", columns.organization()),
                ("to_account", columns.to("allocations.account", constraint=False, null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["organization", "created_at", "id"], name="transaction_list"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("client_transaction_id", None), _negated=True),
                        fields=("organization", "client_transaction_id"),
                        name="client_transaction_id_for_ever",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("decision__in", ["", "applied", "rejected"])),
                        name="transaction_decision_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("checker_id", None),
                            models.Q(("checker_id", models.F("maker_id")), _negated=True),
                            _connector="OR",
                        ),
                        name="transaction_maker_is_not_checker",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("decision", "applied"), ("kind", "correction"), _negated=True
                            ),
                            models.Q(("checker_id", None), _negated=True),
                            _connector="OR",
                        ),
                        name="correction_has_a_checker",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CashBalance",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("currency", models.CharField(max_length=3)),
                ("amount", columns.money(default=0)),
                ("sequence", models.PositiveBigIntegerField(default=0)),
                ("moved_at", models.DateTimeField()),
                ("account", columns.to("allocations.account", constraint=False)),
                ("organization", columns.organization()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "currency"), name="one_cash_balance_per_currency"
                    )
                ],
            },
        ),
        migrations.RunSQL(
            [
                *[sql for table in FACTS for sql in laws.append_only(table)],
                *[sql for table, terms in TERMS.items() for sql in laws.living(table, terms)],
                laws.DROP_PATTERN_INDEXES,
            ],
            migrations.RunSQL.noop,
        ),
    ]
