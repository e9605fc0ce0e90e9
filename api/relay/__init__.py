"""The relay: Redis events to browsers, each in time, no browser in another's way.

    Redis ─▶ listener ─▶ dispatcher ─▶ registry ─▶ socket ─▶ outbox ─▶ browser
    store ─▶ sweep ─────▶     ▲
    store ─▶ line ────────────┘

The laws it holds:
  * one subscription per process; one greenlet per socket; nobody waits for a socket;
  * every byte of a socket goes through its one ordered outbox;
  * a socket is registered first, then its snapshot is read, then what is newer is released;
  * a message is framed once, however many sockets get it;
  * what Redis lost, the sweep of the store brings.

It knows no Flask; `api.ws` is its door.
"""
