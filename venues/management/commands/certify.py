"""`manage.py certify VENUE`: does this venue do what trading relies on, as it is configured now?

The outcome is kept; a venue is activated only after it has passed. Trades at the venue's test
session, never at the one that orders go through.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from oms_site.firm import sandbox_clock
from oms_site.kit import clock
from venues import acceptance, certification
from venues.acceptance import Finding, Trial
from venues.gateways import kinds
from venues.models import Dealer, FixLine, Venue


class Command(BaseCommand):
    """Tries every requirement, prints and keeps the outcome."""

    help = "Try a venue against everything that trading relies on, and keep the outcome."

    def add_arguments(self, parser: CommandParser) -> None:
        """The venue, and what to try it with."""
        parser.add_argument("venue", help="the venue's id")
        parser.add_argument("--session", help="its test session (CERT-<venue>)")
        parser.add_argument("--plain", default="912810TL2", help="trades at once at the market")
        parser.add_argument("--partly", default="912810RX8", help="trades only in part")
        parser.add_argument("--far", default="20", help="a price to buy at that nobody meets")
        parser.add_argument("--qty", default="10000")
        parser.add_argument("--by", default="console", help="who is responsible for this run")
        parser.add_argument("--activate", action="store_true", help="let routing use it if passed")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print each requirement. Raises `CommandError` when one is not met."""
        sandbox_clock.read()
        venue = Venue.objects.filter(pk=options["venue"]).first()
        if venue is None:
            raise CommandError(f"There is no venue {options['venue']}.")
        began_at = clock.now()
        found = acceptance.certify(_trial(venue, options))
        run = certification.note(
            venue, found, began_at=began_at, ended_at=clock.now(), by=options["by"]
        )
        for one in found:
            self._tell(one)
        if not run.passed:
            raise CommandError(f"{venue.name} is not certified.")
        if options["activate"]:
            certification.activate(venue)
        self.stdout.write(f"{venue.name} is certified (configuration {run.configuration[:8]}).")

    def _tell(self, one: Finding) -> None:
        word = "FAILED" if one.fault else "skipped" if one.skipped else "ok"
        self.stdout.write(f"{word:9}{one.requirement}")
        if one.fault or one.skipped:
            self.stdout.write(f"{'':9}{one.fault or one.skipped}")


def _trial(venue: Venue, options: dict[str, Any]) -> Trial:
    session = options["session"] or f"CERT-{venue.pk}"
    dealers = Dealer.objects.filter(venue=venue).order_by("id").values_list("id", flat=True)
    return Trial(
        gateway=partial(kinds.make, venue.gateway, session),
        plain=options["plain"],
        partly=options["partly"],
        far=Decimal(options["far"]),
        qty=Decimal(options["qty"]),
        protocols=frozenset(venue.protocols),
        ord_types=frozenset(venue.ord_types),
        times_in_force=frozenset(venue.times_in_force),
        min_qty=venue.min_qty,
        max_qty=venue.max_qty,
        replaces=venue.amends == Venue.Amends.REPLACE,
        dealers=tuple(dealers),
        market_data=_offers(venue, session),
    )


def _offers(venue: Venue, session: str) -> bool:
    """Whether market data is agreed on: in a FIX session where its line says so."""
    if venue.gateway != "fix":
        return True
    return FixLine.objects.filter(pk=session, market_data=True).exists()
