"""Claims, several approvers and decisions per failed control."""

from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

from oms_site.journal import columns, laws

LAWS = """
ALTER TABLE controls_reviewvote ADD CONSTRAINT vote_of_that_maker_and_version
    FOREIGN KEY (review_id, maker_id, subject_version)
    REFERENCES controls_review (id, maker_id, subject_version);

CREATE FUNCTION controls_review_is_voted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE given integer;
BEGIN
    SELECT count(*) INTO given FROM controls_reviewvote
        WHERE review_id = NEW.id AND approve = (NEW.status = 'approved');
    IF given < (CASE WHEN NEW.status = 'approved' THEN NEW.approvals_required ELSE 1 END) THEN
        RAISE EXCEPTION 'UPDATE on controls_review is refused: it lacks its votes'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM controls_reviewvote WHERE review_id = NEW.id
            AND id = NEW.decision_id AND decided_by_id = NEW.decided_by_id
            AND approve = (NEW.status = 'approved')) THEN
        RAISE EXCEPTION 'UPDATE on controls_review is refused: its decider has not voted so'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER controls_review_voted AFTER UPDATE ON controls_review FOR EACH ROW
    WHEN (OLD.status = 'open' AND NEW.status IN ('approved', 'rejected'))
    EXECUTE FUNCTION controls_review_is_voted();

CREATE FUNCTION controls_vote_is_in_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM controls_review WHERE id = NEW.review_id AND status = 'open') THEN
        RAISE EXCEPTION 'INSERT on controls_reviewvote is refused: the review is closed'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER controls_reviewvote_open BEFORE INSERT ON controls_reviewvote
    FOR EACH ROW EXECUTE FUNCTION controls_vote_is_in_time();
"""
UNDO = """
DROP TRIGGER controls_review_voted ON controls_review;
DROP FUNCTION controls_review_is_voted();
DROP TRIGGER controls_reviewvote_open ON controls_reviewvote;
DROP FUNCTION controls_vote_is_in_time();
ALTER TABLE controls_reviewvote DROP CONSTRAINT vote_of_that_maker_and_version;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("controls", "0004_exposure"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            "review", "approvals_required", models.PositiveSmallIntegerField(default=1)
        ),
        migrations.AddField("review", "approvals", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField(
            "review", "claimed_by", columns.to(settings.AUTH_USER_MODEL, null=True)
        ),
        migrations.AddField("review", "claimed_until", models.DateTimeField(blank=True, null=True)),
        migrations.AddConstraint(
            "review",
            models.UniqueConstraint(
                fields=["id", "maker", "subject_version"], name="review_of_maker_and_version"
            ),
        ),
        migrations.CreateModel(
            name="ReviewVote",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("subject_version", models.PositiveSmallIntegerField()),
                ("approve", models.BooleanField()),
                ("client_decision_id", models.CharField(blank=True, max_length=80)),
                ("annotation", models.TextField()),
                ("decided_at", models.DateTimeField()),
                ("decided_by", columns.to(settings.AUTH_USER_MODEL)),
                ("maker", columns.to(settings.AUTH_USER_MODEL)),
                ("organization", columns.organization()),
                ("review", columns.to("controls.review", "votes", index=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["review", "decided_by"], name="one_vote_per_person"
                    ),
                    models.CheckConstraint(
                        condition=~Q(decided_by=F("maker")), name="maker_does_not_vote"
                    ),
                ]
            },
        ),
        migrations.CreateModel(
            name="ReviewDecision",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("control_id", models.CharField(max_length=60)),
                ("control_version", models.PositiveIntegerField()),
                ("remediation", models.CharField(max_length=8)),
                ("override", models.BooleanField()),
                ("reason_code", models.CharField(max_length=24)),
                ("annotation", models.TextField(blank=True)),
                ("limit_text", models.CharField(blank=True, max_length=80)),
                ("actual_text", models.CharField(blank=True, max_length=80)),
                ("organization", columns.organization()),
                ("vote", columns.to("controls.reviewvote", "decisions", index=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["vote", "control_id"], name="one_reason_per_control"
                    ),
                    models.CheckConstraint(
                        condition=Q(override=False) | Q(remediation="flag"),
                        name="only_flags_overridden",
                    ),
                ]
            },
        ),
        migrations.RunSQL(LAWS, UNDO),
        migrations.RunSQL(
            [
                *laws.append_only("controls_reviewvote"),
                *laws.append_only("controls_reviewdecision"),
                "CREATE TRIGGER controls_review_size BEFORE UPDATE OF approvals_required "
                "ON controls_review FOR EACH ROW "
                "EXECUTE FUNCTION oms_refuse('its terms never change');",
            ],
            "DROP TRIGGER controls_review_size ON controls_review;",
        ),
    ]
