"""`/v1/trading/order-stream/`: every event of the caller's organization, in order, none missing.

First frame `success`; then, after the number a client has seen last, everything since and whatever
happens next, each with its `msg_number`; a heartbeat when nothing does. Frames are the stored text.
With `?views=…` also what an update did in other views: see `_VIEWS`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Iterable
from functools import cache
from typing import Any, cast
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncWebsocketConsumer
from django.utils.module_loading import import_string

from oms_site.firm import database, principals
from oms_site.firm.principals import Principal
from oms_site.journal import feed
from oms_site.journal.feed import Frame
from oms_site.journal.hub import hub
from oms_site.kit import clock

log = logging.getLogger(__name__)
HEARTBEAT_SECONDS = 15.0
STALLED_SECONDS = 5.0
RECHECK_SECONDS = 5.0
_START_NAMES = ("starting_msg_number", "starting_msg_num", "from")
# Who makes the frames of other views from stored ones, reached by their names.
_VIEWS = ("allocations.holdings.projected", "orders.milestones")
# Who says whether what is made comes before the stored frame; elsewhere it comes after.
_LEADS = "orders.milestones.leads"
Projection = Callable[[str, Collection[str]], Iterable[str]]


class OrderStream(AsyncWebsocketConsumer):
    """One client's socket: it pulls from the hub at its own pace and never holds others up."""

    _task: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        self._token = _token(self.scope)
        principal = await _principal(self._token)
        self._query = parse_qs(self.scope["query_string"].decode("latin-1"))
        self._views = frozenset(",".join(self._query.get("views", [])).split(",")) - {""}
        if principal is None or not self._may_see(principal):
            # Closing before accepting answers the handshake with 403.
            await self.close(code=4401)
            return
        await self.accept()
        self._principal = principal
        self._task = asyncio.create_task(self._run())

    async def disconnect(self, code: int) -> None:
        if self._task is not None:
            self._task.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Clients have nothing to say on this stream; what they send is ignored."""

    async def _run(self) -> None:
        try:
            # Before the first word: who has read `success` misses nothing of what it does next.
            position = await self._start()
            await self._say({"msg_type": "success", "msg": "connected"})
            if not self._views <= _known_views():
                await self._refuse("view_unknown", code=4400)
            elif position is None:
                await self._refuse("replay_unavailable", code=4410)
            else:
                await self._follow(position)
        except TimeoutError:
            await self.close(code=4408)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("an order stream broke off")
            await self.close(code=1011)

    async def _start(self) -> int | None:
        """The position to go on after: what the client saw last, or now; None for no number."""
        given = next((self._query[n][0] for n in _START_NAMES if n in self._query), None)
        if given is None:
            given = dict(self.scope["headers"]).get(b"last-event-id", b"").decode("latin-1") or None
        organization = self._principal.organization_id
        if given is None:
            return await hub().last(organization)
        if not given.isascii() or not given.isdigit() or len(given) > 20:
            return None
        seen = min(int(given), 2**63 - 1)
        return await database.in_thread(feed.position_of, organization, seen)

    async def _follow(self, position: int) -> None:
        organization = self._principal.organization_id
        said = checked = clock.monotonic()
        while True:
            # By the clock and not by turns: a busy stream is checked like a quiet one.
            if clock.monotonic() - checked >= RECHECK_SECONDS:
                checked = clock.monotonic()
                if not await self._may_go_on():
                    await self.close(code=4401)
                    return
            frames = await hub().after(organization, position)
            for frame in frames:
                for text in self._texts(frame):
                    await self._send(text)
                    said = clock.monotonic()
                position = frame.position
            # Frames for the audit only are silence to a client.
            if clock.monotonic() - said >= HEARTBEAT_SECONDS:
                said = clock.monotonic()
                await self._say({"msg_type": "heartbeat"})
            if not frames:
                await hub().wait(organization, position, seconds=1.0)

    def _texts(self, frame: Frame) -> Iterable[str]:
        """What this client is sent of one frame."""
        own = () if frame.number is None else (frame.wire(),)
        if not self._views:
            return own
        made = [text for make in _projections() for text in make(frame.body, self._views)]
        return (*made, *own) if made and _leads()(frame.body) else (*own, *made)

    def _may_see(self, principal: Principal) -> bool:
        # Holdings are seen by who may see orders, as everywhere.
        return principal.may("events.view") and (not self._views or principal.may("order.view"))

    async def _may_go_on(self) -> bool:
        now = await _principal(self._token)
        same = now is not None and now.organization_id == self._principal.organization_id
        return same and now is not None and self._may_see(now)

    async def _refuse(self, why: str, *, code: int) -> None:
        await self._say({"msg_type": "error", "msg": why})
        await self.close(code=code)

    async def _say(self, message: dict[str, Any]) -> None:
        await self._send(json.dumps(message, separators=(",", ":")))

    async def _send(self, text: str) -> None:
        async with asyncio.timeout(STALLED_SECONDS):
            await self.send(text_data=text)


@cache
def _projections() -> tuple[Projection, ...]:
    return tuple(cast(Projection, import_string(f"{name}.frames")) for name in _VIEWS)


@cache
def _leads() -> Callable[[str], bool]:
    return cast(Callable[[str], bool], import_string(_LEADS))


@cache
def _known_views() -> frozenset[str]:
    return frozenset(view for name in _VIEWS for view in import_string(f"{name}.VIEWS"))


def _token(scope: dict[str, Any]) -> str:
    header = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def _principal(token: str) -> Principal | None:
    if not token:
        return None
    return await database.in_thread(principals.of_api_key, token)
