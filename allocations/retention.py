"""How long files with outside parties are kept: days in the party's row, for ever without them.

Only what is over goes: a batch that was acknowledged, an answer that was taken in, a trade that was
agreed or taken back. What a party has said is kept in the database all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from allocations.models import Custodian, MatchingMessage, MatchingService, TradeConfirm
from allocations.settlement_states import ConfirmStatus
from oms_site.journal import draining
from oms_site.kit import clock

_KIND = "*.jsonl"
_MOST = 500
_OVER = (ConfirmStatus.AFFIRMED, ConfirmStatus.CANCELED)
Party = Custodian | MatchingService
Old = Callable[[Path], bool]


def prune() -> int:
    """Remove what is older than its party's days; how many files went.

    One whose directory is in trouble keeps its files, and no other's: people are told.
    """
    now = clock.machine_now()  # files are dated by the machine, whatever day is traded
    houses = Custodian.objects.exclude(keep_files_days=None).order_by("id")
    services = MatchingService.objects.exclude(keep_files_days=None).order_by("id")
    parties: list[Party] = [*houses, *services]

    def one(party: Party) -> int:
        before = now - timedelta(days=party.keep_files_days or 0)
        return _remove(_of(party, _older_than(before)))

    return draining.each(parties, one, aside=_tell)


def _tell(party: Party, error: Exception) -> None:
    draining.tell("prune", party.pk, error)


def _of(party: Party, is_old: Old) -> Iterator[tuple[Path, ...]]:
    if isinstance(party, Custodian):
        return _of_custodian(settings.OUTSIDE_DIR / "files" / party.pk, is_old)
    return _of_service(party.pk, is_old)


def _of_custodian(directory: Path, is_old: Old) -> Iterator[tuple[Path, ...]]:
    """Each acknowledged batch with its acknowledgement: both go, or neither."""
    for batch in sorted((directory / "to" / "done").glob(_KIND)):
        answer = directory / "from" / batch.name
        if is_old(batch) and is_old(answer):
            yield batch, answer


def _of_service(service_id: str, is_old: Old) -> Iterator[tuple[Path, ...]]:
    directory = settings.OUTSIDE_DIR / "matching" / service_id
    sent = [path for path in sorted((directory / "to").glob(_KIND)) if is_old(path)]
    for n in range(0, len(sent), _MOST):
        yield from _over(sent[n : n + _MOST])
    taken = MatchingMessage.objects.filter(service_id=service_id).exclude(applied_at=None)
    last = taken.order_by("-seq").values_list("seq", flat=True).first() or 0
    for told in sorted((directory / "from").glob(_KIND)):
        if told.stem.isdigit() and int(told.stem) <= last and is_old(told):
            yield (told,)


def _over(sent: list[Path]) -> Iterator[tuple[Path, ...]]:
    """What was sent about trades that wait for nothing any more.

    Services do not say that they have read a file: only their answer shows it.
    """
    keys = {path: path.stem.partition(".")[0] for path in sent}
    rows = TradeConfirm.objects.filter(id__in=set(keys.values()))
    waiting = rows.exclude(status__in=_OVER, ask="").values_list("id", flat=True)
    open_ones = set(waiting)
    for path, key in keys.items():
        if key not in open_ones:
            yield (path,)


def _older_than(before: datetime) -> Old:
    """Whether a file was last written before that; one that is gone by now is not looked at."""

    def is_old(path: Path) -> bool:
        try:
            return path.stat().st_mtime < before.timestamp()
        except FileNotFoundError:
            return False

    return is_old


def _remove(found: Iterable[tuple[Path, ...]]) -> int:
    gone = 0
    for paths in found:
        for path in paths:
            path.unlink(missing_ok=True)
        gone += len(paths)
    return gone
