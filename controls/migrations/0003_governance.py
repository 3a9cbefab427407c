"""Versions of controls, their slices and the second pair of eyes."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

from oms_site.journal import columns, laws

# What a version states, for ever.
CONTENT = [
    *("organization_id", "code", "version", "name", "type", "rule_class", "params", "remediation"),
    *("regulatory", "asset_classes", "slice", "assigned_to", "effective_from", "effective_until"),
    *("citation", "message", "origin", "reason", "created_at", "created_by_id"),
]
_DIFFERS = " OR ".join(f'OLD."{name}" IS DISTINCT FROM NEW."{name}"' for name in CONTENT)

LAWS = f"""
CREATE TRIGGER controls_control_content BEFORE UPDATE ON controls_control FOR EACH ROW
    WHEN ({_DIFFERS}) EXECUTE FUNCTION oms_refuse('a version never changes: make the next one');

CREATE FUNCTION controls_is_below(child varchar, ancestor varchar) RETURNS boolean
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE up(id, parent_id, depth) AS (
        SELECT id, parent_id, 0 FROM firm_organization WHERE id = child
        UNION ALL
        SELECT o.id, o.parent_id, up.depth + 1 FROM firm_organization o
            JOIN up ON o.id = up.parent_id WHERE up.depth < 20
    ) SELECT EXISTS (SELECT 1 FROM up WHERE id = ancestor)
$$;

CREATE FUNCTION controls_refuse(reason text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a change of controls_control is refused: %', reason
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION controls_birth() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> 'draft' AND NEW.origin <> 'system' THEN
        PERFORM controls_refuse('a control starts as a draft');
    END IF;
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
CREATE TRIGGER controls_control_birth BEFORE INSERT ON controls_control
    FOR EACH ROW EXECUTE FUNCTION controls_birth();

CREATE FUNCTION controls_step() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wanted text := CASE NEW.status WHEN 'suspended' THEN 'suspend' WHEN 'retired' THEN 'retire'
        ELSE 'resume' END;
BEGIN
    CASE OLD.status || '>' || NEW.status
    WHEN 'draft>pending_approval' THEN
        IF NEW.requested_by_id IS NULL OR NEW.decided_by_id IS NOT NULL THEN
            PERFORM controls_refuse('somebody must ask for the approval');
        END IF;
    WHEN 'pending_approval>draft', 'draft>retired' THEN
        NULL;
    WHEN 'pending_approval>active' THEN
        IF OLD.requested_by_id IS NULL OR NEW.requested_by_id IS DISTINCT FROM OLD.requested_by_id
            OR NEW.decided_by_id IS NULL OR NEW.decided_by_id = OLD.requested_by_id
            OR NEW.approved_by_id IS DISTINCT FROM NEW.decided_by_id THEN
            PERFORM controls_refuse('a second person must approve it');
        END IF;
    WHEN 'active>suspended', 'suspended>active', 'active>retired', 'suspended>retired' THEN
        IF NEW.status = 'retired' AND NEW.superseded_by_id IS NOT NULL THEN
            -- Its successor is looked at when the transaction ends.
            RETURN NEW;
        END IF;
        IF OLD.pending <> wanted OR OLD.requested_by_id IS NULL
            OR NEW.requested_by_id IS DISTINCT FROM OLD.requested_by_id
            OR NEW.decided_by_id IS NULL OR NEW.decided_by_id = OLD.requested_by_id THEN
            PERFORM controls_refuse('one person must ask for it and a second one approve it');
        END IF;
    ELSE
        PERFORM controls_refuse(format('it cannot go from %s to %s', OLD.status, NEW.status));
    END CASE;
    RETURN NEW;
END $$;
CREATE TRIGGER controls_control_step BEFORE UPDATE ON controls_control FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION controls_step();

-- Who approved it and what replaced it is written with the step that does so, and stays.
CREATE TRIGGER controls_control_approval BEFORE UPDATE ON controls_control FOR EACH ROW
    WHEN ((OLD.approved_by_id IS DISTINCT FROM NEW.approved_by_id
            OR OLD.approved_at IS DISTINCT FROM NEW.approved_at)
        AND NOT (OLD.status = 'pending_approval' AND NEW.status = 'active'))
    EXECUTE FUNCTION oms_refuse('an approval is the step that puts it in force');
CREATE TRIGGER controls_control_ending BEFORE UPDATE ON controls_control FOR EACH ROW
    WHEN ((OLD.superseded_by_id IS DISTINCT FROM NEW.superseded_by_id
            OR OLD.ends_at IS DISTINCT FROM NEW.ends_at)
        AND NOT (OLD.status <> 'retired' AND NEW.status = 'retired'))
    EXECUTE FUNCTION oms_refuse('what replaced it is written as it retires');

CREATE FUNCTION controls_succession() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM controls_control WHERE id = NEW.superseded_by_id
            AND organization_id = NEW.organization_id AND code = NEW.code
            AND version > NEW.version AND approved_by_id IS NOT NULL
    ) THEN
        PERFORM controls_refuse('its successor is not in force');
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER controls_control_succession AFTER UPDATE ON controls_control
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.superseded_by_id IS NOT NULL AND OLD.superseded_by_id IS NULL)
    EXECUTE FUNCTION controls_succession();

