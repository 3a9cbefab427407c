"""Writes the generated pages of `docs/reference/`. `--check` only says which ones are stale."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from orders import reference


class Command(BaseCommand):
    """states.md, events.md, errors.md, controls.md, permissions.md and openapi.json."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing, fail when stale")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write what differs."""
        stale = []
        for name, text in reference.pages().items():
            path = reference.FOLDER / name
            if not path.exists() or path.read_text() != text:
                stale.append(name)
                if not options["check"]:
                    path.write_text(text)
        if stale and options["check"]:
            raise CommandError(f"Stale, run `make docs`: {', '.join(stale)}")
        self.stdout.write(f"written: {', '.join(stale)}" if stale else "all pages are fresh")
