"""Reads what an execution order says that only its venue knows; whether it does, others check."""

from __future__ import annotations

import msgspec

from oms_site.api.shape import Reader
from orders.requests import Extension

FIELDS = ("algorithm", "venue_parameters")
_MOST = 50


def read(body: Reader) -> Extension | msgspec.UnsetType:
    """What was asked for; unset when nothing was, so that older fingerprints stay true."""
    algorithm = body.text("algorithm", longest=40) or ""
    given = body.value.get("venue_parameters")
    if given is None:
        given = {}
    elif not isinstance(given, dict) or len(given) > _MOST:
        body.fault("venue_parameters", "invalid", f"An object of at most {_MOST} texts.")
        given = {}
    for name, value in given.items():
        if not isinstance(value, str) or not 0 < len(name) <= 40:
            body.fault(f"venue_parameters.{name[:40]}", "invalid", "A text.")
            return msgspec.UNSET
    if not algorithm and not given:
        return msgspec.UNSET
    return Extension(algorithm=algorithm, parameters=tuple(sorted(given.items())))
