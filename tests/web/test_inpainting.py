"""A mask is brushed with the mouse and with the keyboard, and only what it marks is inpainted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio.settings.training import GenerateSettings, StackItem

IN_VIEW = """() => {
    const {top, bottom} = document.querySelector('.mb-canvas').getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight && bottom > top + 100;
}"""

AT_HAND = """() => {
    const button = document.querySelector('#cs-images .rb-go');
    const {left, top, width, height} = button.getBoundingClientRect();
    return button.contains(document.elementFromPoint(left + width / 2, top + height / 2));
}"""

PROMPT_TOP = "document.querySelector('#cs-generate-prompt').getBoundingClientRect().top"

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def lora(served: Any) -> Path:
    from studio.families.loading import load_base
    from tests.tiny import write_tiny_lora

    base = load_base(served.workspace.bases / "tiny", "cpu")
    path = write_tiny_lora(served.workspace.adapters / "korvu.safetensors", base)
    served.studio.library.stacks.save("inside", [StackItem(path=str(path), strength=0.8)], "tiny")
    return path


@pytest.fixture
def tab(open_page: Any, lora: Path) -> Any:
    page = open_page("generate")
    page.click("#cs-generate-base input")
    page.get_by_role("option", name="tiny · ").first.click()
    page.locator("#cs-generate-prompt textarea").fill("a red cat")
    page.locator("#cs-field-generate-steps input").first.fill("2")
    page.locator("#cs-field-generate-count input").first.fill("1")
    return page


@pytest.fixture
def asked(served: Any) -> Any:
    """The settings of every batch that is generated."""
    seen: list[GenerateSettings] = []
    generate = served.studio.generation.generate

    def watched(settings: GenerateSettings, *rest: Any) -> Any:
        seen.append(settings)
        return generate(settings, *rest)

    served.studio.generation.generate = watched
    yield seen
    served.studio.generation.generate = generate


def test_on_a_phone_the_button_stays_at_hand(open_page: Any, lora: Path) -> None:
    page = open_page("generate", width=390)
    page.click("#cs-generate-base input")
    page.get_by_role("option", name="tiny · ").first.click()
    page.locator("#cs-generate-prompt textarea").fill("a red cat")
    page.locator("#cs-field-generate-steps input").first.fill("2")
    page.locator("#cs-field-generate-count input").first.fill("1")
    page.get_by_text("Image to image", exact=True).click()
    page.get_by_text("Inpaint", exact=True).click()
    page.evaluate("document.querySelector('#cs-generate-prompt').scrollIntoView()")
    button = page.locator("#cs-images .rb-go")
    assert page.evaluate(AT_HAND)
    place = page.evaluate(PROMPT_TOP)  # what is listed above it may still arrive
    box = page.locator("#cs-images .rb .cs-danger").evaluate(
        "(stop) => { stop.hidden = false; const {right, bottom} = stop.getBoundingClientRect();"
        " stop.hidden = true; return {right, bottom}; }"
    )
    assert box["right"] <= 390 and box["bottom"] <= 900, "and there is room for the other one"
    button.click()
    page.locator("#cs-images .rb[data-state='finished']").wait_for()
    assert page.evaluate(PROMPT_TOP) == pytest.approx(place, abs=1), "it was there already"
    page.get_by_role("button", name="To the images").click()
    page.wait_for_function(
        "document.querySelector('.pg-results img')?.getBoundingClientRect().top < innerHeight / 2"
    )
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    assert page.evaluate(AT_HAND)
    ends = page.evaluate(
        "['.gen-layout > :last-child > *', '.gen-layout .rb'].map((of) =>"
        " document.querySelector(of).getBoundingClientRect())"
    )
    assert ends[0]["bottom"] <= ends[1]["top"], "and it covers nothing at the end of the page"
    page.get_by_role("radio", name="Grid", exact=True).click()
    assert page.evaluate(AT_HAND.replace("#cs-images", "#cs-axes"))


def generated(page: Any, served: Any) -> np.ndarray:
    """Presses the button; the image that the page shows then."""
    tasks = served.server.page.tasks
    before = tasks.latest("generate")
    page.get_by_role("button", name="Generate", exact=True).click()
    while (task := tasks.latest("generate")) is before or task.state == "running":
        page.wait_for_timeout(100)
    assert task.state == "finished", task.error
    made = task.result["images"][0]
    page.locator(f".pg-results [data-id='{made['id']}']").wait_for()
    with Image.open(made["path"]) as image:
        return np.asarray(image).astype(int)


def brushed(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A stroke from one place to another, in shares of the canvas."""
    canvas = page.locator(".mb-canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=6)
    page.mouse.up()


def mask_of(settings: GenerateSettings) -> np.ndarray:
    with Image.open(settings.inpaint.mask) as mask:
        return np.asarray(mask) > 127


def test_a_stroke_of_the_mouse_is_inpainted_and_nothing_else(
    tab: Any, served: Any, asked: Any
) -> None:
    first = generated(tab, served)
    assert asked[-1].inpaint.mask == ""
    tab.locator(".pg-open").first.click()
    tab.get_by_role("button", name="Inpaint", exact=True).click()
    tab.locator(".mb-canvas").wait_for()
    tab.wait_for_function(IN_VIEW)  # far below, where nobody would look for it
    said = tab.locator(".mb-said")
    assert "Nothing is marked" in said.inner_text()
    brushed(tab, (0.3, 0.4), (0.6, 0.4))
    assert "What is coloured is inpainted" in said.inner_text()
    tab.locator("#cs-field-generate-inpaint-prompt textarea").fill("a dog")
    found = generated(tab, served)
    where = mask_of(asked[-1])
    assert where.shape == first.shape[:2] and 0.02 < where.mean() < 0.5 and where[13, 13]
    assert np.array_equal(found[~where], first[~where])
    assert not np.array_equal(found[where], first[where])
    assert asked[-1].inpaint.prompt == "a dog" and asked[-1].inpaint.stack is None
    # a stack of its own, saved before
    tab.locator(".mb-stack select").focus()
    tab.locator(".mb-stack option", has_text="inside").wait_for(state="attached")
    tab.locator(".mb-stack select").select_option(label="inside")
    other = generated(tab, served)
    stack = asked[-1].inpaint.stack
    assert stack and [item.strength for item in stack] == [0.8]
    assert np.array_equal(other[~where], first[~where])
    assert not np.array_equal(other[where], found[where])
    # a second pass: the mask acts on images that are generated first
    tab.get_by_role("switch", name="Second pass on new images").click()
    assert "generated first" in said.inner_text()
    third = generated(tab, served)
    assert asked[-1].image == "" and asked[-1].inpaint.mask
    assert np.array_equal(third[~where], first[~where])
    assert not np.array_equal(third[where], first[where])
    # undone, the whole image is the start again
    tab.locator(".mb-undo").click()
    assert "Nothing is marked" in said.inner_text()
    generated(tab, served)
    assert asked[-1].inpaint.mask == "" and asked[-1].image


def test_the_brush_works_by_keyboard(tab: Any, served: Any, asked: Any, tmp_path: Path) -> None:
    Image.new("RGB", (64, 32), (200, 80, 20)).save(tmp_path / "sunset.png")
    tab.get_by_text("Image to image", exact=True).click()
    tab.set_input_files(".sp-picker", str(tmp_path / "sunset.png"))
    tab.locator(".sp-thumb").wait_for()
    tab.locator(".gen-inpaint .label-wrap").click()
    canvas = tab.locator(".mb-canvas")
    canvas.wait_for()
    canvas.focus()
    size = tab.locator(".mb-size")
    before = int(size.input_value())
    canvas.press("]")
    assert int(size.input_value()) > before
    for key in ("Space", *["ArrowRight"] * 6, "Space"):
        canvas.press(key)
    tab.locator(".mb-erase").press("Space")
    assert tab.locator(".mb-erase").get_attribute("aria-checked") == "true"
    canvas.focus()
    canvas.press("Space")
    found = generated(tab, served)
    where = mask_of(asked[-1])
    assert where.shape == (32, 64) and 0 < where.mean() < 0.3
    flat = np.array([200, 80, 20])
    assert (found[~where] == flat).all() and not (found[where] == flat).all()
    tab.locator(".mb-clear").click()
    assert tab.locator(".mb-undo").is_disabled()
    # everything painted over: said in words
    tab.locator(".mb-erase").click()
    size.fill(size.get_attribute("max"))
    for height in (0.1, 0.5, 0.9):
        brushed(tab, (0.02, height), (0.98, height))
    tab.get_by_role("button", name="Generate", exact=True).click()
    tab.get_by_text("The mask covers the whole image").first.wait_for()
    tab.locator(".sp-remove").click()
    tab.locator(".mb-none").wait_for()


HIDDEN_AT_FIRST = """(selector) => new Promise((resolve) => new MutationObserver(() => {
    const field = document.querySelector(selector);
    if (field) resolve(getComputedStyle(field).visibility === 'hidden');
}).observe(document.body, {childList: true, subtree: true}))"""


def test_nothing_can_be_typed_into_a_field_before_it_holds_its_value(tab: Any) -> None:
    asked = f"void (window.hidden = ({HIDDEN_AT_FIRST})('#cs-field-generate-hires-upscale input'))"
    tab.evaluate(asked)
    tab.locator(".gen-hires .label-wrap").click()
    assert tab.evaluate("window.hidden"), "Gradio writes it one frame later, over what was typed"
    tab.locator("#cs-field-generate-hires-upscale input").first.wait_for()  # visible


def test_hires_fix_from_the_page(tab: Any, served: Any, asked: Any) -> None:
    tab.locator(".gen-hires .label-wrap").click()
    tab.locator("#cs-field-generate-hires-upscale input").first.fill("1.5")
    assert generated(tab, served).shape == (48, 48, 3)
    assert asked[-1].hires.upscale == 1.5
    # its settings come back with the image
    tab.locator("#cs-field-generate-hires-upscale input").first.fill("1")
    tab.locator(".pg-open").first.click()
    tab.get_by_role("button", name="Use these settings", exact=True).click()
    tab.wait_for_function(
        "document.querySelector('#cs-field-generate-hires-upscale input').value === '1.5'"
    )


@pytest.mark.slow
def test_a_mask_is_dropped_as_a_file_and_comes_back_with_its_image(
    tab: Any, open_page: Any, served: Any, asked: Any, tmp_path: Path
) -> None:
    Image.new("RGB", (64, 32), (20, 80, 200)).save(tmp_path / "sea.png")
    mask = Image.new("L", (64, 32), 0)
    mask.paste(255, (10, 8, 30, 24))
    mask.save(tmp_path / "where.png")
    mask.crop((0, 0, 32, 32)).save(tmp_path / "small.png")
    tab.get_by_text("Image to image", exact=True).click()
    tab.set_input_files(".sp-picker", str(tmp_path / "sea.png"))
    tab.locator(".gen-inpaint .label-wrap").click()
    tab.locator(".mb-canvas").wait_for()
    picker = tab.get_by_label("Mask file: white is inpainted")
    picker.set_input_files(str(tmp_path / "small.png"))
    tab.locator(".mb-trouble", has_text="another size than the image").wait_for()
    picker.set_input_files(str(tmp_path / "where.png"))
    tab.locator(".mb-said", has_text="What is coloured is inpainted").wait_for()
    assert tab.locator(".mb-trouble .cs-notice").count() == 0
    tab.locator("#cs-field-generate-inpaint-prompt textarea").fill("a dog")
    tab.get_by_role("switch", name="Second pass on new images").click()
    brushed(tab, (0.9, 0.2), (0.95, 0.2))
    tab.locator(".mb-undo").click()
    tab.get_by_role("switch", name="Second pass on new images").click()
    first = generated(tab, served)
    where = np.asarray(mask) > 0
    assert np.array_equal(mask_of(asked[-1]), where)
    assert (first[~where] == (20, 80, 200)).all() and not (first[where] == (20, 80, 200)).all()

    page = open_page("generate")
    page.get_by_role("button", name="Use these settings again").first.click()
    page.locator(".mb-said", has_text="What is coloured is inpainted").wait_for()
    again = generated(page, served)
    assert np.array_equal(mask_of(asked[-1]), where) and np.array_equal(again, first)
    for file in served.workspace.outputs.glob("*/inpaint/*"):
        file.unlink()
    page.get_by_role("button", name="Use these settings again").first.click()
    page.locator(".toast-body", has_text="is gone: mark it again").wait_for()
