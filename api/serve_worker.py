"""One API process: gunicorn's gevent worker, with a collector that does not stop the relay, and a polite end.

The parent imports this module too, before anything is made cooperative: so it imports nothing of ours at the top.
"""

import errno
import gc
import os
import signal
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

import gevent
from gevent import socket
from gevent.monkey import get_original
from gunicorn.util import write_nonblock
from gunicorn.workers.ggevent import GeventWorker

from api.give_way import give_way

if TYPE_CHECKING:
    from api.relay.relay import Relay

#: A full collection costs 200-450 ms at 5,000 sockets. Sockets break their own cycles, so it may wait.
GC_THRESHOLDS = (20_000, 50, 1000)
#: one read or write of a request may take so long
STUCK_PEER_S = 60.0
#: Once it was answered, a connection may be silent for so long: longer than who stands before the API keeps it (60 s in
#: ops/nginx.conf and ops/Caddyfile). Who ends it first must be who asks, or a POST is sent into its end, and lost.
KEPT_S = 75.0
#: That long only while so much of the connections there may be is in use; past it, as long as for a first request.
KEPT_WHILE_USED = 0.75
#: what nobody wanted of a body is read in pieces of so many bytes, for so long; then the connection ends
REST_AT_ONCE = 1024
REST_WITHIN_S = 5.0
#: sockets are told within so long of SIGTERM, and whatever still runs is cut after so long
DRAIN_S = 4.0
CUT_AFTER_S = 6.5
LOOK_EVERY_S = 0.05


class Worker(GeventWorker):  # type: ignore[misc]  # gunicorn ships no types
    """Serves every request and every socket in a greenlet of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._idle: set[socket.socket] = set()
        self._busy: set[socket.socket] = set()

    def patch(self) -> None:
        """Make the standard library's sockets, then psycopg2's, cooperative."""
        from api import database_wait, prompt_poll

        super().patch()
        database_wait.install()
        prompt_poll.install()

    def load_wsgi(self) -> None:
        """Make the application, start its relay, and settle the collector."""
        from shared.heap import growing

        with growing():
            from api.bodies_in_time import BodiesInTime
            from api.context import EXTENSION as CONTEXT
            from api.ws import EXTENSION

            super().load_wsgi()
        app: Any = self.wsgi
        relay: Relay = app.extensions[EXTENSION]
        self.wsgi: Any = BodiesInTime(app)
        relay.start()
        if CONTEXT in app.extensions:  # an earlier process may have died between a commit and its wake-up
            app.extensions[CONTEXT].processor.ring_for_line()
        gevent.spawn(self._drain_when_told, relay)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)

    def init_signals(self) -> None:
        """A worker ends politely at SIGINT too, which a terminal sends to all of a group."""
        super().init_signals()
        signal.signal(signal.SIGINT, self.handle_exit)

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve one connection."""
        self._idle.add(client)
        try:
            super().handle(listener, client, addr)
        finally:
            self._idle.discard(client)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        """Serve one request of a connection; a peer that stands still is cut, one that asks on and on takes turns."""
        self._answer(listener_name, req, sock, addr)
        if req.unreader.buf.getbuffer().nbytes:  # more was asked already, so nothing else would give way here
            give_way()
        else:
            self._await_more(req, sock)

    def _answer(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        self._idle.discard(sock)
        self._busy.add(sock)
        sock.settimeout(STUCK_PEER_S)
        try:
            super().handle_request(listener_name, req, sock, addr)
            _pass_over_body(req)
        except TimeoutError as error:
            raise ConnectionResetError(errno.ECONNRESET, "the peer stood still") from error
        finally:
            self._busy.discard(sock)
            self._idle.add(sock)

    def _await_more(self, req: Any, sock: Any) -> None:
        """Wait for the first bytes of another request; gunicorn's time for its head begins with them."""
        used = len(self._idle) + len(self._busy)
        roomy = used <= self.worker_connections * KEPT_WHILE_USED
        sock.settimeout(KEPT_S if roomy else self.cfg.keepalive)
        with suppress(TimeoutError):
            if begun := req.unreader.chunk():
                req.unreader.unread(begun)
                return
        raise StopIteration  # nothing more is asked

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer what could not be read as problem+json; gunicorn's own answer is a page."""
        from api.unreadable import answer_to

        with suppress(OSError):
            write_nonblock(client, answer_to(exc, addr[0] if addr else ""))

    def _drain_when_told(self, relay: "Relay") -> None:
        while self.alive:
            gevent.sleep(LOOK_EVERY_S)
        cut_at = monotonic() + CUT_AFTER_S
        gevent.spawn(relay.drain, DRAIN_S)
        while (self._idle or self._busy) and monotonic() < cut_at:
            _end_reading(self._idle)
            gevent.sleep(LOOK_EVERY_S)
        _cut(self._busy)


def _pass_over_body(req: Any) -> None:
    """Read on to the end of a body that was refused; gunicorn would, and gives way to nobody while more of it comes."""
    with gevent.Timeout(REST_WITHIN_S, False):
        while req.body.read(REST_AT_ONCE):
            give_way()
        return
    raise StopIteration  # there is no next request to be found on this connection


def _end_reading(clients: set[socket.socket]) -> None:
    """Have each read to its end; a cooperative socket's own shutdown would break the read off, as an error."""
    plain = get_original("socket", "socket")
    for client in tuple(clients):
        with suppress(OSError), plain(fileno=os.dup(client.fileno())) as same:
            same.shutdown(socket.SHUT_RD)


def _cut(clients: set[socket.socket]) -> None:
    for client in tuple(clients):
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
