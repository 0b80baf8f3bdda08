"""README's tour, done as it is written: every step is read there and carried out on the real page.

What is bold in a step is on the page, and the verb before it says what is done with it. A sentence
that says something else with bold words fails here: then README or this file has to learn it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from studio.core.paths import Workspace
from studio.library import files
from tests.web.conftest import Served, serving
from tests.web.test_caption_train import wait_state

pytestmark = pytest.mark.browser

README = Path(__file__).resolve().parents[2] / "README.md"
LONG = 600_000  # milliseconds: a training, or a comparison, on a machine that does other things too
VERBS = (
    "open the tab", "choose", "press [+] beside", "press", "set", "type", "switch off", "see", "under",
    "reload the page",
)  # fmt: skip
TOKEN = re.compile(
    rf"\b(?P<verb>{'|'.join(VERBS)})(?=\W)|\*\*(?P<label>.+?)\*\*|`(?P<value>.+?)`", re.IGNORECASE
)


# What ends outside of the page where nothing scrolls: it cannot be read, and not be pressed.
CUT_OFF = """() => {
  const scrolls = (node) => node !== document.documentElement && getComputedStyle(node).overflowX !== 'visible'
    && !node.matches('.gradio-container, body');
  const inside = (node) => node && (scrolls(node) || inside(node.parentElement));
  return [...document.querySelectorAll('.gradio-container :is(button, input, select, textarea, p, b, span, img, h2, h3)')]
    .filter((node) => node.checkVisibility() && node.getBoundingClientRect().right > innerWidth + 1 && !inside(node))
    .map((node) => `${node.tagName}.${node.className}: ${node.textContent.slice(0, 60)}`);
}"""


class Act(NamedTuple):
    """One thing that a step tells people to do, or to see."""

    verb: str
    label: str = ""
    value: str = ""


def tour() -> list[str]:
    """The numbered steps, each as one line."""
    section = README.read_text("utf-8").partition("\n## Five minutes\n")[2].partition("\n## ")[0]
    steps = re.findall(r"^\d+\. (.+(?:\n   .+)*)", section, re.M)
    return [" ".join(step.split()) for step in steps]


def acts(step: str) -> list[Act]:
    """What a step tells people to do, in order; AssertionError where that is not clear."""
    found: list[Act] = []
    for sentence in re.split(r"(?<=[.;])\s", step):
        verb = label = value = ""
        for token in TOKEN.finditer(sentence):
            if token["verb"]:
                verb, label, value = token["verb"].lower(), "", ""
                if verb == "reload the page":
                    found.append(Act(verb))
                continue
            label, value = token["label"] or label, token["value"] or value
            assert verb or not token["label"], f"nothing says what to do with {label}: {sentence}"
            if verb in ("set", "type") and not (label and value):
                continue
            if verb in ("set", "type") or token["label"]:
                found.append(Act(verb, label, value))
                label = value = ""
    assert {act.label for act in found} >= set(re.findall(r"\*\*(.+?)\*\*", step)), step
    return found


def test_the_steps_are_understood() -> None:
    steps = [acts(step) for step in tour()]
    assert [step[0].label for step in steps] == ["Caption", "Train with these", "Try it in Generate", "Compare"]  # fmt: skip
    assert acts("Set **Rank** to `4`, type `a cat` into **Prompt** and press **Go** and **Stop**.") == [
        Act("set", "Rank", "4"), Act("type", "Prompt", "a cat"), Act("press", "Go"), Act("press", "Stop"),
    ]  # fmt: skip
    with pytest.raises(AssertionError, match="nothing says what to do with Go"):
        acts("Press **Stop**. Then **Go** happens.")


class Walker:
    """Somebody who has the page and README, and does what it says."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def do(self, act: Act) -> None:
        """Does it, waiting until the page is ready for it."""
        getattr(self, re.sub(r"\W+", "_", act.verb))(*(part for part in act[1:] if part))
        self.nothing_is_cut_off(act)

    def nothing_is_cut_off(self, after: Act) -> None:
        found = self.page.evaluate(CUT_OFF)
        assert not found, f"after {after}, these reach over the edge of the page: {found}"

    def open_the_tab(self, label: str) -> None:
        self.page.get_by_role("tab", name=label, exact=True).click()

    def choose(self, label: str) -> None:
        """A row of a list, or an entry of a list that opens."""
        named = re.compile(rf"^{re.escape(label)}(\s|$)")
        datasets = self.page.get_by_role("list", name="Datasets").get_by_role("button", name=named)
        option = self.page.get_by_role("option", name=named).or_(datasets)
        choice = self.page.locator(
            "select:visible", has=self.page.locator("option", has_text=label)
        )
        option.or_(choice).first.wait_for()
        if choice.count():
            choice.select_option(label=label)
        else:
            option.click()

    def press(self, label: str) -> None:
        self.page.get_by_role("button", name=label, exact=True).click(timeout=LONG)

    def press_beside(self, label: str) -> None:
        row = self.page.locator("li:visible", has=self.page.locator(f"b:text-is('{label}')"))
        row.get_by_role("button", name=re.compile("^Add ")).click()

    def set(self, label: str, value: str) -> None:
        self.page.wait_for_selector(
            ".cs-form:visible:not(.is-filling)"
        )  # as the fields themselves do
        fields = self.page.get_by_label(label, exact=True).or_(
            self.page.get_by_label(f"{label} of")
        )
        field = fields.and_(self.page.locator(":visible:not([type=range])")).first
        field.fill(value)
        field.press("Tab")

    type = set

    def switch_off(self, label: str) -> None:
        switch = self.page.get_by_role("switch", name=f"Use {label}")
        switch.click()
        assert switch.get_attribute("aria-checked") == "false"

    def see(self, label: str) -> None:
        self.page.locator(
            ":visible", has_text=re.compile(rf"^{re.escape(label)}$")
        ).first.wait_for()

    under = see

    def reload_the_page(self) -> None:
        self.page.reload()


