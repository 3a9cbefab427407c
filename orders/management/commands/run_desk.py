"""`manage.py run_desk PATH`: takes in the orders that web processes send to the socket at PATH."""

from __future__ import annotations

import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from oms_site.firm import database, sandbox_clock
from oms_site.kit import collector
from orders.api.desk_process import DeskProcess


class Command(BaseCommand):
    """As many as there are processors to spare; each web process speaks to all of them."""

    help = "Take in the orders that web processes pass on."

    def add_arguments(self, parser: CommandParser) -> None:
        """The socket to listen at, in a directory that nobody else can enter."""
        parser.add_argument("path")

    def handle(self, *args: Any, **options: Any) -> None:
        database.by_key()
        # Nothing may be dated before the sandbox's time is known.
        sandbox_clock.follow()
        collector.spare()
        desk = DeskProcess(options["path"])
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, desk.stop)
        desk.run()
