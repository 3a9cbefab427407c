"""What moved in an account, as clients of the stream see it: transactions, holdings, balances.

Pure: made from one stored event each time it is read, so it says the same whenever it is replayed.
The journal keeps one event per account and batch; three would cost each fill two more writes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import msgspec

VIEWS = ("transaction", "holding", "balance")
_MARK = '"event_type":"holdings_move"'
_PARTS = {"transaction": "movements", "holding": "positions", "balance": "balances"}
_encoder = msgspec.json.Encoder(decimal_format="number")


class _Frame(msgspec.Struct):
    """What is read of a stored frame; numbers stay the text that they are."""

    event: dict[str, msgspec.Raw]
    event_id: str
    update_id: str = ""


_decoder = msgspec.json.Decoder(_Frame)


def frames(body: str, views: Collection[str]) -> Iterator[str]:
    """The frames of these views that a stored frame stands for: none unless holdings moved.

    They carry the update id of the event that caused them and no number of their own: they come
    right after it, and again wherever that is replayed.
    """
    if _MARK not in body:
        return
    stored = _decoder.decode(body)
    event = stored.event
    update = stored.update_id or msgspec.json.decode(event["update_id"], type=str)
    for view in VIEWS:
        part = event.get(_PARTS[view])
        if view not in views or part is None or bytes(part) == b"[]":
            continue
        told: dict[str, Any] = {
            "msg_type": f"{view}_update",
            "event": {
                "event_type": view,
                "time": event["time"],
                "account_id": event["account_id"],
                _PARTS[view]: part,
            },
            "event_id": f"{stored.event_id}.{view}",
            "update_id": update,
        }
        yield _encoder.encode(told).decode()
