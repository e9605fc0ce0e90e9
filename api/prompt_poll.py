"""A poll that is not to wait asks the kernel, as it did before gevent.

gevent answers even `poll(0)` by two changes of its epoll set and a round of its loop (gevent 26.9, `gevent.select`).
redis-py asks so before every command whether its connection still lives (redis 8.1, `ConnectionPool.get_connection`).
"""

import select
from typing import Any

from gevent import select as cooperative
from gevent.monkey import get_original

#: the kernel's, whether gevent has put its own there already or will yet
_kernel_poll = get_original("select", "poll")
_READ, _WRITE = 1, 2


class PromptPoll(cooperative.poll):  # type: ignore[misc]  # gevent ships no types for it
    """gevent's poll, without the way round its loop where nobody wants to wait."""

    def poll(self, timeout: float | None = None) -> Any:
        """Return [(file descriptor, events)]; `timeout` in milliseconds, None: for ever."""
        if timeout != 0:
            return super().poll(timeout)
        asked = _kernel_poll()
        for fd, flags in self.fds.items():
            asked.register(fd, (select.POLLIN if flags & _READ else 0) | (select.POLLOUT if flags & _WRITE else 0))
        return asked.poll(0)


def install() -> None:
    """Let whoever asks for `select.poll` from now on have this one; after gevent put its own there."""
    select.poll = PromptPoll  # type: ignore[misc]
