"""Orders whose terms change by revisions: requests to replace, their legs, and the laws of both."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

from oms_site.journal import columns, laws

STATUSES = ["pending", "review", "replaced", "rejected"]
# What a revision may change, per table; every other term stays as it was.
REVISED = {
    "orders_order": ["order_qty", "limit_price", "stop_price"],
    "orders_executionorder": [
        "order_version",
        "screening_id",
        "screening_outcome",
        "review_id",
        "review_status",
        "qty",
        "limit_price",
    ],
    "orders_venueorder": ["qty", "limit_price"],
    "allocations_allocation": ["requested_qty"],
    "allocations_accountallocation": ["requested_qty"],
}
_WRITTEN = {
    **import_module("orders.migrations.0002_laws").TERMS,
    **import_module("allocations.migrations.0002_laws").TERMS,
}
_WRITTEN["orders_order"] = [*_WRITTEN["orders_order"], "stop_price"]
TERMS = {
    "orders_replacement": [
        "id",
        "organization_id",
        "order_id",
        "revision",
        "client_amend_id",
        "fingerprint",
        "requested_by_id",
        "order_qty",
        "limit_price",
        "stop_price",
        "was_qty",
        "was_limit_price",
        "was_stop_price",
        "was_cum_qty",
        "shares",
        "annotation",
        "created_at",
    ],
    "orders_replaceleg": [
        "id",
        "organization_id",
        "replacement_id",
        "order_id",
        "venue_order_id",
        "orig_cl_ord_id",
        "emulated",
        "qty",
        "limit_price",
        "was_qty",
        "was_limit_price",
        "created_at",
    ],
}


def _loosen(table: str, names: list[str]) -> str:
    """Let these columns go from the trigger that keeps the table's terms."""
    kept = [name for name in _WRITTEN[table] if name not in names]
    return f"DROP TRIGGER {table}_terms ON {table}; {laws.terms(table, kept)}"


def _tighten(table: str) -> str:
    return f"DROP TRIGGER {table}_terms ON {table}; {laws.terms(table, _WRITTEN[table])}"


REVISIONS = """
CREATE FUNCTION oms_order_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.order_qty, NEW.limit_price, NEW.stop_price, NEW.revision)
        IS NOT DISTINCT FROM (OLD.order_qty, OLD.limit_price, OLD.stop_price, OLD.revision) THEN
        RETURN NULL;
    END IF;
    IF NEW.revision <= OLD.revision OR NOT EXISTS (
        SELECT 1 FROM orders_orderterms t WHERE t.order_id = NEW.id AND t.revision = NEW.revision
            AND (t.order_qty, t.limit_price, t.stop_price)
                IS NOT DISTINCT FROM (NEW.order_qty, NEW.limit_price, NEW.stop_price)) THEN
        RAISE EXCEPTION 'the terms of % change only to those of a new revision', NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NOT EXISTS (
        SELECT 1 FROM controls_screening s WHERE s.id = NEW.screening_id AND s.subject = NEW.id
            AND s.subject_version = NEW.revision AND s.outcome <> 'rejected') THEN
        RAISE EXCEPTION 'revision % of % has not passed its controls', NEW.revision, NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER orders_order_revision
    AFTER UPDATE OF order_qty, limit_price, stop_price, revision ON orders_order
    FOR EACH ROW EXECUTE FUNCTION oms_order_revision();

CREATE FUNCTION oms_execution_order_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.qty, NEW.limit_price, NEW.order_version, NEW.screening_id, NEW.review_id)
        IS NOT DISTINCT FROM
        (OLD.qty, OLD.limit_price, OLD.order_version, OLD.screening_id, OLD.review_id) THEN
        RETURN NULL;
    END IF;
    IF NEW.order_version < OLD.order_version OR NOT EXISTS (
        SELECT 1 FROM orders_replacement r
        WHERE r.order_id = NEW.order_id AND r.revision = NEW.order_version) THEN
        RAISE EXCEPTION 'the terms of % change only by a revision of its order', NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER orders_executionorder_revision AFTER UPDATE OF
    qty, limit_price, order_version, screening_id, screening_outcome, review_id, review_status
    ON orders_executionorder FOR EACH ROW EXECUTE FUNCTION oms_execution_order_revision();

CREATE FUNCTION oms_execution_order_current() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.order_version <> (SELECT o.revision FROM orders_order o WHERE o.id = NEW.order_id) THEN
        RAISE EXCEPTION '% is not cleared for the terms its order has now', NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER orders_executionorder_current AFTER INSERT ON orders_executionorder
    FOR EACH ROW EXECUTE FUNCTION oms_execution_order_current();

CREATE FUNCTION oms_venue_order_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.qty, NEW.limit_price) IS NOT DISTINCT FROM (OLD.qty, OLD.limit_price) THEN
        RETURN NULL;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM orders_replaceleg l
        WHERE l.id = NEW.cl_ord_id AND l.venue_order_id = NEW.id) THEN
        RAISE EXCEPTION 'the terms of % change only under a new ClOrdID', NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER orders_venueorder_revision AFTER UPDATE OF qty, limit_price ON orders_venueorder
    FOR EACH ROW EXECUTE FUNCTION oms_venue_order_revision();
"""
FORGET = """
DROP TRIGGER orders_order_revision ON orders_order;
DROP TRIGGER orders_executionorder_revision ON orders_executionorder;
DROP TRIGGER orders_executionorder_current ON orders_executionorder;
DROP TRIGGER orders_venueorder_revision ON orders_venueorder;
DROP FUNCTION oms_order_revision();
DROP FUNCTION oms_execution_order_revision();
DROP FUNCTION oms_execution_order_current();
DROP FUNCTION oms_venue_order_revision();
"""


