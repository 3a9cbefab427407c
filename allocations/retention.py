"""How long files with outside parties are kept: days in the party's row, for ever without them.

Only what is over goes: a batch that was acknowledged, an answer that was taken in. What a party has
said is kept in the database all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from allocations.models import Custodian, MatchingMessage, MatchingService
from oms_site.kit import clock

_KIND = "*.jsonl"


def prune() -> int:
    """Remove what is older than its party's days; how many files went."""
    now, gone = clock.machine_now(), 0  # files are dated by the machine, whatever day is traded
    for house in Custodian.objects.exclude(keep_files_days=None).order_by("id"):
        before = now - timedelta(days=house.keep_files_days or 0)
        gone += _remove(_of_custodian(settings.OUTSIDE_DIR / "files" / house.id), before)
    for service in MatchingService.objects.exclude(keep_files_days=None).order_by("id"):
        before = now - timedelta(days=service.keep_files_days or 0)
        gone += _remove(_of_service(service.id), before)
    return gone


def _of_custodian(directory: Path) -> Iterator[tuple[Path, ...]]:
    """Each acknowledged batch with its acknowledgement: both go, or neither."""
    for batch in sorted((directory / "to" / "done").glob(_KIND)):
        answer = directory / "from" / batch.name
        if answer.exists():
            yield batch, answer


def _of_service(service_id: str) -> Iterator[tuple[Path, ...]]:
    directory = settings.OUTSIDE_DIR / "matching" / service_id
    for sent in sorted((directory / "to").glob(_KIND)):
        yield (sent,)
    taken = MatchingMessage.objects.filter(service_id=service_id).exclude(applied_at=None)
    last = taken.order_by("-seq").values_list("seq", flat=True).first() or 0
    for told in sorted((directory / "from").glob(_KIND)):
        if told.stem.isdigit() and int(told.stem) <= last:
            yield (told,)


def _remove(found: Iterable[tuple[Path, ...]], before: datetime) -> int:
    gone = 0
    for paths in found:
        if all(path.stat().st_mtime < before.timestamp() for path in paths):
            for path in paths:
                path.unlink(missing_ok=True)
            gone += len(paths)
    return gone
