"""`manage.py check_books`: proves that the books are right, or names what is not.

Exit 0: everything checked is clean. 1: there are differences, or a check broke. 2: wrong usage.
"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from oms_site.firm import sandbox_clock
from oms_site.firm.models import Organization
from oms_site.kit import clock
from orders.books import running, telling
from orders.books.verdicts import Run

NEW_YORK = ZoneInfo("America/New_York")


class Command(BaseCommand):
    """Reads one snapshot and changes nothing; safe on a running product."""

    help = "Prove that the books are right: exit 0 clean, 1 differences, 2 usage."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
        parser.add_argument("--organization", default="", help="only this organization's rows")
        parser.add_argument(
            "--since", help="only orders created since; ISO time, New York time without a zone"
        )
        parser.add_argument(
            "--outside",
            metavar="DIR",
            help="journals of the venue and the custodians; `none` leaves them out",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        sandbox_clock.read()
        run = Run(
            at=clock.now(),
            machine_at=clock.machine_now(),
            organization=_organization(options["organization"]),
            since=_since(options["since"]),
            outside=_outside(options["outside"]),
        )
        as_json = bool(options["json"])
        with telling.teller(run, as_json=as_json, stream=self.stdout) as teller:
            results = [teller.told(result) for result in running.run(run, begun=teller.begun)]
        if not telling.is_clean(results):
            sys.exit(1)


def _organization(name: str) -> str:
    if name and not Organization.objects.filter(id=name).exists():
        raise CommandError(f"there is no organization {name!r}", returncode=2)
    return name


def _since(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError("give a time such as 2026-11-23T10:00", returncode=2) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=NEW_YORK)


def _outside(text: str | None) -> Path | None:
    if text == "none":
        return None
    directory = settings.OUTSIDE_DIR if text is None else Path(text)
    if directory.is_dir():
        return directory
    if text is None:
        return None
    raise CommandError(f"there is no directory {text}", returncode=2)
