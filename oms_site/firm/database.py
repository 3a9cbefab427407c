"""A connection of one's own, outside Django's pool: for locks, bells and long-lived listeners."""

from __future__ import annotations

from typing import Any

from django.db import connection


def conninfo() -> dict[str, Any]:
    """psycopg's connection parameters of the default database."""
    settings = connection.settings_dict
    named = {
        "dbname": settings["NAME"],
        "user": settings["USER"],
        "password": settings["PASSWORD"],
        "host": settings["HOST"],
        "port": settings["PORT"],
    }
    return {name: value for name, value in named.items() if value}
