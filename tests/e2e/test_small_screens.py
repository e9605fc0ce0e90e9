"""Where there is little room: narrow phones, a laptop zoomed in, pictures of extreme shapes."""

import pytest
from playwright.sync_api import ViewportSize, expect

from tests.e2e.conftest import OpenStudio
from tests.e2e.studio import FOREST, LIGHTHOUSE, Studio

#: what can have the focus and whose ring an ancestor that shows nothing beyond its sides cuts off
CUT_RINGS = """() => {
  const cuts = (style) => style.overflowX !== 'visible' || style.contentVisibility === 'auto';
  const cutBy = (element) => {
    element.focus({ focusVisible: true });
    const { outlineStyle, outlineOffset, outlineWidth } = getComputedStyle(element);
    if (document.activeElement !== element || outlineStyle === 'none') return [];
    const ring = parseFloat(outlineOffset) + parseFloat(outlineWidth);
    const { left, right } = element.getBoundingClientRect();
    const cut = (box) => {
      const start = box.getBoundingClientRect().left + box.clientLeft;
      return left - ring < start - 0.5 || right + ring > start + box.clientWidth + 0.5;
    };
    const found = [];
    for (let box = element.parentElement; box !== document.body; box = box.parentElement)
      if (cuts(getComputedStyle(box)) && cut(box)) found.push(`${element.className} in ${box.className}`);
    return found;
  };
  return [...document.querySelectorAll('a[href], button, select, input:not([type=radio]), summary')].flatMap(cutBy);
}"""
ZOOMED: ViewportSize = {"width": 640, "height": 400}


