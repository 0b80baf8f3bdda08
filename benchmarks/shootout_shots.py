"""Screenshots of what Compare answers with: docs/images/shootout-*.png, in light and in dark.

    python studio.py bench shootout_shots --workspace DIR [--out DIR]

Needs a workspace with a finished shootout (`python benchmarks/study.py --workspace DIR` leaves one); trains
one more LoRA there, of which a checkpoint is picked, and begins another shootout, which it stops again.
Whoever takes them looks at each before it is committed.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.screenshots import LONGEST, SIZE, Photographer  # noqa: E402
from benchmarks.startup import _browser, _free_port  # noqa: E402
from studio.app import Studio  # noqa: E402
from studio.core.errors import MissingError  # noqa: E402
from studio.core.paths import Workspace  # noqa: E402
from studio.library import presets  # noqa: E402
from studio.ui import app  # noqa: E402

PHONE = {"width": 390, "height": 844}
SAVES = {"train": {"steps": 160}, "save": {"every": 20, "keep": 99}, "sample": {"every": 0}}


def main() -> int:
    """Takes every screenshot."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--json", action="store_true", help="has no effect: the result is images")
    arguments = parser.parse_args()
    studio = Studio(Workspace(arguments.workspace))
    with _browser() as browser:
        run = with_checkpoints(studio)
        server = app.serve(studio, port=_free_port())
        try:
            studio.warm_up()
            page = browser.new_context(viewport=SIZE).new_page()
            page.set_default_timeout(LONGEST * 3)
            page.on("dialog", lambda dialog: dialog.accept())
            Shots(page, arguments.out, server.url).take(finished(studio), run)
        finally:
            studio.close()
            server.close()
    return 0


def finished(studio: Studio) -> str:
    """The comparison of the newest shootout that has one; MissingError."""
    for shootout in studio.generation.shootouts.all():
        if shootout.comparison and shootout.state == "finished":
            return str(shootout.comparison)
    raise MissingError(
        "There is no finished shootout here", remedy="Run benchmarks/study.py first."
    )


def with_checkpoints(studio: Studio) -> str:
    """A finished LoRA run that kept eight checkpoints."""
    for run in studio.runs.all():
        if run.name == "checkpoints" and run.state == "finished":
            return run.run
    named = {"name": "checkpoints", "data": {"folder": "zibbo"}, "prior": {"weight": 0.0}, **SAVES}
    started = str(studio.runs.start(presets.config_from("starter-lora", named)))
    studio.runs.wait(started)
    return started


class Shots(Photographer):
    """Goes from part to part by the page's own addresses."""

    def __init__(self, page: Any, folder: Path, url: str) -> None:
        super().__init__(page, folder)
        self.url = url

    def take(self, comparison: str, run: str) -> None:
        """One after the other."""
        self.verdict(comparison)
        self.vote(comparison)
        self.report(comparison)
        self.curves(run)
        self.running()

    def go(self, place: str) -> None:
        """To a place of the page, which it reads when it is loaded."""
        self.page.goto(f"{self.url}/?__theme=light#{place}")
        self.page.reload()

    def verdict(self, comparison: str) -> None:
        self.go(f"compare/{comparison}/measures")
        self.page.locator(".mt-verdict li").first.wait_for()
        self.keep("shootout-verdict")

    def vote(self, comparison: str) -> None:
        page = self.page
        self.go(f"compare/{comparison}/vote")
        page.fill(
            ".vo-start input[required]", f"Ada {time.time():.0f}"
        )  # a name of its own each time
        page.click(".vo-start button[type=submit]")
        page.wait_for_selector(".vo-screen[open]:not(.is-busy) .vo-side:not(.is-empty) img")
        self.keep("shootout-vote")
        page.keyboard.press("Escape")

    def report(self, comparison: str) -> None:
        page = self.page
        self.go(f"compare/{comparison}/report")
        with page.expect_popup() as popup:
            page.locator("#cs-comparison-report").get_by_role(
                "link", name="Open report", exact=True
            ).click()
        report = popup.value
        report.set_viewport_size(PHONE)
        for theme in ("light", "dark"):
            report.emulate_media(color_scheme=theme)
            report.wait_for_timeout(500)
            report.screenshot(path=self.folder / f"shootout-report-{theme}.png")
            print(f"shootout-report-{theme}.png", flush=True)
        report.close()

    def curves(self, run: str) -> None:
        page = self.page
        self.go(f"train/{run}")
        page.click("button:has-text('Find the best checkpoint')")
        page.wait_for_selector(f".ck-run input[value='{run}']:checked")
        page.fill(".ck-form [inputmode=decimal]", "0.7, 1")
        page.fill(".ck-form input[type=number]", "16")
        page.click(".ck-pick .rb-go")
        page.wait_for_function(
            "document.querySelector('.ck-reason')?.textContent.match(/^(Step|None)/)"
        )
        page.evaluate("scrollTo(0, 0)")
        self.keep("shootout-curves")

    def running(self) -> None:
        page = self.page
        self.go("compare")
        page.get_by_role("radio", name="Shootout", exact=True).click()
        page.get_by_label("Dataset of the shootout").select_option(index=1)
        page.locator(".so-total", has_text="trainings").wait_for()
        page.get_by_role("button", name="Start shootout").click()
        card = page.locator(".so-card[data-state=training]")
        card.wait_for()
        page.locator(".cm-view img").nth(3).wait_for()
        card.evaluate("node => node.scrollIntoView({block: 'center'})")
        self.keep("shootout-running")


if __name__ == "__main__":
    sys.exit(main())
