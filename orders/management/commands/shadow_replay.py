"""`manage.py shadow_replay`: plays the journal again into shadow rows and compares.

Exit 0: the live tables are what their events make. 1: differences, listed. 2: wrong usage.
"""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from oms_site.firm import sandbox_clock
from oms_site.firm.models import Organization
from oms_site.kit import clock
from orders.books import replaying, running, telling
from orders.books.verdicts import Run


class Command(BaseCommand):
    """Reads one snapshot and changes nothing; safe on a running product."""

    help = "Replay the journal beside the tables: exit 0 no differences, 1 differences, 2 usage."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
        parser.add_argument("--organization", default="", help="only this organization's rows")
        parser.add_argument(
            "--last",
            type=int,
            metavar="N",
            help="only rows that the last N events have moved, each from its first event on",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        sandbox_clock.read()
        organization, last = options["organization"], options["last"]
        if organization and not Organization.objects.filter(id=organization).exists():
            raise CommandError(f"there is no organization {organization!r}", returncode=2)
        if last is not None and last < 1:
            raise CommandError("--last takes a number above zero", returncode=2)
        run = Run(at=clock.now(), machine_at=clock.machine_now(), organization=organization)
        checks = (replaying.check(last=last),)
        with telling.teller(run, as_json=bool(options["json"]), stream=self.stdout) as teller:
            found = running.run(run, checks=checks, begun=teller.begun)
            results = [teller.told(result) for result in found]
        if not telling.is_clean(results):
            sys.exit(1)
