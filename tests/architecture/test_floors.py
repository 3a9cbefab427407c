"""Foreign keys and migrations point downwards, like imports."""

from __future__ import annotations

from collections.abc import Iterable

from django.apps import apps
from django.db import models
from django.db.migrations.loader import MigrationLoader

FLOOR = {
    "firm": 0,
    "journal": 1,
    "throttling": 1,
    "venues": 2,
    "allocations": 3,
    "controls": 4,
    "orders": 5,
}
# Django's own tables lie below the ground.
BELOW = {"contenttypes", "auth", "admin", "sessions"}


def climbs(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those (from app, to app) that go up."""
    return [
        (lower, upper)
        for lower, upper in pairs
        if lower in FLOOR and upper not in BELOW and FLOOR[upper] > FLOOR[lower]
    ]


def foreign_keys() -> list[tuple[str, str]]:
    """Every relation between our tables, by app."""
    found = []
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if isinstance(field, models.ForeignKey | models.ManyToManyField):
                related = field.related_model
                assert not isinstance(related, str)
                found.append((model._meta.app_label, related._meta.app_label))
    return found


def migration_steps() -> list[tuple[str, str]]:
    """Every dependency of a migration, by app."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return [
        (app, needed)
        for (app, _), migration in loader.disk_migrations.items()
        for needed, _ in migration.dependencies
        if needed != "__setting__"
    ]


def test_foreign_keys_point_downwards() -> None:
    assert ("orders", "allocations") in foreign_keys()
    assert climbs(foreign_keys()) == []


def test_migrations_depend_downwards() -> None:
    assert ("orders", "controls") in migration_steps()
    assert climbs(migration_steps()) == []


def test_every_app_of_ours_has_a_floor() -> None:
    assert {config.label for config in apps.get_app_configs() if _ours(config.name)} == set(FLOOR)


def _ours(name: str) -> bool:
    return name.split(".")[0] in {"oms_site", "venues", "allocations", "controls", "orders"}


def test_the_checker_sees_a_climb() -> None:
    assert climbs([("venues", "orders"), ("orders", "venues")]) == [("venues", "orders")]
