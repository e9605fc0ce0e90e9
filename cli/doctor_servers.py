"""PostgreSQL and Redis as the doctor sees them: reachable, in the present form, safe against forgetting, on time."""

import time
from typing import Any

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from cli.doctor_findings import EndOfLook, Finding, Findings, advice, fault, ok
from shared.queues import CLOCKS_APART_S
from shared.store import Store, StoreUnavailable
from shared.store.schema import CannotMigrate, pending_migrations

POSTGRES, MIGRATIONS, REDIS = "PostgreSQL", "migrations", "Redis"

#: clocks this far apart are worth a word; further apart, tokens and signed callbacks are refused
SKEW_S, BAD_SKEW_S = 2.0, CLOCKS_APART_S
#: a command that takes longer than this makes every job wait
SLOW_S = 0.05
#: memory used, as a share of `maxmemory`
ALMOST_FULL = 0.9


def look_at_postgres(store: Store, database_url: str) -> Findings:
    """Look at the database; raises EndOfLook after a fault that leaves nothing to ask."""
    try:
        store.clock()  # makes the connection, which every process keeps
        began = time.monotonic()
        now = store.clock().timestamp()
    except StoreUnavailable as error:
        cause = str(getattr(error.__cause__, "orig", error.__cause__) or error).strip().splitlines()[0]
        yield fault(POSTGRES, f"cannot be reached: {cause}", "start it, or mend DATABASE_URL")
        raise EndOfLook from error
    took_s = time.monotonic() - began
    yield _clock(POSTGRES, now - time.time())
    try:
        pending = pending_migrations(database_url)
    except CannotMigrate as error:
        yield fault(MIGRATIONS, str(error), "see docs/operations.md, Deploys")
        raise EndOfLook from error
    if pending:
        yield fault(MIGRATIONS, f"{len(pending)} missing ({', '.join(pending)})", "run `forgeline migrate`")
        raise EndOfLook
    yield ok(MIGRATIONS, "all there")
    yield _speed(POSTGRES, took_s)


def look_at_redis(redis: "Redis") -> Findings:
    """Look at the broker; raises EndOfLook when it is away."""
    try:
        writable = _takes_writes(redis)
        began = time.monotonic()
        seconds, micros = redis.time()
        took_s = time.monotonic() - began
        facts: dict[str, Any] = redis.info()
    except RedisError as error:
        yield fault(REDIS, f"cannot be reached: {error}", "start it, or mend REDIS_URL")
        raise EndOfLook from error
    if not writable:
        mend = "make room on its disk, or see its own log; then `redis-cli bgsave`, and it takes them again"
        yield fault(REDIS, "takes no writes, so no submission: it could not save to its disk (MISCONF)", mend)
    yield _clock(REDIS, seconds + micros / 1e6 - time.time())
    yield _eviction(str(facts.get("maxmemory_policy", "")))
    yield _persistence(facts)
    yield _memory(facts)
    yield _speed(REDIS, took_s)


def _takes_writes(redis: "Redis") -> bool:
    """Tell whether Redis takes writes; one that could not save to its disk refuses PING as well as those."""
    try:
        redis.ping()
    except ResponseError as error:
        if not str(error).startswith("MISCONF"):
            raise
        return False
    return True


def _clock(part: str, ahead_s: float) -> Finding:
    if abs(ahead_s) <= SKEW_S:
        return ok(part, f"answers; its clock agrees within {max(0.1, abs(ahead_s)):.1f} s")
    text = f"its clock is {abs(ahead_s):.1f} s {'ahead of' if ahead_s > 0 else 'behind'} this machine's"
    mend = "let both machines keep time by NTP (chrony or systemd-timesyncd)"
    return fault(part, text, mend) if abs(ahead_s) > BAD_SKEW_S else advice(part, text, mend)


def _speed(part: str, took_s: float) -> Finding:
    if took_s <= SLOW_S:
        return ok(part, f"one question took {1000 * took_s:.1f} ms")
    text = f"one question took {1000 * took_s:.0f} ms"
    return advice(part, text, "bring it nearer: every job asks it some thirty times")


def _eviction(policy: str) -> Finding:
    if policy in ("noeviction", ""):
        return ok(REDIS, "keeps what it was given (noeviction)")
    text = f"throws keys away when it is full (maxmemory-policy {policy})"
    mend = "`redis-cli config set maxmemory-policy noeviction`, and the same line in redis.conf"
    return fault(REDIS, text, mend)


def _persistence(facts: dict[str, Any]) -> Finding:
    if facts.get("aof_enabled"):
        return ok(REDIS, "writes what it holds to its disk (appendonly)")
    text = "holds everything in memory alone: a restart loses pauses in delivery, rate limits and circuits"
    mend = "`redis-cli config set appendonly yes`, and the same line in redis.conf (no job is lost without it)"
    return advice(REDIS, text, mend)


def _memory(facts: dict[str, Any]) -> Finding:
    used, most = int(facts.get("used_memory", 0)), int(facts.get("maxmemory", 0))
    if most and used > ALMOST_FULL * most:
        return fault(REDIS, f"is {100 * used // most} % full", "raise maxmemory: a full Redis takes no submission")
    return ok(REDIS, f"uses {used / 2**20:.0f} MB" + (f" of {most / 2**20:.0f}" if most else ""))
