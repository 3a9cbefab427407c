"""The kinds of gateways there are, and how a session of each is opened.

The process that speaks to venues and the one that certifies them ask here. A new kind is one more
entry; nothing else knows them all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.db import connections

from oms_site.firm import generation
from venues import formats
from venues.formats import Names
from venues.gateways.fix.gateway import Addresses, FixGateway
from venues.gateways.port import Gateway, GatewayError
from venues.gateways.simulator import ports
from venues.gateways.simulator.gateway import SimulatorGateway


def make(kind: str, session: str) -> Gateway:
    """A gateway of this kind for one session. Raises `GatewayError` when it cannot be made."""
    maker = KINDS.get(kind)
    if maker is None:
        raise GatewayError("gateway_unknown", f"there is no gateway {kind!r}", permanent=True)
    return maker(session)


def _simulator(session: str) -> Gateway:
    host, port = find(f"{OUTSIDE}:venue")
    return SimulatorGateway(session=session, host=host, port=port, names=partial(_names, session))


def _names(session: str) -> Names:
    """What the venue of a session calls securities; asked in a thread that keeps nothing open."""
    try:
        generation.check()
        return formats.names(session.removeprefix("CERT-"))
    finally:
        connections.close_all()


def _fix(session: str) -> Gateway:
    return FixGateway(session=session, find=find, addresses=_addresses)


def find(address: str) -> tuple[str, int]:
    """Host and port of `host:port`; `outside:<name>` is what the simulated venue says of itself.

    Raises `GatewayError` when it has not said, or when this is no address.
    """
    host, _, port = address.rpartition(":")
    if host != OUTSIDE:
        if not host or not port.isdigit():
            raise GatewayError("address_invalid", f"{address!r} is no host:port", permanent=True)
        return host, int(port)
    try:
        return "127.0.0.1", ports.read(port)
    except LookupError as error:
        raise GatewayError("venue_unreachable", "the venue has not told its port yet") from error


OUTSIDE = "outside"
_addresses = Addresses()
KINDS: dict[str, Callable[[str], Gateway]] = {"simulator": _simulator, "fix": _fix}
