"""Confirmations, matching and settlement: tables, and what the database itself refuses."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from oms_site.journal import laws

# What must follow is queued by the database itself: no room can book a leg and forget it.
DUES = """
CREATE FUNCTION allocations_settlement_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO allocations_settlementdue (leg_id, due_at)
        SELECT id, created_at FROM fresh WHERE reverses_id IS NOT NULL OR status = 'booked';
    RETURN NULL;
END $$;
CREATE TRIGGER allocations_bookingleg_made AFTER INSERT ON allocations_bookingleg
    REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION allocations_settlement_made();
CREATE FUNCTION allocations_settlement_booked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO allocations_settlementdue (leg_id, due_at)
        SELECT n.id, n.created_at FROM fresh n JOIN former o ON o.id = n.id
        WHERE n.status = 'booked' AND o.status <> 'booked';
    RETURN NULL;
END $$;
CREATE TRIGGER allocations_bookingleg_booked AFTER UPDATE ON allocations_bookingleg
    REFERENCING OLD TABLE AS former NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION allocations_settlement_booked();
"""
NO_DUES = """
DROP TRIGGER allocations_bookingleg_booked ON allocations_bookingleg;
DROP FUNCTION allocations_settlement_booked();
DROP TRIGGER allocations_bookingleg_made ON allocations_bookingleg;
DROP FUNCTION allocations_settlement_made();
"""
LAWS = """
CREATE FUNCTION allocations_confirm_is_its_leg() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM allocations_bookingleg l
        JOIN allocations_allocation a ON a.id = l.allocation_id
        JOIN allocations_accountallocation p ON p.id = l.account_allocation_id
        WHERE l.id = NEW.leg_id AND l.status = 'booked'
            AND (l.organization_id, a.order_id, a.instrument_id, l.custodian_id, l.qty, l.price,
                l.principal, l.accrued_interest, l.fees, l.net_money, l.trade_date,
                l.settlement_date, coalesce(l.booked_account_id, p.account_id),
                (a.side = 'buy') = (l.reverses_id IS NULL))
            = (NEW.organization_id, NEW.order_id, NEW.instrument_id, NEW.custodian_id, NEW.qty,
                NEW.price, NEW.principal, NEW.accrued_interest, NEW.fees, NEW.net_money,
                NEW.trade_date, NEW.settlement_date, NEW.account_id, NEW.side = 'buy')) THEN
        RAISE EXCEPTION 'a confirmation has the terms of a booked leg'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER allocations_tradeconfirm_leg BEFORE INSERT ON allocations_tradeconfirm
    FOR EACH ROW EXECUTE FUNCTION allocations_confirm_is_its_leg();

CREATE FUNCTION allocations_confirm_is_taken_by_two() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM allocations_matchverdict v
            WHERE v.id = NEW.verdict_id AND v.confirm_id = NEW.id AND v.is_match)
        AND NOT EXISTS (SELECT 1 FROM allocations_confirmadjustment j WHERE j.confirm_id = NEW.id)
    THEN
        RAISE EXCEPTION 'what does not match is affirmed by an adjustment of two people'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER allocations_tradeconfirm_accept BEFORE UPDATE OF status ON allocations_tradeconfirm
    FOR EACH ROW WHEN (NEW.status = 'affirmed' AND OLD.status <> 'affirmed')
    EXECUTE FUNCTION allocations_confirm_is_taken_by_two();

CREATE FUNCTION allocations_instruction_is_its_confirm() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM allocations_tradeconfirm c
        WHERE c.id = NEW.confirm_id AND NEW.qty <= c.qty
            AND (NEW.qty < c.qty OR NEW.net_money = c.net_money)
            AND (c.organization_id, c.leg_id, c.order_id, c.custodian_id, c.account_id,
                c.instrument_id, c.side, c.currency, c.settlement_date)
            = (NEW.organization_id, NEW.leg_id, NEW.order_id, NEW.custodian_id, NEW.account_id,
                NEW.instrument_id, NEW.side, NEW.currency, NEW.settlement_date)) THEN
        RAISE EXCEPTION 'an instruction has the terms of its confirmation'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER allocations_settlementinstruction_confirm
    BEFORE INSERT ON allocations_settlementinstruction
    FOR EACH ROW EXECUTE FUNCTION allocations_instruction_is_its_confirm();

