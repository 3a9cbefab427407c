"""Sales that are marked short, and where their shares were found; positions closed out by two."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q

from oms_site.journal import laws
from orders.migrations import _flattening

ADDED = {"short_sale": 6, "locate_id": 80, "locate_broker": 40}
# A sale says how it is marked when it is made, and so it stays.
A_MARK_IS_A_TERM = f"""
CREATE TRIGGER orders_order_short_sale BEFORE UPDATE OF {", ".join(ADDED)} ON orders_order
    FOR EACH ROW EXECUTE FUNCTION oms_refuse('its terms never change');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0024_custodians"),
        ("orders", "0025_fee_breaks"),
        ("controls", "0015_decided_once"),
    ]

    operations = [
        *(
            migrations.AddField(
                "order", name, models.CharField(blank=True, max_length=length, null=True)
            )
            for name, length in ADDED.items()
        ),
        migrations.AddConstraint(
            "order",
            models.CheckConstraint(
                condition=Q(short_sale=None, locate_id=None, locate_broker=None)
                | Q(side="sell", short_sale=None)
                | (
                    Q(side="sell", amount_type="shares", short_sale__in=["short", "exempt"])
                    & (
                        Q(locate_id__isnull=False, locate_id__gt="")
                        | Q(locate_broker__isnull=False, locate_broker__gt="")
                    )
                ),
                name="order_short_sale_located",
            ),
        ),
        migrations.RunSQL(
            A_MARK_IS_A_TERM, "DROP TRIGGER orders_order_short_sale ON orders_order;"
        ),
        *_flattening.MADE,
        migrations.RunSQL(laws.DROP_PATTERN_INDEXES, migrations.RunSQL.noop),
    ]
