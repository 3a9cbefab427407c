"""Kill switches and trading halts."""

from django.conf import settings
from django.db import migrations, models

from oms_site.journal import columns, laws

TERMS = [
    "id",
    "organization_id",
    "engagement_id",
    "kind",
    "scope",
    "target",
    "target_name",
    "target_user_id",
    "mode",
    "cancels",
    "imposed",
    "source",
    "trigger",
    "reason",
    "engaged_by_id",
    "engaged_at",
]
# What is released stays so, and who asked cannot be replaced by another name afterwards.
ONE_WAY = """
CREATE TRIGGER controls_halt_released BEFORE UPDATE ON controls_halt FOR EACH ROW
    WHEN (OLD.status = 'released') EXECUTE FUNCTION oms_refuse('it is released once');
CREATE TRIGGER controls_halt_requester BEFORE UPDATE ON controls_halt FOR EACH ROW
    WHEN (OLD.release_requested_by_id IS NOT NULL
        AND NEW.release_requested_by_id IS DISTINCT FROM OLD.release_requested_by_id)
    EXECUTE FUNCTION oms_refuse('a request keeps its name');
CREATE TRIGGER controls_halt_confirmed BEFORE UPDATE ON controls_halt FOR EACH ROW
    WHEN (NEW.status = 'released' AND OLD.status <> 'release_requested'
        AND OLD.kind = 'kill_switch')
    EXECUTE FUNCTION oms_refuse('a release is requested first');
CREATE TRIGGER controls_halt_flat_first BEFORE UPDATE ON controls_halt FOR EACH ROW
    WHEN (NEW.status = 'release_requested' AND OLD.cancels AND OLD.status <> 'confirmed_flat'
        AND OLD.status <> 'release_requested')
    EXECUTE FUNCTION oms_refuse('it is given back only once it is flat');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("controls", "0005_review_desk"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Halt",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("engagement_id", models.CharField(max_length=40)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("kill_switch", "Kill Switch"),
                            ("circuit_breaker", "Circuit Breaker"),
                            ("regulatory", "Regulatory"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("all", "All"),
                            ("organization", "Organization"),
                            ("desk", "Desk"),
                            ("account", "Account"),
                            ("trader", "Trader"),
                            ("api_key", "Api Key"),
                            ("strategy", "Strategy"),
                            ("venue", "Venue"),
                            ("instrument", "Instrument"),
                        ],
                        max_length=12,
                    ),
                ),
                ("target", models.CharField(blank=True, max_length=64)),
                ("target_name", models.CharField(max_length=160)),
                (
                    "mode",
                    models.CharField(
                        choices=[("halt", "Halt"), ("reducing", "Reducing")], max_length=10
                    ),
                ),
                ("cancels", models.BooleanField()),
                ("imposed", models.BooleanField(default=False)),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("admin", "Admin"),
                            ("automatic", "Automatic"),
                            ("exchange_directive", "Directive"),
                        ],
                        max_length=20,
                    ),
                ),
                ("trigger", models.CharField(blank=True, max_length=80)),
                ("reason", models.CharField(max_length=500)),
                ("engaged_at", models.DateTimeField()),
                (
                    "status",
                    models.CharField(default="disengaged", max_length=18),
                ),
                ("draining_at", models.DateTimeField(blank=True, null=True)),
                ("flat_at", models.DateTimeField(blank=True, null=True)),
                ("release_requested_at", models.DateTimeField(blank=True, null=True)),
                ("release_reason", models.CharField(blank=True, max_length=500)),
                ("released_at", models.DateTimeField(blank=True, null=True)),
                ("engaged_by", columns.to(settings.AUTH_USER_MODEL, null=True)),
                ("organization", columns.organization()),
                ("release_requested_by", columns.to(settings.AUTH_USER_MODEL, null=True)),
                ("released_by", columns.to(settings.AUTH_USER_MODEL, null=True)),
                ("target_user", columns.to(settings.AUTH_USER_MODEL, null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization", "engaged_at"], name="halt_log"),
                    models.Index(fields=["engagement_id"], name="halt_of_engagement"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "disengaged",
                                    "engaged",
                                    "draining",
                                    "confirmed_flat",
                                    "release_requested",
                                    "released",
                                ],
                            )
                        ),
                        name="halt_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("released_by", None),
                            models.Q(
                                ("release_requested_by__isnull", False),
                                models.Q(
                                    ("released_by", models.F("release_requested_by")), _negated=True
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="two_persons_release",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("kind", "kill_switch"), ("status", "released"), _negated=True
                            ),
                            ("released_by__isnull", False),
                            _connector="OR",
                        ),
                        name="kill_switch_released_by_a_person",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "release_requested"), _negated=True),
                            ("release_requested_by__isnull", False),
                            _connector="OR",
                        ),
                        name="release_has_a_requester",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("source", "admin"), _negated=True),
                            ("engaged_by__isnull", False),
                            _connector="OR",
                        ),
                        name="a_person_engaged_it",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True), name="halt_has_a_reason"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                ["confirmed_flat", "draining", "engaged", "release_requested"],
                            )
                        ),
                        fields=("organization", "kind", "scope", "target"),
                        name="one_standing_halt",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            [
                *laws.living("controls_halt", TERMS),
                laws.reference("controls_halt", ["status"]),
                ONE_WAY,
            ],
            # The triggers go with their table.
            migrations.RunSQL.noop,
        ),
    ]
