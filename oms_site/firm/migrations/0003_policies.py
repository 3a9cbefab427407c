"""Policies and roles change by two people, whoever writes to the tables."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

STATUSES = ["proposed", "approved", "rejected", "withdrawn"]
CHOICES = [(name, name.title()) for name in STATUSES]
ROLES = ["trader", "senior_trader", "compliance", "operations", "auditor", "admin"]

LAWS = """
CREATE FUNCTION firm_refuse(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'refused: %', what USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION firm_belongs(person bigint, house varchar) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM firm_user WHERE id = person AND is_active
        AND (organization_id = house OR is_superuser))
$$;

CREATE FUNCTION firm_policy_birth() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.origin = 'system' AND NEW.status = 'approved' AND NEW.version = 1
        AND NEW.decided_by_id IS NULL AND NOT EXISTS (
            SELECT 1 FROM firm_policy WHERE organization_id = NEW.organization_id) THEN
        RETURN NEW;
    END IF;
    IF NEW.origin <> '' OR NEW.status <> 'proposed' OR NEW.proposed_by_id IS NULL
        OR NEW.proposed_at IS NULL OR NEW.decided_by_id IS NOT NULL
        OR NEW.decided_at IS NOT NULL THEN
        PERFORM firm_refuse('a policy starts as somebody''s proposal');
    END IF;
    IF NOT firm_belongs(NEW.proposed_by_id, NEW.organization_id) THEN
        PERFORM firm_refuse('a stranger proposes a policy');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER firm_policy_birth BEFORE INSERT ON firm_policy
    FOR EACH ROW EXECUTE FUNCTION firm_policy_birth();

CREATE FUNCTION firm_policy_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> 'proposed' THEN
        PERFORM firm_refuse('a policy is decided once and never changes');
    END IF;
    IF (OLD.organization_id, OLD.version, OLD.preset, OLD.rules, OLD.origin, OLD.reason,
        OLD.proposed_by_id, OLD.proposed_at) IS DISTINCT FROM
        (NEW.organization_id, NEW.version, NEW.preset, NEW.rules, NEW.origin, NEW.reason,
        NEW.proposed_by_id, NEW.proposed_at) THEN
        PERFORM firm_refuse('what a policy states never changes');
    END IF;
    IF NEW.effective_at <> OLD.effective_at AND NOT (NEW.status = 'approved'
        AND NEW.effective_at = NEW.decided_at AND NEW.effective_at > OLD.effective_at) THEN
        PERFORM firm_refuse('a policy begins when it was to begin, or when it is approved');
    END IF;
    IF NEW.status IN ('approved', 'rejected') THEN
        IF NEW.decided_by_id IS NULL OR NEW.decided_at IS NULL
            OR NEW.decided_by_id = OLD.proposed_by_id
            OR NOT firm_belongs(NEW.decided_by_id, NEW.organization_id) THEN
            PERFORM firm_refuse('a second person of the organization decides about a policy');
        END IF;
    ELSIF NEW.status = 'withdrawn' AND NEW.decided_by_id IS NULL THEN
        NULL;
    ELSE
        PERFORM firm_refuse('a proposal is approved, rejected or withdrawn');
    END IF;
    IF NEW.status = 'approved' AND (NEW.effective_at < NEW.decided_at OR EXISTS (
        SELECT 1 FROM firm_policy WHERE organization_id = NEW.organization_id
            AND version > NEW.version AND status = 'approved')) THEN
        PERFORM firm_refuse('a policy counts from now on and replaces an older one');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER firm_policy_step BEFORE UPDATE ON firm_policy
    FOR EACH ROW EXECUTE FUNCTION firm_policy_step();

CREATE FUNCTION firm_role_change_birth() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> 'proposed' OR NEW.decided_by_id IS NOT NULL OR NEW.decided_at IS NOT NULL THEN
        PERFORM firm_refuse('a change of roles starts as a proposal');
    END IF;
    IF NOT EXISTS (SELECT 1 FROM firm_user WHERE id = NEW.user_id
            AND organization_id = NEW.organization_id)
        OR NOT firm_belongs(NEW.proposed_by_id, NEW.organization_id) THEN
        PERFORM firm_refuse('a stranger in a change of roles');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER firm_rolechange_birth BEFORE INSERT ON firm_rolechange
    FOR EACH ROW EXECUTE FUNCTION firm_role_change_birth();

CREATE FUNCTION firm_role_change_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> 'proposed' OR NEW.status = 'proposed' THEN
        PERFORM firm_refuse('a change of roles is decided once');
    END IF;
    IF (OLD.user_id, OLD.organization_id, OLD.was, OLD.roles, OLD.reason, OLD.proposed_by_id,
        OLD.proposed_at) IS DISTINCT FROM (NEW.user_id, NEW.organization_id, NEW.was, NEW.roles,
        NEW.reason, NEW.proposed_by_id, NEW.proposed_at) THEN
        PERFORM firm_refuse('what was proposed never changes');
    END IF;
    IF NEW.status IN ('approved', 'rejected') AND (NEW.decided_by_id IS NULL
        OR NEW.decided_at IS NULL OR NOT firm_belongs(NEW.decided_by_id, NEW.organization_id)) THEN
        PERFORM firm_refuse('a second person of the organization decides about roles');
    END IF;
    IF NEW.status = 'withdrawn' AND NEW.decided_by_id IS NOT NULL THEN
        PERFORM firm_refuse('nobody decides what is withdrawn');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER firm_rolechange_step BEFORE UPDATE ON firm_rolechange
    FOR EACH ROW EXECUTE FUNCTION firm_role_change_step();
