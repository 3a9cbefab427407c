"""A second person for lists and mandates, one kind of list, and births that skip no person."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

from oms_site.journal import columns, laws

# What was restricted without versions becomes a list; what was in force stays so.
CARRY_OVER = """
INSERT INTO controls_controllist (organization_id, name, version, kind, cusips, issuers, accounts,
    reason, created_at)
SELECT r.organization_id, r.list_name, 1 + coalesce(max(l.version), 0), 'restricted',
    array_agg(DISTINCT upper(trim(r.cusip)))::varchar(9)[], '{}', '{}',
    left(coalesce(string_agg(DISTINCT nullif(r.reason, ''), ' '), ''), 200), now()
FROM controls_restrictedinstrument r LEFT JOIN controls_controllist l
    ON l.organization_id = r.organization_id AND l.name = r.list_name
WHERE NOT EXISTS (SELECT 1 FROM controls_controllist k WHERE k.organization_id = r.organization_id
    AND k.name = r.list_name)
GROUP BY r.organization_id, r.list_name;

INSERT INTO controls_controllist (organization_id, name, version, kind, cusips, issuers, accounts,
    reason, created_at)
SELECT r.organization_id, left('unversioned ' || r.list_name, 40), 1, 'restricted',
    array_agg(DISTINCT upper(trim(r.cusip)))::varchar(9)[], '{}', '{}', 'of a list of this name',
    now()
FROM controls_restrictedinstrument r
WHERE EXISTS (SELECT 1 FROM controls_controllist k WHERE k.organization_id = r.organization_id
    AND k.name = r.list_name AND NOT (upper(trim(r.cusip)) = ANY(k.cusips)))
GROUP BY r.organization_id, r.list_name;

INSERT INTO controls_listingdecision (organization_id, control_list_id, approve, decided_at, reason)
SELECT organization_id, id, true, created_at, 'was in force before' FROM controls_controllist;
INSERT INTO controls_listingdecision (organization_id, mandate_id, approve, decided_at, reason)
SELECT organization_id, id, true, created_at, 'was in force before' FROM controls_mandate;
SET CONSTRAINTS ALL IMMEDIATE;
"""

LISTS = """
CREATE FUNCTION controls_listing_decided() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE author bigint; house varchar; number integer; newer boolean;
BEGIN
    IF NEW.control_list_id IS NOT NULL THEN
        SELECT l.created_by_id, l.organization_id, l.version, EXISTS (
            SELECT 1 FROM controls_controllist o JOIN controls_listingdecision d
                ON d.control_list_id = o.id AND d.approve
            WHERE o.organization_id = l.organization_id AND o.name = l.name
                AND o.version > l.version)
        INTO author, house, number, newer FROM controls_controllist l
        WHERE l.id = NEW.control_list_id;
    ELSE
        SELECT m.created_by_id, m.organization_id, m.version, EXISTS (
            SELECT 1 FROM controls_mandate o JOIN controls_listingdecision d
                ON d.mandate_id = o.id AND d.approve
            WHERE o.account_id = m.account_id AND o.version > m.version)
        INTO author, house, number, newer FROM controls_mandate m WHERE m.id = NEW.mandate_id;
    END IF;
    IF number IS NULL OR house <> NEW.organization_id OR NEW.decided_by_id IS NULL
        OR NOT firm_belongs(NEW.decided_by_id, house) THEN
        PERFORM controls_refuse('somebody of the organization decides about a list');
    END IF;
    IF NEW.approve AND (author IS NULL OR author = NEW.decided_by_id) THEN
        PERFORM controls_refuse('a second person approves a list');
    END IF;
    IF NEW.approve AND newer THEN
        PERFORM controls_refuse('a newer version is in force');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER controls_listingdecision_second BEFORE INSERT ON controls_listingdecision
    FOR EACH ROW EXECUTE FUNCTION controls_listing_decided();
"""
UNDO_LISTS = """
DROP TRIGGER controls_listingdecision_second ON controls_listingdecision;
DROP FUNCTION controls_listing_decided();
"""

_BIRTH = """
CREATE OR REPLACE FUNCTION controls_birth() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    %s
    IF NOT NEW.regulatory AND EXISTS (
        SELECT 1 FROM controls_control WHERE organization_id = NEW.organization_id
            AND code = NEW.code AND regulatory AND (approved_by_id IS NOT NULL OR origin = 'system')
    ) THEN
        PERFORM controls_refuse('a regulatory control stays regulatory');
    END IF;
    IF EXISTS (SELECT 1 FROM unnest(NEW.assigned_to) AS target
               WHERE NOT controls_is_below(target, NEW.organization_id)) THEN
        PERFORM controls_refuse('it is assigned to an organization that is no child');
    END IF;
    RETURN NEW;
