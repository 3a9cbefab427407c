"""The servers below the product: the embedded ones, or those of DATABASE_URL and REDIS_URL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from oms_site.supervisor import postgres, valkey
from oms_site.supervisor.data import Layout
from oms_site.supervisor.processes import Child
from oms_site.supervisor.sockets import make_sockets_dir
from oms_site.supervisor.terminal import step
from oms_site.supervisor.unprivileged import account_for


@dataclass(frozen=True)
class Servers:
    """What to start (perhaps nothing), the addresses, and what to do once they answer."""

    children: Sequence[Child]
    database_url: str
    redis_url: str
    # A private directory, where processes of the product may listen as well.
    sockets: Path
    prepare: Callable[[], None]


def choose_servers(layout: Layout) -> Servers:
    """Embedded servers, each replaced by the person's own where its URL is set.

    Makes the cluster's files on the first start. Raises `CannotStart`.
    """
    own_database, own_redis = layout.database_url, layout.redis_url
    cluster = layout.data_dir / "postgres"
    children: list[Child] = []
    prepare: Callable[[], None]
    account = None if own_database and own_redis else account_for(cluster)
    sockets = make_sockets_dir(layout.data_dir, account=account)
    if own_database:
        postgres.make_database_at(own_database)
        prepare = _nothing
    else:
        if not cluster.exists():
            step("postgres", "making a new database cluster")
        postgres.make_cluster(cluster, account=account)
        settings = postgres.SIZED
        children.append(postgres.server(cluster, sockets, account=account, settings=settings))
        prepare = partial(postgres.make_database, sockets)
    if own_redis:
        valkey.check_at(own_redis)
    else:
        children.append(valkey.server(layout.data_dir / "valkey", sockets, account=account))
    return Servers(
        children,
        own_database or postgres.database_url(sockets),
        own_redis or valkey.redis_url(sockets),
        sockets,
        prepare,
    )


def _nothing() -> None:
    return None