CREATE FUNCTION controls_note() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    action text;
    was text := '';
BEGIN
    IF TG_OP = 'INSERT' THEN
        action := 'create';
    ELSE
        was := OLD.status;
        action := CASE
            WHEN OLD.status = 'draft' AND NEW.status = 'pending_approval' THEN 'submit'
            WHEN OLD.status = 'pending_approval' AND NEW.status = 'draft' THEN 'reject'
            WHEN OLD.status = 'pending_approval' AND NEW.status = 'active' THEN 'approve'
            WHEN OLD.status = 'draft' AND NEW.status = 'retired' THEN 'discard'
            WHEN NEW.status <> OLD.status AND NEW.superseded_by_id IS NOT NULL THEN 'supersede'
            WHEN NEW.status = 'suspended' AND OLD.status = 'active' THEN 'suspend'
            WHEN NEW.status = 'active' AND OLD.status = 'suspended' THEN 'resume'
            WHEN NEW.status <> OLD.status THEN 'retire'
            WHEN NEW.pending <> '' THEN 'request_' || NEW.pending
            ELSE 'refuse_' || OLD.pending END;
    END IF;
    INSERT INTO controls_controlchange (control_id, organization_id, code, version, action,
        from_status, to_status, maker_id, checker_id, reason, at)
    VALUES (NEW.id, NEW.organization_id, NEW.code, NEW.version, action, was, NEW.status,
        CASE WHEN TG_OP = 'INSERT' THEN NEW.created_by_id ELSE NEW.requested_by_id END,
        NEW.decided_by_id,
        CASE WHEN TG_OP = 'INSERT' THEN NEW.reason ELSE NEW.change_reason END,
        coalesce(NEW.changed_at, NEW.created_at));
    RETURN NULL;
END $$;
CREATE TRIGGER controls_control_note_birth AFTER INSERT ON controls_control
    FOR EACH ROW EXECUTE FUNCTION controls_note();
CREATE TRIGGER controls_control_note AFTER UPDATE ON controls_control FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.pending IS DISTINCT FROM NEW.pending)
    EXECUTE FUNCTION controls_note();
