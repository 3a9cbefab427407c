"""Give-ups, accounts that a block went on without, bookings elsewhere, prevailing prices."""

from django.conf import settings
from django.db import migrations, models

from oms_site.journal import columns, laws

GIVE_UP_TERMS = [
    *("id", "organization_id", "allocation_id", "leg_id", "kind", "clearing_firm_id", "qty"),
    *("reason", "maker_id", "requested_at"),
]
LAWS = """
CREATE FUNCTION allocations_give_up_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.status, NEW.status) NOT IN (('requested', 'refused'), ('requested', 'given'),
            ('given', 'taken_up'), ('given', 'turned_down'), ('turned_down', 'taken_up'))
        OR OLD.status <> 'requested'
            AND (OLD.checker_id, OLD.decided_at, OLD.note, OLD.clearing_leg_id)
            IS DISTINCT FROM (NEW.checker_id, NEW.decided_at, NEW.note, NEW.clearing_leg_id) THEN
        RAISE EXCEPTION 'give-up % does not go from % to %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER allocations_giveup_moves BEFORE UPDATE ON allocations_giveup
    FOR EACH ROW EXECUTE FUNCTION allocations_give_up_moves();

-- Looked at when the transaction ends: the legs are made in the same unit.
CREATE FUNCTION allocations_clearing_leg() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM allocations_bookingleg c
            JOIN allocations_bookingleg o ON o.id = NEW.leg_id
            JOIN allocations_bookingleg r ON r.reverses_id = o.id
        WHERE c.id = NEW.clearing_leg_id AND c.custodian_id = NEW.clearing_firm_id
            AND c.account_allocation_id = o.account_allocation_id AND c.qty = NEW.qty
            AND c.source_ids = o.source_ids AND c.reverses_id IS NULL AND o.qty >= NEW.qty
            AND o.allocation_id = NEW.allocation_id AND o.organization_id = NEW.organization_id)
    THEN
        RAISE EXCEPTION 'the clearing leg of % is not the share that was given up', NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER allocations_giveup_leg AFTER UPDATE ON allocations_giveup
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.clearing_leg_id IS DISTINCT FROM NEW.clearing_leg_id)
    EXECUTE FUNCTION allocations_clearing_leg();

CREATE FUNCTION allocations_dropped() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM allocations_accountallocation a
            WHERE a.allocation_id = NEW.allocation_id AND a.account_id = NEW.account_id)
        OR NOT EXISTS (SELECT 1 FROM allocations_allocation a WHERE a.id = NEW.allocation_id
            AND a.organization_id = NEW.organization_id AND a.created_at = NEW.at) THEN
        RAISE EXCEPTION 'account % is in the allocation, or is dropped too late', NEW.account_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER allocations_droppedaccount_dropped AFTER INSERT
    ON allocations_droppedaccount DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION allocations_dropped();

-- What was booked elsewhere is never sent anywhere: it may only be canceled.
CREATE FUNCTION allocations_leg_elsewhere() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'leg % was booked elsewhere', NEW.id USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER allocations_bookingleg_elsewhere BEFORE UPDATE ON allocations_bookingleg
    FOR EACH ROW WHEN ((OLD.status = 'elsewhere' AND NEW.status NOT IN ('elsewhere', 'canceled'))
        OR (OLD.status <> 'elsewhere' AND NEW.status = 'elsewhere')
        OR (NEW.status = 'elsewhere' AND (NEW.due_at IS NOT NULL OR NEW.booking_ref <> '')))
    EXECUTE FUNCTION allocations_leg_elsewhere();

-- What no custodian of ours will speak of settles on its day; it is summed alone.
DROP INDEX movement_of_no_trade;
CREATE INDEX movement_of_no_trade ON allocations_movement (account_id, currency, settlement_date)
    INCLUDE (cash, at)
    WHERE elsewhere OR kind NOT IN ('trade', 'bust', 'correction', 'allocation', 'reversal');
"""
UNDO = """
DROP INDEX movement_of_no_trade;
CREATE INDEX movement_of_no_trade ON allocations_movement (account_id, currency, settlement_date)
    INCLUDE (cash, at)
    WHERE kind NOT IN ('trade', 'bust', 'correction', 'allocation', 'reversal');
DROP TRIGGER allocations_bookingleg_elsewhere ON allocations_bookingleg;
DROP FUNCTION allocations_leg_elsewhere();
DROP TRIGGER allocations_droppedaccount_dropped ON allocations_droppedaccount;
DROP FUNCTION allocations_dropped();
DROP TRIGGER allocations_giveup_leg ON allocations_giveup;
DROP FUNCTION allocations_clearing_leg();
DROP TRIGGER allocations_giveup_moves ON allocations_giveup;
DROP FUNCTION allocations_give_up_moves();
"""
_STATUSES = ["queued", "sent", "booked", "rejected", "failed", "canceled"]


