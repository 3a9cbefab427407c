"""Trailing stops, shown and least quantities, and lists of orders that depend on each other."""

from __future__ import annotations

from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

from oms_site.journal import columns, laws

WITH_LIMIT = ["limit", "limit_if_touched", "stop_limit", "trailing_stop_limit"]
WITHOUT_LIMIT = ["market", "market_if_touched", "stop", "trailing_stop"]
TRAILING = ["trailing_stop", "trailing_stop_limit"]
ASKED = [
    *("trail_amount", "trail_percent", "display_qty", "min_qty"),
    *("post_only", "reduce_only", "order_list_id"),
]
LIST_TERMS = [
    *("id", "organization_id", "client_order_list_id", "fingerprint", "contingency"),
    *("submitted_by_id", "created_at"),
]
HANDLING_IS_A_TERM = f"""
CREATE TRIGGER orders_order_handling BEFORE UPDATE OF {", ".join(ASKED)} ON orders_order
    FOR EACH ROW EXECUTE FUNCTION oms_refuse('its terms never change');
"""
# A stop that follows the market comes nearer or stays, whoever writes it.
NEVER_LOOSER = """
CREATE FUNCTION oms_trailing_stop() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.trigger_price IS NULL
        OR (NEW.side = 'sell' AND NEW.trigger_price < OLD.trigger_price)
        OR (NEW.side = 'buy' AND NEW.trigger_price > OLD.trigger_price) THEN
        RAISE EXCEPTION 'the stop of % is never loosened', NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER orders_order_trailing AFTER UPDATE OF trigger_price ON orders_order
    FOR EACH ROW WHEN (OLD.trigger_price IS NOT NULL
        AND OLD.trigger_price IS DISTINCT FROM NEW.trigger_price)
    EXECUTE FUNCTION oms_trailing_stop();
"""
# Of legs that exclude each other no more goes to market together than one of them is.
EXCLUSIVE = """
CREATE FUNCTION oms_exclusive_legs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM orders_orderlistleg mine
        JOIN orders_orderlistleg l ON l.order_list_id = mine.order_list_id
        JOIN orders_order o ON o.id = l.order_id
        WHERE mine.order_id = NEW.id AND mine.role IN ('leg', 'take_profit', 'stop_loss')
            AND l.role IN ('leg', 'take_profit', 'stop_loss')
        HAVING sum(coalesce(o.released_qty, o.order_qty)) > min(o.order_qty)) THEN
        RAISE EXCEPTION 'the legs of the list of % would exceed it together', NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER orders_order_exclusive AFTER UPDATE OF released_qty ON orders_order
    FOR EACH ROW WHEN (NEW.order_list_id IS NOT NULL AND NEW.released_qty > OLD.released_qty)
    EXECUTE FUNCTION oms_exclusive_legs();
"""
ONE_FAMILY = """
CREATE FUNCTION oms_order_list_leg() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM orders_order o JOIN orders_orderlist s ON s.id = o.order_list_id
        WHERE o.id = NEW.order_id AND s.id = NEW.order_list_id
            AND o.organization_id = NEW.organization_id
            AND s.organization_id = NEW.organization_id
            AND (s.contingency = 'basket') = (o.released_qty IS NULL)
            AND NEW.role = ANY (CASE s.contingency WHEN 'basket' THEN ARRAY['line']
                WHEN 'oco' THEN ARRAY['leg'] WHEN 'oto' THEN ARRAY['parent', 'child']
                ELSE ARRAY['parent', 'take_profit', 'stop_loss'] END)) THEN
        RAISE EXCEPTION '% is no leg of %', NEW.order_id, NEW.order_list_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF EXISTS (
        SELECT 1 FROM orders_orderlistleg l
        JOIN orders_order o ON o.id = l.order_id JOIN orders_orderlist s ON s.id = o.order_list_id
        WHERE l.order_list_id = NEW.order_list_id AND s.contingency <> 'basket'
        HAVING count(*) > 0 AND (count(DISTINCT o.account_id) <> 1
            OR count(o.account_id) <> count(*)
            OR (bool_or(s.contingency <> 'oto') AND count(DISTINCT o.instrument_id) <> 1)
            OR count(DISTINCT o.order_qty) FILTER (WHERE l.role NOT IN ('parent', 'child')) > 1
            OR count(*) FILTER (WHERE l.role = 'parent') > 1)) THEN
        RAISE EXCEPTION 'the legs of % are not of one account and security', NEW.order_list_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER orders_orderlistleg_family AFTER INSERT ON orders_orderlistleg
    FOR EACH ROW EXECUTE FUNCTION oms_order_list_leg();
"""
UNDO = """
DROP TRIGGER orders_order_handling ON orders_order;
DROP TRIGGER orders_order_trailing ON orders_order;
DROP TRIGGER orders_order_exclusive ON orders_order;
DROP TRIGGER orders_orderlistleg_family ON orders_orderlistleg;
DROP FUNCTION oms_trailing_stop(); DROP FUNCTION oms_exclusive_legs();
DROP FUNCTION oms_order_list_leg();
"""


