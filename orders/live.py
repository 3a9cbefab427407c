"""`/ws/desk/`: the blotter's live picture for one browser session.

    hello -> snapshot{seq, rows} -> delta{seq, after, rows} … hb

Deltas hold changed fields only, at most ten a second. A browser that has missed one, or comes back,
sends `{"type": "resume", "seq": n}` and gets what it missed, or a new snapshot.
"""

from __future__ import annotations

import json
from urllib.parse import parse_qs

from oms_site.firm import generation
from oms_site.firm.principals import Principal
from orders import picture
from orders.changes import Changes, in_thread
from orders.screen_socket import ScreenSocket


class DeskSocket(ScreenSocket):
    """One screen of the desk, told what moved since the position it has."""

    _asked: int | None = None
    _begun = False

    async def entered(self, principal: Principal) -> None:
        self._asked = _number(parse_qs(self.scope["query_string"].decode("latin-1")))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """The only thing a screen may say is where it wants to go on; all else is ignored."""
        try:
            said = json.loads(text_data or "")
            if said["type"] == "resume" and isinstance(said["seq"], int):
                self._asked = said["seq"]
        except (ValueError, TypeError, KeyError):
            return
        self.wake()

    async def tell(self, watched: Changes) -> None:
        if self._asked is not None or not self._begun:
            self._begun = True
            await self._resume(watched)
        elif watched.position > self._seq:
            await self._catch_up(watched)

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
        await self.say("snapshot", seq=seq, rows=rows, more=more)

    async def _catch_up(self, watched: Changes) -> None:
        rows = watched.after(self._seq)
        if rows is None:
            await self._resume(watched)
            return
        after, self._seq = self._seq, watched.position
        await self.say("delta", seq=self._seq, after=after, rows=rows)


def _number(query: dict[str, list[str]]) -> int | None:
    text = query.get("seq", [""])[0]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _picture(organization_id: str) -> tuple[list[picture.Row], bool]:
    generation.check()
    return picture.newest(organization_id, day=picture.today())
