"""Runs that wait, runs side by side, and a run's settings again: in a real browser, with real runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from studio.library import presets
from studio.library.presets import to_toml
from studio.runs.records import Message
from tests.web.test_caption_train import choose, number, until, wait_state

pytestmark = pytest.mark.browser


def values(folder: Path, name: str, **train: Any) -> dict[str, Any]:
    start = {"steps": 5000, "batch_size": 1, **train}
    quiet = {"save": {"every": 0}, "sample": {"every": 0}, "validation": {"every": 0}}
    return {"name": name, "base": "tiny", "device": "cpu", "data": {"folder": str(folder)},
            "train": start, **quiet}  # fmt: skip


def order(page: Any) -> list[str]:
    return [str(name) for name in page.locator(".cs-queue-name").all_inner_texts()]


def test_waiting_runs_change_places_leave_and_begin_in_order(open_page: Any, served: Any) -> None:
    folder = served.dataset("queued", ["a zorp blob"] * 2)
    studio = served.studio
    page = open_page("train")

    def start(name: str, **train: Any) -> str:
        return str(studio.runs.start(presets.config_from(None, values(folder, name, **train))))

    first = start("first")
    ids = {name: start(name, steps=1) for name in ("a", "b", "c", "d")}
    page.wait_for_selector(".cs-queue-row >> nth=3")
    assert order(page) == ["a", "b", "c", "d"]
    page.click("button[aria-label='c: earlier']")
    until(lambda: order(page) == ["a", "c", "b", "d"])
    page.locator(".cs-queue-row", has_text="b").focus()
    page.keyboard.press("Alt+ArrowDown")
    until(lambda: order(page) == ["a", "c", "d", "b"])
    rows = page.locator(".cs-queue-row")
    rows.filter(has_text="b").locator(".cs-queue-grip").drag_to(
        rows.filter(has_text="a").first, target_position={"x": 60, "y": 3}
    )
    until(lambda: order(page) == ["b", "a", "c", "d"])
    page.click("button[aria-label='Take a out of the queue']")
    until(lambda: order(page) == ["b", "c", "d"])
    assert studio.runs.queue().waiting == [ids["b"], ids["c"], ids["d"]]
    page.reload()
    page.click("#cs-tab-train-button")
    until(lambda: order(page) == ["b", "c", "d"])
    switch = page.locator(".cs-queue-card [role=switch]")
    assert switch.get_attribute("aria-checked") == "true"
    switch.click()
    until(lambda: not studio.runs.continue_on_error)
    switch.click()
    until(lambda: studio.runs.continue_on_error)
    studio.runs.command(first, "stop")
    ended = [studio.runs.wait(ids[name]) for name in ("b", "c", "d")]
    assert [state.state for state in ended] == ["finished"] * 3
    started = [state.started_at for state in ended]
    assert started == sorted(started), "they did not begin in the order shown"
    page.wait_for_selector(".cs-queue-card", state="hidden")
    page.click(f".cs-run-row[data-run='{ids['b']}']")
    wait_state(page, "finished")
    verification = page.inner_text(".cs-run-head .cs-notice")
    assert "matched" in verification and "changes by" in verification and "%" in verification
    page.click("button:has-text('Try it in Generate')")
    page.wait_for_selector("#cs-stack-generate .st-card")
    page.wait_for_function(
        "document.querySelector('#cs-generate-base input').value.includes('tiny')"
    )
    page.click("#cs-tab-train-button")
    card = page.locator(".cs-method[data-method=lora]")
    page.select_option("select[aria-label='Base model']", value="tiny")
    until(lambda: "here" in card.inner_text() and "Not measured" not in card.inner_text())


def test_a_failure_holds_the_queue_until_told_to_go_on(open_page: Any, served: Any) -> None:
    folder = served.dataset("failing", ["a zorp blob"] * 2)
    studio = served.studio
    studio.runs.continue_on_error = False
    first = studio.runs.start(presets.config_from(None, values(folder, "runs")))
    bad = studio.runs.start(presets.config_from(None, values(folder, "bad", steps=1)))
    waits = studio.runs.start(presets.config_from(None, values(folder, "waits", steps=1)))
    (studio.runs.folder(bad) / "config.toml").write_text("nonsense =")
    studio.runs.command(first, "stop")
    page = open_page("train")
    page.wait_for_selector(".cs-queue-card >> text=The queue waits because “bad” failed")
    assert studio.runs.view(waits).state.state == "queued"
    page.click(f".cs-run-row[data-run='{bad}']")
    wait_state(page, "failed")
    assert "settings of this run cannot be read" in page.inner_text(".cs-run-head .cs-notice")
    page.click(".cs-queue-card button:has-text('Continue')")
    assert studio.runs.wait(waits).state == "finished"
    studio.runs.continue_on_error = True


def past_run(served: Any, name: str, lowest: float, **train: Any) -> str:
    """A run that ended some time ago, as it lies on disk."""
    studio = served.studio
    folder = studio.workspace.new_run_folder(name)
    config = presets.config_from(None, values(Path("/images/of/old"), name, **train))
    (folder / "config.toml").write_text(to_toml(config))
    events = [
        {"t": 1.0, "kind": "probe", "step": step, "train": lowest + 1 / (step + 1), "held_out": 0.5}
        for step in (0, 5, 10)
    ]
    events.append({"t": 2.0, "kind": "message", "level": "warning", "text": "You could stop here."})
    text = "".join(json.dumps(event) + "\n" for event in events)
    (folder / "events.jsonl").write_text(text)
    state = {"run": folder.name, "name": name, "method": "lora", "base": "tiny",
             "state": "interrupted", "reason": "The program ended.", "remedy": "Resume goes on.",
             "step": 10, "steps": 20, "seconds": 5.0, "files": [], "last_checkpoint": 10}  # fmt: skip
    (folder / "state.json").write_text(json.dumps(state))
    return str(folder.name)


def test_a_run_that_was_just_started_is_shown(open_page: Any, served: Any) -> None:
    """Although another one was chosen by hand, and however far down the form the button was pressed."""
    earlier = past_run(served, "earlier", 0.1)
    page = open_page("train")
    page.click(f".cs-run-row[data-run='{earlier}']")
    wait_state(page, "interrupted")
    choose(page, served.dataset("fresh", ["a zorp blob"] * 2))
    number(page, "train-steps", 1)
    page.fill("#cs-field-name :is(input, textarea)", "started")
    page.keyboard.press("End")
    page.click("#cs-train-start")
    page.wait_for_selector(".cs-run-name:has-text('started')")
    page.wait_for_function(
        "(() => { const {top, bottom} = document.querySelector('.cs-run-head').getBoundingClientRect();"
        " return top >= 0 && bottom <= innerHeight; })()"
    )


def test_two_runs_side_by_side(open_page: Any, served: Any) -> None:
    one = past_run(served, "one", 0.1, learning_rate=1e-3)
    two = past_run(served, "two ${alert(1)} <img src=x onerror=alert(2)>", 0.2, learning_rate=2e-3)
    page = open_page("train")
    page.click(f"[data-check='{one}']")
    page.wait_for_selector("text=Choose one more")
    page.click(f"[data-check='{two}']")
    page.wait_for_selector(".cs-diff table")
    rows = page.locator(".cs-diff-settings tr").all_inner_texts()
    assert [row.split("\t") for row in rows[1:]] == [["Learning rate", "0.001", "0.002"]]
    assert page.locator(".cs-diff-plot polyline").count() == 4, "training and held out, twice"
    assert "two ${alert(1)} <img" in page.inner_text(".cs-diff thead")
    assert "0.5 s" in page.inner_text(".cs-diff")
    page.click("[aria-label='Close the difference']")
    page.wait_for_selector(".cs-diff", state="hidden")
    assert page.locator(".cs-run-check[aria-checked=true]").count() == 0


def test_a_run_says_how_it_ended_and_its_settings_come_back(open_page: Any, served: Any) -> None:
    run = past_run(served, "long ago", 0.1, learning_rate=3e-3, batch_size=7)
    page = open_page("train")
    page.click(f".cs-run-row[data-run='{run}']")
    wait_state(page, "interrupted")
    ending = page.inner_text(".cs-run-head .cs-notice")
    assert "Resume goes on." in ending and "Step 10 is saved." in ending
    page.wait_for_selector(".cs-run-head button.cs-primary:has-text('Resume')")
    assert "You could stop here." in page.inner_text(".cs-advice")
    page.click("button:has-text('Use its settings')")
    page.wait_for_function(
        "document.querySelector('#cs-field-train-batch_size input').value === '7'"
    )
    (served.studio.runs.folder(run) / "config.toml").unlink()
    page.click("button:has-text('Use its settings')")
    page.wait_for_selector("#cs-notices >> text=settings of this run cannot be read")


def test_a_paused_run_goes_on_with_another_rate_and_fewer_steps(
    open_page: Any, served: Any
) -> None:
    folder = served.dataset("changing", ["a zorp blob"] * 2)
    studio = served.studio
    run = studio.runs.start(presets.config_from(None, values(folder, "changed")))
    page = open_page("train", answers=[False, True])
    asked: list[str] = []
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    page.click(f".cs-run-row[data-run='{run}']")
    wait_state(page, "running")
    page.get_by_role("button", name="Pause", exact=True).click()
    wait_state(page, "paused")
    done = studio.runs.state(run).step
    page.get_by_role("button", name="Change and resume…").click()
    form = page.get_by_role("dialog", name="Change and resume")
    form.get_by_label("Learning rate").fill("many")
    form.get_by_role("button", name="Resume").click()
    form.locator(".cs-notice", has_text="earning").first.wait_for()
    form.get_by_label("Learning rate").fill("0.00025")
    form.get_by_label("Steps", exact=True).fill(str(done + 2))
    form.get_by_role("button", name="Resume").click()
    form.wait_for(state="detached")
    wait_state(page, "finished")
    state = studio.runs.wait(run)
    assert (state.step, state.steps) == (done + 2, done + 2)
    assert studio.runs.config(run).train.learning_rate == 0.00025
    said = "\n".join(e.text for e in studio.runs.view(run).events if isinstance(e, Message))
    assert f"train.steps 5000 → {done + 2}" in said and "train.learning_rate" in said
    assert page.locator("#cs-notices [data-kind=error]").count() == 0
    # with images that have changed it goes on once that was said, and agreed to
    (folder / "1.txt").write_text("a blue zorp")
    page.get_by_role("button", name="Change and resume…").click()
    form.get_by_label("Steps", exact=True).fill(str(done + 3))
    for answered in (1, 2):  # no, then yes
        form.get_by_role("button", name="Resume").click()
        while not asked:
            page.wait_for_timeout(50)
        question = asked.pop()
        assert "1.png" in question and "Continue with what is there now?" in question
        if answered == 1:  # nothing goes on, and what was typed stays
            page.wait_for_timeout(300)
            assert studio.runs.state(run).step == done + 2
            assert form.get_by_label("Steps", exact=True).input_value() == str(done + 3)
    form.wait_for(state="detached")
    assert studio.runs.wait(run).step == done + 3
    page.wait_for_selector(f".cs-figures >> text={done + 3} / {done + 3}")


def test_after_nan_the_main_button_starts_again_with_a_lower_rate(
    open_page: Any, served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.train.loop import Trainer

    normal = Trainer.batch_loss

    def batch_loss(self: Any, number: int, step: int) -> Any:
        """A rate of more than 5 is too much from the second step on."""
        burnt = step > 1 and self.config.train.learning_rate > 5
        return normal(self, number, step) * (float("nan") if burnt else 1)

    monkeypatch.setattr(Trainer, "batch_loss", batch_loss)
    folder = served.dataset("exploding", ["a zorp blob"] * 2)
    studio = served.studio
    config = values(folder, "burnt", steps=3, learning_rate=9.0)
    run = studio.runs.start(presets.config_from(None, config))
    assert studio.runs.wait(run).state == "failed"
    page = open_page("train")
    page.click(f".cs-run-row[data-run='{run}']")
    wait_state(page, "failed")
    assert "NaN" in page.inner_text(".cs-run-head .cs-notice")
    better = page.locator(".cs-run-head button.cs-primary")
    assert better.inner_text() == "Start again with rate 3"
    better.click()
    wait_state(page, "finished")
    assert studio.runs.config(run).train.learning_rate == 3.0
    assert studio.runs.state(run).step == 3
