"""Clearing parties on a real port beside a sandbox at ten o'clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from allocations import adapters
from tests.integration.allocations.outside import Outside


@pytest.fixture
def outside(sandbox: datetime, tmp_path: Path, settings: Any) -> Iterator[Outside]:
    """The outside parties, with nothing in their books yet."""
    settings.OUTSIDE_DIR = tmp_path
    world = Outside(tmp_path)
    yield world
    adapters.close()
    world.stop()
