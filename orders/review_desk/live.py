"""`/ws/review/`: the queue's live picture, and who looks at which review now.

    hello -> snapshot{seq, rows} … hb      presence{user, review} between the screens

The whole queue is sent again when it has changed: it is short. Presence travels over Channels only
and may be lost; every screen repeats its own. Nothing is decided here.
"""

from __future__ import annotations

import asyncio
import json
import logging
from types import SimpleNamespace
from typing import Any

import msgspec
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore

from oms_site.firm import generation, principals
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from oms_site.kit import clock
from orders import changes, figures, market
from orders.changes import Changes, in_thread
from orders.review_desk import queue

log = logging.getLogger(__name__)
HEARTBEAT_SECONDS = 2.0
RECHECK_SECONDS = 5.0
STALLED_SECONDS = 5.0
LOGGED_OUT, NOT_ENTITLED, STALLED, BROKEN = 4401, 4403, 4408, 1011


class ReviewSocket(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels ships no types
    """One screen of the review desk; the session is asked for again and again."""

    _task: asyncio.Task[None] | None = None
    _bell: asyncio.Event | None = None
    _seq = -1
    _asked = True
    _looks_at = ""
    _group = ""

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
        self._group = f"review.{principal.organization_id}"
        await self.channel_layer.group_add(self._group, self.channel_name)
        self._task = asyncio.create_task(self._run())

    async def disconnect(self, code: int) -> None:
        if self._task is not None:
            self._task.cancel()
        if self._group:
            self._looks_at = ""
            await self._announce()
            await self.channel_layer.group_discard(self._group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A screen says where it looks, or that it missed something; all else is ignored."""
        try:
            said = json.loads(text_data or "")
            kind, review = said["type"], str(said.get("review", ""))
        except (ValueError, TypeError, KeyError, AttributeError):
            return
        if kind == "look" and len(review) <= 40 and self._group:
            self._looks_at = review
            await self._announce()
        elif kind == "resume":
            self._asked = True
            if self._bell is not None:
                self._bell.set()

    async def presence(self, message: dict[str, Any]) -> None:
        """Somebody's screen told where it looks; handed on, one's own excepted."""
        if message["screen"] != self.channel_name:
            await self._say("presence", **{k: message[k] for k in ("screen", "user", "review")})

    async def _announce(self) -> None:
        told = {"screen": self.channel_name, "user": self._principal.username}
        await self.channel_layer.group_send(
            self._group, {"type": "presence", "review": self._looks_at, **told}
        )

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
            log.exception("a review socket broke off")
            await self.close(code=BROKEN)
        finally:
            if self._bell is not None:
                watched.leave(self._bell)

    async def _follow(self, watched: Changes, bell: asyncio.Event) -> None:
        await self._say("hello", heartbeat_ms=int(HEARTBEAT_SECONDS * 1000), seq=watched.position)
        shown: list[queue.Row] | None = None
        read_to = -1
        beat = checked = clock.monotonic()
        while True:
            if self._asked or watched.position > read_to:
                # The position is read before the rows, so that nothing between the two is missed.
                read_to = watched.position
                rows = await in_thread(_rows, watched.organization_id)
                if self._asked or rows != shown:
                    self._asked, shown, self._seq = False, rows, read_to
                    await self._say("snapshot", seq=read_to, rows=rows)
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS / 2):
                    await bell.wait()
            except TimeoutError:
                pass
            bell.clear()
            moment = clock.monotonic()
            if moment - beat >= HEARTBEAT_SECONDS:
                beat = moment
                await self._say("hb", seq=self._seq)
                if self._looks_at:
                    await self._announce()
            if moment - checked >= RECHECK_SECONDS:
                checked = moment
                refusal = _refusal(await in_thread(_principal, self._session_key))
                if refusal:
                    await self.close(code=refusal)
                    return

    async def _say(self, kind: str, **facts: Any) -> None:
        at = clock.now()
        told: dict[str, Any] = {"type": kind, **facts}
        if kind in ("hello", "hb"):
            told["server_time"] = figures.iso(at)
            told["ahead_s"] = round(clock.offset().total_seconds())
            told["market"] = vars(market.state(at))
        async with asyncio.timeout(STALLED_SECONDS):
            await self.send(text_data=msgspec.json.encode(told).decode())


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
    return 0 if queue.may_see(principal) else NOT_ENTITLED


def _rows(organization_id: str) -> list[queue.Row]:
    generation.check()
    return queue.rows(organization_id)
