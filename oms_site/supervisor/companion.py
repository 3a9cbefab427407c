"""What `manage.py` needs to speak of the copy that `make run` keeps: read from its data directory.

Only where nothing has been said: a command with settings of its own is about those.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from oms_site.supervisor.data import read_layout
from oms_site.supervisor.terminal import CannotStart

_SAID = ("DATABASE_URL", "OMS_SECRET_KEY", "OMS_ENV")


def settings_of_the_copy(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of the copy in OMS_DATA_DIR (default `.data`); none if there is no copy."""
    if any(environ.get(name) for name in _SAID):
        return {}
    try:
        layout = read_layout(environ)
        run = json.loads(layout.run_file.read_text())
        return {
            "DATABASE_URL": run["database_url"],
            "REDIS_URL": run["redis_url"],
            "OMS_DATA_DIR": str(layout.data_dir),
            "OMS_ENV": "sandbox",
            "OMS_SECRET_KEY": (layout.data_dir / "secret_key").read_text().strip(),
        }
    except (CannotStart, OSError, ValueError, KeyError):
        return {}
