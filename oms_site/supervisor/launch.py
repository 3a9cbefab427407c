"""One run of the product from first check to last process gone; `__main__` calls it.

Tests call it with children of their own.
"""

from __future__ import annotations

import http.client
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from oms_site.supervisor import data, leftovers, processes, terminal
from oms_site.supervisor.data import Layout
from oms_site.supervisor.interrupts import Interrupts
from oms_site.supervisor.processes import Child, Step
from oms_site.supervisor.sandbox import show_logins
from oms_site.supervisor.servers import Servers, choose_servers
from oms_site.supervisor.supervise import StopWished, Supervisor
from oms_site.supervisor.terminal import CannotStart

SERVERS_WITHIN = 120.0  # recovery after a power cut replays up to max_wal_size
STEPS_WITHIN = 900.0
WEB_WITHIN = 120.0

Environment = Mapping[str, str]


@dataclass(frozen=True)
class Product:
    """What is supervised above the servers; given the environment and the listening socket."""

    steps: Callable[[Environment], Sequence[Step]]
    applications: Callable[[Environment, int], Sequence[Child]]
    is_up: Callable[[], bool]


def whole_product(layout: Layout) -> Product:
    """The OEMS itself."""
    return Product(
        steps=lambda env: processes.steps(env=env),
        applications=lambda env, door: processes.applications(layout, env=env, door=door),
        is_up=lambda: is_healthy(layout.port),
    )


def launch(layout: Layout, product: Product, *, environ: Environment) -> int:
    """Run the product until told to stop; the exit code. Says what is wrong in plain words."""
    try:
        with Interrupts() as interrupts:
            return _hold(layout, product, environ, interrupts)
    except CannotStart as error:
        terminal.say(f"\n{error}")
        return 1


def is_healthy(port: int) -> bool:
    """Whether the web answers GET /healthz with 200."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=0.5)
    try:
        link.request("GET", "/healthz")
        return link.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()


def _hold(layout: Layout, product: Product, environ: Environment, interrupts: Interrupts) -> int:
    terminal.say(f"Starting the OEMS; its data is in {layout.data_dir}")
    data.make_data_dir(layout)
    with data.claim(layout), data.listen(layout) as door:
        if killed := leftovers.kill_leftovers(layout.data_dir):
            terminal.step("supervisor", f"ended {killed} processes left by an earlier run")
        supervisor = Supervisor(layout, interrupts)
        try:
            _bring_up(supervisor, product, environ, door.fileno())
            supervisor.watch()
        except StopWished:
            pass
        finally:
            door.close()
            began = time.monotonic()
            terminal.say("\nStopping (Ctrl-C again to stop without waiting)")
            supervisor.stop()
            leftovers.kill_leftovers(layout.data_dir)
            terminal.say(f"Stopped in {time.monotonic() - began:.1f} s")
    return 0


def _bring_up(supervisor: Supervisor, product: Product, environ: Environment, door: int) -> None:
    layout, began = supervisor.layout, time.monotonic()
    servers = choose_servers(layout)
    env = child_environment(layout, servers, environ)
    supervisor.facts |= {
        "database_url": servers.database_url,
        "redis_url": servers.redis_url,
    }
    supervisor.start(servers.children, within=SERVERS_WITHIN)
    servers.prepare()
    for step in product.steps(env):
        supervisor.perform(step, within=STEPS_WITHIN)
    applications = product.applications(env, door)
    terminal.step("processes", "starting " + ", ".join(child.name for child in applications))
    supervisor.start(applications, within=WEB_WITHIN)
    supervisor.wait_until(
        product.is_up,
        within=WEB_WITHIN,
        waiting_for="The web",
        log=layout.logs / "web.log",
    )
    supervisor.facts["ready"] = True
    supervisor.pulse(0)
    terminal.step("processes", f"all up after {time.monotonic() - began:.1f} s")
    terminal.say(f"OEMS ready at {layout.url}")
    show_logins(layout)


def child_environment(layout: Layout, servers: Servers, environ: Environment) -> dict[str, str]:
    """What every step and application of the product is told."""
    kept = dict(environ)
    if not layout.database_url:
        # PGPORT, PGOPTIONS and the like are about another server.
        kept = {name: value for name, value in kept.items() if not name.startswith("PG")}
    return {
        **kept,
        **leftovers.mark(layout.data_dir),
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.redis_url,
        "OMS_DATA_DIR": str(layout.data_dir),
        "OMS_ENV": "sandbox",
        "OMS_SOCKETS": str(servers.sockets),
        "OMS_SECRET_KEY": environ.get("OMS_SECRET_KEY") or data.secret_key(layout),
        "OMS_SUPERVISED": "1",
        "PORT": str(layout.port),
        "PATH": os.pathsep.join([str(data.ROOT / ".venv" / "bin"), kept.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
    }