CREATE FUNCTION allocations_instruction_is_affirmed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM allocations_tradeconfirm c
        WHERE c.id = NEW.confirm_id AND c.affirmed_at IS NOT NULL) THEN
        RAISE EXCEPTION 'only what was affirmed is instructed'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER allocations_settlementinstruction_sent
    BEFORE UPDATE OF was_sent ON allocations_settlementinstruction
    FOR EACH ROW WHEN (NEW.was_sent AND NOT OLD.was_sent)
    EXECUTE FUNCTION allocations_instruction_is_affirmed();

CREATE FUNCTION allocations_fact_is_its_instruction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM allocations_settlementinstruction i
        WHERE i.id = NEW.instruction_id AND (NEW.qty > 0) = (i.side = 'buy')
            AND (i.organization_id, i.order_id, i.custodian_id, i.account_id, i.instrument_id,
                i.currency)
            = (NEW.organization_id, NEW.order_id, NEW.custodian_id, NEW.account_id,
                NEW.instrument_id, NEW.currency)) THEN
        RAISE EXCEPTION 'a settlement is of its instruction' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER allocations_settlementfact_instruction BEFORE INSERT ON allocations_settlementfact
    FOR EACH ROW EXECUTE FUNCTION allocations_fact_is_its_instruction();

-- What is no trade settles on its day; it is summed alone.
CREATE INDEX movement_of_no_trade ON allocations_movement (account_id, currency, settlement_date)
    INCLUDE (cash, at)
    WHERE kind NOT IN ('trade', 'bust', 'correction', 'allocation', 'reversal');
"""
NO_LAWS = """
DROP INDEX movement_of_no_trade;
DROP TRIGGER allocations_settlementfact_instruction ON allocations_settlementfact;
DROP FUNCTION allocations_fact_is_its_instruction();
DROP TRIGGER allocations_settlementinstruction_sent ON allocations_settlementinstruction;
DROP FUNCTION allocations_instruction_is_affirmed();
DROP TRIGGER allocations_settlementinstruction_confirm ON allocations_settlementinstruction;
DROP FUNCTION allocations_instruction_is_its_confirm();
DROP TRIGGER allocations_tradeconfirm_accept ON allocations_tradeconfirm;
DROP FUNCTION allocations_confirm_is_taken_by_two();
DROP TRIGGER allocations_tradeconfirm_leg ON allocations_tradeconfirm;
DROP FUNCTION allocations_confirm_is_its_leg();
"""
# A book that is older than this gets its confirmations by the same queue as everything else.
CATCH_UP = """
INSERT INTO allocations_settlementdue (leg_id, due_at)
    SELECT id, created_at FROM allocations_bookingleg
    WHERE status = 'booked' OR reverses_id IS NOT NULL;
INSERT INTO allocations_standinginstruction
    (organization_id, custodian_id, depository, participant, delivery_account, active)
    SELECT o.organization_id, c.id, 'DTC', upper(left(c.id, 20)), '', true
    FROM (SELECT DISTINCT organization_id FROM allocations_account) o
    CROSS JOIN allocations_custodian c;
