"""`/ws/review/`: the queue's live picture, and who looks at which review now.

    hello -> snapshot{seq, rows} … hb      presence{user, review} between the screens

The whole queue is sent again when it has changed: it is short. Presence travels over Channels only
and may be lost; every screen repeats its own.
"""

from __future__ import annotations

import json
from typing import Any

from oms_site.firm import generation
from oms_site.firm.principals import Principal
from orders.changes import Changes, in_thread
from orders.review_desk import queue
from orders.screen_socket import ScreenSocket


class ReviewSocket(ScreenSocket):
    """One screen of the review desk."""

    _asked = True
    _read_to = -1
    _shown: list[queue.Row] | None = None
    _looks_at = ""
    _group = ""

    @classmethod
    def may_look(cls, principal: Principal) -> bool:
        return queue.may_see(principal)

    async def entered(self, principal: Principal) -> None:
        self._group = f"review.{principal.organization_id}"
        await self.channel_layer.group_add(self._group, self.channel_name)

    async def disconnect(self, code: int) -> None:
        await super().disconnect(code)
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
            self.wake()

    async def tell(self, watched: Changes) -> None:
        if not self._asked and watched.position <= self._read_to:
            return
        # The position is read before the rows, so that nothing between the two is missed.
        self._read_to = watched.position
        rows = await in_thread(_rows, watched.organization_id)
        if self._asked or rows != self._shown:
            self._asked, self._shown, self._seq = False, rows, self._read_to
            await self.say("snapshot", seq=self._seq, rows=rows)

    async def beaten(self) -> None:
        if self._looks_at:
            await self._announce()

    async def presence(self, message: dict[str, Any]) -> None:
        """Somebody's screen told where it looks; handed on, one's own excepted."""
        if message["screen"] != self.channel_name:
            await self.say("presence", **{k: message[k] for k in ("screen", "user", "review")})

    async def _announce(self) -> None:
        told = {"screen": self.channel_name, "user": self._principal.username}
        await self.channel_layer.group_send(
            self._group, {"type": "presence", "review": self._looks_at, **told}
        )


def _rows(organization_id: str) -> list[queue.Row]:
    generation.check()
    return queue.rows(organization_id)