class Migration(migrations.Migration):
    dependencies = [
        ("allocations", "0006_post_trade"),
        ("firm", "0001_initial"),
        ("journal", "0002_laws"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="movement",
            name="elsewhere",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(model_name="movement", name="pmp", field=columns.price(null=True)),
        migrations.AddField(
            model_name="movement",
            name="pmp_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="movement",
            name="pmp_source",
            field=models.CharField(blank=True, default="", max_length=40),
        ),
        migrations.RemoveConstraint(model_name="bookingleg", name="leg_status_known"),
        migrations.AddConstraint(
            model_name="bookingleg",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", [*_STATUSES, "elsewhere"])),
                name="leg_status_known",
            ),
        ),
        migrations.CreateModel(
            name="DroppedAccount",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("client_account_allocation_id", models.CharField(blank=True, max_length=80)),
                ("position", models.PositiveSmallIntegerField()),
                ("requested_qty", columns.qty()),
                ("screening_id", models.CharField(max_length=40)),
                ("code", models.CharField(max_length=60)),
                ("reason", models.CharField(max_length=300)),
                ("at", models.DateTimeField()),
                ("account", columns.to("allocations.account")),
                ("allocation", columns.to("allocations.allocation", "dropped", index=True)),
                ("organization", columns.organization()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("allocation", "account"), name="account_dropped_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("requested_qty__gt", 0)), name="dropped_qty_positive"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("code", ""), _negated=True),
                            models.Q(("screening_id", ""), _negated=True),
                        ),
                        name="dropped_for_a_reason",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="GiveUp",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("give_up", "given up: all of the booking"),
                            ("step_out", "stepped out: a part of the booking"),
                        ],
                        max_length=8,
                    ),
                ),
                ("qty", columns.qty()),
                ("reason", models.CharField(max_length=300)),
                ("requested_at", models.DateTimeField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("requested", "Requested"),
                            ("refused", "Refused"),
                            ("given", "Given"),
                            ("taken_up", "Taken Up"),
                            ("turned_down", "Turned Down"),
                        ],
                        default="requested",
                        max_length=11,
                    ),
                ),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("note", models.CharField(blank=True, max_length=300)),
                ("answered_at", models.DateTimeField(blank=True, null=True)),
                ("allocation", columns.to("allocations.allocation", "give_ups")),
                ("checker", columns.to(settings.AUTH_USER_MODEL, null=True)),
                ("clearing_firm", columns.to("allocations.custodian")),
                ("clearing_leg", columns.one("allocations.bookingleg", "clears", null=True)),
                ("leg", columns.to("allocations.bookingleg", "give_ups")),
                ("maker", columns.to(settings.AUTH_USER_MODEL)),
                ("organization", columns.organization()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization", "requested_at", "id"], name="give_up_list")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "refused"), _negated=True),
                        fields=("leg",),
                        name="one_give_up",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("qty__gt", 0)), name="give_up_positive"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("checker", None),
                            models.Q(("checker", models.F("maker")), _negated=True),
                            _connector="OR",
                        ),
                        name="give_up_maker_is_not_checker",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("checker", None),
                                ("clearing_leg", None),
                                ("decided_at", None),
                                ("status", "requested"),
                            ),
                            models.Q(
                                ("checker__isnull", False),
                                ("clearing_leg", None),
                                ("decided_at__isnull", False),
                                ("status", "refused"),
                            ),
                            models.Q(
                                ("checker__isnull", False),
                                ("clearing_leg__isnull", False),
                                ("decided_at__isnull", False),
                                ("status__in", ["given", "taken_up", "turned_down"]),
                            ),
                            _connector="OR",
                        ),
                        name="give_up_is_decided_by_somebody",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True),
                        name="give_up_says_why",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            [
                *laws.append_only("allocations_droppedaccount"),
                *laws.living("allocations_giveup", GIVE_UP_TERMS),
                laws.DROP_PATTERN_INDEXES,
            ],
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(LAWS, UNDO),
    ]
