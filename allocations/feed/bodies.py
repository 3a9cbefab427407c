"""One change of a position as its receiver reads it: made once, from the fact alone."""

from __future__ import annotations

import msgspec

from allocations import accounts
from allocations.models import FeedDelivery, Movement
from oms_site.kit import numbers
from venues import instruments

_encoder = msgspec.json.Encoder(decimal_format="string")


def of(delivery: FeedDelivery, movement: Movement) -> str:
    """JSON: quantities in par or shares, money in the currency, numbers as texts.

    `sequence` counts the changes of this position without a gap: it orders what comes late.
    """
    facts = accounts.find_account(movement.organization_id, movement.account_id)
    instrument = instruments.by_id(movement.instrument_id or 0)
    return _encoder.encode(
        {
            "id": delivery.delivery_id,
            "type": "position.changed",
            "at": movement.at,
            "update_id": movement.update_id,
            "account_id": movement.account_id,
            "account_code": facts.code if facts else None,
            "instrument": {
                "cusip": instrument.cusip,
                "isin": instrument.isin,
                "asset_class": instrument.asset_class,
            },
            "currency": movement.currency,
            "sequence": movement.sequence,
            "change": {
                "movement_id": movement.id,
                "kind": str(movement.kind),
                "order_id": movement.order_id or None,
                "amount": numbers.plain(movement.qty),
                "price": None if movement.price is None else numbers.plain(movement.price),
                "principal": str(movement.principal),
                "accrued_interest": str(movement.accrued_interest),
                "cash": str(movement.cash),
                "trade_date": movement.trade_date,
                "settlement_date": movement.settlement_date,
            },
            "position": {
                "amount": numbers.plain(movement.qty_after or movement.qty * 0),
                "cost": str(movement.cost_after),
                "realized": str(movement.realized_after),
            },
        }
    ).decode()
