"""Which pages there are and where they belong."""

from __future__ import annotations

from pathlib import Path

from orders.reference import controls, errors, events, openapi, permissions, states

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "docs" / "reference"


def pages() -> dict[str, str]:
    """The text of every generated page by its file name."""
    return {
        "states.md": states.page(),
        "events.md": events.page(),
        "errors.md": errors.page(ROOT),
        "controls.md": controls.page(),
        "permissions.md": permissions.page(),
        "openapi.json": openapi.page(),
    }
