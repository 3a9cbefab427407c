"""The ASGI door: order intake by the short way, sockets, and everything else through Django."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms_site.settings")
_django: Any = get_asgi_application()

# Named by string: the ground knows no floor above it.
_fast = import_module("orders.api.fast_lane")
_sockets = import_module("oms_site.sockets").application
_follow_clock = import_module("oms_site.firm.sandbox_clock").follow
_in_thread = import_module("oms_site.firm.database").in_thread
_lines_of_this_loop = import_module("orders.api.lines").of_this_loop
_spare_the_collector = import_module("oms_site.kit.collector").spare

_started = False


async def application(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Hand each connection to the part that serves it."""
    if scope["type"] == "http":
        await _start()
        await (_fast.app if _fast.takes(scope) else _django)(scope, receive, send)
    elif scope["type"] == "websocket":
        await _start()
        await _sockets(scope, receive, send)
    else:
        await _lifespan(receive, send)


async def _start() -> None:
    """Know the sandbox's time before anything is dated: an order of another day is refused."""
    global _started
    if not _started:
        await _in_thread(_follow_clock)
        _spare_the_collector()
        _lines_of_this_loop()  # opens them
        # The writer gives the interpreter away at each answer of the database; with the usual
        # 5 ms it waited that long to have it back (median at 1,000 orders/s: 41 ms, now 16).
        sys.setswitchinterval(0.0005)
        _started = True


async def _lifespan(
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                await _start()
            except Exception as error:  # noqa: BLE001  whatever it is, it is not ready
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            _lines_of_this_loop().close()
            await send({"type": "lifespan.shutdown.complete"})
            return
