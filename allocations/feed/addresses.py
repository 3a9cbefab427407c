"""Which addresses may be told: never one inside our own network, whatever a name resolves to.

A name is looked up at registration and again before every delivery, and the delivery goes to the
very address that was checked, so that a name cannot be moved in between.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from oms_site.kit.errors import OmsError

PORTS = frozenset({443, 8443})
LENGTH_MOST = 300
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a delivery goes: the checked address, and what is asked for there."""

    scheme: str
    host: str
    port: int
    address: str
    path: str

    @property
    def url(self) -> str:
        """With the address in the place of the name."""
        shown = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.scheme}://{shown}:{self.port}{self.path}"


def look_up(host: str, port: int) -> Sequence[str]:
    """Every address of a name. Raises `OSError`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(one[4][0]) for one in found]


def check(url: str, *, sandbox: bool, lookup: Lookup = look_up) -> Target:
    """The target of an address. Raises `OmsError` (422 `feed_address_refused`).

    Only https to public addresses on the usual ports, all of the name's addresses being public. In
    the sandbox only this machine itself, on any port of its own and without encryption.
    """
    parts = _parts(url)
    host, port = _host(parts), _port(parts)
    try:
        addresses = [ipaddress.ip_address(one.partition("%")[0]) for one in lookup(host, port)]
    except (OSError, ValueError) as error:
        raise _refused(f"{host} is no known host.") from error
    if not addresses:
        raise _refused(f"{host} has no address.")
    for address in addresses:
        _check_address(host, address, sandbox=sandbox)
    if not sandbox and (parts.scheme != "https" or port not in PORTS):
        raise _refused("Only https on port 443 or 8443 is told.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, str(addresses[0]), path)


def _parts(url: str) -> SplitResult:
    if len(url) > LENGTH_MOST or not url.isascii() or any(c.isspace() or c < " " for c in url):
        raise _refused("That is no address.")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise _refused("That is no address.") from error
    if parts.scheme not in ("http", "https"):
        raise _refused("Only http and https are spoken.")
    if parts.username is not None or parts.password is not None or "\\" in url:
        raise _refused("An address has no user or password in it.")
    if parts.fragment:
        raise _refused("An address has no fragment.")
    return parts


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if not host:
        raise _refused("An address has a host.")
    return host


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError as error:
        raise _refused("That is no port.") from error
    if port == 0:
        raise _refused("That is no port.")
    return port or (443 if parts.scheme == "https" else 80)


def _check_address(host: str, address: _Address, *, sandbox: bool) -> None:
    mapped = getattr(address, "ipv4_mapped", None)
    real: _Address = mapped or address
    if sandbox:
        if not real.is_loopback:
            raise _refused("In the sandbox only this machine itself may be told.")
        return
    # `is_global` leaves out private, shared, link-local, loopback, reserved and documentation ones;
    # addresses that carry another one inside could lead anywhere.
    carries = isinstance(real, ipaddress.IPv6Address) and (
        real.sixtofour is not None or real.teredo is not None or real in _NAT64
    )
    if not real.is_global or real.is_multicast or carries:
        raise _refused(f"{host} is not a public address.")


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def _refused(why: str) -> OmsError:
    return OmsError("feed_address_refused", why, field="url")
