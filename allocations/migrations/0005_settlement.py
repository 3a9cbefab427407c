"""Confirmations, matching and settlement: tables, and what the database itself refuses."""

from django.conf import settings
from django.db import migrations, models

from allocations.migrations import _confirms, _settlement_laws
from oms_site.journal import columns, laws


class Migration(migrations.Migration):
    dependencies = [
        ("allocations", "0004_repair"),
        ("firm", "0001_initial"),
        ("journal", "0002_laws"),
        ("venues", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: list[migrations.operations.base.Operation] = [
        migrations.CreateModel(
            name="SettlementDue",
            fields=[
                ("id", columns.number()),
                ("leg_id", models.CharField(max_length=40)),
                ("due_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        *_confirms.CONFIRMS,
        migrations.CreateModel(
            name="SettlementInstruction",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("order_id", models.CharField(db_index=True, max_length=40)),
                ("side", models.CharField(max_length=4)),
                ("currency", models.CharField(max_length=3)),
                ("qty", columns.qty()),
                ("net_money", columns.money()),
                ("settlement_date", models.DateField()),
                ("created_at", models.DateTimeField()),
                ("status", models.CharField(default="pending", max_length=10)),
                (
                    "ask",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "Nothing"),
                            ("instruct", "Instruct"),
                            ("cancel", "Cancel"),
                            ("buy_in", "Buy In"),
                        ],
                        default="",
                        max_length=8,
                    ),
                ),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("was_sent", models.BooleanField(default=False)),
                ("place", models.CharField(blank=True, max_length=80)),
                ("ref", models.CharField(blank=True, max_length=80)),
                ("code", models.CharField(blank=True, max_length=40)),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("settled_qty", columns.qty(default=0)),
                ("settled_money", columns.money(default=0)),
                ("failed_on", models.DateField(blank=True, null=True)),
                ("buy_in_on", models.DateField(blank=True, null=True)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                ("account", columns.to("allocations.account", constraint=False)),
                ("custodian", columns.to("allocations.custodian", constraint=False)),
                ("instrument", columns.to("venues.instrument", constraint=False)),
                ("leg", columns.to("allocations.bookingleg", "instructions", index=True)),
                ("organization", columns.organization()),
                ("confirm", columns.to("allocations.tradeconfirm", "instructions", index=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("due_at", None), _negated=True),
                        fields=["due_at"],
                        name="instruction_due",
                    ),
                    models.Index(
                        condition=models.Q(("closed_at", None)),
                        fields=["settlement_date"],
                        name="instruction_open",
                    ),
                    models.Index(
                        fields=["organization", "settlement_date", "id"], name="instruction_list"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "canceled"), _negated=True),
                        fields=("leg",),
                        name="one_live_instruction",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "pending",
                                    "instructed",
                                    "failed",
                                    "bought_in",
                                    "settled",
                                    "canceled",
                                ],
                            )
                        ),
                        name="instruction_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("qty__gt", 0)), name="instruction_qty_positive"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("settled_qty__gte", 0), ("settled_qty__lte", models.F("qty"))
                        ),
                        name="instruction_settles_at_most_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "settled"), _negated=True),
                            models.Q(
                                ("settled_money", models.F("net_money")),
                                ("settled_qty", models.F("qty")),
                            ),
                            _connector="OR",
                        ),
                        name="instruction_settled_in_full",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("closed_at__isnull", False),
                                ("status__in", ["settled", "canceled"]),
                            ),
                            models.Q(
                                ("closed_at", None),
                                ("status__in", ["bought_in", "failed", "instructed", "pending"]),
                            ),
                            _connector="OR",
                        ),
                        name="instruction_closed_at_a_moment",
                    ),
                ],
            },
        ),
        *_confirms.VERDICTS,
        migrations.CreateModel(
            name="CustodianMessage",
            fields=[
                ("id", columns.number()),
                ("seq", models.BigIntegerField()),
                ("body", models.TextField()),
                ("received_at", models.DateTimeField()),
                ("applied_at", models.DateTimeField(blank=True, null=True)),
                ("verdict", models.CharField(blank=True, max_length=16)),
                ("note", models.CharField(blank=True, max_length=200)),
                ("custodian", columns.to("allocations.custodian", constraint=False)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("applied_at", None)),
                        fields=["custodian", "seq"],
                        name="custodian_unapplied",
                    ),
                    models.Index(
                        condition=models.Q(
                            (
                                "verdict__in",
                                ["unknown", "unreadable", "too_much", "wrong_money"],
                            )
                        ),
                        fields=["custodian", "note"],
                        name="custodian_unaccounted",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("custodian", "seq"), name="custodian_message_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SettlementFact",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("reference", models.CharField(max_length=80)),
                ("order_id", models.CharField(max_length=40)),
                ("currency", models.CharField(max_length=3)),
                ("qty", columns.qty()),
                ("cash", columns.money()),
                ("value_date", models.DateField()),
                ("at", models.DateTimeField()),
                ("sequence", models.PositiveBigIntegerField()),
                ("qty_after", columns.qty()),
                ("cash_sequence", models.PositiveBigIntegerField()),
                ("cash_after", columns.money()),
                ("account", columns.to("allocations.account", constraint=False)),
                ("custodian", columns.to("allocations.custodian", constraint=False)),
                ("instrument", columns.to("venues.instrument", constraint=False)),
                ("organization", columns.organization()),
                (
                    "instruction",
                    columns.to("allocations.settlementinstruction", "facts", index=True),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("custodian", "reference"), name="settlement_fact_once"
                    ),
                    models.UniqueConstraint(
                        fields=("account", "instrument", "sequence"),
                        name="settled_position_sequence",
                    ),
                    models.UniqueConstraint(
                        fields=("account", "currency", "cash_sequence"),
                        name="settled_cash_sequence",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StandingInstruction",
            fields=[
                ("id", columns.number()),
                ("depository", models.CharField(default="DTC", max_length=20)),
                ("participant", models.CharField(max_length=20)),
                ("delivery_account", models.CharField(blank=True, max_length=40)),
                ("active", models.BooleanField(default=True)),
                ("account", columns.to("allocations.account", index=True, null=True)),
                ("custodian", columns.to("allocations.custodian", index=True)),
                ("organization", columns.to("firm.organization", index=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "custodian", "account"),
                        name="one_standing_instruction",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        migrations.RunSQL(_settlement_laws.DUES, _settlement_laws.NO_DUES),
        migrations.RunSQL(_settlement_laws.LAWS, _settlement_laws.NO_LAWS),
        migrations.RunSQL(
            [
                *laws.living("allocations_tradeconfirm", _settlement_laws.CONFIRM_TERMS),
                *laws.living(
                    "allocations_settlementinstruction", _settlement_laws.INSTRUCTION_TERMS
                ),
                *[
                    sql
                    for name in _settlement_laws.FACTS
                    for sql in laws.append_only(f"allocations_{name}")
                ],
                laws.terms("allocations_custodianmessage", _settlement_laws.MESSAGE_TERMS),
                laws.kept("allocations_custodianmessage"),
                laws.reference("allocations_standinginstruction"),
                laws.DROP_PATTERN_INDEXES,
            ],
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(_settlement_laws.CATCH_UP, migrations.RunSQL.noop),
    ]
