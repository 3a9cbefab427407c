"""`/ws/desk/`: the blotter's live picture for one browser session.

    hello{server_time, seq, heartbeat_ms} -> snapshot{seq, rows} -> delta{seq, after, rows} … hb

Deltas hold changed fields only, at most ten a second. A browser that has missed one, or comes back,
sends `{"type": "resume", "seq": n}` and gets what it missed, or a new snapshot. Nothing is ordered
or canceled here: screens act over the REST API.
"""

from __future__ import annotations

import asyncio
import json
import logging
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import msgspec
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore

from oms_site.firm import generation, principals
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from oms_site.kit import clock
from orders import changes, figures, market, picture
from orders.changes import Changes, in_thread

log = logging.getLogger(__name__)
HEARTBEAT_SECONDS = 2.0
RECHECK_SECONDS = 5.0
STALLED_SECONDS = 5.0
LOGGED_OUT, NOT_ENTITLED, STALLED, BROKEN = 4401, 4403, 4408, 1011


class DeskSocket(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels ships no types
    """One screen. It pulls changes at its own pace; the session is asked for again and again."""

    _task: asyncio.Task[None] | None = None
    _bell: asyncio.Event | None = None
    _seq = -1
    _asked: int | None = None

    async def connect(self) -> None:
        # Accepted before it may be refused: browsers learn the reason from the close code only.
        await self.accept()
        self._session_key = self.scope["session"].session_key or ""
        principal = await in_thread(_principal, self._session_key)
        refusal = _refusal(principal)
        if refusal or principal is None:
            await self.close(code=refusal)
            return
        self._principal = principal
        self._asked = _number(parse_qs(self.scope["query_string"].decode("latin-1")))
        self._task = asyncio.create_task(self._run())

    async def disconnect(self, code: int) -> None:
        if self._task is not None:
            self._task.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """The only thing a screen may say is where it wants to go on; all else is ignored."""
        try:
            said = json.loads(text_data or "")
            if said["type"] == "resume" and isinstance(said["seq"], int):
                self._asked = said["seq"]
        except (ValueError, TypeError, KeyError):
            return
        if self._bell is not None:
            self._bell.set()

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
            log.exception("a desk socket broke off")
            await self.close(code=BROKEN)
        finally:
            if self._bell is not None:
                watched.leave(self._bell)

    async def _follow(self, watched: Changes, bell: asyncio.Event) -> None:
        await self._say("hello", heartbeat_ms=int(HEARTBEAT_SECONDS * 1000), seq=watched.position)
        await self._resume(watched)
        beat = checked = clock.monotonic()
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS / 2):
                    await bell.wait()
            except TimeoutError:
                pass
            bell.clear()
            if self._asked is not None:
                await self._resume(watched)
            elif watched.position > self._seq:
                await self._catch_up(watched)
            moment = clock.monotonic()
            if moment - beat >= HEARTBEAT_SECONDS:
                beat = moment
                await self._say("hb", seq=self._seq)
            if moment - checked >= RECHECK_SECONDS:
                checked = moment
                refusal = _refusal(await in_thread(_principal, self._session_key))
                if refusal:
                    await self.close(code=refusal)
                    return

    async def _resume(self, watched: Changes) -> None:
        """Go on after the position that the screen has, or begin with a new picture."""
        asked, self._asked = self._asked, None
        if asked is not None and watched.after(asked) is not None:
            self._seq = asked
            await self._catch_up(watched)
            return
        # The position is read before the rows, so that nothing between the two is missed.
        seq = watched.position
        rows, more = await in_thread(_picture, watched.organization_id)
        self._seq = seq
        await self._say("snapshot", seq=seq, rows=rows, more=more)

    async def _catch_up(self, watched: Changes) -> None:
        rows = watched.after(self._seq)
        if rows is None:
            await self._resume(watched)
            return
        after, self._seq = self._seq, watched.position
        await self._say("delta", seq=self._seq, after=after, rows=rows)

    async def _say(self, kind: str, **facts: Any) -> None:
        at = clock.now()
        told: dict[str, Any] = {"type": kind, **facts}
        if kind in ("hello", "hb"):
            told["server_time"] = figures.iso(at)
            told["ahead_s"] = round(clock.offset().total_seconds())
            told["market"] = vars(market.state(at))
        async with asyncio.timeout(STALLED_SECONDS):
            await self.send(text_data=msgspec.json.encode(told).decode())


def _number(query: dict[str, list[str]]) -> int | None:
    text = query.get("seq", [""])[0]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _principal(session_key: str) -> Principal | None:
    """Whom the session belongs to now, None once it is over; refreshes the reference data too."""
    generation.check()
    if not session_key:
        return None
    user = get_user(SimpleNamespace(session=SessionStore(session_key)))  # type: ignore[arg-type]  # only its session is read
    if not isinstance(user, User) or not user.is_active:
        return None
    return principals.of_user(user, via="browser")


def _refusal(principal: Principal | None) -> int:
    if principal is None:
        return LOGGED_OUT
    return 0 if principal.may("order.view") else NOT_ENTITLED


def _picture(organization_id: str) -> tuple[list[picture.Row], bool]:
    generation.check()
    return picture.newest(organization_id, day=picture.today())
