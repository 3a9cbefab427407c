"""Clients' ids once for ever, matching services, movements by update, how long files are kept."""

from __future__ import annotations

from django.db import migrations, models

from allocations.migrations import _client_ids
from oms_site.journal import columns, laws

_CONFIRM_TERMS = """
CREATE TRIGGER allocations_tradeconfirm_terms_0011 BEFORE UPDATE OF service_id, counterparty
    ON allocations_tradeconfirm FOR EACH ROW EXECUTE FUNCTION oms_refuse('its terms never change');
"""


def _days() -> models.PositiveSmallIntegerField[int, int]:
    return models.PositiveSmallIntegerField(
        blank=True,
        help_text="files with it are removed after so many days; none: never",
        null=True,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("allocations", "0010_custodian_statements"),
        ("firm", "0005_founders"),
    ]

    operations = [
        migrations.CreateModel(
            name="ClientAllocationId",
            fields=[
                ("id", columns.number()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("client_allocation_id", "Allocation"),
                            ("client_account_allocation_id", "Account"),
                        ],
                        max_length=28,
                    ),
                ),
                ("client_id", models.CharField(max_length=80)),
                ("order_id", models.CharField(db_index=True, max_length=40)),
                ("account_id", models.CharField(blank=True, max_length=40)),
                ("organization", columns.organization()),
            ],
            options={
                "verbose_name": "client's allocation id",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "kind", "client_id"),
                        name="client_id_of_an_allocation_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="MatchingService",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=80)),
                ("adapter", models.CharField(max_length=20)),
                ("active", models.BooleanField(default=True)),
                ("keep_files_days", _days()),
            ],
        ),
        migrations.CreateModel(
            name="MatchingRoute",
            fields=[
                ("id", columns.number()),
                ("name", models.CharField(max_length=60)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("counterparty", models.CharField(blank=True, max_length=40)),
                ("asset_class", models.CharField(blank=True, max_length=12)),
                ("active", models.BooleanField(default=True)),
                ("custodian", columns.to("allocations.custodian", index=True, null=True)),
                ("organization", columns.to("firm.organization", index=True)),
                ("service", columns.to("allocations.matchingservice", index=True, null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "name"), name="matching_route_name_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="MatchingMessage",
            fields=[
                ("id", columns.number()),
                ("seq", models.BigIntegerField()),
                ("body", models.TextField()),
                ("received_at", models.DateTimeField()),
                ("applied_at", models.DateTimeField(blank=True, null=True)),
                ("verdict", models.CharField(blank=True, max_length=16)),
                ("note", models.CharField(blank=True, max_length=200)),
                ("service", columns.to("allocations.matchingservice", constraint=False)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("service", "seq"), name="matching_message_once")
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(("applied_at", None)),
                        fields=["service", "seq"],
                        name="matching_unapplied",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("verdict__in", ["unknown", "unreadable", "not_theirs"])
                        ),
                        fields=["received_at"],
                        name="matching_unaccounted",
                    ),
                ],
            },
        ),
        migrations.AddField(
            "tradeconfirm",
            "service",
            columns.to("allocations.matchingservice", constraint=False, null=True),
        ),
        migrations.AddField(
            "tradeconfirm", "counterparty", models.CharField(blank=True, default="", max_length=40)
        ),
        migrations.AddField("custodian", "keep_files_days", _days()),
        migrations.AddIndex(
            "movement", models.Index(fields=["update_id"], name="movement_of_update")
        ),
        migrations.RunSQL(
            [
                *[laws.reference(f"allocations_matching{name}") for name in ("service", "route")],
                laws.kept("allocations_matchingservice"),
                laws.DROP_PATTERN_INDEXES,
            ],
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            _CONFIRM_TERMS,
            "DROP TRIGGER allocations_tradeconfirm_terms_0011 ON allocations_tradeconfirm;",
        ),
        migrations.RunSQL(_client_ids.MAKE, _client_ids.UNDO),
    ]
