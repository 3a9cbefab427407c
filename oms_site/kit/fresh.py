"""Answers from memory that are at most so old, and that one of many asks for again.

For what every request needs and the database knows: callers and their limits. Plain Python; each
room keeps its own loader.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from enum import Enum
from typing import Final, Generic, Literal, TypeAlias, TypeVar

from oms_site.kit import clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Nothing(Enum):
    MISSING = "missing"


Missing: TypeAlias = Literal[_Nothing.MISSING]
MISSING: Final = _Nothing.MISSING


class _Answer(Generic[V]):
    __slots__ = ("asked", "at", "value")

    def __init__(self, value: V, at: float) -> None:
        self.value, self.at = value, at
        # Somebody is asking again.
        self.asked = False

    @property
    def age(self) -> float:
        return clock.monotonic() - self.at


class Fresh(Generic[K, V]):
    """Answers by key, believed for `keep_s` seconds. From `again_s` on the first who comes asks
    anew, and the others need not wait for him. All are dropped once there are `most`.
    """

    def __init__(self, *, keep_s: float, again_s: float, most: int) -> None:
        self._keep_s, self._again_s, self._most = keep_s, again_s, most
        self._answers: dict[K, _Answer[V]] = {}

    def known(self, key: K) -> V | Missing:
        """What memory has, MISSING when it is too old. Never loads.

        Who is told MISSING has to `get`, also on behalf of those who are answered meanwhile.
        """
        answer = self._answers.get(key)
        if answer is None or (age := answer.age) >= self._keep_s:
            return MISSING
        if age >= self._again_s and not answer.asked:
            answer.asked = True
            return MISSING
        return answer.value

    def get(self, key: K, load: Callable[[], V]) -> V:
        """What memory has, or what is loaded now. An answer is as old as its question."""
        answer = self._answers.get(key)
        if answer is not None and answer.age < self._keep_s and not answer.asked:
            return answer.value
        moment, value = clock.monotonic(), load()
        if len(self._answers) >= self._most:
            self._answers.clear()
        self._answers[key] = _Answer(value, moment)
        return value

    def last(self, key: K) -> V | Missing:
        """The last answer, however old it is."""
        answer = self._answers.get(key)
        return MISSING if answer is None else answer.value

    def forget(self, *keys: K) -> None:
        """Drop these answers, all of them when none are named."""
        for key in keys:
            self._answers.pop(key, None)
        if not keys:
            self._answers.clear()
