"""Issues and revokes API keys. A key is told once, here, and never kept.

Their times are the machine's, like the expiry that authentication checks: the sandbox's clock must
not outlive a key.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from django.conf import settings

from oms_site.firm import principals
from oms_site.firm.models import ApiKey, User, digest
from oms_site.kit import clock

_RECOGNIZED_BY = 4  # hex digits of the secret that `prefix` shows; 128 bits stay secret


def issue(user: User, *, expires_at: datetime | None = None) -> tuple[ApiKey, str]:
    """Save a new key of the user and return it with its text, `oems_live_…` or `oems_test_…`."""
    kind = "oems_test_" if settings.SANDBOX else "oems_live_"
    token = kind + secrets.token_hex(16 + _RECOGNIZED_BY // 2)
    key = ApiKey.objects.create(
        user=user,
        digest=digest(token),
        prefix=token[: len(kind) + _RECOGNIZED_BY],
        sandbox=settings.SANDBOX,
        created_at=clock.machine_now(),
        expires_at=expires_at,
    )
    return key, token


def revoke(key: ApiKey) -> bool:
    """End a key for ever; False when it had ended before. Every process knows within a second."""
    ended = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=clock.machine_now())
    principals.forget()
    return bool(ended)
