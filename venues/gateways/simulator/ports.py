"""Where the simulated outside world listens, as its process tells on disk each time it starts."""

from __future__ import annotations

import msgspec
from django.conf import settings


def read(name: str) -> int:
    """The port of one of its doors now. Raises `LookupError` while it has told none."""
    try:
        told = (settings.OUTSIDE_DIR / "ports.json").read_bytes()
        return msgspec.json.decode(told, type=dict[str, int])[name]
    except (OSError, msgspec.MsgspecError, KeyError) as error:
        raise LookupError(f"the outside world has not told its {name} port yet") from error