@pytest.mark.parametrize("width", [320, 360, 390])
@pytest.mark.parametrize("locale", ["en-GB", "tr-TR"])
def test_every_tool_of_the_header_is_on_a_narrow_phone(new_studio: OpenStudio, width: int, locale: str) -> None:
    studio = new_studio(viewport={"width": width, "height": 640}, locale=locale, has_touch=True, is_mobile=True)
    studio.page.add_init_script("Object.defineProperty(Notification, 'permission', {get: () => 'default'})")
    studio.open()
    expect(studio.page.locator(".header-tools button")).to_have_count(3)
    expect(studio.page.locator(".demo-badge")).to_be_in_viewport(ratio=1)
    for tool in studio.page.locator(".header button:visible").all():
        expect(tool).to_be_in_viewport(ratio=1)
    assert studio.page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_zoomed_in_a_long_prompt_with_open_settings_can_be_sent(new_studio: OpenStudio) -> None:
    studio = new_studio(viewport=ZOOMED)
    studio.finished(LIGHTHOUSE)
    studio.open()
    studio.composer.fill(f"{FOREST} " * 20)
    studio.button("Settings").click()
    studio.page.locator(".dock").hover(position={"x": 4, "y": 40})
    studio.page.mouse.wheel(0, 2000)
    expect(studio.button("Create picture")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize(("width", "height"), [(2048, 64), (64, 2048)])
def test_a_picture_of_any_shape_can_be_loaded_again(studio: Studio, width: int, height: int) -> None:
    studio.server.trouble.images_broken = True
    studio.finished(LIGHTHOUSE, width=width, height=height)
    studio.open()
    again = studio.button("Load again").bounding_box()  # first: it waits until the frame has its last shape
    box = studio.page.locator(".frame").bounding_box()
    assert box and again
    assert box["x"] <= again["x"] and again["x"] + again["width"] <= box["x"] + box["width"]
    assert box["y"] <= again["y"] and again["y"] + again["height"] <= box["y"] + box["height"]
    studio.server.trouble.images_broken = False
    studio.button("Load again").click()
    studio.settled_pictures()


def test_the_settings_keep_their_name_on_a_phone(new_studio: OpenStudio) -> None:
    studio = new_studio(viewport={"width": 320, "height": 640})
    studio.open()
    studio.button("Settings").click()
    expect(studio.page.get_by_label("Steps")).to_be_visible()


@pytest.mark.parametrize("locale", ["en-GB", "tr-TR"])
def test_an_odd_size_and_a_long_prompt_can_be_sent_from_a_phone(new_studio: OpenStudio, locale: str) -> None:
    studio = new_studio(viewport={"width": 320, "height": 640}, locale=locale, has_touch=True, is_mobile=True)
    studio.open()
    studio.page.locator(".settings-button").click()
    for at, value in enumerate(("2048", "64", "7")):  # width, height, steps
        studio.page.locator(".settings input").nth(at).fill(value)
    studio.page.locator(".settings-button").click()
    studio.composer.fill("x" * 1900)
    expect(studio.page.locator(".chars")).to_contain_text("100")
    expect(studio.page.locator(".badge")).to_be_visible()
    assert studio.page.evaluate("() => document.documentElement.scrollWidth") == 320
    expect(studio.page.locator(".send")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("width", [360, 768, 901, 1000, 1040])
def test_the_pictures_stand_where_the_composer_stands(new_studio: OpenStudio, width: int) -> None:
    studio = new_studio(viewport={"width": width, "height": 800})
    studio.finished(LIGHTHOUSE)
    studio.submit(FOREST)
    studio.open()
    expect(studio.bars).to_have_count(1)
    places = [studio.page.locator(where).last.bounding_box() for where in (".status-row", ".composer-box")]
    sides = {(place["x"], place["x"] + place["width"]) for place in places if place}
    assert len(sides) == 1, sides


@pytest.mark.parametrize("width", [320, 360, 390])
@pytest.mark.parametrize("side", ["1024", "2048"])
def test_on_a_phone_the_tools_of_the_composer_stand_in_one_row(new_studio: OpenStudio, width: int, side: str) -> None:
    studio = new_studio(viewport={"width": width, "height": 700}, has_touch=True, is_mobile=True)
    studio.open()
    settings = studio.page.locator(".settings-button")
    settings.click()
    studio.page.get_by_label("Width").fill(side)
    studio.page.get_by_label("Steps").fill("7")
    settings.click()
    studio.page.locator(".size").nth(1).evaluate("(size) => size.scrollIntoView()")
    for tool in (studio.page.locator(".size:has(:checked)"), settings, studio.page.locator(".send")):
        expect(tool).to_be_in_viewport(ratio=1)
    row = studio.page.locator(".composer-row").bounding_box()
    assert row and row["height"] < 70, row


def test_on_a_laptop_the_prompt_stands_above_its_picture(new_studio: OpenStudio) -> None:
    studio = new_studio(viewport={"width": 1366, "height": 650})
    studio.submit()
    studio.open()
    expect(studio.bars).to_be_in_viewport(ratio=1)
    expect(studio.turns.get_by_text(LIGHTHOUSE)).to_be_in_viewport(ratio=1)


def test_zoomed_in_the_status_stays_above_the_picture(new_studio: OpenStudio) -> None:
    studio = new_studio(viewport=ZOOMED)
    studio.server.world.progress(studio.submit()["job_id"], 40)
    studio.open()
    expect(studio.preview).to_be_visible()
    expect(studio.page.get_by_text("40%")).to_be_in_viewport(ratio=1)
    expect(studio.button("Cancel")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("width", [320, 1000, 1280])
def test_no_ring_around_what_has_the_focus_is_cut_off(new_studio: OpenStudio, width: int) -> None:
    studio = new_studio(viewport={"width": width, "height": 800})
    studio.finished(LIGHTHOUSE)
    failed = studio.submit(FOREST)["job_id"]
    studio.submit()
    studio.server.world.submit("local", FOREST)
    studio.server.world.end(failed, "error", "forge_out_of_memory")
    studio.open()
    if width < 900:
        studio.button("Show conversations").click()
    studio.page.locator(".conversation-open").nth(1).click()
    expect(studio.bars).to_have_count(2)
    studio.settled_pictures()
    studio.page.locator(".settings-button").click()
    studio.page.keyboard.press("Tab")
    assert studio.page.evaluate(CUT_RINGS) == []
