"""Trades as counterparties state them, confirms, and how they were matched.

Operations of the migration of settlement beside this file.
"""

from __future__ import annotations

from django.conf import settings
from django.db import migrations, models

from oms_site.journal import columns

CONFIRMS: list[migrations.operations.base.Operation] = [
    migrations.CreateModel(
        name="CounterpartyTrade",
        fields=[
            ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
            ("seq", models.BigIntegerField()),
            ("reference", models.CharField(max_length=80)),
            ("body", models.TextField()),
            ("terms", models.JSONField()),
            ("received_at", models.DateTimeField()),
            ("custodian", columns.to("allocations.custodian", constraint=False)),
            ("organization", columns.organization()),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(
                    fields=("custodian", "reference"), name="counterparty_trade_once"
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="TradeConfirm",
        fields=[
            ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
            ("version", models.PositiveIntegerField(default=0)),
            ("order_id", models.CharField(db_index=True, max_length=40)),
            ("side", models.CharField(max_length=4)),
            ("currency", models.CharField(max_length=3)),
            ("qty", columns.qty()),
            ("price", models.DecimalField(decimal_places=10, max_digits=24)),
            ("principal", columns.money()),
            ("accrued_interest", columns.money()),
            ("fees", columns.money()),
            ("net_money", columns.money()),
            ("trade_date", models.DateField()),
            ("settlement_date", models.DateField()),
            ("created_at", models.DateTimeField()),
            ("status", models.CharField(default="unmatched", max_length=10)),
            (
                "ask",
                models.CharField(
                    blank=True,
                    choices=[("", "Nothing"), ("confirm", "Confirm"), ("dispute", "Dispute")],
                    default="",
                    max_length=8,
                ),
            ),
            ("due_at", models.DateTimeField(blank=True, null=True)),
            ("attempts", models.PositiveSmallIntegerField(default=0)),
            ("received_at", models.DateTimeField(blank=True, null=True)),
            ("code", models.CharField(blank=True, max_length=40)),
            ("reason", models.CharField(blank=True, max_length=200)),
            ("verdict_id", models.CharField(blank=True, max_length=40)),
            ("their_word", models.PositiveSmallIntegerField(default=0)),
            ("has_ssi", models.BooleanField(default=True)),
            ("reason_code", models.CharField(blank=True, max_length=20)),
            ("resolution", models.CharField(blank=True, max_length=200)),
            ("proposed_at", models.DateTimeField(blank=True, null=True)),
            ("affirmed_at", models.DateTimeField(blank=True, null=True)),
            ("account", columns.to("allocations.account", constraint=False)),
            ("affirmed_by", columns.to(settings.AUTH_USER_MODEL, null=True)),
            ("custodian", columns.to("allocations.custodian", constraint=False)),
            ("instrument", columns.to("venues.instrument", constraint=False)),
            ("leg", columns.to("allocations.bookingleg", "confirms", index=True)),
            ("organization", columns.organization()),
            ("owner", columns.to(settings.AUTH_USER_MODEL, null=True)),
            ("proposed_by", columns.to(settings.AUTH_USER_MODEL, null=True)),
        ],
        options={
            "indexes": [
                models.Index(
                    condition=models.Q(("due_at", None), _negated=True),
                    fields=["due_at"],
                    name="confirm_due",
                ),
                models.Index(
                    condition=models.Q(
                        ("status__in", ["unmatched", "matched", "mismatched", "disputed"])
                    ),
                    fields=["organization", "created_at", "id"],
                    name="confirm_exception",
                ),
                models.Index(
                    condition=models.Q(("has_ssi", False)),
                    fields=["organization"],
                    name="confirm_without_ssi",
                ),
                models.Index(
                    condition=models.Q(("due_at", None), models.Q(("ask", ""), _negated=True)),
                    fields=["organization"],
                    name="confirm_stuck",
                ),
                models.Index(fields=["organization", "trade_date", "id"], name="confirm_of_day"),
            ],
            "constraints": [
                models.UniqueConstraint(
                    condition=models.Q(("status", "canceled"), _negated=True),
                    fields=("leg",),
                    name="one_live_confirm",
                ),
                models.CheckConstraint(
                    condition=models.Q(
                        (
                            "status__in",
                            [
                                "unmatched",
                                "matched",
                                "mismatched",
                                "disputed",
                                "affirmed",
                                "canceled",
                            ],
                        )
                    ),
                    name="confirm_status_known",
                ),
                models.CheckConstraint(
                    condition=models.Q(("qty__gt", 0)), name="confirm_qty_positive"
                ),
                models.CheckConstraint(
                    condition=models.Q(
                        models.Q(("status", "affirmed"), _negated=True),
                        ("affirmed_at__isnull", False),
                        _connector="OR",
                    ),
                    name="confirm_affirmed_at_a_moment",
                ),
            ],
        },
    ),
]
VERDICTS: list[migrations.operations.base.Operation] = [
    migrations.CreateModel(
        name="MatchVerdict",
        fields=[
            ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
            ("policy_id", models.BigIntegerField()),
            ("policy_version", models.PositiveIntegerField()),
            ("is_match", models.BooleanField()),
            ("differences", models.JSONField(default=list)),
            ("at", models.DateTimeField()),
            ("organization", columns.organization()),
            ("statement", columns.to("allocations.counterpartytrade", "verdicts", index=True)),
            ("confirm", columns.to("allocations.tradeconfirm", "verdicts", index=True)),
        ],
        options={
            "abstract": False,
        },
    ),
    migrations.AddField(
        "counterpartytrade",
        "confirm",
        columns.to("allocations.tradeconfirm", "statements", index=True),
    ),
    migrations.CreateModel(
        name="ConfirmAdjustment",
        fields=[
            ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
            (
                "reason_code",
                models.CharField(
                    choices=[
                        ("tolerated", "Too small to pursue"),
                        ("their_error", "Their error: they settle on our terms"),
                        ("agreed", "Agreed with the other side outside this system"),
                    ],
                    max_length=20,
                ),
            ),
            ("text", models.CharField(max_length=200)),
            ("evidence", models.JSONField(default=dict)),
            ("made_at", models.DateTimeField()),
            ("approved_by", columns.to(settings.AUTH_USER_MODEL)),
            ("made_by", columns.to(settings.AUTH_USER_MODEL)),
            ("organization", columns.organization()),
            ("confirm", columns.to("allocations.tradeconfirm", "adjustments", index=True)),
        ],
        options={
            "constraints": [
                models.CheckConstraint(
                    condition=models.Q(("made_by", models.F("approved_by")), _negated=True),
                    name="confirm_adjustment_maker_is_not_checker",
                ),
            ],
        },
    ),
]
