"""Screenings are facts, reviews keep their terms, a review belongs to a flagged screening."""

from django.db import migrations

from oms_site.journal import laws

TERMS = {
    "controls_review": [
        "id",
        "organization_id",
        "subject",
        "subject_version",
        "screening_id",
        "failed_controls",
        "maker_id",
        "opened_at",
        "deadline_at",
    ],
}

REVIEWS_A_FLAGGED_SCREENING = """
ALTER TABLE controls_review ADD COLUMN reviewed_outcome varchar(8)
    GENERATED ALWAYS AS ('flagged'::varchar(8)) STORED;
ALTER TABLE controls_review ADD CONSTRAINT review_of_that_flagged_screening
    FOREIGN KEY (screening_id, subject, subject_version, reviewed_outcome)
    REFERENCES controls_screening (id, subject, subject_version, outcome);
CREATE TRIGGER controls_review_decided_once BEFORE UPDATE ON controls_review FOR EACH ROW
    WHEN (OLD.status <> 'open') EXECUTE FUNCTION oms_refuse('it is decided once');
"""


class Migration(migrations.Migration):
    dependencies = [("controls", "0001_initial"), ("journal", "0002_laws")]
    operations = [
        migrations.RunSQL(REVIEWS_A_FLAGGED_SCREENING, migrations.RunSQL.noop),
        migrations.RunSQL(
            [
                *[sql for table, terms in TERMS.items() for sql in laws.living(table, terms)],
                *laws.append_only("controls_screening"),
            ],
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            [laws.reference(f"controls_{name}") for name in ("control", "restrictedinstrument")],
            migrations.RunSQL.noop,
        ),
    ]
