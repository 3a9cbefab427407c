"""Halts of the whole house, breakers that two persons release, and a generation of their own."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

from oms_site.journal import columns, laws

STANDING = ["confirmed_flat", "draining", "engaged", "release_requested"]
# Only the upper part of the number moves: what is no halt need not be read again.
OWN_GENERATION = """
CREATE SEQUENCE oms_halt_generation MAXVALUE 4194303 CYCLE;
CREATE FUNCTION oms_raise_halt_generation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO firm_generation (id, number) VALUES (1, nextval('oms_halt_generation') << 40)
        ON CONFLICT (id) DO UPDATE SET number =
            (firm_generation.number & ((1::bigint << 40) - 1)) | excluded.number;
    RETURN NULL;
END $$;
DROP TRIGGER controls_halt_generation ON controls_halt;
CREATE TRIGGER controls_halt_generation AFTER INSERT OR UPDATE OF status OR DELETE OR TRUNCATE
    ON controls_halt FOR EACH STATEMENT EXECUTE FUNCTION oms_raise_halt_generation();
"""
SHARED_GENERATION = """
DROP TRIGGER controls_halt_generation ON controls_halt;
DROP FUNCTION oms_raise_halt_generation();
DROP SEQUENCE oms_halt_generation;
""" + laws.reference("controls_halt", ["status"])
# Who belongs to a desk is reference data like the people themselves.
DESKS = [laws.reference("firm_user_groups"), laws.reference("auth_group")]
NO_DESKS = [
    "DROP TRIGGER firm_user_groups_generation ON firm_user_groups",
    "DROP TRIGGER auth_group_generation ON auth_group",
]
CONFIRMED = """
DROP TRIGGER controls_halt_confirmed ON controls_halt;
CREATE TRIGGER controls_halt_confirmed BEFORE UPDATE ON controls_halt FOR EACH ROW
    WHEN (NEW.status = 'released' AND OLD.status <> 'release_requested'
        AND OLD.kind IN ({kinds}))
    EXECUTE FUNCTION oms_refuse('a release is requested first');
"""


def _released_by(kinds: list[str]) -> models.CheckConstraint:
    return models.CheckConstraint(
        condition=~Q(status="released", kind__in=tuple(kinds)) | Q(released_by__isnull=False),
        name="halt_released_by_a_person",
    )


class Migration(migrations.Migration):
    dependencies = [
        ("controls", "0007_exact_numbers"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("firm", "0001_initial"),
        ("venues", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            "halt",
            "kind",
            models.CharField(
                choices=[
                    ("kill_switch", "Kill Switch"),
                    ("circuit_breaker", "Circuit Breaker"),
                    ("capacity", "Capacity"),
                    ("regulatory", "Regulatory"),
                ],
                max_length=16,
            ),
        ),
        migrations.RemoveConstraint("halt", "one_standing_halt"),
        migrations.AddConstraint(
            "halt",
            models.UniqueConstraint(
                fields=["organization", "kind", "scope", "target", "imposed"],
                name="one_standing_halt",
                condition=Q(status__in=STANDING),
            ),
        ),
        migrations.RemoveConstraint("halt", "kill_switch_released_by_a_person"),
        migrations.AddConstraint("halt", _released_by(["kill_switch", "circuit_breaker"])),
        migrations.RunSQL(
            CONFIRMED.format(kinds="'kill_switch', 'circuit_breaker'"),
            CONFIRMED.format(kinds="'kill_switch'"),
        ),
        migrations.RunSQL(OWN_GENERATION, SHARED_GENERATION),
        migrations.RunSQL(DESKS, NO_DESKS),
        migrations.CreateModel(
            name="Breaker",
            fields=[
                ("id", columns.number()),
                ("name", models.CharField(max_length=60)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("price_move", "Price Move"),
                            ("imbalance", "Imbalance"),
                            ("capacity", "Capacity"),
                        ],
                        max_length=12,
                    ),
                ),
                ("cusip", models.CharField(blank=True, max_length=9)),
                (
                    "percent",
                    models.DecimalField(blank=True, decimal_places=4, max_digits=7, null=True),
                ),
                ("window_s", models.PositiveIntegerField(default=300)),
                ("most", models.PositiveIntegerField(blank=True, null=True)),
                (
                    "mode",
                    models.CharField(
                        choices=[("halt", "Halt"), ("reducing", "Reducing")],
                        default="halt",
                        max_length=10,
                    ),
                ),
                ("cancels", models.BooleanField(default=False)),
                ("active", models.BooleanField(default=True)),
                ("organization", columns.to("firm.organization")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "name"), name="breaker_name_once"
                    ),
                    models.CheckConstraint(
                        condition=(Q(kind="capacity") & Q(most__isnull=False) & Q(most__gt=0))
                        | (~Q(kind="capacity") & Q(percent__isnull=False) & Q(percent__gt=0)),
                        name="breaker_has_its_number",
                    ),
                    models.CheckConstraint(
                        condition=Q(window_s__gte=1) & Q(window_s__lte=3600),
                        name="breaker_window",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PriceMark",
            fields=[
                ("id", columns.number()),
                ("at", models.DateTimeField(db_index=True)),
                ("price", columns.price()),
                (
                    "instrument",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="venues.instrument",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("instrument", "at"), name="price_mark_once")
                ],
            },
        ),
    ]
