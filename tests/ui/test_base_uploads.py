"""Sending a base: the two requests, and what is left when one breaks off."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.app import Studio
from studio.core.paths import Workspace
from studio.families import saving
from studio.families.loading import load_base
from studio.ui.base_uploads import CHECK, SEND, BaseUploads
from tests.tiny import make_tiny_sd1


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("model")
    base = load_base(make_tiny_sd1(folder / "tiny"), "cpu")
    saving.save_single(base, folder / "one.safetensors", {}, torch.float32)
    return (folder / "one.safetensors").read_bytes()


@pytest.fixture
def studio(workspace: Path) -> Studio:
    return Studio(Workspace(workspace))


def ask(
    studio: Studio, path: str, size: int, *messages: Any, name: str = "Zo%C3%AB.safetensors"
) -> Any:
    """The answer of one request whose body is made of `messages`: bytes, or None for a lost line."""
    waiting = [
        {"type": "http.disconnect"} if body is None else
        {"type": "http.request", "body": body, "more_body": place < len(messages) - 1}
        for place, body in enumerate(messages)
    ]  # fmt: skip
    sent: list[Any] = []

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def nobody(*_: Any) -> None:
        raise AssertionError("it is ours")

    headers = [(b"x-name", name.encode()), (b"x-size", str(size).encode())]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
    # in a thread of its own: the browser tests leave a loop running in this one
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, BaseUploads(nobody, studio)(scope, receive, send)).result()
    return json.loads(sent[1]["body"])


def test_a_file_is_checked_sent_and_listed(studio: Studio, model: bytes) -> None:
    size = len(model)
    assert ask(studio, CHECK, size, model[:200_000]) == {"ok": True, "data": None}
    answer = ask(studio, SEND, size, model[:70_000], b"", model[70_000:])
    assert answer == {"ok": True, "data": {"name": "Zoë"}}
    assert (studio.workspace.bases / "Zoë.safetensors").read_bytes() == model
    assert "Zoë" in [info.name for info in studio.library.bases()]


@pytest.mark.parametrize(("cut", "words"), [((), "arrived incomplete"), ((None,), "broken off")])
def test_nothing_is_left_of_half_a_file(studio: Studio, model: bytes, cut: Any, words: str) -> None:
    answer = ask(studio, SEND, len(model), model[:70_000], *cut)
    assert words in answer["error"]["what"] and answer["error"]["safe"] == "Nothing was kept."
    assert list(studio.workspace.bases.iterdir()) == []


def test_a_wrong_request_is_answered_in_words(studio: Studio) -> None:
    assert "Only .safetensors" in ask(studio, CHECK, 9, b"x", name="x.bin")["error"]["what"]
    for body in (b"", b"abc"):
        assert not ask(studio, SEND, len(body), body)["ok"]
    assert list(studio.workspace.bases.iterdir()) == []