END $$;
"""
# The kill switch is the house's own: nobody has to put it in force, and it is nothing else.
DRAFTS_ONLY = (
    _BIRTH
    % """IF NEW.origin = 'system' THEN
        IF NEW.rule_class <> 'halt.standing' OR NEW.status <> 'active' OR NEW.pending <> ''
            OR NEW.remediation <> 'reject' OR NEW.params <> '{}' OR NEW.slice <> '{}'
            OR NEW.asset_classes <> '{}' OR NEW.assigned_to <> '{}'
            OR NEW.effective_from IS NOT NULL OR NEW.effective_until IS NOT NULL
            OR NEW.approved_by_id IS NOT NULL OR NEW.ends_at IS NOT NULL THEN
            PERFORM controls_refuse('nobody but the kill switch comes with the house');
        END IF;
    ELSIF NEW.status <> 'draft' OR NEW.pending <> '' OR NEW.approved_by_id IS NOT NULL
        OR NEW.approved_at IS NOT NULL OR NEW.requested_by_id IS NOT NULL
        OR NEW.decided_by_id IS NOT NULL OR NEW.superseded_by_id IS NOT NULL
        OR NEW.ends_at IS NOT NULL THEN
        PERFORM controls_refuse('a control starts as a draft');
    END IF;"""
)
BEFORE = (
    _BIRTH
    % """IF NEW.status <> 'draft' AND NEW.origin <> 'system' THEN
        PERFORM controls_refuse('a control starts as a draft');
    END IF;"""
)

REVIEWS = """
CREATE TRIGGER controls_review_birth BEFORE INSERT ON controls_review FOR EACH ROW
    WHEN (NEW.status IN ('approved', 'rejected') OR NEW.decided_by_id IS NOT NULL
        OR NEW.decision_id <> '' OR NEW.approvals <> 0)
    EXECUTE FUNCTION oms_refuse('nobody decides a review before it is opened');
CREATE FUNCTION controls_review_counts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.approvals > (SELECT count(*) FROM controls_reviewvote
            WHERE review_id = NEW.id AND approve) THEN
        RAISE EXCEPTION 'UPDATE on controls_review is refused: it counts votes that are not there'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER controls_review_counted AFTER UPDATE ON controls_review FOR EACH ROW
    WHEN (NEW.approvals IS DISTINCT FROM OLD.approvals)
    EXECUTE FUNCTION controls_review_counts();
"""
UNDO_REVIEWS = """
DROP TRIGGER controls_review_counted ON controls_review;
DROP FUNCTION controls_review_counts();
DROP TRIGGER controls_review_birth ON controls_review;
"""


def _about(name):
    return columns.one(f"controls.{name}", "decision", null=True)


class Migration(migrations.Migration):
    dependencies = [
        ("controls", "0008_halt_scopes"),
        ("firm", "0003_policies"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: list[migrations.operations.base.Operation] = [
        migrations.CreateModel(
            name="ListingDecision",
            fields=[
                ("id", columns.number()),
                ("approve", models.BooleanField()),
                ("decided_at", models.DateTimeField()),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("control_list", _about("controllist")),
                (
                    "decided_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("mandate", _about("mandate")),
                ("organization", columns.to("firm.organization")),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(control_list__isnull=False, mandate=None)
                        | Q(control_list=None, mandate__isnull=False),
                        name="decision_about_one_thing",
                    )
                ],
            },
        ),
        migrations.RunSQL(CARRY_OVER, migrations.RunSQL.noop),
        migrations.DeleteModel(name="RestrictedInstrument"),
        migrations.RunSQL(LISTS, UNDO_LISTS),
        migrations.RunSQL(
            [
                *laws.append_only("controls_listingdecision"),
                laws.reference("controls_listingdecision"),
            ],
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(DRAFTS_ONLY, BEFORE),
        migrations.RunSQL(REVIEWS, UNDO_REVIEWS),
    ]
