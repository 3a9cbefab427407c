"""`/v1/data/price-stream/`: the books a client subscribes to, as snapshots, then when they change.

First frame `success`; `subscribe` and `unsubscribe` are answered; every `market_data` frame is the
whole view of one instrument with its `stale` flag and the next `seq` of this socket. Changes within
the throttle are told as one. A heartbeat says that nothing else was to be told.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec
from channels.generic.websocket import AsyncWebsocketConsumer

from oms_site.firm import database, generation, principals
from oms_site.firm.principals import Principal
from oms_site.kit import clock
from venues.price_stream import asked
from venues.price_stream.asked import Subscribe, Wish
from venues.price_stream.hub import Watcher, hub

log = logging.getLogger(__name__)
ENTITLEMENT = "order.view"
HEARTBEAT_SECONDS = 5.0
STALLED_SECONDS = 5.0
RECHECK_SECONDS = 5.0
_TURN_SECONDS = 0.5
_encoder = msgspec.json.Encoder(decimal_format="number")


class PriceStream(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels ships no types
    """One client. It is told the newest of what it wants, never everything between."""

    _task: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        self._token = _token(self.scope)
        if not await self._may_go_on():
            # Closing before accepting answers the handshake with 403.
            await self.close(code=4401)
            return
        self._wishes: dict[str, Wish] = {}
        self._due: dict[str, float] = {}
        self._state: dict[str, tuple[str, ...]] = {}
        self._watcher = Watcher()
        self._seq = 0
        self._said = clock.monotonic()
        await self.accept()
        await self._say({"msg_type": "success", "msg": "connected"})
        self._task = asyncio.create_task(self._run())

    async def disconnect(self, code: int) -> None:
        if self._task is not None:
            self._task.cancel()
            hub().leave(self._watcher)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A subscription more or less; anything else is answered with an error."""
        try:
            said = asked.read(text_data or "")
        except msgspec.MsgspecError as error:
            await self._say({"msg_type": "error", "code": "invalid_request", "msg": str(error)})
            return
        if isinstance(said, Subscribe):
            await self._subscribe(said)
            return
        known, _ = await database.in_thread(asked.cusips, said.instruments)
        gone = [cusip for cusip in known if self._wishes.pop(cusip, None)]
        hub().unwatch(self._watcher, gone)
        await self._say({"msg_type": "unsubscribed", "instruments": gone})

    async def _subscribe(self, said: Subscribe) -> None:
        wishes, unknown = await database.in_thread(asked.wishes, said)
        if len({*self._wishes, *(wish.cusip for wish in wishes)}) > asked.MOST:
            text = f"at most {asked.MOST} instruments on one socket"
            await self._say({"msg_type": "error", "code": "too_many_instruments", "msg": text})
            return
        await hub().watch(self._watcher, [wish.cusip for wish in wishes])
        names = [wish.cusip for wish in wishes]
        await self._say({"msg_type": "subscribed", "instruments": names, "unknown": unknown})
        for wish in wishes:
            self._wishes[wish.cusip] = wish
            await self._tell(wish, "snapshot")

    async def _run(self) -> None:
        try:
            await self._follow()
        except TimeoutError:
            await self.close(code=4408)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("a price stream broke off")
            await self.close(code=1011)

    async def _follow(self) -> None:
        checked = clock.monotonic()
        while True:
            try:
                async with asyncio.timeout(self._next_turn()):
                    await self._watcher.bell.wait()
            except TimeoutError:
                pass
            self._watcher.bell.clear()
            await self._tell_what_is_due()
            now = clock.monotonic()
            if now - self._said >= HEARTBEAT_SECONDS:
                await self._say({"msg_type": "heartbeat", "as_of": clock.now()})
            if now - checked >= RECHECK_SECONDS:
                checked = now
                if not await self._may_go_on():
                    await self.close(code=4401)
                    return

    def _next_turn(self) -> float:
        now = clock.monotonic()
        waits = [self._due.get(name, now) - now for name in self._watcher.changed]
        return min([_TURN_SECONDS, *(max(wait, 0.01) for wait in waits)])

    async def _tell_what_is_due(self) -> None:
        """What changed and its throttle lets out; and what has grown stale by itself."""
        now = clock.monotonic()
        for name, wish in list(self._wishes.items()):
            aged = self._state.get(name) != self._states(name)
            if (name in self._watcher.changed or aged) and self._due.get(name, now) <= now:
                self._watcher.changed.discard(name)
                await self._tell(wish, "update")

    def _states(self, name: str) -> tuple[str, ...]:
        at = clock.now()
        books, tapes = hub().books(name, at=at).books, hub().tapes(name, at=at).tapes
        seen = [f"{one.venue_id} {one.state}" for one in books]
        return (*seen, *(f"{one.venue_id} tape {one.state}" for one in tapes))

    async def _tell(self, wish: Wish, kind: str) -> None:
        at = clock.now()
        books, tapes = hub().books(wish.cusip, at=at), hub().tapes(wish.cusip, at=at)
        self._due[wish.cusip] = clock.monotonic() + wish.throttle
        self._state[wish.cusip] = self._states(wish.cusip)
        self._seq += 1
        head = {"msg_type": "market_data", "type": kind, "seq": self._seq}
        # Beside the loop: reference data that changed is read anew from the database.
        view = await database.in_thread(asked.view, wish, books, tapes)
        await self._say({**head, **view})

    async def _may_go_on(self) -> bool:
        principal = await database.in_thread(self._principal)
        return principal is not None and principal.may(ENTITLEMENT)

    def _principal(self) -> Principal | None:
        generation.check()
        return principals.of_api_key(self._token) if self._token else None

    async def _say(self, message: dict[str, Any]) -> None:
        self._said = clock.monotonic()
        async with asyncio.timeout(STALLED_SECONDS):
            await self.send(text_data=_encoder.encode(message).decode())


def _token(scope: dict[str, Any]) -> str:
    header = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