SCREENS = [
    pytest.param((1440, "light"), id="wide-light", marks=pytest.mark.slow),
    pytest.param((390, "dark"), id="narrow-dark"),
    pytest.param((1440, "dark"), id="wide-dark", marks=pytest.mark.slow),
    pytest.param((390, "light"), id="narrow-light", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module", params=SCREENS)
def screen(request: pytest.FixtureRequest) -> tuple[int, str]:
    """How wide the page is, and in which colours."""
    width, theme = request.param
    return width, theme


@pytest.fixture(scope="module")
def served(
    screen: tuple[int, str], tmp_path_factory: pytest.TempPathFactory, no_samples: Path
) -> Iterator[Served]:
    """What somebody finds who has just started the studio for the first time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "SAMPLE_ADAPTERS", no_samples)
        with serving(Workspace(tmp_path_factory.mktemp("tour") / "workspace")) as served:
            yield served


@pytest.fixture
def walker(open_page: Any, screen: tuple[int, str]) -> Iterator[Walker]:
    """Who walks; at the end nothing may have gone wrong unseen."""
    width, theme = screen
    page, wrong = open_page(path=f"/?__theme={theme}", width=width), []

    def failed(request: Any) -> None:
        if (
            request.failure != "net::ERR_ABORTED"
        ):  # the page itself let it go, as when it is reloaded
            wrong.append(f"{request.url}: {request.failure}")

    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("requestfailed", failed)
    page.on("response", lambda r: wrong.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    yield Walker(page)
    assert not wrong, "\n".join(wrong)


def test_the_tour(walker: Walker, served: Served, starter: Path) -> None:
    page, workspace = walker.page, served.workspace
    caption, train, generate, compare = (acts(step) for step in tour())
    for act in caption:
        walker.do(act)
    page.locator(".cs-notice", has_text="captions are back as they were").wait_for()
    sample, copy = starter.parent / "datasets" / "zibbo", workspace.datasets / "zibbo"
    captions = [path.name for path in sample.glob("*.txt")]
    assert len(captions) == 12
    assert all((copy / name).read_text() == (sample / name).read_text() for name in captions)

    for act in train:
        walker.do(act)
    page.locator(".cs-run-head .cs-badge[data-state=finished]").wait_for(timeout=LONG)
    wait_state(page, "finished")
    assert page.locator(".cs-samples-step").all_inner_texts()[0] == "before"
    (file,) = workspace.adapters.glob("*.safetensors")

    for act in generate:
        walker.do(act)
    page.locator(".rb-text", has_text="8 images in").wait_for(timeout=LONG)
    assert page.locator(".pg-cell:visible").count() == 8
    assert page.locator(".st-card", has_text=file.stem).count() == 1

    for act in compare:
        walker.do(act)
    page.get_by_role("button", name="Use these settings").wait_for(timeout=LONG)
    walker.nothing_is_cut_off(compare[-1])
    assert "KID" in page.locator(".mt-table thead").inner_text()
    base, trained = page.locator(".mt-table tbody tr").all_inner_texts()
    assert "Base" in base and file.stem in trained
    assert "—" not in trained
