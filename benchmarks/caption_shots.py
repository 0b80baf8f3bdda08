"""Screenshots of what the Caption tab does with a dataset: docs/images/caption-*.png, in light and in dark.

    python studio.py bench caption_shots [--workspace DIR] [--out DIR]

Works on a copy of the sample zibbo with planted faults (benchmarks/planted_faults.py), on which it trains for a
short while first. Whoever takes them looks at each before it is committed.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.planted_faults import planted  # noqa: E402
from benchmarks.screenshots import Photographer, photographed  # noqa: E402
from studio.app import Studio  # noqa: E402
from studio.core.errors import StudioError  # noqa: E402
from studio.core.paths import ASSETS  # noqa: E402
from studio.library import presets  # noqa: E402

NAME, SEED, STEPS = "my-cat", 104, 80
PREPARED = "0002.png"


def main() -> int:
    """Makes the dataset and a run on it where there are none, then takes every screenshot."""
    return photographed(__doc__ or "", learnt, lambda page, out: Shots(page, out).take())


def learnt(studio: Studio) -> None:
    """The dataset, and a finished run that measured the loss of each of its images."""
    folder = studio.workspace.datasets / NAME
    if folder.exists():
        return
    shutil.copytree(ASSETS / "datasets" / "zibbo", folder)
    says = folder / "dataset.toml"
    says.write_text(says.read_text("utf-8").replace('name = "zibbo"', f'name = "{NAME}"'), "utf-8")
    planted(folder, SEED)
    values: dict[str, Any] = {"name": NAME, "data": {"folder": str(folder)}}
    changes = [f"train.steps={STEPS}", "prior.weight=0", f"image_loss.every={STEPS}"]
    config = presets.config_from("starter-lora", values, changes)
    state = studio.runs.wait(studio.runs.start(config))
    if state.state != "finished":
        raise StudioError(f"The run is {state.state}: {state.reason}")


class Shots(Photographer):
    """From part to part of the tab."""

    def take(self) -> None:
        """One after the other."""
        page = self.page
        page.click(f".cs-dataset:has-text('{NAME}')")
        page.wait_for_selector(".cs-caption-cell img >> nth=7")
        for step in (
            self.filter,
            self.big_view,
            self.describe,
            self.doctor,
            self.crop_and_mask,
            self.losses,
        ):
            step()

    def top(self, selector: str) -> None:
        """Scrolls a card to just below the header."""
        self.page.locator(selector).evaluate(
            "node => scrollTo(0, node.getBoundingClientRect().top + scrollY - 80)"
        )

    def filter(self) -> None:
        field = self.page.locator(".cs-filter")
        field.fill("caption:zibbo AND NOT (caption:beach OR caption:snow)")
        self.page.click("summary:has-text('Tags')")
        self.page.wait_for_timeout(1000)
        self.keep("caption-filter")
        field.fill("")
        self.page.click("summary:has-text('Tags')")
        self.page.wait_for_selector(".cs-caption-cell img >> nth=7")

    def big_view(self) -> None:
        page = self.page
        page.locator(".cs-caption-cell img").first.dblclick()
        page.wait_for_selector("dialog.cs-big img")
        self.keep("caption-big-view")
        page.keyboard.press("Escape")
        page.wait_for_selector("dialog.cs-big", state="detached")

    def describe(self) -> None:
        page = self.page
        page.select_option("select[aria-label=Captioner]", "endpoint")
        page.fill("label:has-text('Address') >> input", "http://127.0.0.1:11434/v1")
        page.fill("label:has-text('Name of the model there') >> input", "llava")
        page.select_option("select[aria-label=Question]", "own")
        page.fill(
            "textarea[aria-label='Own question']",
            "Describe everything but the {trigger} in one sentence. Known tags: {tags}",
        )
        page.wait_for_selector(".cs-where >> text=on this machine")
        self.top("select[aria-label=Captioner]")
        self.keep("caption-describe")

    def doctor(self) -> None:
        page, card = self.page, "section[aria-label='Ready to train?']"
        page.locator(f"{card} option", has_text="starter").wait_for(state="attached")
        page.select_option(f"{card} select", "starter")
        page.click(f"{card} button:has-text('Check')")
        page.wait_for_selector(f"{card} .cs-verdict")
        page.wait_for_selector(f"{card} .cs-finding-title >> nth=3")
        self.top(card)
        self.keep("caption-doctor")

    def crop_and_mask(self) -> None:
        page = self.page
        page.evaluate("scrollTo(0, 0)")
        page.locator(f".pi-open[aria-label*='{PREPARED}']").first.click()
        page.wait_for_selector("dialog.pi .pi-said:has-text('trained at')")
        self.drag((1.0, 1.0), (0.85, 0.9))
        self.keep("caption-crop")
        page.click("dialog.pi button:has-text('Mask')")
        for row in (0.4, 0.45, 0.5, 0.55, 0.6):
            self.drag((0.35, row), (0.65, row))
        self.keep("caption-mask")
        page.keyboard.press("Escape")
        page.wait_for_selector("dialog.pi", state="detached")

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """With the mouse, between two places of the image as fractions."""
        mouse, box = self.page.mouse, self.page.locator(".pi-canvas").bounding_box()
        for number, (x, y) in enumerate((start, end)):
            mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y, steps=5)
            (mouse.up if number else mouse.down)()

    def losses(self) -> None:
        page, card = self.page, "section[aria-label='What a run learnt']"
        page.click(f"{card} button:has-text('Least learnt first')")
        page.wait_for_timeout(1000)
        page.evaluate("scrollTo(0, 0)")
        self.top(card)
        self.keep("caption-losses")


if __name__ == "__main__":
    sys.exit(main())
