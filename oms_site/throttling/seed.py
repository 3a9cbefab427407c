"""The sandbox's tiers. What it publishes has no practical limit; new keys have the standard one."""

from __future__ import annotations

from oms_site.firm.models import ApiKey, User
from oms_site.throttling.models import RateGrant, RateTier

PLENTY = 1_000_000
TIERS = {
    "standard": {"burst_factor": 2, "burst_seconds": 10},
    "strict": {},
    "sandbox": {
        **{f"{lane}_per_second": PLENTY for lane in ("orders", "cancels", "others")},
        **{f"{lane}_per_minute": 60 * PLENTY for lane in ("orders", "cancels", "others")},
    },
}


def seed() -> None:
    """Make what is missing; a grant that somebody changed stays."""
    for name, numbers in TIERS.items():
        RateTier.objects.get_or_create(name=name, defaults=numbers)
    published = ApiKey.objects.filter(sandbox=True, prefix__startswith="oems_test_alpha_")
    published |= ApiKey.objects.filter(sandbox=True, prefix__startswith="oems_test_beta_")
    for key in published.order_by("pk"):
        RateGrant.objects.get_or_create(api_key=key, defaults={"tier_id": "sandbox"})
    for user in User.objects.filter(api_keys__in=published).distinct().order_by("pk"):
        RateGrant.objects.get_or_create(user=user, defaults={"tier_id": "sandbox"})