LISTS = [
    migrations.CreateModel(
        name="OrderList",
        fields=[
            ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
            ("version", models.PositiveIntegerField(default=0)),
            ("client_order_list_id", models.CharField(blank=True, max_length=80, null=True)),
            ("fingerprint", models.CharField(max_length=64)),
            ("contingency", models.CharField(max_length=8)),
            ("created_at", models.DateTimeField()),
            ("cancel_requested_at", models.DateTimeField(blank=True, null=True)),
            ("organization", columns.organization()),
            ("submitted_by", columns.to(settings.AUTH_USER_MODEL, constraint=False)),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(
                    condition=~Q(client_order_list_id=None),
                    fields=("organization", "client_order_list_id"),
                    name="client_order_list_id_for_ever",
                ),
                models.CheckConstraint(
                    condition=Q(contingency__in=["oco", "oto", "bracket", "basket"]),
                    name="order_list_contingency_known",
                ),
            ],
            "indexes": [
                models.Index(fields=["organization", "created_at", "id"], name="order_lists")
            ],
        },
    ),
    migrations.AddField("order", "order_list", columns.to("orders.orderlist", "orders", null=True)),
    migrations.CreateModel(
        name="OrderListLeg",
        fields=[
            ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
            ("position", models.PositiveSmallIntegerField()),
            ("role", models.CharField(max_length=12)),
            ("order", columns.one("orders.order", "leg")),
            ("order_list", columns.to("orders.orderlist", "legs")),
            ("organization", columns.organization()),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(fields=("order_list", "position"), name="order_list_place"),
                models.CheckConstraint(
                    condition=Q(
                        role__in=["line", "parent", "child", "leg", "take_profit", "stop_loss"]
                    ),
                    name="order_list_role_known",
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="OrderListWatch",
        fields=[
            ("id", columns.number()),
            ("seen", models.BigIntegerField(default=0)),
            ("over", models.BooleanField(default=False)),
            ("order_list", columns.one("orders.orderlist", "watch")),
        ],
        options={
            "indexes": [
                models.Index(
                    condition=Q(over=False), fields=["order_list"], name="order_list_watched"
                )
            ],
        },
    ),
    migrations.CreateModel(
        name="PriceWatch",
        fields=[
            ("id", columns.number()),
            ("name", models.CharField(max_length=20, unique=True)),
            ("looked_at", models.DateTimeField()),
        ],
    ),
]
HANDLING = [
    migrations.AddField("order", "trail_amount", columns.price(null=True)),
    migrations.AddField(
        "order",
        "trail_percent",
        models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True),
    ),
    migrations.AddField("order", "display_qty", columns.qty(null=True)),
    migrations.AddField("order", "min_qty", columns.qty(null=True)),
    migrations.AddField("order", "post_only", models.BooleanField(default=False)),
    migrations.AddField("order", "reduce_only", models.BooleanField(default=False)),
    migrations.AddField("order", "water_mark", columns.price(null=True)),
    migrations.AddField("order", "trigger_price", columns.price(null=True)),
    migrations.AddField("order", "released_qty", columns.qty(null=True)),
    migrations.AddField("order", "armed_at", models.DateTimeField(null=True, blank=True)),
]
CONSTRAINTS = [
    migrations.RemoveConstraint("order", "order_price_by_type"),
    migrations.AddConstraint(
        "order",
        models.CheckConstraint(
            condition=(Q(ord_type__in=WITH_LIMIT) & Q(limit_price__gt=0))
            | (Q(ord_type__in=WITHOUT_LIMIT) & Q(limit_price=None)),
            name="order_price_by_type",
        ),
    ),
    migrations.AddConstraint(
        "order",
        models.CheckConstraint(
            condition=(
                Q(ord_type__in=TRAILING)
                & (
                    (Q(trail_amount__isnull=False) & Q(trail_amount__gt=0) & Q(trail_percent=None))
                    | (
                        Q(trail_percent__isnull=False)
                        & Q(trail_percent__gt=0)
                        & Q(trail_percent__lt=100)
                        & Q(trail_amount=None)
                    )
                )
            )
            | (
                ~Q(ord_type__in=TRAILING)
                & Q(trail_amount=None, trail_percent=None, water_mark=None, trigger_price=None)
            ),
            name="order_trail_by_type",
        ),
    ),
    migrations.AddConstraint(
        "order",
        models.CheckConstraint(
            condition=Q(water_mark=None, trigger_price=None)
            | Q(water_mark__isnull=False, trigger_price__isnull=False),
            name="order_mark_with_level",
        ),
    ),
    migrations.AddConstraint(
        "order",
        models.CheckConstraint(
            condition=(Q(display_qty=None) | Q(display_qty__gt=0))
            & (Q(min_qty=None) | Q(min_qty__gt=0)),
            name="order_shown_and_least",
        ),
    ),
    migrations.AddConstraint(
        "order",
        models.CheckConstraint(
            condition=Q(released_qty=None)
            | (
                Q(order_list__isnull=False)
                & Q(released_qty__gte=0)
                & Q(released_qty__lte=F("order_qty"))
            ),
            name="order_released_of_a_list",
        ),
    ),
    migrations.AddIndex(
        "order",
        models.Index(
            fields=["instrument"],
            name="order_trails",
            condition=Q(ord_type__in=TRAILING)
            & Q(triggered_at=None)
            & Q(status__in=["partially_filled", "pending_execution"]),
        ),
    ),
    migrations.AddIndex(
        "order",
        models.Index(fields=["order_list"], name="order_of_list", condition=~Q(order_list=None)),
    ),
]


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0010_schedules"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        *LISTS,
        *HANDLING,
        *CONSTRAINTS,
        migrations.RunSQL(
            [
                *laws.living("orders_orderlist", LIST_TERMS),
                *laws.append_only("orders_orderlistleg"),
                HANDLING_IS_A_TERM,
                NEVER_LOOSER,
                EXCLUSIVE,
                ONE_FAMILY,
            ],
            UNDO,
        ),
        migrations.RunSQL(laws.DROP_PATTERN_INDEXES, migrations.RunSQL.noop),
    ]
