"""The circuit breaker, with time in the test's hands."""

from __future__ import annotations

import contextlib
import threading

import pytest

from oms_site.kit.circuit import Circuit, CircuitOpen, State


class Service:
    """Somebody outside who answers or does not, and counts who asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.up = True

    def __call__(self) -> str:
        self.asked += 1
        if not self.up:
            raise ConnectionError
        return "fine"


@pytest.fixture
def now() -> list[float]:
    return [100.0]


@pytest.fixture
def circuit(now: list[float]) -> Circuit:
    return Circuit(failures=3, pause_s=10, monotonic=lambda: now[0])


def fail(circuit: Circuit, service: Service, times: int) -> None:
    service.up = False
    for _ in range(times):
        with pytest.raises(ConnectionError):
            circuit.call(service)


def test_it_opens_after_so_many_failures_in_a_row(circuit: Circuit) -> None:
    service = Service()
    fail(circuit, service, 2)
    assert circuit.state == State.CLOSED
    fail(circuit, service, 1)
    assert (circuit.state, circuit.opened) == (State.OPEN, 1)
    with pytest.raises(CircuitOpen):
        circuit.call(service)
    assert service.asked == 3


def test_an_answer_in_between_begins_the_count_anew(circuit: Circuit) -> None:
    service = Service()
    for _ in range(5):
        fail(circuit, service, 2)
        service.up = True
        assert circuit.call(service) == "fine"
    assert circuit.state == State.CLOSED


def test_after_the_pause_one_call_probes_and_its_answer_closes_it(
    circuit: Circuit, now: list[float]
) -> None:
    service = Service()
    fail(circuit, service, 3)
    now[0] += 9.9
    with pytest.raises(CircuitOpen):
        circuit.call(service)
    now[0] += 0.1
    service.up = True
    assert circuit.call(service) == "fine"
    assert (circuit.state, circuit.failures) == (State.CLOSED, 0)


def test_a_probe_that_fails_opens_it_for_another_pause(circuit: Circuit, now: list[float]) -> None:
    service = Service()
    fail(circuit, service, 3)
    now[0] += 10
    fail(circuit, service, 1)
    now[0] += 9
    with pytest.raises(CircuitOpen):
        circuit.call(service)
    assert service.asked == 4


def test_while_one_probes_the_others_are_refused_at_once(
    circuit: Circuit, now: list[float]
) -> None:
    fail(circuit, Service(), 3)
    now[0] += 10
    inside, leave = threading.Event(), threading.Event()

    def slow() -> str:
        inside.set()
        leave.wait(10)
        return "fine"

    prober = threading.Thread(target=circuit.call, args=(slow,))
    prober.start()
    assert inside.wait(10)
    assert str(circuit.state) == "probing"
    with pytest.raises(CircuitOpen):
        circuit.call(Service())
    leave.set()
    prober.join(10)
    assert circuit.state == State.CLOSED


def test_a_late_answer_from_before_does_not_close_it(circuit: Circuit) -> None:
    inside, leave = threading.Event(), threading.Event()

    def slow() -> str:
        inside.set()
        leave.wait(10)
        return "fine"

    early = threading.Thread(target=circuit.call, args=(slow,))
    early.start()
    assert inside.wait(10)
    fail(circuit, Service(), 3)
    leave.set()
    early.join(10)
    assert circuit.state == State.OPEN


class Held:
    """A call that hangs until it is let go; `up` says how it ends."""

    def __init__(self, circuit: Circuit, *, up: bool = True) -> None:
        self._circuit, self._up = circuit, up
        self._inside, self._leave = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._inside.wait(10)

    def _run(self) -> None:
        with contextlib.suppress(ConnectionError):
            self._circuit.call(self._ask)

    def _ask(self) -> str:
        self._inside.set()
        self._leave.wait(10)
        if not self._up:
            raise ConnectionError
        return "fine"

    def let_go(self) -> None:
        self._leave.set()
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.mark.parametrize("up", [True, False])
def test_an_answer_from_before_it_opened_does_not_end_a_probe(
    circuit: Circuit, now: list[float], up: bool
) -> None:
    early = Held(circuit, up=up)
    fail(circuit, Service(), 3)
    now[0] += 10
    probe = Held(circuit, up=False)
    early.let_go()
    assert str(circuit.state) == "probing"
    # The probe alone decides: its failure opens it again for a whole pause.
    probe.let_go()
    assert str(circuit.state) == "open"
    now[0] += 9.9
    with pytest.raises(CircuitOpen):
        circuit.call(Service())


def test_a_failure_from_before_it_opened_does_not_make_the_pause_longer(
    circuit: Circuit, now: list[float]
) -> None:
    early = Held(circuit, up=False)
    fail(circuit, Service(), 3)
    now[0] += 9
    early.let_go()
    now[0] += 1
    assert circuit.call(Service()) == "fine"
    assert (circuit.state, circuit.failures) == (State.CLOSED, 0)


def test_a_probe_that_came_back_too_late_says_nothing(circuit: Circuit, now: list[float]) -> None:
    fail(circuit, Service(), 3)
    now[0] += 10
    lost = Held(circuit)
    now[0] += 10
    probe = Held(circuit)
    lost.let_go()
    assert str(circuit.state) == "probing"
    probe.let_go()
    assert str(circuit.state) == "closed"
