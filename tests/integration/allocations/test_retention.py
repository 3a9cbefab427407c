"""Files with outside parties are kept as long as their row says, and then what is over goes."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from allocations import retention
from allocations.models import Custodian, MatchingMessage, MatchingService
from oms_site.kit import clock

DAYS = 30


@pytest.fixture
def outside(sandbox: datetime, tmp_path: Path, settings: Any) -> Path:
    settings.OUTSIDE_DIR = tmp_path
    return tmp_path


def put(path: Path, *, days: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    stamp = (clock.machine_now() - timedelta(days=days)).timestamp()
    os.utime(path, (stamp, stamp))
    return path


def test_without_days_nothing_ever_goes(outside: Path) -> None:
    old = put(outside / "files/cust_northern/to/done/00000001.jsonl", days=4000)
    put(outside / "files/cust_northern/from/00000001.jsonl", days=4000)
    assert retention.prune() == 0
    assert old.exists()


def test_an_old_batch_goes_with_its_acknowledgement_and_an_open_one_stays(outside: Path) -> None:
    Custodian.objects.filter(id="cust_northern").update(keep_files_days=DAYS)
    house = outside / "files/cust_northern"
    gone = [put(house / f"{place}/00000001.jsonl", days=31) for place in ("to/done", "from")]
    kept = [
        # Not acknowledged; acknowledged since; not old enough; the counter of numbers.
        put(house / "to/00000002.jsonl", days=400),
        put(house / "to/done/00000003.jsonl", days=31),
        put(house / "from/00000003.jsonl", days=29),
        put(house / "to/done/00000004.jsonl", days=400),
        put(house / "to/.last", days=400),
        # Another custodian has no days of its own.
        put(outside / "files/cust_lpl/to/done/00000001.jsonl", days=400),
        put(outside / "files/cust_lpl/from/00000001.jsonl", days=400),
    ]
    assert retention.prune() == 2
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in kept)
    assert retention.prune() == 0


def test_what_a_service_told_goes_once_it_was_taken_in(outside: Path) -> None:
    MatchingService.objects.filter(id="svc_ctm").update(keep_files_days=DAYS)
    folder = outside / "matching/svc_ctm"
    sent = put(folder / "to/cf_1.jsonl", days=31)
    told = [put(folder / f"from/0000000{n}.jsonl", days=31) for n in (1, 2)]
    MatchingMessage.objects.create(
        service_id="svc_ctm", seq=1, body="{}", received_at=clock.now(), applied_at=clock.now()
    )
    assert retention.prune() == 2
    assert [path.exists() for path in (sent, *told)] == [False, False, True]
