"""The card “Describe automatically” with an endpoint: own question, preview, start, captions on disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.caption import hostile_endpoint
from tests.caption.hostile_endpoint import Fake
from tests.web.conftest import until
from tests.web.test_caption_train import open_dataset

pytestmark = pytest.mark.browser
KEY = "sk-very-secret-456"


@pytest.fixture
def fake() -> Iterator[Fake]:
    with hostile_endpoint.running() as server:
        yield server


def describe(page: Any, fake: Fake, question: str) -> None:
    """Fills the card."""
    page.select_option("select[aria-label=Captioner]", "endpoint")
    page.fill("label:has-text('Address') >> input", fake.address)
    page.fill("label:has-text('Name of the model there') >> input", "llava")
    page.fill("input[type=password]", KEY)
    page.select_option("select[aria-label=Question]", "own")
    page.fill("textarea[aria-label='Own question']", question)


def test_an_own_question_is_previewed_then_asked_and_continued(
    open_page: Any, served: Any, fake: Fake
) -> None:
    folder = served.dataset("asked", [None, "a red thing", None, None])

    def texts() -> list[str]:
        files = [folder / f"{number}.txt" for number in range(1, 5)]
        return [file.read_text().strip() if file.is_file() else "" for file in files]

    fake.text = "a thing <img src=x onerror=alert(1)> on a mat"
    page = open_page()
    open_dataset(page, "asked")
    describe(page, fake, "Is {name} a {trigger}?")
    page.wait_for_selector(".cs-where >> text=on this machine")
    page.fill("input[aria-label='Text in front of every caption']", "")
    page.click("button:has-text('Preview')")
    page.wait_for_selector(".cs-preview ins >> nth=2")
    assert page.inner_text(".cs-preview ins >> nth=0") == fake.text
    assert texts() == ["", "a red thing", "", ""] and len(fake.asked) == 3
    asked = {row["messages"][0]["content"][0]["text"] for row in fake.asked}
    assert asked == {"Is 1 a zorp?", "Is 3 a zorp?", "Is 4 a zorp?"}
    assert fake.headers[0]["Authorization"] == f"Bearer {KEY}"

    fake.text, fake.plan = "on a mat", ["good", "good", "404"]
    page.select_option("select[aria-label='Which images']", "append")
    page.click("button:has-text('Describe images')")
    page.wait_for_selector(".cs-notice >> text=The endpoint refuses the question")
    assert texts() == ["on a mat", "a red thing, on a mat", "", ""]
    fake.plan = ["good"]
    page.click("button:has-text('Continue where it stopped (Endpoint llava')")
    page.wait_for_selector(".cs-notice >> text=2 captions written")
    assert texts() == ["on a mat", "a red thing, on a mat", "on a mat", "on a mat"]
    page.wait_for_selector("button:has-text('Continue where it stopped')", state="hidden")
    page.wait_for_selector("textarea[title^='Written by Endpoint llava'] >> nth=3")
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "Is {name} a {trigger}?" in kept and KEY not in kept
    stored = [path for path in served.workspace.root.rglob("*") if path.is_file()]
    assert not [path for path in stored if KEY.encode() in path.read_bytes()]

    page.click("button:has-text('Bring the earlier captions back')")
    until(lambda: texts() == ["", "a red thing", "", ""])


def test_nothing_is_sent_to_another_machine_before_a_yes(
    open_page: Any, served: Any, fake: Fake
) -> None:
    served.dataset("unsent", [None])
    page, said = open_page(answers=[False]), []
    page.on("dialog", lambda dialog: said.append(dialog.message))
    open_dataset(page, "unsent")
    page.select_option("select[aria-label=Captioner]", "endpoint")
    page.click("button:has-text('Preview')")
    page.wait_for_selector("#cs-notices >> text=No address of an endpoint is given")
    page.fill("label:has-text('Address') >> input", "http://192.0.2.7:8000/v1")
    page.fill("label:has-text('Name of the model there') >> input", "llava")
    page.wait_for_selector(".cs-where >> text=NOT encrypted")
    page.click("button:has-text('Preview')")
    until(lambda: page.evaluate("1") and said)
    assert "Images are sent to 192.0.2.7:8000" in said[0]
    assert served.server.page.tasks.latest("caption") is None or "unsent" not in str(
        served.server.page.tasks.latest("caption").about
    )
