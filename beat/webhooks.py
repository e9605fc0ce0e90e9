"""The outbox's deliveries: at least once, with longer and longer pauses, then given up.

A duty only lends due callbacks and hands them to threads, so it returns at once: a receiver that hangs holds up neither
the clock's other duties nor the callbacks to other hosts, of which a fair share is lent at a time. A thread whose
callback was taken goes on with the next one to that host, while there are threads for others. A job never waits for its
callback.
"""

import logging
import random
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Lock
from urllib.parse import urlsplit

from beat.webhook_call import CallFailed, body_of, call, signed_headers
from beat.webhook_target import TargetRefused, checked_addresses
from shared import logs
from shared.settings import Settings
from shared.store import Callback, Store, StoreUnavailable

log = logs.get_logger(__name__)

#: calls under way at once, in all and to one host
MOST_CALLS = 16
MOST_CALLS_PER_HOST = 4
#: longer than one call can last, look-up of the name included
LOAN_S = 60.0
#: pauses between the tries: 5 s, 20 s, 80 s … then every six hours, about 26 hours in all
FIRST_PAUSE_S, GROWTH, LONGEST_PAUSE_S, MOST_TRIES = 5.0, 4.0, 6 * 3600.0, 11
JITTER = 0.2
#: a receiver that says so wants no more of them
GONE = 410
KEEP_DAYS = 7.0


def pause_s(tries: int, chance: float) -> float | None:
    """Return how long to wait after that many tries (None: give up); `chance` in [0, 1) spreads it by ± 20 %."""
    if tries >= MOST_TRIES:
        return None
    pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * GROWTH ** (tries - 1))
    return pause * (1 + JITTER * (2 * chance - 1))


class Courier:
    """Delivers callbacks in threads of its own; the threads start with the first callback."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._pool = ThreadPoolExecutor(MOST_CALLS, thread_name_prefix="webhook")
        self._lock = Lock()
        self._under_way: dict[Future[None], str] = {}

    def send_due(self) -> int:
        """Begin to deliver what is due, as far as hands are free; return how many."""
        with self._lock:
            lent = self._lend()
            for callback in lent:
                self._begin(callback)
        return len(lent)

    def finish(self, timeout_s: float) -> bool:
        """Wait for the calls under way; tell whether all have ended."""
        with self._lock:
            waiting = list(self._under_way)
        return not wait(waiting, timeout_s).not_done

    def _lend(self) -> list[Callback]:
        hosts = Counter(self._under_way.values())
        free = MOST_CALLS - hosts.total()
        if free <= 0:
            return []
        busy = [host for host, calls in hosts.items() if calls >= MOST_CALLS_PER_HOST]
        return self._store.lend_callbacks(limit=free, per_host=MOST_CALLS_PER_HOST, loan_s=LOAN_S, passing_over=busy)

    def _begin(self, callback: Callback) -> None:
        future = self._pool.submit(self._deliver, callback)
        self._under_way[future] = urlsplit(callback.url).netloc
        future.add_done_callback(self._ended)

    def _ended(self, future: Future[None]) -> None:
        self._under_way.pop(future, None)

    def _deliver(self, callback: Callback) -> None:
        following: Callback | None = callback
        while following is not None:
            following = self._then(following)

    def _then(self, callback: Callback) -> Callback | None:
        """Deliver it; return the next one to the same host if it was taken."""
        try:
            return self._next_to(urlsplit(callback.url).netloc) if self._settle(callback) else None
        except StoreUnavailable as error:  # the loan ends by itself, and it is sent once more
            log.warning("a callback's end was not stored: %s", error, job_id=callback.job_id)
        except Exception:
            log.exception("a callback broke", job_id=callback.job_id)
        return None

    def _next_to(self, host: str) -> Callback | None:
        with self._lock:
            if len(self._under_way) >= MOST_CALLS:
                return None
            lent = self._store.lend_callbacks(limit=1, per_host=1, loan_s=LOAN_S, only=host)
        return lent[0] if lent else None

    def _settle(self, callback: Callback) -> bool:
        """Send it and store what came of it; tell whether the receiver took it."""
        began = time.monotonic()
        try:
            refusal = self._send(callback)
        except TargetRefused as error:
            self._give_up(callback, str(error))
            return False
        except (CallFailed, OSError) as error:
            self._again(callback, str(error))
            return False
        if refusal is None:
            self._store.callback_delivered(callback)
            _tell(logging.INFO, "callback delivered", callback, duration_s=round(time.monotonic() - began, 3))
        elif refusal == GONE:
            self._give_up(callback, "410 Gone")
        else:
            self._again(callback, f"answered {refusal}")
        return refusal is None

    def _send(self, callback: Callback) -> int | None:
        """Return None when the receiver took it, else the status it answered."""
        addresses = checked_addresses(callback.url, self._settings.webhook_hosts)
        body = body_of(callback)
        secret = self._settings.webhook_secret or ""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Forgeline",
            **signed_headers(callback.webhook_id, int(time.time()), body, secret),
        }
        status = call(callback.url, addresses, body, headers)
        return None if 200 <= status < 300 else status

    def _again(self, callback: Callback, why: str) -> None:
        pause = pause_s(callback.tries, random.random())  # noqa: S311 - jitter, no secret
        if pause is None:
            self._give_up(callback, why)
            return
        self._store.callback_failed(callback, again_in_s=pause)
        _tell(logging.WARNING, "callback failed", callback, reason=why, again_in_s=round(pause))

    def _give_up(self, callback: Callback, why: str) -> None:
        self._store.callback_given_up(callback)
        _tell(logging.ERROR, "callback given up", callback, reason=why)


def _tell(level: int, event: str, callback: Callback, **more: object) -> None:
    host = urlsplit(callback.url).netloc
    log.log(level, event, job_id=callback.job_id, host=host, tries=callback.tries, **more)
