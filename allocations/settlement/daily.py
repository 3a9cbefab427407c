"""The confirmations of one trade date as a file, the same bytes whenever it is asked for.

Only terms are told, which never change; the order is that of making.
"""

from __future__ import annotations

import csv
import io
from datetime import date

from allocations.models import TradeConfirm
from allocations.settlement import comparing
from allocations.settlement.telling import terms

_MORE = ("confirm_id", "booking_id", "order_id", "custodian_id", "fees", "currency")


def confirms(organization_id: str, *, trade_date: date) -> bytes:
    """A CSV file: a header, then one line per confirmation ever made for that day."""
    rows = TradeConfirm.objects.filter(organization_id=organization_id, trade_date=trade_date)
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\r\n")
    lines.writerow([*_MORE, *comparing.FIELDS])
    for row in rows.order_by("id"):
        mine = comparing.texts(terms(row))
        more = (row.id, row.leg_id, row.order_id, row.custodian_id, f"{row.fees:f}", row.currency)
        lines.writerow([*more, *(mine[name] for name in comparing.FIELDS)])
    return text.getvalue().encode()
