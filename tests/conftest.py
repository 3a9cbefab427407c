"""The cast and the stage: a real database, a seeded sandbox at ten in the morning, and the product.

Alpha trades, Beta is another firm, and time stands where a test puts it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management.commands import flush
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations
from django.db.models import QuerySet
from hypothesis import settings

from oms_site import later
from oms_site.firm import generation, principals
from oms_site.firm.principals import Principal
from oms_site.kit import clock
from tests import migrated, snapshot
from tests.product import Product, running_product
from venues import market_data
from venues.calendar import NEW_YORK

# `--hypothesis-profile=deep`: what takes minutes, for a night or before a release.
settings.register_profile("deep", max_examples=1000, stateful_step_count=60, deadline=None)
TEN = datetime(2026, 11, 23, 10, 0, tzinfo=NEW_YORK)


@pytest.fixture(scope="session", autouse=True)
def _flush_lifts_the_guards() -> Iterator[None]:
    """Committed tests end without a row, which the guards of our tables would refuse."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", snapshot.remove_all)
        patch.setattr(flush, "emit_post_migrate_signal", lambda *args, **kwargs: None)
        yield


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """The database of each worker is a copy of one that was migrated once."""
    connection.settings_dict["TEST"]["TEMPLATE"] = migrated.template()


@pytest.fixture(scope="session", autouse=True)
def _no_order_by_luck() -> Iterator[None]:
    """PostgreSQL promises no order that was not asked for, so no test sees one by luck."""
    fetch = QuerySet._fetch_all
    dice = random.Random(7)

    def shuffled(self: Any) -> None:
        fresh = self._result_cache is None
        fetch(self)
        if fresh and isinstance(self._result_cache, list) and not self.ordered:
            dice.shuffle(self._result_cache)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(QuerySet, "_fetch_all", shuffled)
        yield


@pytest.fixture(autouse=True)
def _fresh_process() -> Iterator[None]:
    """Nothing a test kept in memory is there for the next one; no doorbell leaves the process."""
    later.silent = True
    principals.forget()
    market_data.forget()
    market_data.shelf.forget()
    generation.forget()
    yield
    principals.forget()
    _clear_the_shelves()


def _clear_the_shelves() -> None:
    """Time stands still for most tests: a book that one leaves behind would be live for all."""
    for one in (market_data.shelf, market_data.tape_shelf):
        one.forget()
        if one._client is not None:
            keys = list(one._client.scan_iter(one.name("*"), count=1_000))
            if keys:
                one._client.delete(*keys)


@pytest.fixture
def ten_oclock() -> Iterator[datetime]:
    """Monday 23 November 2026, 10:00 in New York, and time stands still."""
    with clock.frozen_at(TEN):
        yield clock.now()


@pytest.fixture
def sandbox(db: None, ten_oclock: datetime) -> datetime:
    """The seeded sandbox inside the test's transaction."""
    return _seed()


@pytest.fixture
def committed_sandbox(transactional_db: None, ten_oclock: datetime) -> datetime:
    """The seeded sandbox, committed: for tests with several connections."""
    return _seed()


def _seed() -> datetime:
    from orders.management.commands.seed_sandbox import seed

    snapshot.restore(lambda: seed(clock.now(), years=(2026, 2027)))
    generation.check()
    return clock.now()


@pytest.fixture
def caller() -> Callable[[str], Principal]:
    """The principal of a sandbox user by name."""

    def of(name: str) -> Principal:
        principal = principals.of_api_key(f"oems_test_{name}")
        assert principal is not None
        return principal

    return of


@pytest.fixture
def api(sandbox: datetime) -> Callable[..., Any]:
    """A JSON client of the API in this process: `api("alpha_trader").post(path, {...})`."""
    from tests.client import Api

    return Api


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The whole product under its supervisor, as a user runs it."""
    with running_product(tmp_path_factory.mktemp("product")) as one:
        yield one


# Whoever starts a running product shares a worker; a file that starts its own keeps to itself.
_ALONE = ("tests/crash/", "tests/journeys/test_trading_day.py")
_SHARING = ("tests/journeys/", "tests/browser/")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """By place: pytest 9.2 no longer takes the group names that xdist writes into node ids."""
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # xdist has no types

    class ByPlace(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
        def _split_scope(self, nodeid: str) -> str:
            if nodeid.startswith(_ALONE):
                return nodeid.partition("::")[0]
            return "product" if nodeid.startswith(_SHARING) else nodeid

    return ByPlace(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """Nothing here runs against the tables of a product that somebody uses."""
    assert os.environ["OMS_ENV"] == "test"
    # Each test client is an application of its own, and would list all static files when it starts.
    django_settings.WHITENOISE_AUTOREFRESH = True
