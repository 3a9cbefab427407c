"""What beat rings every second: one task asks everything that is seldom due."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import settings

from allocations import tasks as booking_tasks
from oms_site import later
from oms_site.celery import app
from orders import tasks

pytestmark = pytest.mark.django_db


def _drains(
    monkeypatch: pytest.MonkeyPatch, **found: int | Exception
) -> tuple[list[str], list[str]]:
    """The round with drains that find what is given, else nothing; what was asked and rung."""
    asked, rung = list[str](), list[str]()

    def drain(name: str) -> Callable[[], int]:
        def take() -> int:
            asked.append(name)
            answer = found.get(name, 0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return take

    names = [task.name.rpartition(".")[2] for task, _ in tasks._ROUND]
    round_ = tuple((task, drain(name)) for (task, _), name in zip(tasks._ROUND, names, strict=True))
    monkeypatch.setattr(tasks, "_ROUND", round_)
    monkeypatch.setattr(later, "ring", rung.append)
    return asked, rung


def test_what_found_something_goes_on_by_its_own_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, rung = _drains(monkeypatch, expire=3, allocate=1)
    assert tasks.look_round() == ["orders.tasks.expire", "orders.tasks.allocate"]
    assert rung == ["orders.tasks.expire", "orders.tasks.allocate"]
    assert len(asked) == len(tasks._ROUND)


def test_what_fails_holds_up_nothing_else_and_is_not_hidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, rung = _drains(monkeypatch, drain_halts=RuntimeError("broken"), quote=1)
    with pytest.raises(RuntimeError, match="broken"):
        tasks.look_round()
    assert len(asked) == len(tasks._ROUND)
    assert rung == ["orders.tasks.quote"]


def test_nothing_due_rings_nothing() -> None:
    assert tasks.look_round() == []


def test_every_task_is_swept_whether_or_not_its_bell_was_heard() -> None:
    """A bell is only an accelerator: what nobody rings is found by the timetable all the same."""
    swept = {str(entry["task"]) for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    swept |= {task.name for task, _ in tasks._ROUND}
    ours = {name for name in app.tasks if not name.startswith("celery.")}
    assert booking_tasks.book.name in ours
    assert ours - swept == set()
