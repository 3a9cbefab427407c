"""The doors of the outside world: what is said there leaves at once."""

from __future__ import annotations

import socket

from allocations.custodians import outside


def test_an_answer_of_the_outside_waits_for_no_acknowledgment() -> None:
    with outside._bind(0, 0) as door, socket.create_connection(door.getsockname()):
        door.setblocking(True)
        peer, _ = door.accept()
        with peer:
            assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
