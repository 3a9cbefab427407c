"""What every live screen's socket does: who looks, heartbeats, closing with a reason.

    hello{server_time, seq, heartbeat_ms} -> … whatever the screen tells … hb

A screen pulls changes at its own pace. The session is asked for again and again; nothing is
ordered, canceled or decided here: screens act over the REST API.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import msgspec
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore

from controls import halts
from oms_site.firm import generation, principals
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from oms_site.kit import clock
from orders import changes, figures, market
from orders.changes import Changes, in_thread

log = logging.getLogger(__name__)
HEARTBEAT_SECONDS = 2.0
RECHECK_SECONDS = 5.0
STALLED_SECONDS = 5.0
LOGGED_OUT, NOT_ENTITLED, STALLED, BROKEN = 4401, 4403, 4408, 1011


class ScreenSocket(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels ships no types
    """One screen of one browser session. Subclasses say who may look and what is told."""

    _task: asyncio.Task[None] | None = None
    _bell: asyncio.Event | None = None
    _seq = -1

    @classmethod
    def may_look(cls, principal: Principal) -> bool:
        """Whether this person may have the screen."""
        return principal.may("order.view")

    async def entered(self, principal: Principal) -> None:
        """The person is known and may look; nothing has been told yet."""

    async def tell(self, watched: Changes) -> None:
        """Say what the screen does not have yet; called whenever something may have changed."""

    async def beaten(self) -> None:
        """A heartbeat was sent."""

    def wake(self) -> None:
        """Have `tell` called now."""
        if self._bell is not None:
            self._bell.set()

    async def connect(self) -> None:
        # Accepted before it may be refused: browsers learn the reason from the close code only.
        await self.accept()
        self._session_key = self.scope["session"].session_key or ""
        principal = await in_thread(_principal, self._session_key)
        refusal = self._refusal(principal)
        if refusal or principal is None:
            await self.close(code=refusal)
            return
        self._principal = principal
        await self.entered(principal)
        self._task = asyncio.create_task(self._run())

    async def disconnect(self, code: int) -> None:
        if self._task is not None:
            self._task.cancel()

    async def say(self, kind: str, **facts: Any) -> None:
        """Send one frame; TimeoutError when the browser does not take it."""
        at = clock.now()
        told: dict[str, Any] = {"type": kind, **facts}
        if kind in ("hello", "hb"):
            told["server_time"] = figures.iso(at)
            told["ahead_s"] = round(clock.offset().total_seconds())
            told |= await in_thread(_around, self._principal.organization_id, at)
        async with asyncio.timeout(STALLED_SECONDS):
            await self.send(text_data=msgspec.json.encode(told).decode())

    async def _run(self) -> None:
        watched = changes.of(self._principal.organization_id)
        try:
            self._bell = await watched.join()
            await self._follow(watched, self._bell)
        except TimeoutError:
            await self.close(code=STALLED)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("the socket of a screen broke off")
            await self.close(code=BROKEN)
        finally:
            if self._bell is not None:
                watched.leave(self._bell)

    async def _follow(self, watched: Changes, bell: asyncio.Event) -> None:
        await self.say("hello", heartbeat_ms=int(HEARTBEAT_SECONDS * 1000), seq=watched.position)
        beat = checked = clock.monotonic()
        while True:
            await self.tell(watched)
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS / 2):
                    await bell.wait()
            except TimeoutError:
                pass
            bell.clear()
            moment = clock.monotonic()
            if moment - beat >= HEARTBEAT_SECONDS:
                beat = moment
                await self.say("hb", seq=self._seq)
                await self.beaten()
            if moment - checked >= RECHECK_SECONDS:
                checked = moment
                refusal = self._refusal(await in_thread(_principal, self._session_key))
                if refusal:
                    await self.close(code=refusal)
                    return

    @classmethod
    def _refusal(cls, principal: Principal | None) -> int:
        if principal is None:
            return LOGGED_OUT
        return 0 if cls.may_look(principal) else NOT_ENTITLED


def _around(organization_id: str, at: datetime) -> dict[str, Any]:
    """What every page says whatever else it shows: the market's state and what is halted.

    Either may have to be read anew, so it is asked beside the event loop.
    """
    generation.check()
    return {"market": vars(market.state(at)), "halts": halts.names(organization_id)}


def _principal(session_key: str) -> Principal | None:
    """Whom the session belongs to now, None once it is over; refreshes the reference data too."""
    generation.check()
    if not session_key:
        return None
    user = get_user(SimpleNamespace(session=SessionStore(session_key)))  # type: ignore[arg-type]  # only its session is read
    if not isinstance(user, User) or not user.is_active:
        return None
    return principals.of_user(user, via="browser")
