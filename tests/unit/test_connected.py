"""The engines of a process: one of each kind, whoever asks first."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from sqlalchemy import Engine

from shared.store.connected import Connected

PATIENCE_S = 10.0


class AtOnce(Connected):
    """Makes an engine only once two threads are about to."""

    both = Barrier(2, timeout=PATIENCE_S)

    def _connect(self, isolation: str) -> Engine:
        self.both.wait()
        return super()._connect(isolation)


def test_two_threads_that_ask_first_get_the_same_engine() -> None:
    store = AtOnce("postgresql://nobody@127.0.0.1:1/none")
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(lambda _: store.engine, range(2))
    assert first is second
