"""Entries after the fact, releases, booking configurations, currencies, corporate actions."""

from django.conf import settings
from django.db import migrations, models

from allocations.migrations import _money
from oms_site.journal import columns, laws

TERMS = {
    "allocations_posttradeentry": [
        *("id", "organization_id", "order_id", "client_allocation_id", "strategy"),
        *("custodian_id", "requested", "requested_qty", "filled_qty", "first_fill_at"),
        *("reason", "maker_id", "requested_at"),
    ],
    "allocations_corporateaction": [
        *("id", "organization_id", "instrument_id", "kind", "record_date", "pay_date", "rate"),
        *("ratio_new", "ratio_old", "source", "reason", "maker_id", "announced_at"),
    ],
    "allocations_margincall": ["id", "organization_id", "account_id", "currency", "opened_at"],
}
ADDED_TERMS = {
    "allocations_allocation": ["entry_id", "release"],
    "allocations_bookingleg": ["configuration_id"],
    "allocations_transaction": ["to_currency", "to_amount", "fx_rate", "fx_source", "fx_at"],
    "allocations_bookingconfiguration": [
        *("organization_id", "custodian_id", "number", "booking_type", "instructions"),
        "created_at",
    ],
}
# Looked at when the transaction ends: the entry is approved in the same unit that makes this row.
ENTRY = """
CREATE FUNCTION allocations_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM allocations_posttradeentry e WHERE e.id = NEW.entry_id
        AND e.status = 'approved' AND e.checker_id IS NOT NULL AND e.order_id = NEW.order_id
        AND e.organization_id = NEW.organization_id AND e.strategy = NEW.strategy
        AND e.requested_qty = NEW.requested_qty) THEN
        RAISE EXCEPTION 'an allocation entered after the fact is what a second person approved'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER allocations_allocation_entry AFTER INSERT ON allocations_allocation
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.entry_id IS NOT NULL)
    EXECUTE FUNCTION allocations_entry();
CREATE FUNCTION allocations_decided_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% % was decided already', TG_TABLE_NAME, OLD.id
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER allocations_posttradeentry_once BEFORE UPDATE ON allocations_posttradeentry
    FOR EACH ROW WHEN (OLD.status <> 'requested') EXECUTE FUNCTION allocations_decided_once();
CREATE TRIGGER allocations_corporateaction_once BEFORE UPDATE ON allocations_corporateaction
    FOR EACH ROW WHEN (OLD.status <> 'announced') EXECUTE FUNCTION allocations_decided_once();
CREATE TRIGGER allocations_allocation_released BEFORE UPDATE ON allocations_allocation
    FOR EACH ROW WHEN (OLD.released_at IS NOT NULL
        AND NEW.released_at IS DISTINCT FROM OLD.released_at)
    EXECUTE FUNCTION allocations_decided_once();
"""
UNDO_ENTRY = """
DROP TRIGGER allocations_allocation_released ON allocations_allocation;
DROP TRIGGER allocations_corporateaction_once ON allocations_corporateaction;
DROP TRIGGER allocations_posttradeentry_once ON allocations_posttradeentry;
DROP FUNCTION allocations_decided_once();
DROP TRIGGER allocations_allocation_entry ON allocations_allocation;
DROP FUNCTION allocations_entry();
"""


def _more_terms(table: str, names: list[str]) -> str:
    columns = ", ".join(names)
    return (
        f"CREATE TRIGGER {table}_terms_0006 BEFORE UPDATE OF {columns} ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION oms_refuse('its terms never change');"
    )


def _without(table: str) -> str:
    return f"DROP TRIGGER {table}_terms_0006 ON {table};"


