"""Files with outside parties are kept as long as their row says, and then what is over goes."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import F

from allocations import retention
from allocations.models import (
    BookingLeg,
    Custodian,
    MatchingMessage,
    MatchingService,
    TradeConfirm,
)
from allocations.settlement import making
from oms_site.kit import clock
from orders import lots
from tests import poison, trading

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


@pytest.mark.parametrize(
    ("status", "ask", "stays"),
    [
        ("unmatched", "confirm", True),
        ("unmatched", "", True),
        ("matched", "", True),
        ("mismatched", "", True),
        ("disputed", "", True),
        ("affirmed", "", False),
        ("affirmed", "confirm", True),
        ("canceled", "", False),
        ("canceled", "withdraw", True),
    ],
)
def test_a_trade_that_its_service_has_not_answered_stays_however_old_its_files_are(
    outside: Path, status: str, ask: str, stays: bool
) -> None:
    MatchingService.objects.filter(id="svc_ctm").update(keep_files_days=DAYS)
    confirm = _confirm(status, ask)
    folder = outside / "matching/svc_ctm/to"
    files = [put(folder / f"{confirm.id}{more}.jsonl", days=400) for more in ("", ".0a1b2c3d4e5f")]
    other = put(folder / "cf_of_nobody.jsonl", days=400)
    retention.prune()
    assert [path.exists() for path in (*files, other)] == [stays, stays, False]


def _confirm(status: str, ask: str) -> TradeConfirm:
    """A confirmation of a real trade, put into a state as if its story were over."""
    child = trading.routed(account_id="alpha-002", qty=trading.D(1000))
    trading.receive(trading.fill(child, 1000, cum=1000))
    lots.drain()
    leg = BookingLeg.objects.get(allocation__order_id=child.order_id)
    BookingLeg._base_manager.filter(id=leg.id).update(status="booked", version=F("version") + 1)
    making.drain()
    found = TradeConfirm._base_manager.filter(leg_id=leg.id)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE allocations_tradeconfirm DISABLE TRIGGER USER")
        found.update(status=status, ask=ask, affirmed_at=clock.now())
        cursor.execute("ALTER TABLE allocations_tradeconfirm ENABLE TRIGGER USER")
    return found.get()


def test_a_directory_in_trouble_keeps_no_other_partys_files(
    outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Custodian.objects.filter(id__in=["cust_lpl", "cust_northern"]).update(keep_files_days=DAYS)
    for house in ("cust_lpl", "cust_northern"):
        for place in ("to/done", "from"):
            put(outside / f"files/{house}/{place}/00000001.jsonl", days=31)
    unlink = Path.unlink

    def fail(self: Path, **kwargs: Any) -> None:
        if "cust_lpl" in self.parts:
            raise PermissionError("read only")
        unlink(self, **kwargs)

    monkeypatch.setattr(Path, "unlink", fail)
    assert retention.prune() == 2
    assert poison.aside("prune").key == "prune/cust_lpl"


def test_a_file_that_goes_while_it_is_looked_at_harms_nothing(
    outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Custodian.objects.filter(id="cust_northern").update(keep_files_days=DAYS)
    house = outside / "files/cust_northern"
    for n in (1, 2):
        for place in ("to/done", "from"):
            put(house / f"{place}/0000000{n}.jsonl", days=31)
    stat = Path.stat

    def gone(self: Path, **kwargs: Any) -> os.stat_result:
        if self == house / "from/00000001.jsonl":
            raise FileNotFoundError(self)
        return stat(self, **kwargs)

    monkeypatch.setattr(Path, "stat", gone)
    monkeypatch.setattr(Path, "exists", lambda _: True)
    assert retention.prune() == 2


@pytest.mark.parametrize("model", [Custodian, MatchingService])
def test_files_are_kept_for_a_day_at_least(model: Any) -> None:
    with pytest.raises(ValidationError):
        model(id="x", name="x", adapter="simulated", keep_files_days=0).full_clean(
            validate_unique=False, validate_constraints=False
        )