CREATE FUNCTION firm_role_change_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM firm_refuse('changes of roles are kept');
    RETURN NULL;
END $$;
CREATE TRIGGER firm_rolechange_kept BEFORE DELETE ON firm_rolechange
    FOR EACH ROW EXECUTE FUNCTION firm_role_change_kept();

-- Taking roles away needs nobody else. A role more, or roles for somebody who comes back, is only
-- written by the decision of two people, here.
CREATE FUNCTION firm_role_change_applies() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE firm_user SET roles = NEW.roles WHERE id = NEW.user_id AND roles = NEW.was;
    IF NOT FOUND THEN
        PERFORM firm_refuse('the roles have changed since they were proposed');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER firm_rolechange_applies AFTER UPDATE ON firm_rolechange FOR EACH ROW
    WHEN (NEW.status = 'approved') EXECUTE FUNCTION firm_role_change_applies();

CREATE FUNCTION firm_user_widens() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.organization_id IS NOT NULL
        AND NEW.organization_id IS DISTINCT FROM OLD.organization_id THEN
        PERFORM firm_refuse('a person stays with the organization');
    END IF;
    IF pg_trigger_depth() = 1 AND NEW.is_active
        AND NOT NEW.roles <@ (CASE WHEN OLD.is_active THEN OLD.roles ELSE '{}' END) THEN
        PERFORM firm_refuse('a second person must approve these roles');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER firm_user_widens BEFORE UPDATE ON firm_user FOR EACH ROW
    WHEN (OLD.roles IS DISTINCT FROM NEW.roles OR OLD.is_active IS DISTINCT FROM NEW.is_active
        OR OLD.organization_id IS DISTINCT FROM NEW.organization_id)
    EXECUTE FUNCTION firm_user_widens();
"""
UNDO = """
DROP TRIGGER firm_user_widens ON firm_user;
DROP TRIGGER firm_rolechange_applies ON firm_rolechange;
DROP TRIGGER firm_rolechange_kept ON firm_rolechange;
DROP TRIGGER firm_rolechange_step ON firm_rolechange;
DROP TRIGGER firm_rolechange_birth ON firm_rolechange;
DROP TRIGGER firm_policy_step ON firm_policy;
DROP TRIGGER firm_policy_birth ON firm_policy;
DROP FUNCTION firm_user_widens(); DROP FUNCTION firm_role_change_applies();
DROP FUNCTION firm_role_change_kept();
DROP FUNCTION firm_role_change_step(); DROP FUNCTION firm_role_change_birth();
DROP FUNCTION firm_policy_step(); DROP FUNCTION firm_policy_birth();
DROP FUNCTION firm_belongs(bigint, varchar); DROP FUNCTION firm_refuse(text);
"""


def _person():
    return models.ForeignKey(
        blank=True,
        null=True,
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
    )


def _names(**given):
    return django.contrib.postgres.fields.ArrayField(
        base_field=models.CharField(max_length=20, **given), blank=True, default=list, size=None
    )


def _checked(name, condition):
    return migrations.AddConstraint(
        "policy", models.CheckConstraint(condition=condition, name=name)
    )


def _added(name, field, **options):
    return migrations.AddField("policy", name, field, **options)


class Migration(migrations.Migration):
    dependencies = [("firm", "0001_initial")]

    operations: list[migrations.operations.base.Operation] = [
        migrations.AlterField("user", "roles", _names(choices=[(name, name) for name in ROLES])),
        # What was in force before two people were asked for came with the house.
        _added(
            "status",
            models.CharField(max_length=9, choices=CHOICES, default="approved"),
            preserve_default=False,
        ),
        migrations.AlterField(
            "policy",
            "status",
            models.CharField(max_length=9, choices=CHOICES, default="proposed"),
        ),
        _added(
            "origin",
            models.CharField(blank=True, default="system", max_length=20),
            preserve_default=False,
        ),
        migrations.AlterField(
            "policy", "origin", models.CharField(blank=True, default="", max_length=20)
        ),
        _added("reason", models.CharField(blank=True, max_length=500)),
        _added("proposed_by", _person()),
        _added("proposed_at", models.DateTimeField(blank=True, null=True)),
        _added("decided_by", _person()),
        _added("decided_at", models.DateTimeField(blank=True, null=True)),
        _added("decision_reason", models.CharField(blank=True, max_length=500)),
        _checked("policy_status_known", Q(status__in=STATUSES)),
        _checked(
            "policy_maker_is_not_checker",
            Q(decided_by=None) | ~Q(decided_by=F("proposed_by")),
        ),
        migrations.CreateModel(
            name="RoleChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("was", _names()),
                ("roles", _names()),
                (
                    "status",
                    models.CharField(max_length=9, choices=CHOICES, default="proposed"),
                ),
                ("reason", models.CharField(max_length=500)),
                ("proposed_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("decision_reason", models.CharField(blank=True, max_length=500)),
                ("decided_by", _person()),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="firm.organization",
                    ),
                ),
                (
                    "proposed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="role_changes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["user"],
                        condition=Q(status="proposed"),
                        name="one_role_change_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=Q(status__in=STATUSES), name="role_change_status_known"
                    ),
                    models.CheckConstraint(
                        condition=Q(decided_by=None) | ~Q(decided_by=F("proposed_by")),
                        name="role_change_maker_is_not_checker",
                    ),
                    models.CheckConstraint(
                        condition=~Q(status="approved") | ~Q(decided_by=F("user")),
                        name="nobody_approves_his_own_roles",
                    ),
                ],
            },
        ),
        migrations.RunSQL(LAWS, UNDO),
    ]
