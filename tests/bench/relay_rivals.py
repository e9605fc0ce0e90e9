"""What the relay is compared with: the obvious design, and two libraries used as their own documents say."""

import json
import logging
import sys
from typing import Any

from gunicorn.app.base import BaseApplication


class Gunicorn(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """One gevent worker around the application that `make` returns."""

    def __init__(self, port: int, make: Any) -> None:
        self._port = port
        self._make = make
        super().__init__()

    def load_config(self) -> None:
        """Room for ten thousand."""
        options = {"bind": f"127.0.0.1:{self._port}", "worker_class": "gevent", "worker_connections": 12_000}
        options |= {"control_socket_disable": True, "loglevel": "warning", "graceful_timeout": 1, "timeout": 120}
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Make the application, in the worker."""
        return self._make()


def naive(redis_url: str) -> Any:
    """Flask-Sock with one Redis subscription per socket."""
    from flask import Flask, request
    from flask_sock import Sock
    from redis import Redis

    app = Flask("naive")

    def websocket(ws: Any) -> None:
        user = request.headers["Authorization"].removeprefix("Bearer ").partition("/")[0]
        subscription = Redis.from_url(redis_url).pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        subscription.subscribe(f"user:{user}")
        ws.send('{"type":"welcome"}')
        for message in subscription.listen():
            ws.send(message["data"].decode())

    Sock(app).route("/ws", endpoint="websocket")(websocket)
    return app


def socketio(redis_url: str) -> Any:
    """python-socketio on gevent, its Redis manager between."""
    import socketio as library

    server = library.Server(
        async_mode="gevent", client_manager=library.RedisManager(redis_url), http_compression=False,
        cors_allowed_origins="*",
    )  # fmt: skip

    @server.event  # type: ignore[untyped-decorator]  # python-socketio ships no types
    def connect(sid: str, environ: Any, auth: Any) -> None:
        server.enter_room(sid, auth["token"].partition("/")[0])

    return library.WSGIApp(server)


def aiohttp(port: int, redis_url: str) -> None:
    """aiohttp with one subscription and a loop over the sockets of a user."""
    import asyncio
    from collections import defaultdict

    from aiohttp import WSMsgType, web
    from redis import asyncio as redis

    sockets: defaultdict[str, set[web.WebSocketResponse]] = defaultdict(set)

    async def websocket(request: web.Request) -> web.WebSocketResponse:
        user = request.headers["Authorization"].removeprefix("Bearer ").partition("/")[0]
        ws = web.WebSocketResponse(compress=False)
        await ws.prepare(request)
        sockets[user].add(ws)
        await ws.send_str('{"type":"welcome"}')
        async for _ in ws:
            pass
        sockets[user].discard(ws)
        return ws

    async def forward() -> None:
        subscription = redis.Redis.from_url(redis_url).pubsub(ignore_subscribe_messages=True)
        await subscription.subscribe("events")
        async for message in subscription.listen():
            event = json.loads(message["data"])
            text = json.dumps(event["event"]).encode()
            for ws in tuple(sockets[event["user"]]):
                await ws.send_frame(text, WSMsgType.TEXT)

    async def listen(_app: web.Application) -> Any:
        task = asyncio.create_task(forward())
        yield
        task.cancel()

    app = web.Application()
    app.cleanup_ctx.append(listen)
    app.router.add_get("/ws", websocket)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None, backlog=2048)


def bare(port: int, redis_url: str) -> None:
    """No server at all: what this machine asks for, one `send` a socket; it answers any upgrade with the same key."""
    import select
    import socket

    from redis import Redis

    from api.relay.messages import text_frame

    listener = socket.create_server(("127.0.0.1", port), backlog=2048)
    subscription = Redis.from_url(redis_url).pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
    subscription.subscribe("events")
    subscription.get_message(timeout=5)
    sockets: dict[str, list[socket.socket]] = {}
    while True:
        ready, _, _ = select.select([listener, subscription.connection._sock], [], [])
        if listener in ready:
            client, _ = listener.accept()
            user = client.recv(4096).decode().partition("Bearer ")[2].partition("/")[0]
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + text_frame(b'{"type":"welcome"}'))
            client.setblocking(False)
            sockets.setdefault(user, []).append(client)
            continue
        while message := subscription.get_message():
            event = json.loads(message["data"])
            frame = text_frame(json.dumps(event["event"]).encode())
            for client in sockets[event["user"]]:
                client.send(frame)


def main() -> None:
    """Run the server the command line names."""
    logging.basicConfig(level=logging.WARNING)
    name, port, redis_url = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    alone = {"aiohttp": aiohttp, "bare": bare}
    if name in alone:
        alone[name](port, redis_url)
        return
    made = {"naive": naive, "socketio": socketio}[name]
    Gunicorn(port, lambda: made(redis_url)).run()


if __name__ == "__main__":
    main()
