"""`manage.py install_pack <name> --organization <id> [--activate <maker> <checker>]`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from controls import packs
from oms_site.firm import generation, principals
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from oms_site.kit import clock
from oms_site.kit.errors import OmsError


class Command(BaseCommand):
    """Installs a pack of controls as drafts; idempotent."""

    help = "Install a pack of controls: " + ", ".join(packs.PACKS)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--organization", required=True)
        parser.add_argument("--activate", nargs=2, metavar=("MAKER", "CHECKER"))

    def handle(self, *args: Any, **options: Any) -> None:
        generation.check()
        house = options["organization"]
        try:
            pack = packs.find(options["name"])
            made = packs.install(pack, house, at=clock.now())
            for row in made:
                self.stdout.write(f"draft {row} ({row.citation})")
            if options["activate"]:
                maker, checker = (self._person(name, house) for name in options["activate"])
                done = packs.activate(pack, house, maker=maker, checker=checker, at=clock.now())
                self.stdout.write(f"{len(done)} in force")
        except OmsError as error:
            raise CommandError(f"{error.code}: {error.message}") from error
        self.stdout.write(f"{pack.name} version {pack.version}: {len(made)} added")

    def _person(self, name: str, house: str) -> Principal:
        user = User.objects.filter(username=name, organization_id=house, is_active=True).first()
        if user is None:
            raise CommandError(f"{house} has no user {name}")
        return principals.of_user(user, via="install_pack")
