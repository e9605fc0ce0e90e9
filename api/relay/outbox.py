"""The one way out of a socket: every byte, in order, and nobody waits for it.

A message is written at once when nothing waits before it. When the kernel takes only a part, the rest is kept and a
greenlet, which lives only while the socket is full, writes it; what comes meanwhile waits by key, the newest of a key
at the tail (`api.relay.messages`). So frames are never cut, mixed or reordered, whoever writes.

    free    ── hold ──▶ holding ── release ──▶ free         nothing passes the snapshot that is being read
    free    ── a partial write ──▶ full ── drained ──▶ free
    any     ── finish(frame) ──▶ finishing                  what waited is dropped, the last frame still goes out

More than `limit` messages or LIMIT_BYTES waiting: the peer is told `overflowed`. A write that fails: `broken`.
"""

from collections.abc import Callable
from time import monotonic
from typing import Protocol

import gevent
from gevent import socket

from api.metrics_relay import EVENTS_COALESCED, EVENTS_DROPPED
from api.relay.messages import Key, Message

LIMIT_BYTES = 1 << 20
#: waiting messages are joined into writes of about so many bytes
BATCH_BYTES = 1 << 16
AT_ONCE = 0.0


class Peer(Protocol):
    """Whom an outbox tells about its end."""

    def overflowed(self) -> None:
        """More waits than may."""

    def broken(self) -> None:
        """The socket takes nothing any more."""


class Outbox:
    """Ordered, bounded and never blocking."""

    __slots__ = (
        "_bytes",
        "_drainer",
        "_finishing",
        "_free",
        "_holding",
        "_limit",
        "_peer",
        "_rest",
        "_send",
        "_sock",
        "_waiting",
        "stalled_at",
    )

    def __init__(self, sock: "socket.socket", *, limit: int, peer: Peer) -> None:
        self._sock = sock
        #: the kernel's own: gevent's around it would only wait, which nobody may
        self._send: Callable[[bytes], int] = sock._sock.send
        self._limit = limit
        self._peer: Peer | None = peer
        self._waiting: dict[Key, Message] | None = None
        self._bytes = 0
        self._rest = b""
        self._free = True
        self._holding = False
        self._finishing = False
        self._drainer: gevent.Greenlet | None = None
        #: since when the kernel takes nothing (monotonic seconds), or None
        self.stalled_at: float | None = None

    @property
    def crowded(self) -> bool:
        """Whether half of what may wait does: who can choose its pace should go slower."""
        return 2 * len(self._waiting or ()) > self._limit or 2 * self._bytes > LIMIT_BYTES

    def push(self, message: Message) -> None:
        """Send `message`, now or when its turn comes."""
        if self._free:
            self._write(message.frame)
        elif not self._finishing:
            self._queue(message)

    def control(self, message: Message) -> None:
        """Send a protocol frame (a pong): it may pass what is held, but never cuts a frame."""
        if self._drainer is None and not self._finishing:
            self._write(message.frame)
        else:
            self.push(message)

    def hold(self) -> None:
        """Keep what is pushed from now on, until `release`."""
        self._holding = True
        self._free = False

    def release(self, first: Message | None = None, keep: Callable[[Message], bool] = lambda held: True) -> None:
        """Send `first`, then of what was held what `keep` says."""
        held = self._waiting or {}
        self._waiting = {key: message for key, message in held.items() if keep(message)}
        self._bytes = sum(len(message.frame) for message in self._waiting.values())
        self._rest += first.frame if first else b""
        self._holding = False
        self._flush()

    def finish(self, frame: bytes) -> None:
        """Drop what waits, send `frame` after the bytes already begun, and take nothing more."""
        if self._finishing:
            return
        EVENTS_DROPPED.inc(len(self._waiting or ()))
        self._finishing, self._holding, self._free = True, False, False
        self._waiting, self._bytes = None, 0
        self._rest += frame
        self._flush()

    def close(self) -> None:
        """Let go of the socket; nothing is written after this."""
        self._finishing, self._free = True, False
        self._waiting, self._rest, self._peer = None, b"", None
        drainer, self._drainer = self._drainer, None
        if drainer is not None and drainer is not gevent.getcurrent():
            drainer.kill(block=False)

    def _write(self, frame: bytes) -> None:
        try:
            sent = self._send(frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._break()
            return
        if sent < len(frame):
            self._free = False
            self._rest = frame[sent:]
            self._start_draining()

    def _queue(self, message: Message) -> None:
        waiting = self._waiting = {} if self._waiting is None else self._waiting
        older = waiting.pop(message.key, None)
        if older is not None:
            EVENTS_COALESCED.inc()
            self._bytes -= len(older.frame)
            message = message.over(older)
        waiting[message.key] = message
        self._bytes += len(message.frame)
        if self._peer and (len(waiting) > self._limit or self._bytes > LIMIT_BYTES):
            self._peer.overflowed()

    def _flush(self) -> None:
        """Write what the kernel takes now; a greenlet does the rest."""
        if self._drainer is not None:
            return
        try:
            self._pump(AT_ONCE)
        except BlockingIOError:
            self._start_draining()
        except OSError:
            self._break()

    def _start_draining(self) -> None:
        self.stalled_at = monotonic()
        self._drainer = gevent.spawn(self._drain)

    def _drain(self) -> None:
        try:
            self._pump(None)
        except OSError:
            self._break()
        finally:
            self._drainer = None

    def _pump(self, timeout: float | None) -> None:
        """Write until nothing waits; with AT_ONCE raises BlockingIOError when the kernel is full."""
        while self._rest or self._take_batch():
            sent = self._sock.send(self._rest, 0, timeout)
            self._rest = self._rest[sent:]
            self.stalled_at = monotonic() if self.stalled_at else None
        self.stalled_at = None
        self._free = not (self._holding or self._finishing)

    def _take_batch(self) -> bool:
        if self._holding or not self._waiting:
            return False
        batch: list[bytes] = []
        size = 0
        while self._waiting and size < BATCH_BYTES:
            frame = self._waiting.pop(next(iter(self._waiting))).frame
            batch.append(frame)
            size += len(frame)
        self._bytes -= size
        self._rest = b"".join(batch)
        return True

    def _break(self) -> None:
        if self._peer is not None:
            self._peer.broken()
