"""Queue names, task names and delivery settings, as plain data.

A message is a wake-up, not the job: it may be lost, doubled or late, and nothing changes.
So it is never acknowledged and never redelivered (shared.unacknowledged); what runs is
decided by the claim. The settings answer traps of Celery on Redis that were measured:

* no ack: with a late one a mere reconnect runs a job twice, both workers at once; an early one that fails deafens
* no prefetch: a busy worker must not hoard wake-ups that an idle one could take
* socket timeouts: without them a half-open connection is never noticed
* no results: no keys that nobody collects
* a killed child is given up at once: until then its parent takes no other message
* a child may start slowly: on a busy machine four seconds are not enough
"""

from typing import Any
from urllib.parse import quote

from shared.redis_link import SENTINEL_SCHEME, SentinelAddress

GPU_QUEUE = "gpu"
MAINTENANCE_QUEUE = "maintenance"

GENERATE_TASK = "worker.generate"
RESCUE_TASK = "beat.rescue"
RECONCILE_TASK = "beat.reconcile"
CLEANUP_TASK = "beat.cleanup_stuck_image_jobs"
RETENTION_TASK = "beat.retention"
WEBHOOKS_TASK = "beat.webhooks"

#: seconds after which the broker hands an unacknowledged message out again
VISIBILITY_S = 900

#: the clocks of two hosts may be so many seconds apart; past that `forgeline doctor` calls it a fault
CLOCKS_APART_S = 30.0

#: Nobody has a name under `.invalid` (RFC 2606).
NO_BROKER = "redis://redis-url-is-not-set.invalid/0"

TRANSPORT: dict[str, Any] = {
    "visibility_timeout": VISIBILITY_S,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "socket_timeout": 2,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 5,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 0.2,
    "client_name": "forgeline",
}

SENDING: dict[str, Any] = {
    "task_serializer": "json",
    "accept_content": ["json"],
    "enable_utc": True,
    "task_ignore_result": True,
    "result_backend": None,
    "task_publish_retry": False,
    "task_send_sent_event": True,
    "broker_transport_options": TRANSPORT,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "worker_hijack_root_logger": False,
}

CONSUMING: dict[str, Any] = {
    **SENDING,
    "task_acks_late": False,
    "task_reject_on_worker_lost": False,
    "task_create_missing_queues": False,
    "worker_prefetch_multiplier": 1,
    "worker_disable_prefetch": True,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_send_task_events": True,
    "worker_lost_wait": 0.5,
    "worker_proc_alive_timeout": 60.0,
}


def wakeups_missing(*, waiting: int, workers: int, unheard: int) -> int:
    """Return how many more wake-ups the broker should hold, for so many waiting jobs and living workers.

    One for each worker that could have work: whoever ends a job rings for itself while others wait.
    """
    return max(0, min(waiting, max(1, workers)) - unheard)


def broker_url(redis_url: str | None) -> tuple[str, dict[str, Any]]:
    """Return the address Celery wants and transport options, for redis, rediss and Sentinel.

    Where none is set, a command that only looks (`status`, `inspect`, `flower`) complains of a name that says so.
    """
    options = dict(TRANSPORT)
    if redis_url is None:
        return NO_BROKER, options
    if redis_url.startswith("rediss://") and "ssl_cert_reqs=" not in redis_url:
        # Celery's transport would encrypt, and believe any certificate
        return f"{redis_url}{'&' if '?' in redis_url else '?'}ssl_cert_reqs=required", options
    if not redis_url.startswith(f"{SENTINEL_SCHEME}://"):
        return redis_url, options
    address = SentinelAddress.parse(redis_url)
    options["master_name"] = address.master
    login = f"{_quoted(address.username)}:{_quoted(address.password)}@" if address.password else ""
    nodes = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in address.sentinels)
    return ";".join(f"{SENTINEL_SCHEME}://{login}{node}/{address.db}" for node in nodes), options


def _quoted(word: str | None) -> str:
    return quote(word or "", safe="")
