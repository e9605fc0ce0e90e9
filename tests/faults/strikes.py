"""The faults of the soak: each strikes one part of a running stack and brings it back to health."""

import os
import random
import signal
import time
from collections.abc import Callable

import psutil
import redis

from tests.faults.stack import LEASE_S, Stack, forget_data
from tests.waiting import wait_for

Strike = Callable[[Stack, random.Random], None]

#: Celery's last word when a pool's first child is killed before it has begun
CHILD_LOST_AT_START = "Could not start worker processes"
#: how long a part stays away, seconds
AWAY_S = (0.2, 2.0)


def kill_child(stack: Stack, dice: random.Random) -> None:
    """1: a worker's child dies."""
    stack.parts[_gpu(stack, dice)].child().kill()


def kill_worker(stack: Stack, dice: random.Random) -> None:
    """2: a whole worker dies; its supervisor starts it again."""
    part = stack.parts[_gpu(stack, dice)]
    part.kill()
    _pass(dice)
    part.start()


def freeze_child(stack: Stack, dice: random.Random) -> None:
    """3: a worker's child stands still for longer than its lease."""
    child = stack.parts[_gpu(stack, dice)].child()
    child.suspend()
    time.sleep(LEASE_S + dice.uniform(0, 2))
    try:
        child.resume()
    except psutil.NoSuchProcess:
        return


def flush_redis(stack: Stack, _: random.Random) -> None:
    """4: Redis forgets everything."""
    stack.redis_client.flushall()


def restart_redis_empty(stack: Stack, _: random.Random) -> None:
    """4: Redis is restarted without its data."""
    forget_data(stack.redis)


def cut_connections(stack: Stack, dice: random.Random) -> None:
    """5: Redis cuts its clients."""
    try:
        stack.redis_client.client_kill_filter(_type=dice.choice(("normal", "pubsub")), skipme=True)
    except redis.RedisError:
        return


def freeze_redis(stack: Stack, dice: random.Random) -> None:
    """7: Redis stands still."""
    assert stack.redis.pid
    os.kill(stack.redis.pid, signal.SIGSTOP)
    _pass(dice)
    os.kill(stack.redis.pid, signal.SIGCONT)


def kill_api(stack: Stack, _: random.Random) -> None:
    """8: the API dies in the middle of its requests."""
    stack.parts["api"].signal_group(signal.SIGKILL)
    stack.parts["api"].kill()
    stack.start("api")


def kill_postgres(stack: Stack, dice: random.Random) -> None:
    """9: PostgreSQL dies and recovers."""
    stack.postgres.kill()
    _pass(dice)
    stack.postgres.start()


def sicken_forge(stack: Stack, dice: random.Random) -> None:
    """10: Forge answers nonsense a few times."""
    kinds = ["poisoned", "oom", "drop", "empty", "truncated", "status"]
    if float(stack.settings["FORGE_TIMEOUT_S"]) < LEASE_S:
        kinds += ["hang", "mute"]
    kind = dice.choice(kinds)
    dice.choice(stack.forges).fault(kind, **({"status": 503} if kind == "status" else {}))


def refuse(stack: Stack, dice: random.Random) -> None:
    """10: Forge refuses connections and cuts those it has."""
    dice.choice(stack.forges).order("POST", "refuse", seconds=dice.uniform(*AWAY_S))


def kill_forge(stack: Stack, dice: random.Random) -> None:
    """10: Forge dies and is started again."""
    forge = dice.choice(stack.forges)
    forge.kill()
    _pass(dice)
    forge.start()


def stop_worker(stack: Stack, dice: random.Random) -> None:
    """11: a worker is stopped, as for a deploy, and started again."""
    part = stack.parts[_gpu(stack, dice)]
    send = dice.choice((part.signal, part.signal_group))
    send(dice.choice((signal.SIGTERM, signal.SIGQUIT)))
    part.wait(60)
    part.start()


def kill_clock(stack: Stack, dice: random.Random) -> None:
    """12: beat or the maintenance worker dies and is started again."""
    part = stack.parts[dice.choice(("beat", "maintenance"))]
    part.kill()
    _pass(dice)
    part.start()


STRIKES: tuple[Strike, ...] = (
    kill_child,
    kill_worker,
    freeze_child,
    flush_redis,
    restart_redis_empty,
    cut_connections,
    freeze_redis,
    kill_api,
    kill_postgres,
    sicken_forge,
    refuse,
    kill_forge,
    stop_worker,
    kill_clock,
)


def shuffled(dice: random.Random) -> list[Strike]:
    """Return every strike once, in a random order."""
    return dice.sample(STRIKES, len(STRIKES))


def _gpu(stack: Stack, dice: random.Random) -> str:
    """Return a worker that runs and has a child; one that gave up is started again, as its supervisor would."""
    names = [name for name in stack.parts if name.startswith("gpu")]
    name = dice.choice(names)
    part = stack.parts[name]
    if not part.runs and part.said(CHILD_LOST_AT_START):
        part.forget_words()  # whoever ends once more has to say it once more
        part.start()
    wait_for(lambda: part.runs and part.child(), timeout_s=30, what=name)
    return name


def _pass(dice: random.Random) -> None:
    """Let the fault last; this is its length, not a wait for something."""
    time.sleep(dice.uniform(*AWAY_S))