"""
UNDO = """
DROP TRIGGER controls_control_content ON controls_control;
DROP TRIGGER controls_control_birth ON controls_control;
DROP TRIGGER controls_control_step ON controls_control;
DROP TRIGGER controls_control_approval ON controls_control;
DROP TRIGGER controls_control_ending ON controls_control;
DROP TRIGGER controls_control_succession ON controls_control;
DROP TRIGGER controls_control_note_birth ON controls_control;
DROP TRIGGER controls_control_note ON controls_control;
DROP TRIGGER controls_control_kept ON controls_control;
DROP FUNCTION controls_birth(); DROP FUNCTION controls_step(); DROP FUNCTION controls_note();
DROP FUNCTION controls_succession(); DROP FUNCTION controls_is_below(varchar, varchar);
DROP FUNCTION controls_refuse(text);
"""


def _person(**given):
    return models.ForeignKey(
        null=True,
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
        **given,
    )


def _added(name, field, **options):
    return migrations.AddField("control", name, field, **options)


def _checked(name, condition):
    return migrations.AddConstraint(
        "control", models.CheckConstraint(condition=condition, name=name)
    )


class Migration(migrations.Migration):
    dependencies = [
        ("controls", "0002_laws"),
        ("firm", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: list[migrations.operations.base.Operation] = [
        migrations.RemoveConstraint("control", "control_status_known"),
        _added("approved_at", models.DateTimeField(blank=True, null=True)),
        _added("approved_by", _person(blank=True)),
        _added(
            "assigned_to",
            django.contrib.postgres.fields.ArrayField(
                models.CharField(max_length=40), blank=True, default=list, size=None
            ),
        ),
        _added("change_reason", models.CharField(blank=True, max_length=500)),
        _added("changed_at", models.DateTimeField(blank=True, null=True)),
        _added("citation", models.CharField(blank=True, max_length=200)),
        _added("created_by", _person(blank=True)),
        _added("decided_by", _person(blank=True)),
        _added("effective_from", models.DateTimeField(blank=True, null=True)),
        _added("effective_until", models.DateTimeField(blank=True, null=True)),
        _added("ends_at", models.DateTimeField(blank=True, null=True)),
        _added("message", models.CharField(blank=True, max_length=300)),
        # What was there before the second pair of eyes was asked for came with the house.
        _added(
            "origin",
            models.CharField(blank=True, default="system", max_length=60),
            preserve_default=False,
        ),
        migrations.AlterField(
            "control", "origin", models.CharField(blank=True, default="", max_length=60)
        ),
        _added("pending", models.CharField(blank=True, default="", max_length=10)),
        _added("reason", models.CharField(blank=True, max_length=500)),
        _added("requested_by", _person(blank=True)),
        _added("slice", models.JSONField(blank=True, default=dict)),
        _added("superseded_by", columns.to("controls.control", null=True)),
        migrations.AlterField(
            "control",
            "remediation",
            models.CharField(
                choices=[("warn", "warn"), ("flag", "flag"), ("reject", "reject")], max_length=8
            ),
        ),
        migrations.AlterField(
            "control",
            "status",
            models.CharField(default="draft", max_length=16),
        ),
        _checked("regulatory_is_never_suspended", Q(regulatory=False) | ~Q(status="suspended")),
        _checked("remediation_known", Q(remediation__in=["warn", "flag", "reject"])),
        _checked(
            "control_status_known",
            Q(status__in=["draft", "pending_approval", "active", "suspended", "retired"]),
        ),
        _checked(
            "control_pending_fits",
            Q(status="pending_approval", pending="activate")
            | (~Q(status="pending_approval") & Q(pending__in=["", "suspend", "resume", "retire"])),
        ),
        _checked("author_is_not_approver", Q(approved_by=None) | ~Q(approved_by=F("created_by"))),
        _checked(
            "control_maker_is_not_checker", Q(decided_by=None) | ~Q(decided_by=F("requested_by"))
        ),
        _checked(
            "in_force_has_an_approver",
            ~Q(status__in=["active", "suspended"])
            | Q(origin="system")
            | (Q(approved_by__isnull=False) & Q(approved_at__isnull=False)),
        ),
        _checked(
            "effective_from_before_until",
            Q(effective_from=None)
            | Q(effective_until=None)
            | Q(effective_until__gt=F("effective_from")),
        ),
        migrations.CreateModel(
            name="ControlChange",
            fields=[
                ("id", columns.number()),
                ("code", models.CharField(max_length=60)),
                ("version", models.PositiveIntegerField()),
                ("action", models.CharField(max_length=20)),
                ("from_status", models.CharField(blank=True, max_length=16)),
                ("to_status", models.CharField(max_length=16)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("at", models.DateTimeField()),
                ("control", columns.to("controls.control", "changes", index=True)),
                ("organization", columns.to("firm.organization", index=True)),
                ("maker", _person()),
                ("checker", _person()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization", "code", "id"], name="change_of_control"),
                    models.Index(fields=["organization", "at"], name="change_by_time"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(checker=None) | ~Q(checker=F("maker")),
                        name="change_maker_is_not_checker",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Simulation",
            fields=[
                ("id", columns.number()),
                ("fingerprint", models.CharField(max_length=64)),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("tickets", models.PositiveIntegerField()),
                ("complete", models.BooleanField()),
                ("report", models.JSONField()),
                ("made_at", models.DateTimeField()),
                ("control", columns.to("controls.control", "simulations", index=True)),
                ("made_by", _person()),
            ],
        ),
        migrations.RunSQL([LAWS, laws.kept("controls_control")], UNDO),
        migrations.RunSQL(
            [
                *laws.append_only("controls_controlchange"),
                *laws.append_only("controls_simulation"),
            ],
            migrations.RunSQL.noop,
        ),
    ]
