"""Orders given in money: what they came to, to the cent."""

from django.db import migrations, models

from oms_site.journal import columns, laws
from orders.migrations import _external_orders

# Looked at when the transaction ends: the order and all parts are written in one unit.
LAWS = """
CREATE FUNCTION orders_notional() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE factor numeric; ordered numeric; parts numeric; belongs boolean;
BEGIN
    SELECT CASE i.asset_class WHEN 'equity' THEN 1 ELSE 0.01 END, o.order_qty,
            o.organization_id = NEW.organization_id AND o.created_at = NEW.at
        INTO factor, ordered, belongs
        FROM orders_order o JOIN venues_instrument i ON i.id = o.instrument_id
        WHERE o.id = NEW.order_id;
    SELECT sum(p.qty) INTO parts FROM orders_notionalpart p WHERE p.order_id = NEW.order_id;
    IF belongs IS NOT TRUE OR parts <> ordered OR mod(NEW.qty, NEW.increment) <> 0
        OR NEW.principal <> round(NEW.qty * NEW.price * factor, 2)
        OR (NEW.qty + NEW.increment) * NEW.price * factor <= NEW.notional THEN
        RAISE EXCEPTION 'the money of order % is not what it came to', NEW.order_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER orders_notionalpart_adds_up AFTER INSERT ON orders_notionalpart
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION orders_notional();
"""
UNDO = """
DROP TRIGGER orders_notionalpart_adds_up ON orders_notionalpart;
DROP FUNCTION orders_notional();
"""

# A group is a term of its order, of the same organization, and takes none while it is locked:
# whoever inserts waits for a fill that is about to lock it, and sees that it did.
GROUPS = """
CREATE TRIGGER orders_order_group BEFORE UPDATE OF order_group_id ON orders_order
    FOR EACH ROW EXECUTE FUNCTION oms_refuse('its terms never change');
ALTER TABLE orders_order ADD CONSTRAINT order_group_of_its_own
    FOREIGN KEY (order_group_id, organization_id)
    REFERENCES controls_ordergroup (id, organization_id);
CREATE FUNCTION oms_order_group_is_open() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM controls_ordergroup WHERE id = NEW.order_group_id AND status = 'open' FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'order group % takes no order now', NEW.order_group_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER orders_order_group_open BEFORE INSERT ON orders_order FOR EACH ROW
    WHEN (NEW.order_group_id IS NOT NULL AND NEW.status <> 'rejected')
    EXECUTE FUNCTION oms_order_group_is_open();
"""
NO_GROUPS = """
DROP TRIGGER orders_order_group_open ON orders_order;
DROP FUNCTION oms_order_group_is_open();
ALTER TABLE orders_order DROP CONSTRAINT order_group_of_its_own;
DROP TRIGGER orders_order_group ON orders_order;
"""
ORDER_GROUPS = [
    migrations.AddField(
        "order", "order_group", columns.to("controls.ordergroup", constraint=False, null=True)
    ),
    migrations.AddIndex(
        "order",
        models.Index(
            condition=~models.Q(order_group=None), fields=["order_group"], name="order_of_group"
        ),
    ),
    migrations.RunSQL(GROUPS, NO_GROUPS),
]


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0013_rfq_rounds"),
        ("allocations", "0007_client_side"),
        ("firm", "0001_initial"),
        ("journal", "0002_laws"),
        ("controls", "0010_order_groups"),
        ("allocations", "0008_custodian_files"),
    ]
    operations = [
        *ORDER_GROUPS,
        *_external_orders.OPERATIONS,
        migrations.CreateModel(
            name="NotionalPart",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("position", models.PositiveSmallIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("notional", columns.money()),
                ("price", columns.price()),
                ("price_source", models.CharField(max_length=40)),
                ("price_at", models.DateTimeField(blank=True, null=True)),
                ("increment", columns.qty()),
                ("qty", columns.qty()),
                ("principal", columns.money()),
                ("residual", columns.money()),
                ("at", models.DateTimeField()),
                ("account", columns.to("allocations.account", null=True)),
                ("order", columns.to("orders.order", "notional_parts", index=True)),
                ("organization", columns.organization()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("order", "position"), name="notional_part_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("price__gt", 0), ("qty__gt", 0)),
                        name="notional_buys_some",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("notional", models.F("principal") + models.F("residual")),
                            ("residual__gte", 0),
                        ),
                        name="notional_to_the_cent",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            [*laws.append_only("orders_notionalpart"), laws.DROP_PATTERN_INDEXES],
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(LAWS, UNDO),
    ]
