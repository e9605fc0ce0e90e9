"""A turn for everybody else in this process, where one greenlet has much to do."""

import gevent


def give_way() -> None:
    """Let the others go on, those too that wait for a socket or a moment.

    `gevent.sleep(0)` is not enough: it lets run who is ready already, and the loop looks for what sockets and timers
    have become ready only after fifty such turns (`_run_callbacks` in gevent's corecext). Behind an idle watcher of
    the highest priority it looks each time, and waits for nothing.
    """
    gevent.idle(gevent.get_hub().loop.MAXPRI)
