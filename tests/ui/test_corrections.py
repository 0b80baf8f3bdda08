"""Gradio's own scripts are served with their corrections, and unchanged where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gradio
import pytest

from studio.ui import corrections
from tests.ui.test_door import Client, served

ASSETS = Path(gradio.__file__).parent / "templates" / "frontend" / "assets"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    for server in served(tmp_path_factory.mktemp("corrections"), None):
        yield Client(server)


@pytest.mark.parametrize("name", corrections.CORRECTIONS)
def test_a_file_is_served_with_its_correction_alone(client: Client, name: str) -> None:
    if not (ASSETS / name).is_file():
        pytest.skip("another version of Gradio")
    before, after = corrections.CORRECTIONS[name]
    served, own = client.ask("GET", f"/assets/{name}"), (ASSETS / name).read_text("utf-8")
    assert served.status == 200 and served.header("content-type").startswith("text/javascript")
    assert served.body.decode() == own.replace(before, after) != own


def test_all_other_files_are_gradio_s_own(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    other = next(
        file for file in sorted(ASSETS.glob("*.js")) if file.name not in corrections.CORRECTIONS
    )
    assert client.ask("GET", f"/assets/{other.name}").body == other.read_bytes()
    assert client.ask("GET", "/assets/..%2f..%2f..%2findex.js").status in (403, 404)
    monkeypatch.setattr(
        corrections, "CORRECTIONS", {"no-such.js": ("a", "b"), other.name: ("\0", "b")}
    )
    corrections.corrected.cache_clear()
    assert corrections.corrected("no-such.js") is None, "it is not there"
    assert corrections.corrected(other.name) is None, "it is another than was corrected"
    corrections.corrected.cache_clear()