def _id() -> tuple[str, models.Field]:
    return "id", models.CharField(max_length=40, primary_key=True, serialize=False)


def _known(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(condition=Q(status__in=STATUSES), name=name)


def _word(length: int) -> models.Field:
    return models.CharField(blank=True, default="", max_length=length)


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0007_triggers"),
        ("allocations", "0002_laws"),
        ("controls", "0002_laws"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField("order", "revision", models.PositiveSmallIntegerField(default=1)),
        migrations.AddField("order", "revisions_made", models.PositiveSmallIntegerField(default=1)),
        migrations.AddField("order", "amending", _word(6)),
        migrations.AddField("order", "asked_qty", columns.qty(null=True)),
        migrations.AddField("order", "asked_price", columns.price(null=True)),
        migrations.AddField("order", "cancel_request_id", _word(40)),
        migrations.AddField("executionorder", "cancel_request_id", _word(40)),
        migrations.AddField("venueorder", "cl_ord_id", _word(40)),
        migrations.AddField("venueorder", "replace_cl_ord_id", _word(40)),
        migrations.AddField(
            "venueorder", "cancels_sent", models.PositiveSmallIntegerField(default=0)
        ),
        migrations.AddConstraint(
            "order",
            models.CheckConstraint(
                condition=Q(amending__in=["", "review", "held", "sent"]),
                name="order_amending_known",
            ),
        ),
        migrations.AddConstraint(
            "order",
            models.CheckConstraint(
                condition=Q(amending="", asked_qty=None)
                | (~Q(amending="") & Q(asked_qty__isnull=False)),
                name="order_amending_asks_something",
            ),
        ),
        migrations.CreateModel(
            name="OrderTerms",
            fields=[
                _id(),
                ("revision", models.PositiveSmallIntegerField()),
                ("order_qty", columns.qty()),
                ("limit_price", columns.price(null=True)),
                ("stop_price", columns.price(null=True)),
                ("basis", models.JSONField(default=list)),
                ("since", models.DateTimeField()),
                ("order", columns.to("orders.order", "terms")),
                ("organization", columns.organization()),
            ],
            options={
                "verbose_name_plural": "order terms",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("order", "revision"), name="order_revision_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Replacement",
            fields=[
                _id(),
                ("version", models.PositiveIntegerField(default=0)),
                ("revision", models.PositiveSmallIntegerField()),
                ("client_amend_id", models.CharField(blank=True, max_length=80, null=True)),
                ("fingerprint", models.CharField(max_length=64)),
                ("order_qty", columns.qty()),
                ("limit_price", columns.price(null=True)),
                ("stop_price", columns.price(null=True)),
                ("was_qty", columns.qty()),
                ("was_limit_price", columns.price(null=True)),
                ("was_stop_price", columns.price(null=True)),
                ("was_cum_qty", columns.qty()),
                ("shares", models.JSONField(default=list)),
                ("annotation", models.TextField(blank=True)),
                ("created_at", models.DateTimeField()),
                (
                    "status",
                    models.CharField(default="pending", max_length=8),
                ),
                ("now_qty", columns.qty(null=True)),
                ("now_limit_price", columns.price(null=True)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                ("code", models.CharField(blank=True, max_length=60)),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("order", columns.to("orders.order", "replacements", index=True)),
                ("organization", columns.organization()),
                ("requested_by", columns.to(settings.AUTH_USER_MODEL, constraint=False)),
                ("screening", columns.to("controls.screening", null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=~Q(client_amend_id=None),
                        fields=("organization", "client_amend_id"),
                        name="client_amend_id_for_ever",
                    ),
                    models.UniqueConstraint(
                        fields=("order", "revision"), name="revision_asked_once"
                    ),
                    models.UniqueConstraint(
                        condition=Q(status__in=["pending", "review"]),
                        fields=("order",),
                        name="one_replacement_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=Q(order_qty__gt=0), name="replacement_qty_positive"
                    ),
                    _known("replacement_status_known"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReplaceLeg",
            fields=[
                _id(),
                ("version", models.PositiveIntegerField(default=0)),
                ("orig_cl_ord_id", models.CharField(max_length=40)),
                ("emulated", models.BooleanField(default=False)),
                ("qty", columns.qty()),
                ("limit_price", columns.price(null=True)),
                ("was_qty", columns.qty()),
                ("was_limit_price", columns.price(null=True)),
                ("created_at", models.DateTimeField()),
                (
                    "status",
                    models.CharField(default="pending", max_length=8),
                ),
                ("successor_id", models.CharField(blank=True, max_length=40)),
                ("now_qty", columns.qty(null=True)),
                ("answered_at", models.DateTimeField(blank=True, null=True)),
                ("code", models.CharField(blank=True, max_length=60)),
                ("text", models.CharField(blank=True, max_length=200)),
                ("order", columns.to("orders.order")),
                ("organization", columns.organization()),
                ("replacement", columns.to("orders.replacement", "legs")),
                ("venue_order", columns.to("orders.venueorder", "replace_legs", index=True)),
            ],
            options={
                "indexes": [models.Index(fields=["replacement"], name="legs_of_replacement")],
                "constraints": [_known("replace_leg_status_known")],
            },
        ),
        migrations.RunSQL(
            [_loosen(table, names) for table, names in REVISED.items()],
            [_tighten(table) for table in REVISED],
        ),
        migrations.RunSQL(REVISIONS, FORGET),
        migrations.RunSQL(
            [
                *[sql for table, terms in TERMS.items() for sql in laws.living(table, terms)],
                *laws.append_only("orders_orderterms"),
            ],
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(laws.DROP_PATTERN_INDEXES, migrations.RunSQL.noop),
    ]
