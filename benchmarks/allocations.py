"""Splitting one block over many accounts and queueing its bookings, against an ORM loop.

`make bench BENCH=allocations ARGS="--accounts 1000"`. Both sides run in this process on the same
fresh PostgreSQL server and commit the same accounts and legs in one transaction: ours by the engine
through the one door, the baseline with the same arithmetic and one `save()` per row and event.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import report

PRO_RATA = "pro_rata_with_averaging"
FILLS = 5
D = Decimal


@contextlib.contextmanager
def database() -> Iterator[None]:
    """A fresh server with the sandbox, and Django set up on it."""
    from oms_site.supervisor.temporary import temporary_servers

    with tempfile.TemporaryDirectory(prefix="oems-bench-") as name:
        Path(name).chmod(0o711)
        with temporary_servers(Path(name)) as servers:
            os.environ |= {
                "OMS_ENV": "test",
                "OMS_SECRET_KEY": "only-for-a-benchmark-and-long-enough-to-be-accepted",
                "OMS_LOG_LEVEL": "WARNING",
                "OMS_DATA_DIR": name,
                "DATABASE_URL": servers.database_url,
                "REDIS_URL": servers.redis_url,
                "DJANGO_SETTINGS_MODULE": "oms_site.settings",
            }
            import django
            from django.core.management import call_command
            from django.db import connection

            django.setup()
            call_command("migrate", verbosity=0)
            try:
                yield
            finally:
                connection.close()


class Bench:
    """The clients, a bond, and blocks for all of them."""

    def __init__(self, accounts: int) -> None:
        from allocations import seed
        from allocations.models import Account
        from oms_site.firm import generation
        from oms_site.firm.models import Organization
        from oms_site.kit import clock
        from venues.models import Instrument

        self.at = clock.now()
        for name in ("alpha", "beta"):
            Organization.objects.get_or_create(id=name, defaults={"name": name})
        seed.seed(self.at)
        Account.objects.bulk_create(
            Account(
                id=f"bench-{n:04d}",
                organization_id="alpha",
                code=f"BENCH-{n:04d}",
                name=f"Client {n}",
                custodian_id=seed.CUSTODIANS[n % 3][0],
                risk_group_id=seed.HOUSES["alpha"].risk_groups[0][0],
            )
            for n in range(accounts)
        )
        self.bond, _ = Instrument.objects.get_or_create(
            cusip="00033GAB1",
            defaults={
                "isin": "US00033GAB14",
                "description": "Sample 5 03/01/30",
                "asset_class": "corporate",
                "issuer": "Sample",
                "min_denomination": D(1000),
                "min_increment": D(1000),
            },
        )
        generation.check()
        self.requested = [(f"bench-{n:04d}", D(1000 * (1 + n % 9))) for n in range(accounts)]
        self.blocks = 0

    def create(self) -> str:
        """A block for all accounts, its basis fixed; the order's id."""
        from allocations import engine
        from oms_site.journal import actors, unit

        self.blocks += 1
        order_id = f"mo_{self.blocks:021d}"
        with unit.work(by=actors.system("bench"), at=self.at) as work:
            engine.create(
                work,
                organization_id="alpha",
                order_id=order_id,
                strategy=PRO_RATA,
                client_allocation_id=None,
                instrument_id=self.bond.pk,
                custodian_id=None,
                side="buy",
                requested=[engine.Requested(name, qty) for name, qty in self.requested],
                implicit=False,
                amount_type="par",
                at=self.at,
            )
        return order_id

    def lots(self, order_id: str) -> list[Any]:
        """The block filled in a few pieces."""
        from allocations.engine import Lot

        whole = sum((qty for _, qty in self.requested), D(0))
        piece = whole // FILLS // 1000 * 1000
        sizes = [piece] * (FILLS - 1) + [whole - piece * (FILLS - 1)]
        day = self.at.date()
        return [
            Lot(
                id=f"ex_{order_id[-6:]}_{n}",
                sequence=n,
                qty=qty,
                price=D("99.125") + D(n) / 8,
                principal=(qty * (D("99.125") + D(n) / 8) / 100).quantize(D("0.01")),
                accrued_interest=(qty * D("0.0123")).quantize(D("0.01")),
                fees=D("10.01"),
                trade_date=day,
                settlement_date=day + timedelta(days=1),
                venue="sim",
            )
            for n, qty in enumerate(sizes)
        ]

    def ours(self, order_id: str, lots: list[Any]) -> float:
        """The engine; seconds."""
        from allocations import engine
        from oms_site.journal import actors, unit

        began = time.perf_counter()
        with unit.work(by=actors.system("bench"), at=self.at) as work:
            found = engine.of_orders(work, [order_id])[order_id]
            engine.calculate(
                work,
                allocation=found.allocation,
                accounts=found.accounts,
                legs=found.legs,
                lots=lots,
                complete=True,
                at=self.at,
            )
        return time.perf_counter() - began

    def orm(self, order_id: str, lots: list[Any]) -> float:
        """The same rows by `save()`, an event for each leg, in one transaction; seconds."""
        from django.db import transaction

        from allocations.models import Allocation

        began = time.perf_counter()
        with transaction.atomic():
            allocation = Allocation.objects.select_for_update().get(order_id=order_id)
            for n, piece in enumerate(self._split(allocation, lots)):
                self._save(allocation, piece, n)
            allocation.actual_qty = sum((lot.qty for lot in lots), D(0))
            allocation.version += 1
            allocation.save(update_fields=["actual_qty", "version"])
        return time.perf_counter() - began

    def _split(self, allocation: Any, lots: list[Any]) -> list[Any]:
        from allocations import strategies

        return strategies.allot(
            allocation.strategy,
            lots=lots,
            shares=[
                strategies.Share(account_id=name, requested_qty=qty, position=n)
                for n, (name, qty) in enumerate(self.requested)
            ],
            min_increment=self.bond.min_increment,
            min_piece=self.bond.min_denomination,
        )

    def _save(self, allocation: Any, piece: Any, n: int) -> None:
        from allocations.models import AccountAllocation, BookingLeg
        from oms_site.journal.models import Event
        from oms_site.kit import ids

        account = AccountAllocation.objects.select_related("account").get(
            allocation=allocation, account_id=piece.account_id
        )
        account.actual_qty = piece.qty
        account.version += 1
        account.save(update_fields=["actual_qty", "version"])
        leg = BookingLeg(
            id=ids.prefixed("bl"),
            organization_id="alpha",
            account_allocation=account,
            allocation=allocation,
            custodian_id=account.account.custodian_id,
            sequence=1,
            source_ids=list(piece.lot_ids),
            qty=piece.qty,
            price=piece.price,
            principal=piece.principal,
            accrued_interest=piece.accrued_interest,
            fees=piece.fees,
            net_money=piece.principal + piece.accrued_interest + piece.fees,
            trade_date=self.at.date(),
            settlement_date=self.at.date() + timedelta(days=1),
            created_at=self.at,
            due_at=self.at,
            version=1,
        )
        leg.save(force_insert=True)
        Event(
            event_id=ids.prefixed("evt"),
            organization_id="alpha",
            msg_type="internal",
            event_type="leg_queued",
            subject=leg.id,
            seq=1,
            order_id=allocation.order_id,
            at=self.at,
            recorded_at=self.at,
            actor="system:bench",
            correlation_id="",
            body=f'{{"n":{n}}}',
            changes="[]",
        ).save(force_insert=True)

    def verify(self, order_id: str, lots: list[Any]) -> bool:
        """Every unit and cent of the fills is in the legs of a block once."""
        from django.db.models import Count, Sum

        from allocations.models import BookingLeg

        names = ("qty", "principal", "accrued_interest", "fees")
        found = BookingLeg.objects.filter(allocation__order_id=order_id).aggregate(
            legs=Count("id"), **{name: Sum(name) for name in names}
        )
        sums = {name: sum((getattr(lot, name) for lot in lots), D(0)) for name in names}
        return found.pop("legs") == len(self.requested) and found == sums


