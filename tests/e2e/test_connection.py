"""The connection breaks, hangs, lies, and comes back; the page says so and misses nothing."""

import json
import shutil
from pathlib import Path

from playwright.sync_api import WebSocketRoute, expect

from tests.e2e.mock_facts import Json
from tests.e2e.studio import FOREST, LIGHTHOUSE, Studio
from tests.waiting import wait_for

#: full jitter, but the same in every run
MIDDLING = "Math.random = () => 0.5;"


def test_what_happened_while_the_socket_was_away_is_shown(studio: Studio) -> None:
    job = studio.submit()["job_id"]
    studio.server.world.progress(job, 40)
    studio.open()
    expect(studio.bars).to_have_attribute("aria-valuenow", "40")
    studio.server.trouble.no_sockets = True
    studio.server.close_sockets(1012)
    wait_for(lambda: studio.server.open_sockets == 0)
    studio.server.world.end(job, "complete")
    studio.server.trouble.no_sockets = False
    expect(studio.picture(LIGHTHOUSE)).to_be_visible()
    expect(studio.turns).to_have_count(1)


def test_a_refusing_server_is_asked_ever_more_rarely_and_at_once_on_a_click(studio: Studio) -> None:
    studio.page.add_init_script(MIDDLING)
    studio.submit()
    studio.open()
    expect(studio.bars).to_be_visible()
    trouble = studio.server.trouble
    trouble.no_sockets = True
    trouble.handshakes.clear()
    studio.server.close_sockets(1012)
    expect(studio.banner).to_contain_text("Connection lost")
    wait_for(lambda: len(trouble.handshakes) == 5)
    gaps = [later - earlier for earlier, later in zip(trouble.handshakes, trouble.handshakes[1:], strict=False)]
    assert all(gap >= 0.2 for gap in gaps)
    assert gaps[-1] > 2 * gaps[0]
    trouble.no_sockets = False
    studio.button("Try now").click()
    expect(studio.banner).to_have_count(0)
    assert len(trouble.handshakes) == 6


def test_a_short_interruption_is_not_worth_a_word(studio: Studio) -> None:
    studio.page.add_init_script(MIDDLING)
    studio.page.add_init_script(
        "new MutationObserver(() => { window.sawBanner ||= !!document.querySelector('.banner'); })"
        ".observe(document, {childList: true, subtree: true});"
    )
    studio.open()
    wait_for(lambda: studio.server.open_sockets == 1)
    studio.server.close_sockets(1012)
    wait_for(lambda: len(studio.server.trouble.handshakes) == 2 and studio.server.open_sockets == 1)
    studio.submit()
    expect(studio.bars).to_be_visible()
    assert studio.page.evaluate("() => window.sawBanner") is not True


def test_without_a_socket_the_page_asks_by_itself(studio: Studio) -> None:
    studio.server.trouble.no_sockets = True
    job = studio.submit()["job_id"]
    studio.open()
    expect(studio.bars).to_be_visible()
    studio.server.world.progress(job, 40)
    expect(studio.bars).to_have_attribute("aria-valuenow", "40")
    studio.server.world.end(job, "complete")
    expect(studio.picture(LIGHTHOUSE)).to_be_visible()


def test_forty_six_seconds_of_silence_are_a_lost_connection(studio: Studio) -> None:
    studio.page.clock.install()
    studio.open()
    wait_for(lambda: studio.server.open_sockets == 1)
    studio.page.clock.run_for(46_000)
    studio.page.clock.run_for(1000)
    wait_for(lambda: len(studio.server.trouble.handshakes) == 2)
    job = studio.submit()["job_id"]
    studio.page.clock.run_for(500)
    expect(studio.bars).to_be_visible()
    studio.server.world.progress(job, 30)
    studio.page.clock.run_for(500)
    expect(studio.bars).to_have_attribute("aria-valuenow", "30")


