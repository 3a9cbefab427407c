"""`manage.py sandbox_clock [TIME | --real | --ahead SECONDS]`: moves the whole sandbox in time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError, CommandParser

from oms_site.firm import sandbox_clock
from oms_site.kit import clock

NEW_YORK = ZoneInfo("America/New_York")


class Command(BaseCommand):
    """Without an argument it says what time the sandbox has."""

    help = "Show or set the sandbox clock (all processes follow within a second)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("time", nargs="?", help="ISO time; New York time without a zone")
        parser.add_argument("--real", action="store_true", help="go back to the machine's time")
        parser.add_argument("--ahead", type=float, help="move on by this many seconds")
        parser.add_argument("--back", action="store_true", help="allow an earlier time")

    def handle(self, *args: Any, **options: Any) -> None:
        sandbox_clock.read()
        moment = self._wanted(options)
        if moment is not None:
            self._refuse_earlier(moment, options)
            try:
                sandbox_clock.set_to(moment, reason="manage.py sandbox_clock")
            except RuntimeError as refusal:
                raise CommandError(str(refusal)) from refusal
        now = clock.now()
        self.stdout.write(f"{now.isoformat()} = {now.astimezone(NEW_YORK):%a %Y-%m-%d %H:%M:%S ET}")

    def _refuse_earlier(self, moment: datetime, options: dict[str, Any]) -> None:
        # Prices, marks and sessions are dated: those of the future are good for nothing.
        now = clock.now()
        if moment < now and not (options["back"] or options["real"]):
            raise CommandError(
                f"it is {now.astimezone(NEW_YORK):%Y-%m-%dT%H:%M:%S} ET already, and what happened "
                "since is dated: orders would be refused until then. Give a later time, "
                "`seed_sandbox --reset` to begin anew, or --back to do it all the same"
            )

    def _wanted(self, options: dict[str, Any]) -> datetime | None:
        if options["real"]:
            return clock.machine_now()
        if options["ahead"] is not None:
            return clock.now() + timedelta(seconds=options["ahead"])
        if options["time"] is None:
            return None
        try:
            moment = datetime.fromisoformat(options["time"])
        except ValueError:
            raise CommandError("give a time such as 2026-11-23T10:00") from None
        return moment if moment.tzinfo else moment.replace(tzinfo=NEW_YORK)
