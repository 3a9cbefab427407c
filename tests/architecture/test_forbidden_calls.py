"""What only one room may call: the clock, the broker, the environment, the open network."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterable

import pytest

from tests.architecture.source import FLOORS, Module, calls, modules, snippet

CLOCKS = re.compile(
    r"(datetime\.(now|utcnow|today|fromtimestamp)|date\.today|time\.(time|time_ns|monotonic)"
    r"|timezone\.(now|localtime|localdate))"
)
# Identifiers must never go back, so they follow the machine; the supervisor measures processes and
# runs before anything of ours is there; the demo is a client and waits by its own watch.
CLOCK_ROOMS = (
    "oms_site.kit.clock",
    "oms_site.kit.ids",
    "oms_site.supervisor",
    "orders.management.commands.demo",
)
BELL = re.compile(r"\.(delay|apply_async|send_task|delay_on_commit)$")
NETWORK = {"socket", "httpx", "requests", "urllib.request", "http.client", "aiohttp"}
DIALS = re.compile(r"asyncio\.(open_(unix_)?connection|start_(unix_)?server)$")
NETWORK_ROOMS = (
    "allocations.clearing.houses",
    "allocations.custodians",
    "allocations.feed",
    "venues.gateways",
    "venues.market_data.evaluated",
    "venues.simulator",
    "oms_site.supervisor",
    # From one process of ours to another, in a private directory.
    "orders.api.desk_process",
    "orders.management.commands.demo",
)
ENVIRONMENT_ROOMS = (
    "oms_site.env",
    "oms_site.supervisor",
    "oms_site.asgi",
    "oms_site.wsgi",
    "oms_site.celery",
    # The outside parties run without our settings.
    "allocations.custodians.outside",
)


def reads_of_a_clock(module: Module) -> list[str]:
    """Calls of a clock other than ours, and imports of one by name."""
    found = [
        f"{module.name}:{call.lineno} {name}"
        for call, name in calls(module)
        if CLOCKS.search(name) and not name.startswith("clock.")
    ]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            if node.module == "time" and names & {"time", "time_ns", "monotonic"}:
                found.append(f"{module.name}:{node.lineno} from time import")
            if node.module == "django.utils.timezone" and "now" in names:
                found.append(f"{module.name}:{node.lineno} from django.utils.timezone import now")
    return found


def rings_of_a_bell(module: Module) -> list[str]:
    """Calls that reach the broker."""
    return [
        f"{module.name}:{call.lineno} {name}" for call, name in calls(module) if BELL.search(name)
    ]


def reads_of_the_environment(module: Module) -> list[str]:
    """Uses of `os.environ` or `os.getenv`, however imported."""
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv"}:
            found.append(f"{module.name}:{node.lineno} {ast.unparse(node)}")
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            found += [
                f"{module.name}:{node.lineno} from os import {alias.name}"
                for alias in node.names
                if alias.name in {"environ", "getenv"}
            ]
    return found


def ways_to_the_network(module: Module) -> list[str]:
    """Imports of a client or of raw sockets, and connections that asyncio opens."""
    found = [
        f"{module.name}:{call.lineno} {name}" for call, name in calls(module) if DIALS.search(name)
    ]
    for node in ast.walk(module.tree):
        names: Iterable[str] = ()
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        found += [f"{module.name}:{node.lineno} {name}" for name in names if name in NETWORK]  # type: ignore[attr-defined]  # import nodes have lines
    return found


def deferred_imports(module: Module) -> list[str]:
    """Imports of our own rooms inside a function or under TYPE_CHECKING: a hidden circle."""
    hidden = (ast.FunctionDef, ast.AsyncFunctionDef, ast.If, ast.Try)
    return [
        f"{module.name}:{inner.lineno} {ast.unparse(inner)}"
        for node in ast.walk(module.tree)
        if isinstance(node, hidden)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
        and ast.unparse(inner).split()[1].split(".")[0] in FLOORS
    ]


RULES: dict[str, tuple[Callable[[Module], list[str]], Collection[str], str]] = {
    "time comes from kit.clock": (
        reads_of_a_clock,
        CLOCK_ROOMS,
        "import datetime\ndef f():\n    return datetime.datetime.now()",
    ),
    "only later.py reaches the broker": (
        rings_of_a_bell,
        # The supervisor's `delay` is how long it waits before it starts a process again.
        ("oms_site.later", "oms_site.supervisor.running"),
        "def f():\n    route.delay()",
    ),
    "only env.py reads the environment": (
        reads_of_the_environment,
        ENVIRONMENT_ROOMS,
        "import os\nx = os.environ['A']",
    ),
    "only adapters dial out": (ways_to_the_network, NETWORK_ROOMS, "import httpx"),
    "imports stand at the top": (
        deferred_imports,
        # Models exist only once Django is set up, and the worker's start-up is read before.
        ("oms_site.celery", "orders.apps"),
        "def f():\n    from orders import desk",
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_the_house_keeps(rule: str) -> None:
    check, allowed, _ = RULES[rule]
    assert [line for m in modules() if not m.within(*allowed) for line in check(m)] == []


@pytest.mark.parametrize("rule", RULES)
def test_the_checker_can_fail(rule: str) -> None:
    check, _, bad = RULES[rule]
    assert check(snippet(bad))
    assert check(snippet("x = 1\n")) == []


@pytest.mark.parametrize(
    "text",
    [
        "from django.utils import timezone\nx = timezone.now()",
        "from datetime import datetime\nx = datetime.utcnow()",
        "from datetime import date\nx = date.today()",
        "import time\nx = time.time()",
        "from time import time\n",
        "from django.utils.timezone import now\n",
    ],
)
def test_every_clock_is_seen(text: str) -> None:
    assert reads_of_a_clock(snippet(text))


def test_an_exemption_is_of_a_room_that_needs_it() -> None:
    for check, allowed, _ in RULES.values():
        for room in allowed:
            assert any(check(m) for m in modules() if m.within(room)), f"{room} needs none"
