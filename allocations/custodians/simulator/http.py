"""Serves an ASGI application on a socket, inside a loop that others share."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from allocations.custodians.simulator.app import CustodianApp

_GRACE_SECONDS = 1


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The process belongs to its entrance, which alone listens to signals."""
        yield


def server_of(app: CustodianApp) -> uvicorn.Server:
    """A server to be awaited by `serve_on` and stopped by its `should_exit`."""
    return _Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )


async def serve_on(server: uvicorn.Server, sock: socket.socket) -> None:
    """Serve on a bound socket until `server.should_exit`."""
    await server.serve(sockets=[sock])
