"""What this machine cannot do faster: a commit, a round trip to Redis, and a bare client that keeps Forge busy."""

import json
import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

import psycopg2

from shared import redis_link
from tests.bench.figures import PICTURE, gaps_ms, timed
from tests.bench.results import Figure, Results
from tests.bench.stage import Stage
from tests.demo_process import DemoForge

ROW = "x" * 1000


def floor(stage: Stage, results: Results) -> None:
    """Measure all three."""
    addresses = stage.stack.addresses()
    connection = psycopg2.connect(addresses["DATABASE_URL"])
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS bench_floor (row text)")
        insert = "INSERT INTO bench_floor VALUES (%s)"
        commits = timed(lambda: cursor.execute(insert, (ROW,)), 400)
        cursor.execute("DROP TABLE bench_floor")
    connection.close()
    results.add(Figure.of("floor: commit of one row in PostgreSQL", "ms", commits))
    redis = redis_link.connect(addresses["REDIS_URL"])
    results.add(Figure.of("floor: round trip to Redis", "ms", timed(redis.ping, 400)))
    redis.close()
    results.add(Figure.of("floor: gap of a bare loop with http.client", "ms", bare_loop(stage.forge, 200)))


def bare_loop(forge: DemoForge, count: int, job_s: float = 0.05) -> list[float]:
    """Post one generation after the other on a kept connection, keeping nothing; return the gaps."""
    forge.settings(job_seconds=job_s, payload="noise")
    forge.order("DELETE", "log")
    link = HTTPConnection(urlsplit(forge.url).netloc, timeout=60)
    asked = {"prompt": "x", "negative_prompt": "", "sampler_name": "Euler", "scheduler": "Simple", "cfg_scale": 1.0}
    body = json.dumps({**PICTURE, **asked, "distilled_cfg_scale": 3.5, "send_images": True, "save_images": False})
    for number in range(count):
        task = json.dumps({**json.loads(body), "force_task_id": f"bare-{number}-{time.monotonic_ns()}"})
        link.request("POST", "/sdapi/v1/txt2img", task, {"Content-Type": "application/json"})
        link.getresponse().read()
    link.close()
    return gaps_ms(forge.log()["entries"])