"""
CONFIRM_TERMS = [
    *("id", "organization_id", "leg_id", "order_id", "custodian_id", "account_id"),
    *("instrument_id", "side", "currency", "qty", "price", "principal", "accrued_interest"),
    *("fees", "net_money", "trade_date", "settlement_date", "created_at"),
]
INSTRUCTION_TERMS = [
    *("id", "organization_id", "confirm_id", "leg_id", "order_id", "custodian_id", "account_id"),
    *("instrument_id", "side", "currency", "qty", "net_money", "settlement_date", "created_at"),
]
MESSAGE_TERMS = ["id", "custodian_id", "seq", "body", "received_at"]
FACTS = ("counterpartytrade", "matchverdict", "confirmadjustment", "settlementfact")


class Migration(migrations.Migration):
    dependencies = [
        ("allocations", "0004_repair"),
        ("firm", "0001_initial"),
        ("journal", "0002_laws"),
        ("venues", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: list[migrations.operations.base.Operation] = [
        migrations.CreateModel(
            name="SettlementDue",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("leg_id", models.CharField(max_length=40)),
                ("due_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="CounterpartyTrade",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("seq", models.BigIntegerField()),
                ("reference", models.CharField(max_length=80)),
                ("body", models.TextField()),
                ("terms", models.JSONField()),
                ("received_at", models.DateTimeField()),
                (
                    "custodian",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="allocations.custodian",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="firm.organization",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="TradeConfirm",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("order_id", models.CharField(db_index=True, max_length=40)),
                ("side", models.CharField(max_length=4)),
                ("currency", models.CharField(max_length=3)),
                ("qty", models.DecimalField(decimal_places=6, max_digits=20)),
                ("price", models.DecimalField(decimal_places=10, max_digits=24)),
                ("principal", models.DecimalField(decimal_places=2, max_digits=20)),
                ("accrued_interest", models.DecimalField(decimal_places=2, max_digits=20)),
                ("fees", models.DecimalField(decimal_places=2, max_digits=20)),
                ("net_money", models.DecimalField(decimal_places=2, max_digits=20)),
                ("trade_date", models.DateField()),
                ("settlement_date", models.DateField()),
                ("created_at", models.DateTimeField()),
                ("status", models.CharField(default="unmatched", max_length=10)),
                (
                    "ask",
                    models.CharField(
                        blank=True,
                        choices=[("", "Nothing"), ("confirm", "Confirm"), ("dispute", "Dispute")],
                        default="",
                        max_length=8,
                    ),
                ),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("received_at", models.DateTimeField(blank=True, null=True)),
                ("code", models.CharField(blank=True, max_length=40)),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("verdict_id", models.CharField(blank=True, max_length=40)),
                ("their_word", models.PositiveSmallIntegerField(default=0)),
                ("has_ssi", models.BooleanField(default=True)),
                ("reason_code", models.CharField(blank=True, max_length=20)),
                ("resolution", models.CharField(blank=True, max_length=200)),
                ("proposed_at", models.DateTimeField(blank=True, null=True)),
                ("affirmed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="allocations.account",
                    ),
                ),
                (
                    "affirmed_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "custodian",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="allocations.custodian",
                    ),
                ),
                (
                    "instrument",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="venues.instrument",
                    ),
                ),
                (
                    "leg",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="confirms",
                        to="allocations.bookingleg",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="firm.organization",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "proposed_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SettlementInstruction",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("order_id", models.CharField(db_index=True, max_length=40)),
                ("side", models.CharField(max_length=4)),
                ("currency", models.CharField(max_length=3)),
                ("qty", models.DecimalField(decimal_places=6, max_digits=20)),
                ("net_money", models.DecimalField(decimal_places=2, max_digits=20)),
                ("settlement_date", models.DateField()),
                ("created_at", models.DateTimeField()),
                ("status", models.CharField(default="pending", max_length=10)),
                (
                    "ask",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "Nothing"),
                            ("instruct", "Instruct"),
                            ("cancel", "Cancel"),
                            ("buy_in", "Buy In"),
                        ],
                        default="",
                        max_length=8,
                    ),
                ),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("was_sent", models.BooleanField(default=False)),
                ("place", models.CharField(blank=True, max_length=80)),
                ("ref", models.CharField(blank=True, max_length=80)),
                ("code", models.CharField(blank=True, max_length=40)),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("settled_qty", models.DecimalField(decimal_places=6, default=0, max_digits=20)),
                ("settled_money", models.DecimalField(decimal_places=2, default=0, max_digits=20)),
                ("failed_on", models.DateField(blank=True, null=True)),
                ("buy_in_on", models.DateField(blank=True, null=True)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="allocations.account",
                    ),
                ),
                (
                    "custodian",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="allocations.custodian",
                    ),
                ),
                (
                    "instrument",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="venues.instrument",
                    ),
                ),
                (
                    "leg",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="instructions",
                        to="allocations.bookingleg",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="firm.organization",
                    ),
                ),
                (
                    "confirm",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="instructions",
                        to="allocations.tradeconfirm",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="MatchVerdict",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("policy_id", models.BigIntegerField()),
                ("policy_version", models.PositiveIntegerField()),
                ("is_match", models.BooleanField()),
                ("differences", models.JSONField(default=list)),
                ("at", models.DateTimeField()),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="firm.organization",
                    ),
                ),
                (
                    "statement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="verdicts",
                        to="allocations.counterpartytrade",
                    ),
                ),
                (
                    "confirm",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="verdicts",
                        to="allocations.tradeconfirm",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddField(
            model_name="counterpartytrade",
            name="confirm",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="statements",
                to="allocations.tradeconfirm",
            ),
        ),
        migrations.CreateModel(
            name="ConfirmAdjustment",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                (
                    "reason_code",
                    models.CharField(
                        choices=[
                            ("tolerated", "Too small to pursue"),
                            ("their_error", "Their error: they settle on our terms"),
                            ("agreed", "Agreed with the other side outside this system"),
                        ],
                        max_length=20,
                    ),
                ),
                ("text", models.CharField(max_length=200)),
                ("evidence", models.JSONField(default=dict)),
                ("made_at", models.DateTimeField()),
                (
                    "approved_by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="firm.organization",
                    ),
                ),
                (
                    "confirm",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="adjustments",
                        to="allocations.tradeconfirm",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="CustodianMessage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("seq", models.BigIntegerField()),
                ("body", models.TextField()),
                ("received_at", models.DateTimeField()),
                ("applied_at", models.DateTimeField(blank=True, null=True)),
                ("verdict", models.CharField(blank=True, max_length=16)),
                ("note", models.CharField(blank=True, max_length=200)),
                (
                    "custodian",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="allocations.custodian",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("applied_at", None)),
                        fields=["custodian", "seq"],
                        name="custodian_unapplied",
                    ),
                    models.Index(
                        condition=models.Q(
                            (
                                "verdict__in",
                                ["unknown", "unreadable", "too_much", "wrong_money"],
                            )
                        ),
                        fields=["custodian", "note"],
                        name="custodian_unaccounted",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("custodian", "seq"), name="custodian_message_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SettlementFact",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("reference", models.CharField(max_length=80)),
                ("order_id", models.CharField(max_length=40)),
                ("currency", models.CharField(max_length=3)),
                ("qty", models.DecimalField(decimal_places=6, max_digits=20)),
                ("cash", models.DecimalField(decimal_places=2, max_digits=20)),
                ("value_date", models.DateField()),
                ("at", models.DateTimeField()),
                ("sequence", models.PositiveBigIntegerField()),
                ("qty_after", models.DecimalField(decimal_places=6, max_digits=20)),
                ("cash_sequence", models.PositiveBigIntegerField()),
                ("cash_after", models.DecimalField(decimal_places=2, max_digits=20)),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="allocations.account",
                    ),
                ),
                (
                    "custodian",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="allocations.custodian",
                    ),
                ),
                (
                    "instrument",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="venues.instrument",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="firm.organization",
                    ),
                ),
                (
                    "instruction",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="facts",
                        to="allocations.settlementinstruction",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("custodian", "reference"), name="settlement_fact_once"
                    ),
                    models.UniqueConstraint(
                        fields=("account", "instrument", "sequence"),
                        name="settled_position_sequence",
                    ),
                    models.UniqueConstraint(
                        fields=("account", "currency", "cash_sequence"),
                        name="settled_cash_sequence",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StandingInstruction",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("depository", models.CharField(default="DTC", max_length=20)),
                ("participant", models.CharField(max_length=20)),
                ("delivery_account", models.CharField(blank=True, max_length=40)),
                ("active", models.BooleanField(default=True)),
                (
                    "account",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="allocations.account",
                    ),
                ),
                (
                    "custodian",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="allocations.custodian",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="firm.organization",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "custodian", "account"),
                        name="one_standing_instruction",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="tradeconfirm",
            index=models.Index(
                condition=models.Q(("due_at", None), _negated=True),
                fields=["due_at"],
                name="confirm_due",
            ),
        ),
        migrations.AddIndex(
            model_name="tradeconfirm",
            index=models.Index(
                condition=models.Q(
                    ("status__in", ["unmatched", "matched", "mismatched", "disputed"])
                ),
                fields=["organization", "created_at", "id"],
                name="confirm_exception",
            ),
        ),
        migrations.AddIndex(
            model_name="tradeconfirm",
            index=models.Index(
                condition=models.Q(("has_ssi", False)),
                fields=["organization"],
                name="confirm_without_ssi",
            ),
        ),
        migrations.AddIndex(
            model_name="tradeconfirm",
            index=models.Index(
                condition=models.Q(("due_at", None), models.Q(("ask", ""), _negated=True)),
                fields=["organization"],
                name="confirm_stuck",
            ),
        ),
        migrations.AddIndex(
            model_name="tradeconfirm",
            index=models.Index(fields=["organization", "trade_date", "id"], name="confirm_of_day"),
        ),
        migrations.AddConstraint(
            model_name="tradeconfirm",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "canceled"), _negated=True),
                fields=("leg",),
                name="one_live_confirm",
            ),
        ),
        migrations.AddConstraint(
            model_name="tradeconfirm",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        ["unmatched", "matched", "mismatched", "disputed", "affirmed", "canceled"],
                    )
                ),
                name="confirm_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="tradeconfirm",
            constraint=models.CheckConstraint(
                condition=models.Q(("qty__gt", 0)), name="confirm_qty_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="tradeconfirm",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "affirmed"), _negated=True),
                    ("affirmed_at__isnull", False),
                    _connector="OR",
                ),
                name="confirm_affirmed_at_a_moment",
            ),
        ),
        migrations.AddIndex(
            model_name="settlementinstruction",
            index=models.Index(
                condition=models.Q(("due_at", None), _negated=True),
                fields=["due_at"],
                name="instruction_due",
            ),
        ),
        migrations.AddIndex(
            model_name="settlementinstruction",
            index=models.Index(
                condition=models.Q(("closed_at", None)),
                fields=["settlement_date"],
                name="instruction_open",
            ),
        ),
        migrations.AddIndex(
            model_name="settlementinstruction",
            index=models.Index(
                fields=["organization", "settlement_date", "id"], name="instruction_list"
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementinstruction",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "canceled"), _negated=True),
                fields=("leg",),
                name="one_live_instruction",
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementinstruction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        ["pending", "instructed", "failed", "bought_in", "settled", "canceled"],
                    )
                ),
                name="instruction_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementinstruction",
            constraint=models.CheckConstraint(
                condition=models.Q(("qty__gt", 0)), name="instruction_qty_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementinstruction",
            constraint=models.CheckConstraint(
                condition=models.Q(("settled_qty__gte", 0), ("settled_qty__lte", models.F("qty"))),
                name="instruction_settles_at_most_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementinstruction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "settled"), _negated=True),
                    models.Q(
                        ("settled_money", models.F("net_money")), ("settled_qty", models.F("qty"))
                    ),
                    _connector="OR",
                ),
                name="instruction_settled_in_full",
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementinstruction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closed_at__isnull", False), ("status__in", ["settled", "canceled"])),
                    models.Q(
                        ("closed_at", None),
                        ("status__in", ["bought_in", "failed", "instructed", "pending"]),
                    ),
                    _connector="OR",
                ),
                name="instruction_closed_at_a_moment",
            ),
        ),
        migrations.AddConstraint(
            model_name="counterpartytrade",
            constraint=models.UniqueConstraint(
                fields=("custodian", "reference"), name="counterparty_trade_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="confirmadjustment",
            constraint=models.CheckConstraint(
                condition=models.Q(("made_by", models.F("approved_by")), _negated=True),
                name="confirm_adjustment_maker_is_not_checker",
            ),
        ),
        migrations.RunSQL(DUES, NO_DUES),
        migrations.RunSQL(LAWS, NO_LAWS),
        migrations.RunSQL(
            [
                *laws.living("allocations_tradeconfirm", CONFIRM_TERMS),
                *laws.living("allocations_settlementinstruction", INSTRUCTION_TERMS),
                *[sql for name in FACTS for sql in laws.append_only(f"allocations_{name}")],
                laws.terms("allocations_custodianmessage", MESSAGE_TERMS),
                laws.kept("allocations_custodianmessage"),
                laws.reference("allocations_standinginstruction"),
                laws.DROP_PATTERN_INDEXES,
            ],
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(CATCH_UP, migrations.RunSQL.noop),
    ]
