"""What proves to a receiver that a delivery is ours: derived from our key, stored nowhere."""

from __future__ import annotations

import hmac
from hashlib import sha256

from django.conf import settings


def secret_of(endpoint_id: str, version: int) -> str:
    """The secret of an endpoint: 64 hexadecimal digits."""
    about = f"feed/{endpoint_id}/{version}".encode()
    return hmac.new(settings.SECRET_KEY.encode(), about, sha256).hexdigest()


def signature(secret: str, *, moment: int, body: bytes) -> str:
    """The header of one delivery: `t=<seconds>,v1=<HMAC-SHA256 of "t.body">`."""
    signed = hmac.new(secret.encode(), f"{moment}.".encode() + body, sha256).hexdigest()
    return f"t={moment},v1={signed}"
