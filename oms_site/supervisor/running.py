"""One child brought to life: start, notice its end, stop it, and leave no process of it behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from oms_site.supervisor.processes import Child

PR_SET_PDEATHSIG = 1  # prctl(2)
_libc = ctypes.CDLL(None, use_errno=True)


class Running:
    """A child and the process it currently is, if any."""

    def __init__(self, child: Child, *, log: Path) -> None:
        self.child = child
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.ready = False
        self.failures = 0
        self.next_start_at = 0.0

    @property
    def pid(self) -> int | None:
        """Its process id; None while it is down."""
        return self.process.pid if self.process else None

    def start(self) -> None:
        """Start the process. Raises OSError when its program cannot be run."""
        self.started_at = time.monotonic()
        self.ready = False
        if self.child.before is not None:
            self.child.before()
        self.process = spawn(self.child, log=self.log)

    def ended(self) -> int | None:
        """The exit code once the process has ended (negative: the signal), else None.

        What it leaves in its process group is killed before its id can be given to another.
        """
        if self.process is None:
            return None
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        if os.waitid(os.P_PID, self.process.pid, options) is None:
            return None
        self.signal_group(signal.SIGKILL)
        code = self.process.wait()
        self.process = None
        self.ready = False
        return code

    def plan_restart(self, *, now: float) -> float:
        """Count a failure and set the time of the next start; the seconds until then."""
        held = now - self.started_at >= self.child.back_off.forget_after
        self.failures = 1 if held else self.failures + 1
        delay = self.child.back_off.delay(self.failures)
        self.next_start_at = now + delay
        return delay

    def signal_group(self, order: signal.Signals) -> None:
        """Send a signal to the process and everything it started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, order)


def stop_all(
    running: Sequence[Running],
    *,
    hurry: Callable[[], bool],
    pause: Callable[[float], object],
) -> None:
    """Stop processes together, the last started first; those that do not listen are killed.

    While `hurry()` is true nobody is given time.
    """
    stopping = [(one, _Escalation(one)) for one in reversed(running) if one.pid]
    while stopping := [
        (one, orders) for one, orders in stopping if one.ended() is None and one.pid
    ]:
        for _, orders in stopping:
            orders.press(hurry=hurry())
        pause(0.02)


class _Escalation:
    """The signals still to be tried on one process, ending with SIGKILL."""

    def __init__(self, target: Running) -> None:
        self.target = target
        self.left = [*target.child.stop, (signal.SIGKILL, 1.0)]
        self.patience_until = 0.0

    def press(self, *, hurry: bool) -> None:
        now = time.monotonic()
        if now < self.patience_until and not (hurry and len(self.left) > 1):
            return
        order, patience = self.left[0]
        if len(self.left) > 1:
            self.left.pop(0)
        self.patience_until = now + patience
        if order == signal.SIGKILL:
            self.target.signal_group(order)
        elif self.target.process is not None:
            # Only the leader is asked: it knows how to end what it started.
            self.target.process.send_signal(order)


def spawn(child: Child, *, log: Path) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, its output appended to a log file."""
    parent = os.getpid()
    account = child.account

    def follow_parent() -> None:
        # Set after the change of user, which would clear it; must come from the main thread,
        # since the kernel sends it when the starting *thread* ends.
        _libc.prctl(PR_SET_PDEATHSIG, int(child.orphaned), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    with log.open("ab") as output:
        return subprocess.Popen(
            list(child.argv),
            cwd=child.cwd,
            env=dict(child.env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=tuple(child.keep_fds),
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            preexec_fn=follow_parent,
        )
