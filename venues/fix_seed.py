"""The sandbox's venue over FIX: the simulated one by another entrance, with a format of its own."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from venues.models import FixLine, Venue, VenueFormat, VenueProfile

VENUE = "FIXSIM"
ADDRESSES = ["outside:fix", "outside:fix_backup"]
# What a broker's venue wants beside the standard: its own peg, its algorithms.
FORMAT: dict[str, Any] = {
    "dialect": "FIX.4.4",
    "security_id_source": "1",
    "symbol": "[N/A]",
    "constants": {"D": {"21": "1"}, "G": {"21": "1"}},
    "extensions": {
        "peg_offset": {"tag": 211, "kind": "decimal", "label": "Offset from the peg, in points"},
        "peg_to": {
            "tag": 1094,
            "kind": "choice",
            "choices": ["2", "4", "5"],
            "label": "Pegged to: 2 mid, 4 market, 5 primary",
        },
    },
    "algorithms": {
        "TWAP": {
            "target": "1000",
            "label": "Even over time",
            "parameters": {
                "StartTime": {"kind": "time", "required": True, "label": "From", "wire_type": 19},
                "EndTime": {"kind": "time", "required": True, "label": "Until", "wire_type": 19},
                "Urgency": {"kind": "choice", "choices": ["low", "normal", "high"]},
            },
        },
    },
}


def seed(*, at: datetime) -> None:
    """Make the venue, its sessions and its first format where they are missing."""
    venue, made = Venue.objects.get_or_create(
        id=VENUE,
        defaults={
            "name": "Simulated ATS by FIX",
            "mpid": VENUE,
            "gateway": "fix",
            "preference": 150,
        },
    )
    if made:
        VenueFormat.objects.create(
            venue=venue,
            version=1,
            content=FORMAT,
            status=VenueFormat.Status.APPROVED,
            origin="system",
            reason="came with the sandbox",
            proposed_at=at,
            decided_at=at,
        )
    for session in (VENUE, f"CERT-{VENUE}"):
        FixLine.objects.get_or_create(
            session=session,
            defaults={
                "venue": venue,
                "sender_comp_id": "OEMS",
                "target_comp_id": session,
                "addresses": ADDRESSES,
                # Its books would have orders routed by them; whoever wants that says so.
                "market_data": session != VENUE,
            },
        )
    # Dear enough to go where it is named, and nowhere else while the other venues take an order.
    VenueProfile.objects.get_or_create(
        venue=venue,
        defaults={
            "taker_fee": Decimal("0.02"),
            "maker_fee": Decimal("0.02"),
            "fill_probability": Decimal("0.95"),
            "latency_ms": 10,
        },
    )
