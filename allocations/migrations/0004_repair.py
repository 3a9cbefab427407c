"""Reversals, rebooking, repairs and allocation templates."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

from oms_site.journal import columns, laws

LAWS = """
CREATE TRIGGER allocations_bookingleg_terms_of_repair
    BEFORE UPDATE OF reverses_id, revision, booked_account_id ON allocations_bookingleg
    FOR EACH ROW EXECUTE FUNCTION oms_refuse('its terms never change');

CREATE FUNCTION allocations_reversal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was allocations_bookingleg%ROWTYPE;
BEGIN
    SELECT * INTO was FROM allocations_bookingleg WHERE id = NEW.reverses_id;
    IF was.id IS NULL OR was.reverses_id IS NOT NULL OR was.status = 'canceled'
        OR (was.organization_id, was.account_allocation_id, was.allocation_id, was.custodian_id,
            was.qty, was.price, was.principal, was.accrued_interest, was.fees, was.net_money,
            was.trade_date, was.settlement_date, was.source_ids)
        IS DISTINCT FROM
           (NEW.organization_id, NEW.account_allocation_id, NEW.allocation_id, NEW.custodian_id,
            NEW.qty, NEW.price, NEW.principal, NEW.accrued_interest, NEW.fees, NEW.net_money,
            NEW.trade_date, NEW.settlement_date, NEW.source_ids)
        OR was.booked_account_id IS DISTINCT FROM NEW.booked_account_id THEN
        RAISE EXCEPTION 'a reversal mirrors the leg it takes back'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER allocations_bookingleg_reversal BEFORE INSERT ON allocations_bookingleg
    FOR EACH ROW WHEN (NEW.reverses_id IS NOT NULL) EXECUTE FUNCTION allocations_reversal();
"""
UNDO = """
DROP TRIGGER allocations_bookingleg_reversal ON allocations_bookingleg;
DROP FUNCTION allocations_reversal();
DROP TRIGGER allocations_bookingleg_terms_of_repair ON allocations_bookingleg;
"""
REPAIR_TERMS = [
    *("id", "organization_id", "allocation_id", "leg_id", "custodian_id", "account_id"),
    *("reason", "requested_by_id", "requested_at"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("allocations", "0003_holdings"),
        ("firm", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: list[migrations.operations.base.Operation] = [
        migrations.AddField("allocation", "revision", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("bookingleg", "revision", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField(
            "bookingleg", "reverses", columns.to("allocations.bookingleg", null=True)
        ),
        migrations.AddField(
            "bookingleg", "booked_account", columns.to("allocations.account", null=True)
        ),
        migrations.AddConstraint(
            "bookingleg",
            models.UniqueConstraint(
                condition=~Q(reverses=None), fields=("reverses",), name="leg_reversed_once"
            ),
        ),
        migrations.CreateModel(
            name="Repair",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
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
                ("account", columns.to("allocations.account", null=True)),
                ("allocation", columns.to("allocations.allocation", "repairs", index=True)),
                ("custodian", columns.to("allocations.custodian", null=True)),
                ("decided_by", columns.to(settings.AUTH_USER_MODEL, null=True)),
                ("leg", columns.to("allocations.bookingleg", "repairs")),
                ("organization", columns.organization()),
                ("requested_by", columns.to(settings.AUTH_USER_MODEL)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=Q(status="requested"), fields=("leg",), name="one_open_repair"
                    ),
                    models.CheckConstraint(
                        condition=Q(decided_by=None) | ~Q(decided_by=F("requested_by")),
                        name="repair_maker_is_not_checker",
                    ),
                    models.CheckConstraint(
                        condition=Q(status="requested", decided_by=None)
                        | Q(status__in=["approved", "refused"], decided_by__isnull=False),
                        name="repair_is_decided_by_somebody",
                    ),
                ]
            },
        ),
        migrations.CreateModel(
            name="Template",
            fields=[
                ("id", columns.number()),
                ("name", models.CharField(max_length=60)),
                ("strategy", models.CharField(max_length=32)),
                ("active", models.BooleanField(default=True)),
                ("organization", columns.to("firm.organization", index=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "name"), name="template_name_once"
                    )
                ]
            },
        ),
        migrations.CreateModel(
            name="TemplateShare",
            fields=[
                ("id", columns.number()),
                ("percent", models.DecimalField(decimal_places=4, max_digits=7)),
                ("position", models.PositiveSmallIntegerField()),
                ("account", columns.to("allocations.account", index=True)),
                (
                    "template",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="shares",
                        to="allocations.template",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("template", "account"), name="template_account_once"
                    ),
                    models.CheckConstraint(
                        condition=Q(percent__gt=0, percent__lte=100),
                        name="template_percent_sensible",
                    ),
                ]
            },
        ),
        migrations.RunSQL(LAWS, UNDO),
        migrations.RunSQL(laws.living("allocations_repair", REPAIR_TERMS), migrations.RunSQL.noop),
    ]
