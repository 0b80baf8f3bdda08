"""The screenshots in docs/images, taken anew on the real page, each in light and in dark.

    python studio.py bench screenshots [--workspace DIR] [--out DIR]

Needs a workspace with a finished run; in an empty one it trains the LoRA preset of the starter first,
on the sample dataset zibbo. Whoever takes them looks at each before it is committed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.startup import _browser, _free_port  # noqa: E402
from studio.app import Studio  # noqa: E402
from studio.core.errors import StudioError  # noqa: E402
from studio.core.paths import Workspace  # noqa: E402
from studio.library import presets  # noqa: E402
from studio.ui import app  # noqa: E402

SIZE = {"width": 1440, "height": 900}
LONGEST = 120_000  # milliseconds
PROMPT = "a zibbo cat on the beach"


def main() -> int:
    """Trains where nothing is trained yet, then takes every screenshot."""
    return photographed(
        __doc__ or "", trained, lambda page, out: Photographer(page, out).take_all()
    )


def photographed(
    says: str, prepare: Callable[[Studio], None], take: Callable[[Any, Path], None]
) -> int:
    """A command line that takes screenshots: a studio that `prepare` has filled, and its page in light."""
    parser = argparse.ArgumentParser(description=says.splitlines()[0])
    parser.add_argument("--workspace", type=Path, help="default: a new one, kept nowhere")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--json", action="store_true", help="has no effect: the result is images")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, _browser() as browser:
        studio = Studio(Workspace(arguments.workspace or Path(folder)))
        prepare(studio)
        server = app.serve(studio, port=_free_port())
        try:
            studio.warm_up()
            page = browser.new_context(viewport=SIZE).new_page()
            page.set_default_timeout(LONGEST)
            page.on("dialog", lambda dialog: dialog.accept())
            page.goto(f"{server.url}/?__theme=light")
            take(page, arguments.out)
        finally:
            studio.close()
            server.close()
    return 0


def trained(studio: Studio) -> None:
    """A copy of the sample zibbo, and a finished run on it; StudioError where it does not finish."""
    if any(run.state == "finished" for run in studio.runs.all()):
        return
    sample = next(info.path for info in studio.library.datasets() if info.name == "zibbo")
    named = {"name": "my-zibbo", "data": {"folder": str(sample)}}
    state = studio.runs.wait(studio.runs.start(presets.config_from("starter-lora", named)))
    if state.state != "finished":
        raise StudioError(f"The run is {state.state}: {state.reason}")


class Photographer:
    """Goes through the page as a person does and keeps what is seen."""

    def __init__(self, page: Any, folder: Path) -> None:
        self.page, self.folder = page, folder

    def take_all(self) -> None:
        """One after the other; later ones need what earlier ones have made."""
        steps: list[Callable[[], None]] = [
            self.caption, self.train, self.generate, self.grid, self.three_lanes, self.compare,
        ]  # fmt: skip
        for step in steps:
            step()

    def keep(self, name: str) -> None:
        """The window as it is, in both themes."""
        page = self.page
        page.mouse.move(SIZE["width"] - 2, SIZE["height"] - 2)
        page.wait_for_selector(".cs-dot:not([data-ready=loading])")
        page.evaluate("document.activeElement?.blur()")
        for theme in ("light", "dark"):
            if (theme == "dark") != page.evaluate("document.body.classList.contains('dark')"):
                page.locator(".cs-theme").evaluate("node => node.click()")  # nothing scrolls
            page.wait_for_timeout(1200)  # what is painted anew in other colours
            page.screenshot(path=self.folder / f"{name}-{theme}.png")
            print(f"{name}-{theme}.png", flush=True)

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name, exact=True).click()
        self.page.evaluate("scrollTo(0, 0)")

    def button(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def add(self, name: str) -> None:
        """A file of the library onto the stack."""
        self.page.get_by_role("button", name=f"Add {name} to the stack").first.click()
        self.page.locator("#cs-stack-generate .st-card", has_text=name).first.wait_for()

    def generated(self, images: int) -> None:
        self.button("Generate")
        self.page.locator("#cs-images .rb-text", has_text=f"{images} images in").wait_for()
        self.page.wait_for_function(
            f"document.querySelectorAll('.pg-cell img').length === {images}"
        )

    def caption(self) -> None:
        page = self.page
        page.click(".cs-dataset:has-text('zibbo')")
        if page.locator(".cs-dataset:has-text('zibbo')").count() < 2:
            self.button("Make my own copy")
        page.wait_for_selector(".cs-caption-cell textarea:not([readonly])")
        page.wait_for_selector(".cs-caption-cell img >> nth=7")
        self.keep("caption")

    def train(self) -> None:
        page = self.page
        self.button("Train with these")
        page.wait_for_selector(".cs-preflight dl")
        page.wait_for_selector(".cs-run-head .cs-badge[data-state=finished]")
        page.wait_for_selector(".cs-sample img >> nth=6")
        page.evaluate("scrollTo(0, 0)")
        self.keep("train")

    def generate(self) -> None:
        page = self.page
        self.button("Try it in Generate")
        page.wait_for_selector("#cs-stack-generate .st-card")
        page.fill("#cs-generate-prompt textarea", PROMPT)
        page.fill("#cs-field-generate-count input", "6")
        page.keyboard.press("Tab")
        self.generated(6)
        page.evaluate("scrollTo(0, 0)")
        self.keep("generate")

    def grid(self) -> None:
        page = self.page
        self.page.locator("#cs-generate-modes [data-mode=grid]").click()
        page.select_option("select[aria-label='What the columns vary']", "strength")
        page.fill("textarea[aria-label='Values of the columns']", "0, 0.5, 1, 1.5")
        page.select_option("select[aria-label='What the rows vary']", "seed")
        page.fill("textarea[aria-label='Values of the rows']", "4, 5, 6")
        self.button("Generate grid")
        page.locator(".ax-run .rb-text", has_text="images in").wait_for()
        page.locator(".ax").evaluate("node => node.scrollIntoView({block: 'start'})")
        self.keep("grid")
        self.page.locator("#cs-generate-modes [data-mode]").first.click()

    def three_lanes(self) -> None:
        page = self.page
        page.evaluate("scrollTo(0, 0)")
        self.button("Add a lane")
        page.get_by_role("button", name="Duplicate this lane").first.click()
        for number, name in ((1, "LoRA"), (3, "Base"), (2, "LoRA and hypernetwork")):
            page.fill(f"input[aria-label='Name of lane {number}']", name)
        self.add("zibbo-hypernetwork")  # to the lane that was used last
        page.fill("#cs-field-generate-count input", "3")
        self.generated(9)
        page.evaluate("scrollTo(0, 0)")
        self.keep("three-lanes")

    def compare(self) -> None:
        page = self.page
        self.tab("Compare")
        page.fill("#cs-field-compare-images input", "32")
        page.keyboard.press("Tab")
        if page.locator(".cm-quick").is_visible():
            page.click(".cm-quick")
        page.get_by_role("button", name="Use these settings").wait_for()
        page.evaluate("scrollTo(0, 0)")
        self.keep("compare")


if __name__ == "__main__":
    sys.exit(main())
