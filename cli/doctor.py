"""`forgeline doctor`: look at every part and say what to do.

Reads, and changes nothing. The exit code is 0 unless there is a fault: advice alone is no fault.
"""

import json
import os
import sys
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict
from itertools import chain

import click
from redis.exceptions import RedisError

from cli.doctor_disk import look_at_disk
from cli.doctor_findings import EndOfLook, Finding, Findings, Level, exit_code, fault, ok
from cli.doctor_forge import look_at_forge
from cli.doctor_line import look_at_beat, look_at_line, look_at_webhooks, look_at_workers
from cli.doctor_servers import look_at_postgres, look_at_redis
from cli.up_folder import is_up
from shared import redis_link
from shared.setting_faults import SettingsError
from shared.setting_rules import without_credentials
from shared.settings import ClientSettings, Settings
from shared.store import Store, StoreUnavailable, WorkerState

COLORS = {Level.OK: "green", Level.ADVICE: "yellow", Level.FAULT: "red"}
ADDRESSES = {"PostgreSQL": "database_url", "Redis": "redis_url"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(as_json: bool) -> None:
    """Look at every part and say what to do; exit code 1 if something does not work."""
    told: list[Finding] = []
    for finding in chain(look_at_client(), examine(Settings.from_env())):
        told.append(finding)
        if not as_json:
            _print(finding)
    click.echo(json.dumps([asdict(finding) for finding in told], indent=2) if as_json else _sum(told))
    sys.exit(exit_code(told))


def examine(settings: Settings) -> Findings:
    """Look at everything the settings name; what a part that is away would have told is left out."""
    yield from look_at_disk(settings)
    yield from _left_behind(settings)
    missing = [part for part, name in ADDRESSES.items() if getattr(settings, name) is None]
    for part in missing:
        name = ADDRESSES[part].upper()
        yield fault(part, "has no address", f"start everything with `forgeline up`, or set {name}")
    workers: list[WorkerState] = []
    if not missing:
        with closing(Store(str(settings.database_url))) as store:
            workers = yield from _servers(settings, store)
    own = settings.forge_url
    others = dict.fromkeys(worker.forge for worker in workers if not own or worker.forge != without_credentials(own))
    for url in filter(None, [own, *others]):
        yield from look_at_forge(url, settings.forge_auth)


def look_at_client() -> Findings:
    """Look at what the client commands are told; no server is asked, for it may be one elsewhere."""
    try:
        url = ClientSettings.from_env().forgeline_url
    except SettingsError as error:
        for name, message in error.faults:
            yield fault(name, message, "set it right, or not at all; until then no client command works")
        return
    if url:
        yield ok("FORGELINE_URL", f"client commands ask {without_credentials(url)}")


def _left_behind(settings: Settings) -> Findings:
    """Look at the addresses of an `up` that was killed: its servers died with it."""
    if os.path.exists(settings.running_file) and not is_up(settings.data_dir):
        text = f"was killed; {settings.running_file} still names its servers, which are gone"
        yield fault("forgeline up", text, "start it again; until then what nobody set is taken from that file")


def _servers(settings: Settings, store: Store) -> Generator[Finding, None, list[WorkerState]]:
    redis = redis_link.connect(str(settings.redis_url))
    workers: list[WorkerState] = []
    postgres_answers = yield from _tell(look_at_postgres(store, str(settings.database_url)))
    redis_answers = yield from _tell(look_at_redis(redis))
    if postgres_answers:
        workers = store.live_workers(settings.lease_s)
        yield from look_at_workers(workers)
        yield from look_at_webhooks(store, settings)
    if redis_answers:
        yield from _tell(look_at_beat(redis, settings))
    if postgres_answers and redis_answers:
        yield from _tell(look_at_line(store, redis, settings))
    return workers


def _tell(look: Findings) -> Generator[Finding, None, bool]:
    """Give what `look` finds; return whether the part could be asked to the end."""
    try:
        yield from look
    except (EndOfLook, StoreUnavailable, RedisError):
        return False
    return True


def _print(finding: Finding) -> None:
    level = click.style(f"{finding.level.value:<7}", fg=COLORS[finding.level])
    click.echo(f"{level} {finding.part}: {finding.text}")
    if finding.mend:
        click.echo(f"        → {finding.mend}")


def _sum(told: list[Finding]) -> str:
    faults = sum(finding.level is Level.FAULT for finding in told)
    advised = sum(finding.level is Level.ADVICE for finding in told)
    return f"{len(told)} looked at: {faults} fault(s), {advised} piece(s) of advice"
