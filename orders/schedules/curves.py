"""Volume curves: how the volume of a day is spread over a session, by market and kind of security.

Kept as data in `curves.json` with a version; a schedule keeps the name of the curve that it was
planned by. The numbers are relative volumes of equally long parts of a session.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

_BOOK: dict[str, Any] = json.loads((Path(__file__).parent / "curves.json").read_text())
DEFAULT = "default"


class Curve(NamedTuple):
    """A curve with its name, such as `SIFMA/treasury/1`."""

    name: str
    volumes: tuple[int, ...]


def of(market: str, asset_class: str) -> Curve:
    """The curve of a kind of security, else of its market, else an even one."""
    known = _BOOK["curves"].get(market, {})
    kind = asset_class if asset_class in known else DEFAULT
    volumes = known.get(kind, [1])
    return Curve(f"{market}/{kind}/{_BOOK['version']}", tuple(volumes))
