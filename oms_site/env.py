"""Typed readers of the environment that fail loudly: the only room that reads `os.environ`."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


class BadSetting(RuntimeError):
    """A setting is missing or malformed; the text says which and what to do."""


def text(name: str, default: str | None = None) -> str:
    """The setting as text. Raises `BadSetting` when it is missing and has no default."""
    value = os.environ.get(name, default)
    if value is None:
        raise BadSetting(f"{name} is not set; `make run` sets it, or set it yourself")
    return value


def flag(name: str, *, default: bool = False) -> bool:
    """The setting as yes or no. Raises `BadSetting` on anything else."""
    value = os.environ.get(name, "1" if default else "0").strip().lower()
    if value in _TRUE or value in _FALSE:
        return value in _TRUE
    raise BadSetting(f"{name} is yes or no, was {value!r}")


def number(name: str, default: int) -> int:
    """The setting as a whole number. Raises `BadSetting` on anything else."""
    value = os.environ.get(name, str(default))
    try:
        return int(value)
    except ValueError:
        raise BadSetting(f"{name} is a whole number, was {value!r}") from None


def path(name: str, default: str) -> Path:
    """The setting as an absolute path."""
    return Path(os.environ.get(name, default)).expanduser().absolute()


def desk_lines() -> list[str]:
    """The sockets of the desk's processes, which `make run` puts into a private directory."""
    directory = os.environ.get("OMS_SOCKETS")
    count = number("DESK_WORKERS", 2) if directory else 0
    return [str(Path(directory or "") / f"desk-{n}") for n in range(1, count + 1)]


def database(name: str, default: str) -> dict[str, object]:
    """A PostgreSQL URL as Django's connection settings, with a pool of connections.

    Raises `BadSetting` when it does not parse: one engine, one semantics.
    """
    url = os.environ.get(name, default)
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise BadSetting(f"{name} is a postgresql:// URL: {error}") from None
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.get("dbname") or "oms",
        "USER": parts.get("user") or "",
        "PASSWORD": parts.get("password") or "",
        "HOST": parts.get("host") or "",
        "PORT": str(parts.get("port") or ""),
    }
