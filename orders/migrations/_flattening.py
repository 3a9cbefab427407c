"""Closing positions out: what was proposed never changes, and no order is exempt without it."""

from __future__ import annotations

from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

from oms_site.journal import columns, laws

TERMS = [
    *("id", "organization_id", "halt_id", "collar", "reason", "seen", "lines_made"),
    *("proposed_by_id", "proposed_at", "expires_at"),
]
LINE_TERMS = (
    *("id", "flatten_id", "number", "account_id", "instrument_id", "position", "open_qty", "side"),
    *("qty", "limit_price", "note"),
)
LAWS = f"""
CREATE TRIGGER orders_flatten_once BEFORE UPDATE OF decision, decided_by_id, decided_at
    ON orders_flatten FOR EACH ROW WHEN (OLD.decision <> '' AND (OLD.decision, OLD.decided_by_id,
        OLD.decided_at) IS DISTINCT FROM (NEW.decision, NEW.decided_by_id, NEW.decided_at))
    EXECUTE FUNCTION oms_refuse('it has been decided');
CREATE TRIGGER orders_flattenline_terms BEFORE UPDATE OF {", ".join(LINE_TERMS)}
    ON orders_flattenline FOR EACH ROW EXECUTE FUNCTION oms_refuse('it is what was agreed to');
CREATE TRIGGER orders_flattenline_once BEFORE UPDATE ON orders_flattenline
    FOR EACH ROW WHEN (OLD.outcome <> '') EXECUTE FUNCTION oms_refuse('it was worked once');
CREATE TRIGGER orders_flattenline_kept BEFORE DELETE ON orders_flattenline
    FOR EACH ROW EXECUTE FUNCTION oms_refuse('it is what was agreed to');

-- No order is one of a proposal but by the word of two, under the halt that it was for, for the
-- account, security and price that were agreed to, and for no more.
CREATE FUNCTION orders_order_flattens() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM orders_flattenline l JOIN orders_flatten f ON f.id = l.flatten_id
        JOIN controls_halt h ON h.id = f.halt_id
        WHERE l.id = NEW.flatten_line_id AND f.decision = 'approved' AND h.mode = 'reducing'
            AND h.status IN ('engaged', 'draining', 'confirmed_flat', 'release_requested')
            AND (f.organization_id, f.proposed_by_id, l.account_id, l.instrument_id, l.side)
                = (NEW.organization_id, NEW.submitted_by_id, NEW.account_id, NEW.instrument_id,
                   NEW.side)
            AND NEW.order_qty <= l.qty AND NEW.limit_price IS NOT DISTINCT FROM l.limit_price) THEN
        RAISE EXCEPTION 'INSERT on orders_order is refused: two people did not agree to %', NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER orders_order_flattens AFTER INSERT ON orders_order FOR EACH ROW
    WHEN (NEW.flatten_line_id IS NOT NULL) EXECUTE FUNCTION orders_order_flattens();
CREATE TRIGGER orders_order_flatten_line BEFORE UPDATE OF flatten_line_id ON orders_order
    FOR EACH ROW EXECUTE FUNCTION oms_refuse('its terms never change');
CREATE TRIGGER orders_order_flatten_terms BEFORE UPDATE OF order_qty, limit_price ON orders_order
    FOR EACH ROW WHEN (OLD.flatten_line_id IS NOT NULL AND (OLD.order_qty, OLD.limit_price)
        IS DISTINCT FROM (NEW.order_qty, NEW.limit_price))
    EXECUTE FUNCTION oms_refuse('two people agreed to just this');

-- Looked at as the transaction ends: the evidence may be written before its order.
CREATE FUNCTION orders_screening_exempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM jsonb_array_elements(NEW.results) AS r
        WHERE r ->> 2 = 'exempt' AND NOT EXISTS (SELECT 1 FROM orders_order o
            WHERE o.id = NEW.subject AND o.flatten_line_id = r ->> 4)) THEN
        RAISE EXCEPTION 'INSERT on controls_screening is refused: % is exempt from nothing',
            NEW.subject USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER controls_screening_exempt AFTER INSERT ON controls_screening
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.results @> '[["exempt"]]') EXECUTE FUNCTION orders_screening_exempt();
"""
UNDO = """
DROP TRIGGER controls_screening_exempt ON controls_screening;
DROP FUNCTION orders_screening_exempt();
DROP TRIGGER orders_order_flatten_terms ON orders_order;
DROP TRIGGER orders_order_flatten_line ON orders_order;
DROP TRIGGER orders_order_flattens ON orders_order;
DROP FUNCTION orders_order_flattens();
DROP TRIGGER orders_flattenline_kept ON orders_flattenline;
DROP TRIGGER orders_flattenline_once ON orders_flattenline;
DROP TRIGGER orders_flattenline_terms ON orders_flattenline;
DROP TRIGGER orders_flatten_once ON orders_flatten;
"""

