"""The suite that every venue has to pass is passed by FIX as by the venue's own wire."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.fix.conftest import Outside, speak
from venues import acceptance
from venues.acceptance import Finding, Trial
from venues.models import FixLine, FixMessage, FixNumbers

D = Decimal


def trial(outside: Outside, **changes: Any) -> Trial:
    terms: dict[str, Any] = {
        "gateway": lambda: outside.gateway("CERT-FIXSIM"),
        "plain": "912810TL2",
        "partly": "912810RX8",
        "far": D(20),
        "qty": D(10_000),
        "min_qty": D(1000),
        "max_qty": D(50_000_000),
        "patience": 5.0,
        **changes,
    }
    return Trial(**terms)


def faults(found: list[Finding]) -> dict[str, str]:
    return {one.requirement: one.fault for one in found if one.fault}


@pytest.mark.parametrize("dialect", ["FIX.4.2", "FIX.4.4", "FIX.5.0SP2"])
def test_the_venue_by_fix_passes_everything(outside: Outside, dialect: str) -> None:
    if dialect != "FIX.4.4":
        speak("FIXSIM", dialect=dialect)
    FixLine.objects.filter(pk="CERT-FIXSIM").update(market_data=True)
    found = acceptance.certify(trial(outside, market_data=True))
    assert faults(found) == {}
    assert not any(one.skipped for one in found)
    assert len(found) == 19
    _in_step(outside, "CERT-FIXSIM")


def _in_step(outside: Outside, session: str) -> None:
    """Once both have said all they had to say, they count alike, and every report is kept."""

    async def catch_up() -> int:
        gateway = outside.gateway(session)
        last = await gateway.connect(1)
        await gateway.close()
        return last

    last = asyncio.run(catch_up())
    numbers = FixNumbers.objects.get(pk=session)
    ledger = outside.entrance.ledger(session)
    assert (numbers.next_out, numbers.next_in) == (ledger.next_in, ledger.next_out)
    assert last == numbers.reports == ledger.last_report
    kept = FixMessage.objects.filter(session=session, report__isnull=False)
    numbered = kept.order_by("report").values_list("report", flat=True)
    assert list(numbered) == list(range(1, last + 1))
