"""`manage.py run_gateway`: speaks to every venue, and is where venues are wired to the story."""

from __future__ import annotations

import asyncio
import signal
from functools import partial

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand

from oms_site.firm import database, sandbox_clock
from oms_site.firm.database import conninfo
from oms_site.kit import collector
from orders import last_look, reports, sor
from orders.reports.lanes import Lanes
from venues import registry, transmission
from venues.connection import Connection, Handlers
from venues.gateways import kinds
from venues.models import Venue

LOCK = 0x0E35_0002


class Command(BaseCommand):
    """One process speaks to the venues; a second one waits until the first is gone."""

    help = "Send queued messages to venues and apply what they report."

    def handle(self, *args: object, **options: object) -> None:
        database.by_key()
        sandbox_clock.follow()
        outside = Venue.objects.exclude(gateway=registry.INTERNAL)
        venues = {row.id: row.gateway for row in outside}
        collector.spare()
        asyncio.run(_run(venues))


async def _run(venues: dict[str, str]) -> None:
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()
    assert main is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, main.cancel)
    lanes = Lanes(settings.REPORT_LANES)
    handlers = Handlers(
        apply=lanes.apply,
        unreadable=reports.unreadable,
        settle=lanes.settle,
        look=lanes.look,
        before_wire=last_look.before_wire,
        resting=sor.resting,
        trouble=reports.trouble,
        ask_all=reports.ask_all,
    )
    try:
        async with await psycopg.AsyncConnection.connect(**conninfo(), autocommit=True) as bell:
            await bell.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            await bell.execute(f"LISTEN {transmission.CHANNEL}")
            connections = [
                Connection(venue_id, partial(kinds.make, kind, venue_id), handlers)
                for venue_id, kind in venues.items()
            ]
            async with asyncio.TaskGroup() as tasks:
                for one in connections:
                    tasks.create_task(one.run())
                tasks.create_task(_keep_ringing(bell, connections))
    except asyncio.CancelledError:
        return
    finally:
        lanes.close()


async def _keep_ringing(
    bell: psycopg.AsyncConnection[object], connections: list[Connection]
) -> None:
    """Losing this connection loses the lock: the process ends and is started again."""
    async for knock in bell.notifies():
        for one in connections:
            if knock.payload in ("", one.venue_id):
                one.bell.set()
    raise ConnectionError("the bell's connection is gone")
