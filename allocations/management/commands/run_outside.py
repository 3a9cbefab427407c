"""`manage.py run_outside`: the simulated venue and custodians, parties outside the firm.

Only an entrance: it shares no code, no database and no settings with the rest of the project.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from allocations.custodians import outside


class Command(BaseCommand):
    """Runs the outside world until it is told to stop."""

    help = "Run the simulated venue and the simulated custodians."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """The same options as `python -m allocations.custodians.outside`."""
        outside.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        outside.serve(outside.options_from(options))
