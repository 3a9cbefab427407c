"""Execution orders that a custodian's desk works: whose desk, and the money they were given in."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q

from oms_site.journal import columns

# A desk takes shares alone, and is the venue of the custodian that is named.
LAWS = """
CREATE FUNCTION orders_executionorder_custodian() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT o.amount_type FROM orders_order o WHERE o.id = NEW.order_id)
            IS DISTINCT FROM 'shares' THEN
        RAISE EXCEPTION '% is not in shares: no custodian works it', NEW.order_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF (SELECT c.desk_id FROM allocations_custodian c WHERE c.id = NEW.custodian_id)
            IS DISTINCT FROM NEW.venue_id THEN
        RAISE EXCEPTION '% is not the desk of %', NEW.venue_id, NEW.custodian_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER orders_executionorder_custodian AFTER INSERT ON orders_executionorder
    FOR EACH ROW WHEN (NEW.protocol = 'custodian')
    EXECUTE FUNCTION orders_executionorder_custodian();

CREATE TRIGGER orders_executionorder_handed BEFORE UPDATE OF custodian_id, notional
    ON orders_executionorder FOR EACH ROW EXECUTE FUNCTION oms_refuse('its terms never change');
"""
UNDO = """
DROP TRIGGER orders_executionorder_handed ON orders_executionorder;
DROP TRIGGER orders_executionorder_custodian ON orders_executionorder;
DROP FUNCTION orders_executionorder_custodian();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0023_reported_outside"),
        ("allocations", "0016_desks"),
    ]

    operations = [
        migrations.AddField(
            "executionorder", "custodian", columns.to("allocations.custodian", null=True)
        ),
        migrations.AddField("executionorder", "notional", columns.money(null=True)),
        migrations.AddConstraint(
            "executionorder",
            models.CheckConstraint(
                condition=Q(protocol="custodian", custodian__isnull=False, venue__isnull=False)
                | (~Q(protocol="custodian") & Q(custodian=None)),
                name="execution_order_handed_to_somebody",
            ),
        ),
        migrations.AddConstraint(
            "executionorder",
            models.CheckConstraint(
                condition=Q(notional=None) | Q(protocol="custodian", notional__gt=0),
                name="execution_order_money_for_a_desk",
            ),
        ),
        migrations.RunSQL(LAWS, UNDO),
    ]
