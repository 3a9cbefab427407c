"""A product of dummy commands under the real supervisor; `test_supervision` runs it as a program.

FAKE_FAULT names one thing that goes wrong: `step` (a failing set-up step), `crash` (a child that
never stays up).
"""

from __future__ import annotations

import os
import signal
import sys

from oms_site.supervisor.data import read_layout
from oms_site.supervisor.launch import Environment, Product, is_healthy, launch
from oms_site.supervisor.processes import BackOff, Child, Step

SLEEP = "import time; print('up', flush=True); time.sleep(600)"
# Ignores SIGTERM, and so does a process it started itself.
STUBBORN = (
    "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print('ERROR deaf on purpose', flush=True); time.sleep(600)"
)
WEB = """
import socket, sys
door = socket.socket(fileno=int(sys.argv[1]))
while True:
    line, _ = door.accept()
    line.recv(4096)
    line.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
    line.close()
"""


def steps(env: Environment) -> list[Step]:
    """One step that succeeds, unless it should not."""
    code = "import sys; print('the disk said no'); sys.exit(3)" if fault("step") else "pass"
    return [Step("migrate", "pretending to migrate", python(code), env)]


def applications(env: Environment, door: int) -> list[Child]:
    """A web that answers, an ordinary child, and one that has to be killed."""
    children = [
        Child("web", [*python(WEB), str(door)], env, keep_fds=[door]),
        Child("worker", python(SLEEP), env),
        Child("stubborn", python(STUBBORN), env, stop=[(signal.SIGTERM, 0.5)]),
    ]
    if fault("crash"):
        crash = python("print('no such table: orders'); raise SystemExit(7)")
        quick = BackOff(first=0.01, ceiling=0.02)
        children.append(Child("gateway", crash, env, back_off=quick))
        children.append(Child("patience", python(SLEEP), env, ready=lambda: False))
    return children


def python(code: str) -> list[str]:
    """A command that runs this code."""
    return [sys.executable, "-S", "-c", code]


def fault(name: str) -> bool:
    """Whether this fault is asked for."""
    return os.environ.get("FAKE_FAULT") == name


if __name__ == "__main__":
    layout = read_layout(os.environ)
    product = Product(steps, applications, is_up=lambda: is_healthy(layout.port))
    sys.exit(launch(layout, product, environ=os.environ))
