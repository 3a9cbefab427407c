"""Capabilities of venues, their names of instruments; none is active without a certification."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q

import venues.models.venue
from oms_site.journal import columns, laws

# What a certification is about. Names, fees and hours may change without a new one.
CERTIFIED = (
    "gateway",
    "protocols",
    "asset_classes",
    "ord_types",
    "times_in_force",
    "amends",
    "min_qty",
    "max_qty",
    "qty_increment",
    "template",
)
# A venue's heartbeat columns change every second and are nobody's reference data.
VENUE_TERMS = ["id", "name", "mpid", "preference", "status", "opens_at", "closes_at", "cutoff_at"]

_PAIRS = ", ".join(f"'{name}', v.{name}" for name in CERTIFIED)
CONFIGURATION = f"""
CREATE FUNCTION venues_configuration(v venues_venue) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT md5(jsonb_build_object({_PAIRS})::text)
$$;
"""
ACTIVATION = f"""
CREATE FUNCTION venues_only_certified() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status = 'active' AND (
        SELECT c.passed FROM venues_certification c
        WHERE c.venue_id = NEW.id AND c.configuration = venues_configuration(NEW)
        ORDER BY c.id DESC LIMIT 1
    ) IS NOT TRUE THEN
        RAISE EXCEPTION 'venue % is refused: its configuration has not passed a certification',
            NEW.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER venues_venue_certified
    BEFORE INSERT OR UPDATE OF status, {", ".join(CERTIFIED)} ON venues_venue
    FOR EACH ROW EXECUTE FUNCTION venues_only_certified();
"""
# What was at work before is taken as it is: it has proved itself, and says on whose word.
GRANDFATHERED = """
UPDATE venues_venue SET protocols = '{rfq}' WHERE ord_types = '{rfq}';
INSERT INTO venues_certification
    (venue_id, configuration, passed, findings, began_at, ended_at, by)
SELECT id, venues_configuration(v), true, '[]', now(), now(), 'active before certifications'
FROM venues_venue v WHERE status = 'active';
"""


def _venue(name: str, field: models.Field[object, object]) -> migrations.AddField:
    return migrations.AddField(model_name="venue", name=name, field=field)


def _words(size: int, default: object) -> django.contrib.postgres.fields.ArrayField:
    return django.contrib.postgres.fields.ArrayField(
        base_field=models.CharField(max_length=size), blank=True, default=default, size=None
    )


def _part_of(to: str, name: str = "+") -> models.ForeignKey:
    return models.ForeignKey(on_delete=models.CASCADE, related_name=name, to=to)


class Migration(migrations.Migration):
    dependencies = [("venues", "0004_market_data")]

    operations: list[migrations.operations.base.Operation] = [
        migrations.CreateModel(
            name="Certification",
            fields=[
                ("id", columns.number()),
                ("configuration", models.CharField(max_length=32)),
                ("passed", models.BooleanField()),
                ("findings", models.JSONField(default=list)),
                ("began_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField()),
                ("by", models.CharField(max_length=80)),
                ("venue", columns.to("venues.venue", "certifications", index=True)),
            ],
            options={
                "indexes": [models.Index(fields=["venue", "-id"], name="certification_latest")]
            },
        ),
        migrations.CreateModel(
            name="VenueSymbol",
            fields=[
                ("id", columns.number()),
                ("symbol", models.CharField(max_length=40)),
                ("venue", _part_of("venues.venue", "symbols")),
                ("instrument", _part_of("venues.instrument")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("venue", "instrument"), name="venue_symbol_once"
                    ),
                    models.UniqueConstraint(
                        fields=("venue", "symbol"), name="venue_symbol_one_meaning"
                    ),
                ]
            },
        ),
        _venue("protocols", _words(20, venues.models.venue.default_protocols)),
        _venue("times_in_force", _words(8, list)),
        _venue(
            "amends",
            models.CharField(
                choices=[
                    ("replace", "replaces orders (G)"),
                    ("cancel_new", "cancels and takes a new order"),
                ],
                default="replace",
                max_length=10,
            ),
        ),
        _venue("min_qty", columns.qty(null=True)),
        _venue("max_qty", columns.qty(null=True)),
        _venue("qty_increment", columns.qty(null=True)),
        _venue("opens_at", models.TimeField(blank=True, null=True)),
        _venue("closes_at", models.TimeField(blank=True, null=True)),
        _venue("cutoff_at", models.TimeField(blank=True, null=True)),
        _venue("template", models.JSONField(blank=True, default=dict)),
        migrations.AlterField(
            model_name="venue",
            name="status",
            field=models.CharField(
                choices=[
                    ("testing", "Testing"),
                    ("active", "Active"),
                    ("suspended", "Suspended"),
                ],
                default="testing",
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="venue",
            constraint=models.CheckConstraint(
                condition=(Q(min_qty=None) | Q(min_qty__gt=0))
                & (Q(qty_increment=None) | Q(qty_increment__gt=0))
                & (Q(max_qty=None) | Q(max_qty__gt=0))
                & (Q(min_qty=None) | Q(max_qty=None) | Q(min_qty__lte=F("max_qty"))),
                name="venue_sizes_make_sense",
            ),
        ),
        migrations.AddConstraint(
            model_name="venue",
            constraint=models.CheckConstraint(
                condition=(Q(opens_at=None) & Q(closes_at=None))
                | (
                    Q(opens_at__isnull=False)
                    & Q(closes_at__isnull=False)
                    & Q(opens_at__lt=F("closes_at"))
                ),
                name="venue_opens_before_it_closes",
            ),
        ),
        migrations.RunSQL(
            [
                "DROP TRIGGER venues_venue_generation ON venues_venue;",
                laws.reference("venues_venue", [*VENUE_TERMS, *CERTIFIED]),
                laws.reference("venues_venuesymbol"),
                laws.reference("venues_certification"),
                CONFIGURATION,
                GRANDFATHERED,
                *laws.append_only("venues_certification"),
                ACTIVATION,
            ],
            [
                "DROP TRIGGER venues_venue_certified ON venues_venue;",
                "DROP FUNCTION venues_only_certified();",
                "DROP FUNCTION venues_configuration(venues_venue);",
                "DROP TRIGGER venues_venue_generation ON venues_venue;",
                laws.reference(
                    "venues_venue",
                    [*VENUE_TERMS[:5], "gateway", "asset_classes", "ord_types"],
                ),
            ],
        ),
    ]