def measure(bench: Bench, rounds: int) -> tuple[dict[str, list[float]], bool]:
    """Alternating rounds of both sides; the seconds of each, and whether all sums are exact."""
    seconds: dict[str, list[float]] = {"ours": [], "orm": []}
    whole = True
    for number in range(rounds + 1):
        for name in ("ours", "orm"):
            gc.collect()  # neither side pays for what the other left behind
            gc.freeze()
            order_id = bench.create()
            lots = bench.lots(order_id)
            took = getattr(bench, name)(order_id, lots)
            whole = whole and bench.verify(order_id, lots)
            if number:  # the first round warms caches
                seconds[name].append(took)
                print(f"  {name}: {len(bench.requested) / took:,.0f} legs/s", flush=True)
    return seconds, whole


def main() -> int:
    """Measure; exit code 1 when a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with database():
        seconds, whole = measure(Bench(options.accounts), options.rounds)
    rates = {name: options.accounts / report.middle(took) for name, took in seconds.items()}
    ratio = rates["ours"] / rates["orm"]
    report.table(
        f"A block of {options.accounts:,} accounts calculated and queued in one transaction",
        ("path", "legs/s", "ms per block"),
        [(name, rate, options.accounts / rate * 1000) for name, rate in rates.items()],
    )
    bars = [
        ("at least 20 x the ORM loop", ratio >= 20, f"{ratio:.1f}"),
        ("every unit and cent once", whole, str(whole)),
    ]
    report.bars(bars)
    figures = {
        "accounts": options.accounts,
        "legs_per_second": {name: round(rate) for name, rate in rates.items()},
        "bars_met": all(met for _, met, _ in bars),
    }
    report.last_line("allocations", ratios={"orm": ratio}, figures=figures)
    return 0 if figures["bars_met"] else 1


if __name__ == "__main__":
    sys.exit(main())