FLATTEN = migrations.CreateModel(
    name="Flatten",
    fields=[
        ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
        ("version", models.PositiveIntegerField(default=0)),
        (
            "collar",
            models.DecimalField(blank=True, decimal_places=4, max_digits=9, null=True),
        ),
        ("reason", models.CharField(max_length=500)),
        ("seen", models.CharField(max_length=64)),
        ("lines_made", models.PositiveIntegerField()),
        ("proposed_at", models.DateTimeField()),
        ("expires_at", models.DateTimeField()),
        (
            "decision",
            models.CharField(
                blank=True,
                choices=[
                    ("", "Waits for a second person"),
                    ("approved", "Approved"),
                    ("refused", "Refused"),
                ],
                default="",
                max_length=8,
            ),
        ),
        ("decided_at", models.DateTimeField(blank=True, null=True)),
        ("note", models.CharField(blank=True, max_length=500)),
        ("done_at", models.DateTimeField(blank=True, null=True)),
        ("decided_by", columns.to(settings.AUTH_USER_MODEL, constraint=False, null=True)),
        ("halt", columns.to("controls.halt")),
        ("organization", columns.organization()),
        ("proposed_by", columns.to(settings.AUTH_USER_MODEL, constraint=False)),
    ],
    options={
        "constraints": [
            models.CheckConstraint(
                condition=Q(decision="", decided_by=None, done_at=None)
                | Q(decision="refused", decided_by__isnull=False, done_at=None)
                | (
                    Q(decision="approved", decided_by__isnull=False)
                    & ~Q(decided_by=F("proposed_by"))
                ),
                name="two_persons_flatten",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="flatten_has_a_reason"),
        ],
        "indexes": [
            models.Index(
                condition=Q(decision="approved", done_at=None),
                fields=["decided_at"],
                name="flatten_due",
            ),
            models.Index(fields=["organization", "-proposed_at"], name="flatten_log"),
            models.Index(fields=["halt", "-proposed_at"], name="flatten_of_halt"),
        ],
    },
)
LINE = migrations.CreateModel(
    name="FlattenLine",
    fields=[
        ("id", models.CharField(max_length=60, primary_key=True, serialize=False)),
        ("number", models.PositiveIntegerField()),
        ("position", columns.qty()),
        ("open_qty", columns.qty()),
        ("side", models.CharField(max_length=4)),
        ("qty", columns.qty()),
        ("limit_price", columns.price(null=True)),
        ("note", models.CharField(blank=True, max_length=200)),
        ("outcome", models.CharField(blank=True, max_length=8)),
        ("reason", models.CharField(blank=True, max_length=500)),
        ("account", columns.to("allocations.account")),
        ("flatten", columns.to("orders.flatten", "lines")),
        ("instrument", columns.to("venues.instrument")),
    ],
    options={
        "constraints": [
            models.UniqueConstraint(fields=("flatten", "number"), name="flatten_line_number"),
            models.CheckConstraint(
                condition=Q(side="sell", position__gt=0, qty__gte=0, qty__lte=F("position"))
                | Q(side="buy", position__lt=0, qty__gte=0, qty__lte=0 - F("position")),
                name="flatten_line_lessens",
            ),
        ],
        "indexes": [
            models.Index(
                condition=Q(outcome=""), fields=["flatten", "number"], name="flatten_line_due"
            )
        ],
    },
)
MADE = (
    FLATTEN,
    LINE,
    migrations.AddField("order", "flatten_line", columns.to("orders.flattenline", null=True)),
    migrations.AddConstraint(
        "order",
        models.UniqueConstraint(
            condition=~Q(flatten_line=None),
            fields=("flatten_line",),
            name="one_order_for_a_flatten_line",
        ),
    ),
    migrations.RunSQL([*laws.living("orders_flatten", TERMS), LAWS], UNDO),
)
