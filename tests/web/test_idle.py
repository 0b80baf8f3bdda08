"""A page that nobody uses does next to nothing: it asks for no frames, and now and then for news."""

from __future__ import annotations

from typing import Any

import pytest

from studio.ui.corrections import CORRECTIONS, corrected
from tests.web.conftest import TIMEOUT, until

pytestmark = pytest.mark.browser

COUNTING = """
  window.frames_asked = 0;
  const ask = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (call) => { window.frames_asked += 1; return ask(call); };
"""


def test_an_idle_page_asks_for_no_frames(open_page: Any) -> None:
    if not any(corrected(name) for name in CORRECTIONS):
        pytest.skip("another version of Gradio: it is served as it comes")
    first = open_page()
    page, asked = first.context.new_page(), []
    page.add_init_script(COUNTING)
    page.set_default_timeout(TIMEOUT)
    page.goto(first.url)
    page.wait_for_selector(".cs-header")
    first.close()

    def still() -> bool:
        before = page.evaluate("frames_asked")
        page.wait_for_timeout(1_000)
        return bool(page.evaluate("frames_asked") - before < 5)

    until(still)
    page.on("request", lambda request: asked.append(request.url))
    before = page.evaluate("frames_asked")
    page.wait_for_timeout(5_000)
    assert page.evaluate("frames_asked") - before < 20
    news = [url for url in asked if "/scripts/" not in url]  # modules are fetched once, at rest
    assert len(news) <= 6, news
