"""Draining ends when nothing is queued and nothing was finished for a second, or at its limit."""

from collections.abc import Callable

from modelservice_runtime.triton.drain import Drain, Limits, Load

TEXT = """\
# HELP nv_inference_request_success Number of successful inference requests
# TYPE nv_inference_request_success counter
nv_inference_request_success{{model="digits",version="1"}} {finished}
nv_inference_request_success{{model="linear",version="1"}} 4
# TYPE nv_inference_request_failure counter
nv_inference_request_failure{{model="digits",reason="BACKEND",version="1"}} 2
# TYPE nv_inference_pending_request_count gauge
nv_inference_pending_request_count{{model="digits",version="1"}} {queued}
# TYPE nv_cpu_utilization gauge
nv_cpu_utilization 0.5
"""


class Busy:
    """A Triton whose load at each moment is a function of the time."""

    def __init__(self, load: Callable[[float], tuple[int, int] | None]) -> None:
        self.now = 0.0
        self._load = load

    async def metrics(self) -> str | None:
        load = self._load(self.now)
        return load and TEXT.format(queued=load[0], finished=load[1])

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def drain(self) -> bool:
        limits = Limits(endpoint=5, total=25)
        drain = Drain(server=self, limits=limits, clock=lambda: self.now, sleep=self.sleep)
        assert not drain.draining
        drained = await drain.run()
        assert drain.draining
        return drained


async def test_an_idle_pod_waits_for_its_endpoint_to_go() -> None:
    triton = Busy(lambda now: (0, 7))
    assert await triton.drain()
    assert 6 <= triton.now < 7


async def test_requests_that_still_come_are_waited_for() -> None:
    triton = Busy(lambda now: (0, int(min(now, 12))))
    assert await triton.drain()
    assert 13 <= triton.now < 14


async def test_a_queue_is_waited_for() -> None:
    triton = Busy(lambda now: (int(now < 10), 7))
    assert await triton.drain()
    assert 10 <= triton.now < 12


async def test_a_client_that_never_stops_is_cut_at_the_limit() -> None:
    triton = Busy(lambda now: (1, int(now * 100)))
    assert not await triton.drain()
    assert 25 <= triton.now < 26


async def test_a_triton_that_is_gone_has_nothing_in_flight() -> None:
    triton = Busy(lambda now: None)
    assert await triton.drain()
    assert triton.now == 5


def test_all_models_count() -> None:
    assert Load.of(TEXT.format(queued=3, finished=10)) == Load(queued=3, finished=16)


def test_limits_come_from_the_environment() -> None:
    assert Limits.of({}) == Limits(endpoint=5, total=25)
    environ = {"MODELSERVICE_DRAIN_ENDPOINT_SECONDS": "1", "MODELSERVICE_DRAIN_SECONDS": "9"}
    assert Limits.of(environ) == Limits(endpoint=1, total=9)
