"""The kinds of gateways there are, and how a session of each is opened.

The process that speaks to venues and the one that certifies them ask here. A new kind is one more
entry; nothing else knows them all.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from django.conf import settings

from venues.gateways.port import Gateway, GatewayError
from venues.gateways.simulator.gateway import SimulatorGateway


def make(kind: str, session: str) -> Gateway:
    """A gateway of this kind for one session. Raises `GatewayError` when it cannot be made."""
    maker = KINDS.get(kind)
    if maker is None:
        raise GatewayError("gateway_unknown", f"there is no gateway {kind!r}", permanent=True)
    return maker(session)


def _simulator(session: str) -> Gateway:
    try:
        ports = json.loads((settings.OUTSIDE_DIR / "ports.json").read_bytes())
    except (OSError, ValueError) as error:
        raise GatewayError("venue_unreachable", "the venue has not told its port yet") from error
    return SimulatorGateway(session=session, host="127.0.0.1", port=ports["venue"])


KINDS: dict[str, Callable[[str], Gateway]] = {"simulator": _simulator}
