"""For everyone: keyboard, screen reader, languages, schemes, small screens, calm screens."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import ViewportSize, expect

from tests.e2e import scenes_apart  # noqa: F401  # adds its states to SCENES
from tests.e2e.conftest import OpenStudio
from tests.e2e.scenes import SCENES
from tests.e2e.studio import FOREST, LIGHTHOUSE, Studio

AXE = Path(__file__).parents[2] / "api" / "web" / "node_modules" / "axe-core" / "axe.min.js"
RUN_AXE = """async () => {
  // a colour is judged once it has arrived: frames for what just began, then every animation that ends
  for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
  const ends = (each) => Number.isFinite(each.effect?.getComputedTiming().endTime ?? Infinity);
  await Promise.all(document.getAnimations().filter(ends).map((each) => each.finished.catch(() => null)));
  const { violations, incomplete } = await axe.run();
  const words = (rule) => (node) => `${rule.id}: ${node.html}: ${node.any[0]?.message}`;
  const told = (found) => found.flatMap((rule) => rule.nodes.map(words(rule)));
  return [...told(violations), ...told(incomplete)];
}"""
PHONE: ViewportSize = {"width": 390, "height": 844}
NO_SIDEWAYS = (
    "() => [document.documentElement, document.body, document.querySelector('main')].map((it) => it.scrollWidth)"
)
SWITCH_LANGUAGE = "() => document.querySelector('.text-tool').click()"


@pytest.fixture(scope="module")
def axe() -> str:
    """The checker's source; it comes with the page's own development packages."""
    if not AXE.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no axe-core: run npm ci in api/web")
    return AXE.read_text()


@pytest.mark.parametrize("name", SCENES)
def test_axe_finds_nothing_and_a_phone_never_scrolls_sideways(new_studio: OpenStudio, axe: str, name: str) -> None:
    studio = new_studio(reduced_motion="reduce")
    SCENES[name](studio)
    studio.page.evaluate(axe)
    found = {}
    for _ in ("en", "tr"):
        for scheme in ("light", "dark"):
            studio.page.emulate_media(color_scheme=scheme)
            lang = studio.page.evaluate("() => document.documentElement.lang")
            found[lang, scheme] = studio.page.evaluate(RUN_AXE)
        studio.page.evaluate(SWITCH_LANGUAGE)
    assert found == {(lang, scheme): [] for lang in ("en", "tr") for scheme in ("light", "dark")}
    studio.page.set_viewport_size(PHONE)
    assert max(studio.page.evaluate(NO_SIDEWAYS)) <= PHONE["width"]


def test_on_a_phone_the_status_of_a_job_is_in_view(new_studio: OpenStudio) -> None:
    studio = new_studio(viewport=PHONE)
    studio.open()
    studio.ask(LIGHTHOUSE)
    studio.server.world.progress(studio.only_job(), 40)
    expect(studio.page.get_by_text("40%")).to_be_in_viewport()
    expect(studio.button("Cancel")).to_be_in_viewport()


def test_on_a_phone_the_conversations_are_a_drawer(new_studio: OpenStudio) -> None:
    studio = new_studio(viewport=PHONE)
    studio.server.world.submit("local", FOREST)
    studio.server.world.submit("local", LIGHTHOUSE)
    studio.open()
    row = studio.page.get_by_role("navigation").get_by_role("button", name=FOREST).first
    expect(row).to_be_hidden()
    studio.button("Show conversations").click()
    row.click()
    expect(row).to_be_hidden()
    expect(studio.turns).to_contain_text(FOREST)


def test_everything_works_from_the_keyboard(studio: Studio) -> None:
    studio.finished(LIGHTHOUSE)
    studio.open()
    keyboard = studio.page.keyboard
    keyboard.press("Tab")
    expect(studio.page.get_by_role("link", name="Skip to the prompt")).to_be_focused()
    keyboard.press("Enter")
    expect(studio.composer).to_be_focused()
    keyboard.type(FOREST)
    keyboard.press("Enter")
    expect(studio.bars).to_have_count(1)
    expect(studio.composer).to_be_focused()
    studio.button("Cancel").focus()
    keyboard.press("Enter")
    expect(studio.turns.last).to_contain_text("Cancelled")
    studio.button("Open").focus()
    keyboard.press("Enter")
    expect(studio.page.get_by_role("dialog")).to_be_visible()
    keyboard.press("Escape")
    expect(studio.page.get_by_role("dialog")).to_have_count(0)
    expect(studio.button("Open")).to_be_focused()


def test_cancelling_and_retrying_leave_the_focus_on_the_card(studio: Studio) -> None:
    studio.open()
    studio.ask(LIGHTHOUSE)
    studio.only_job()
    studio.button("Cancel").focus()
    studio.page.keyboard.press("Enter")
    expect(studio.button("Try again")).to_be_focused()
    studio.page.keyboard.press("Enter")
    expect(studio.button("Cancel")).to_be_focused()


def test_one_polite_voice_tells_what_happens(studio: Studio) -> None:
    studio.open()
    voice = studio.page.get_by_test_id("announcer")
    studio.ask(LIGHTHOUSE)
    expect(voice).to_contain_text("Accepted. You’re next")
    job = studio.only_job()
    studio.server.world.progress(job, 50)
    studio.server.world.end(job, "complete")
    expect(voice).to_contain_text(f"Picture ready: {LIGHTHOUSE}")
    assert studio.page.locator("[aria-live]").count() == 1


def test_the_voice_is_heard_beside_a_large_picture(studio: Studio) -> None:
    studio.finished(LIGHTHOUSE)
    studio.open()
    tree = studio.page.context.new_cdp_session(studio.page)
    studio.button("Open").click()
    expect(studio.page.get_by_role("dialog")).to_be_visible()
    nodes = tree.send("Accessibility.getFullAXTree")["nodes"]
    heard = [node for node in nodes if any(each["name"] == "live" for each in node.get("properties", []))]
    assert [node["ignored"] for node in heard] == [False]


def test_a_prompt_that_is_too_long_is_told_to_everyone(studio: Studio) -> None:
    studio.open()
    studio.composer.fill("x" * 2001)
    expect(studio.composer).to_have_accessible_description("Characters over the limit: 1")
    expect(studio.composer).to_have_attribute("aria-invalid", "true")
    studio.composer.fill("x" * 1999)
    expect(studio.composer).to_have_accessible_description("Characters left: 1")
    expect(studio.composer).to_have_attribute("aria-invalid", "false")


def test_a_failure_is_said_aloud_once_and_not_again_after_a_reload(studio: Studio) -> None:
    studio.open()
    studio.ask(LIGHTHOUSE)
    studio.server.world.end(studio.only_job(), "error", "forge_rejected")
    expect(studio.page.get_by_role("alert")).to_have_count(1)
    studio.page.reload()
    studio.rest()
    expect(studio.turns).to_contain_text("did not accept")
    expect(studio.page.get_by_role("alert")).to_have_count(0)


def test_reduced_motion_leaves_nothing_running(new_studio: OpenStudio) -> None:
    studio = new_studio(reduced_motion="reduce")
    studio.submit()
    studio.server.world.progress(studio.submit(FOREST)["job_id"], 40)
    studio.open()
    expect(studio.bars).to_have_count(2)
    expect(studio.preview).to_be_visible()
    studio.page.wait_for_function("() => document.getAnimations().every((it) => it.playState !== 'running')")
    looping = "() => document.getAnimations().filter((it) => it.effect.getTiming().iterations === Infinity).length"
    assert studio.page.evaluate(looping) == 0


def test_turkish_is_written_as_turkish_is(new_studio: OpenStudio) -> None:
    studio = new_studio(locale="tr-TR")
    studio.open()
    assert studio.page.evaluate("() => document.documentElement.lang") == "tr"
    studio.ask(LIGHTHOUSE)
    expect(studio.turns).to_contain_text("Sıradaki sizsiniz")
    job = studio.only_job()
    studio.server.world.progress(job, 45)
    expect(studio.turns).to_contain_text("%45")
    expect(studio.button("İptal")).to_be_visible()
    assert next(iter(studio.server.world.keys))  # the submission arrived
    text = studio.page.evaluate("() => document.body.innerText")
    assert "45%" not in text
    assert "PENDİNG" not in text
    studio.page.get_by_label("İngilizceye geç").click()
    expect(studio.turns).to_contain_text("45%")
    assert studio.page.evaluate("() => document.documentElement.lang") == "en"
    studio.page.reload()
    expect(studio.turns).to_contain_text("45%")


def test_another_language_of_the_browser_gets_english(new_studio: OpenStudio) -> None:
    studio = new_studio(locale="de-DE")
    studio.open()
    expect(studio.page.get_by_role("heading", name="What would you like to see?")).to_be_visible()


def test_the_theme_follows_the_system_until_someone_chooses(new_studio: OpenStudio) -> None:
    studio = new_studio(color_scheme="dark")
    studio.open()
    ground = "() => getComputedStyle(document.body).backgroundColor"
    assert studio.page.evaluate(ground) == "rgb(20, 20, 23)"
    studio.page.get_by_label("Theme").click()
    assert studio.page.evaluate(ground) == "rgb(250, 249, 247)"
    studio.page.reload()
    studio.rest()
    assert studio.page.evaluate(ground) == "rgb(250, 249, 247)"


def test_in_the_systems_own_colours_the_progress_and_the_chosen_are_seen(new_studio: OpenStudio) -> None:
    studio = new_studio(forced_colors="active")
    studio.server.world.progress(studio.submit()["job_id"], 40)
    studio.open()
    expect(studio.bars).to_have_count(1)
    ground = "(where) => getComputedStyle(document.querySelector(where)).backgroundColor"
    unseen = {studio.page.evaluate(ground, where) for where in ("body", ".bar")}
    assert studio.page.evaluate(ground, ".bar-fill") not in unseen
    for chosen in (".conversation[data-open='true']", ".size:has(:checked)"):
        expect(studio.page.locator(chosen)).to_have_css("outline-style", "solid")


def test_who_asks_for_more_contrast_gets_it(new_studio: OpenStudio) -> None:
    studio = new_studio(contrast="more", color_scheme="light")
    studio.open()
    expect(studio.page.locator(".greeting p")).to_have_css("color", "rgb(64, 61, 68)")