def test_doubled_reversed_and_stale_frames_end_in_the_last_state(studio: Studio) -> None:
    world = studio.server.world
    job = studio.submit()
    frames: list[Json] = [job, world.start(job["job_id"])]
    frames += [world.progress(job["job_id"], percent) for percent in (20, 60, 90)]
    frames.append(world.end(job["job_id"], "complete"))

    def talk(socket: WebSocketRoute) -> None:
        for view in [*frames[:3], *reversed(frames), *frames[:4], frames[2]]:
            socket.send(json.dumps({"type": "image_progress", "job": view}))

    studio.page.route_web_socket("**/ws", talk)
    studio.server.trouble.lag_s["/conversations"] = 1
    studio.visit(studio.server.url)
    expect(studio.picture(LIGHTHOUSE)).to_be_visible()
    expect(studio.bars).to_have_count(0)
    expect(studio.turns).to_have_count(1)


def test_frames_nobody_knows_change_nothing(studio: Studio) -> None:
    studio.submit()
    studio.open()
    expect(studio.bars).to_have_count(1)
    for frame in ({"type": "dance"}, {"type": "image_progress", "job": {"status": 5}}, {"type": "queue", "jobs": "x"}):
        studio.server.send_to_all(frame)
    studio.submit(FOREST)
    expect(studio.bars).to_have_count(2)


def test_after_missed_events_the_page_asks_for_a_snapshot(studio: Studio) -> None:
    job = studio.submit()["job_id"]
    studio.open()
    expect(studio.bars).to_be_visible()
    with studio.server.world.lock:
        silent = {"status": "processing", "stage": "sampling", "progress": 70, "attempt": 1, "version": 9}
        studio.server.world.jobs[job].update(silent)
    studio.server.send_to_all({"type": "resync"})
    expect(studio.bars).to_have_attribute("aria-valuenow", "70")


def test_five_minutes_without_a_step_are_told_only_after_asking(studio: Studio) -> None:
    job = studio.submit()["job_id"]
    studio.server.world.progress(job, 40)
    studio.page.clock.install()
    studio.open()
    expect(studio.bars).to_have_attribute("aria-valuenow", "40")
    asked = f"GET /image/job/{job}/status"
    assert studio.server.trouble.asked[asked] == 0
    studio.page.clock.fast_forward(5 * 60_000)
    studio.page.clock.run_for(16_000)
    expect(studio.turns).to_contain_text("Taking longer than usual")
    assert studio.server.trouble.asked[asked] >= 1
    expect(studio.button("Check again")).to_be_visible()
    studio.server.world.progress(job, 50)
    studio.page.clock.run_for(500)
    expect(studio.turns).not_to_contain_text("Taking longer than usual")


def test_a_stuck_looking_job_that_has_ended_is_simply_shown(studio: Studio) -> None:
    job = studio.submit()["job_id"]
    studio.server.world.progress(job, 40)
    studio.page.clock.install()
    studio.open()
    expect(studio.bars).to_have_attribute("aria-valuenow", "40")
    studio.server.world.sockets.clear()
    studio.server.world.end(job, "complete")
    studio.page.clock.fast_forward(5 * 60_000)
    studio.page.clock.run_for(16_000)
    expect(studio.picture(LIGHTHOUSE)).to_be_visible()


def test_a_new_version_of_the_page_arrives_with_a_reload(studio: Studio, tmp_path: Path) -> None:
    studio.open()
    new = shutil.copytree(studio.server.dist, tmp_path / "dist")
    (entry,) = (new / "assets").glob("index-*.js")
    entry.rename(entry.with_name("index-later.js"))
    index = new / "index.html"
    index.write_text(index.read_text().replace(entry.name, "index-later.js"))
    studio.server.dist = new
    studio.server.close_sockets(1012)
    studio.ask(LIGHTHOUSE)
    expect(studio.bars).to_be_visible()
    studio.page.reload()
    expect(studio.bars).to_be_visible()
    assert studio.page.evaluate("() => document.scripts[0].src").endswith("index-later.js")
    assert studio.server.trouble.asked["GET /assets/index-later.js"] == 1
    vendor = next(path for path in (new / "assets").glob("vendor-*.js"))
    assert studio.server.trouble.asked[f"GET /assets/{vendor.name}"] == 1