class Migration(migrations.Migration):
    dependencies = [
        ("allocations", "0005_settlement"),
        ("firm", "0001_initial"),
        ("journal", "0002_laws"),
        ("venues", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            "account",
            "converts",
            models.BooleanField(
                default=False, help_text="trades in other currencies are paid in the account's own"
            ),
        ),
        migrations.AddField(
            "account",
            "margin",
            models.BooleanField(
                default=False, help_text="may owe money; must own a part of what it holds"
            ),
        ),
        migrations.AddField(
            "allocation", "release", models.CharField(blank=True, default="", max_length=5)
        ),
        migrations.AddField(
            "allocation", "released_at", models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddField("movement", "fx_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "movement",
            "fx_rate",
            models.DecimalField(blank=True, decimal_places=10, max_digits=20, null=True),
        ),
        migrations.AddField("movement", "fx_source", models.CharField(blank=True, max_length=40)),
        migrations.AddField("movement", "ratio_new", models.PositiveIntegerField(default=0)),
        migrations.AddField("movement", "ratio_old", models.PositiveIntegerField(default=0)),
        migrations.AddField("transaction", "fx_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "transaction",
            "fx_rate",
            models.DecimalField(blank=True, decimal_places=10, max_digits=20, null=True),
        ),
        migrations.AddField(
            "transaction", "fx_source", models.CharField(blank=True, max_length=40)
        ),
        migrations.AddField("transaction", "to_amount", columns.money(default=0)),
        migrations.AddField(
            "transaction", "to_currency", models.CharField(blank=True, max_length=3)
        ),
        migrations.AlterField(
            "movement",
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
                    ("coupon", "Coupon"),
                    ("dividend", "Dividend"),
                    ("redemption", "Redemption"),
                    ("call", "Call"),
                    ("split", "Split"),
                    ("fx_buy", "currency bought"),
                    ("fx_sell", "currency sold"),
                ],
                max_length=12,
            ),
        ),
        migrations.AlterField(
            "transaction",
            "kind",
            models.CharField(
                choices=[
                    ("deposit", "Deposit"),
                    ("withdrawal", "Withdrawal"),
                    ("transfer", "Transfer"),
                    ("correction", "Correction"),
                    ("exchange", "Exchange"),
                ],
                max_length=12,
            ),
        ),
        migrations.CreateModel(
            name="BookingConfiguration",
            fields=[
                ("id", columns.number()),
                ("number", models.PositiveIntegerField()),
                (
                    "booking_type",
                    models.CharField(
                        choices=[
                            ("regular", "Regular"),
                            ("average_price", "Average Price"),
                            ("dvp", "delivery against payment"),
                        ],
                        default="regular",
                        max_length=16,
                    ),
                ),
                ("instructions", models.CharField(blank=True, max_length=200)),
                ("active", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField()),
                ("custodian", columns.to("allocations.custodian", index=True)),
                ("organization", columns.to("firm.organization", index=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "custodian", "number"),
                        name="configuration_number_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("active", True)),
                        fields=("organization", "custodian"),
                        name="one_active_configuration",
                    ),
                ],
            },
        ),
        migrations.AddField(
            "bookingleg", "configuration", columns.to("allocations.bookingconfiguration", null=True)
        ),
        *_money.OPERATIONS,
        migrations.CreateModel(
            name="PostTradeEntry",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("order_id", models.CharField(max_length=40)),
                ("client_allocation_id", models.CharField(blank=True, max_length=80, null=True)),
                ("strategy", models.CharField(max_length=32)),
                ("requested", models.JSONField(default=list)),
                ("requested_qty", columns.qty()),
                ("filled_qty", columns.qty()),
                ("first_fill_at", models.DateTimeField(blank=True, null=True)),
                ("reason", models.CharField(max_length=300)),
                ("requested_at", models.DateTimeField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("requested", "Requested"),
                            ("approved", "Approved"),
                            ("refused", "Refused"),
                        ],
                        default="requested",
                        max_length=10,
                    ),
                ),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("note", models.CharField(blank=True, max_length=300)),
                ("checker", columns.to(settings.AUTH_USER_MODEL, null=True)),
                ("custodian", columns.to("allocations.custodian", null=True)),
                ("maker", columns.to(settings.AUTH_USER_MODEL)),
                ("organization", columns.organization()),
            ],
            options={
                "verbose_name_plural": "post-trade entries",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "requested")),
                        fields=("order_id",),
                        name="one_open_entry",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("status", "approved")),
                        fields=("order_id",),
                        name="one_entry_per_order",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("checker", None),
                            models.Q(("checker", models.F("maker")), _negated=True),
                            _connector="OR",
                        ),
                        name="entry_maker_is_not_checker",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("checker", None), ("decided_at", None), ("status", "requested")
                            ),
                            models.Q(
                                ("checker__isnull", False),
                                ("decided_at__isnull", False),
                                ("status__in", ["approved", "refused"]),
                            ),
                            _connector="OR",
                        ),
                        name="entry_is_decided_by_somebody",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True), name="entry_says_why"
                    ),
                ],
                "indexes": [
                    models.Index(fields=["organization", "requested_at", "id"], name="entry_list"),
                ],
            },
        ),
        migrations.AddField(
            "allocation", "entry", columns.to("allocations.posttradeentry", null=True)
        ),
        migrations.CreateModel(
            name="ReleaseRule",
            fields=[
                ("id", columns.number()),
                ("name", models.CharField(max_length=60)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("asset_class", models.CharField(blank=True, max_length=12)),
                ("strategy", models.CharField(blank=True, max_length=32)),
                (
                    "release",
                    models.CharField(
                        choices=[
                            ("fill", "with every fill"),
                            ("close", "when no more will come"),
                            ("hand", "when a person says so"),
                        ],
                        max_length=5,
                    ),
                ),
                ("active", models.BooleanField(default=True)),
                ("organization", columns.to("firm.organization", index=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "name"), name="release_rule_name_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("release__in", ["fill", "close", "hand"])),
                        name="release_known",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            [
                *[sql for table, names in TERMS.items() for sql in laws.living(table, names)],
                *laws.append_only("allocations_fxrate"),
                laws.kept("allocations_bookingconfiguration"),
                *[
                    laws.reference(f"allocations_{name}")
                    for name in ("bookingconfiguration", "releaserule", "marginrate")
                ],
                laws.DROP_PATTERN_INDEXES,
            ],
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            [_more_terms(table, names) for table, names in ADDED_TERMS.items()],
            [_without(table) for table in ADDED_TERMS],
        ),
        migrations.RunSQL(ENTRY, UNDO_ENTRY),
    ]
