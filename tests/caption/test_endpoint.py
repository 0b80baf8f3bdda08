"""Endpoints: what is sent to whom, and that no server can hold, mislead or overfill the studio."""

from __future__ import annotations

import base64
import io
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio import cli
from studio.caption import endpoint as module
from studio.caption import exchange
from studio.caption.address import Address
from studio.caption.captioner import load_captioner, title_of
from studio.caption.endpoint import data_url
from studio.caption.source import AnswerError, Means
from studio.commands import caption as command
from studio.core.access import Access
from studio.core.errors import InputError, Interrupted, SettingsError, UnavailableError
from studio.core.paths import Workspace
from studio.formats.dataset import read_captions
from studio.generation.captions import allowed
from studio.settings.caption import CaptionerSettings
from tests.caption import hostile_endpoint
from tests.caption.hostile_endpoint import Fake
from tests.caption.tiny_models import noise

KEY = "sk-very-secret-123"
IMAGE = noise(300, 200)


@pytest.fixture
def fake() -> Iterator[Fake]:
    with hostile_endpoint.running() as server:
        yield server


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Second tries come at once."""
    plain = exchange.Limits

    def quick(*values: Any, **named: Any) -> exchange.Limits:
        return plain(*values, **{"first_wait": 0.01, **named})

    monkeypatch.setattr(module, "Limits", quick)


def ask(
    fake: Fake, question: str = "", key: str = KEY, means: Means | None = None, **values: Any
) -> str:
    settings = {
        "kind": "endpoint",
        "address": fake.address,
        "model": "llava",
        "timeout": 5,
        **values,
    }
    loaded = load_captioner(CaptionerSettings.parse(settings), means or Means(key=key))
    return loaded.caption([IMAGE], [question] if question else [])[0]


def test_one_small_jpeg_and_the_question_are_sent(fake: Fake):
    fake.text = "<think>hm</think> a  cat\n"
    assert ask(fake, "What is it?", image_side=64, max_tokens=7) == "a cat"
    (asked,) = fake.asked
    assert fake.paths == ["/v1/chat/completions"] and asked["max_tokens"] == 7
    assert fake.headers[0]["Authorization"] == f"Bearer {KEY}" and asked["model"] == "llava"
    text, image = asked["messages"][0]["content"]
    assert text == {"type": "text", "text": "What is it?"}
    sent = image["image_url"]["url"].removeprefix("data:image/jpeg;base64,")
    seen = Image.open(io.BytesIO(base64.b64decode(sent)))
    assert seen.format == "JPEG" and seen.size == (64, 43) and not seen.getexif()
    fake.text = [{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}]
    assert ask(fake, key="") == "in parts" and "Authorization" not in fake.headers[1]


def test_a_model_that_knows_the_length_by_another_name(fake: Fake):
    fake.plan = ["newer", "good"]
    assert ask(fake, max_tokens=9) == "a cat on a mat"
    assert fake.asked[1]["max_completion_tokens"] == 9 and "temperature" not in fake.asked[1]
    fake.plan = ["newer"]
    with pytest.raises(SettingsError, match="max_completion_tokens"):
        ask(fake)


def test_what_is_sent_stays_small(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST_SENT", 3000)
    noise = np.random.default_rng(0).integers(0, 255, (400, 400, 3), dtype=np.uint8)
    url = data_url(Image.fromarray(noise), 400)
    assert len(url) < 4100 and data_url(Image.new("RGBA", (9, 9)), 64).startswith("data:image/jpeg")


@pytest.mark.parametrize(
    ("plan", "tries"),
    [(["429", "good"], 2), (["wait 0", "503", "good"], 3), (["cut", "500", "no http", "good"], 4)],
)
def test_a_server_that_is_busy_is_asked_again(fake: Fake, plan: list[str], tries: int):
    fake.plan = plan
    assert ask(fake) == "a cat on a mat" and len(fake.asked) == tries


@pytest.mark.parametrize(
    ("plan", "error", "what"),
    [
        ("401", SettingsError, "does not accept the key"),
        ("404", SettingsError, "refuses the question"),
        ("413", AnswerError, "too large"),
        ("502", UnavailableError, "gives no answer"),
        ("418", UnavailableError, "gives no answer"),
        ("wait 3600", UnavailableError, "wants 3,600 seconds"),
        ("no http", UnavailableError, "not HTTP"),
        ("redirect away", SettingsError, "sends elsewhere"),
        ("endless", AnswerError, "too long"),
        ("long", AnswerError, "too long"),
        ("deep", AnswerError, "no chat completion"),
        ("raw ", AnswerError, "no chat completion"),
        ("raw <html>Sign in</html>", AnswerError, "no chat completion"),
        ('raw {"choices": []}', AnswerError, "no chat completion"),
        ('raw {"choices": [{"message": {"content": 7}}]}', AnswerError, "no chat completion"),
        ('raw {"choices": [{"message": {"content": [7]}}]}', AnswerError, "no chat completion"),
        ("raw [1, NaN]", AnswerError, "no chat completion"),
        ("quotes the key", AnswerError, "quotes the key"),
    ],
)
def test_a_server_that_fails_or_means_ill(
    fake: Fake, plan: str, error: type[Exception], what: str, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    with hostile_endpoint.running() as other:
        fake.plan, fake.elsewhere = [plan], other.address
        with pytest.raises(error, match=what) as caught:
            ask(fake)
        assert not other.asked, "the image was sent to another host"
    said = str(caught.value)
    assert Address.parse(fake.address).host in said and len(said) < 700
    assert KEY not in said + caplog.text and "\x1b" not in said


def test_a_redirect_within_the_host_is_followed_and_not_for_ever(fake: Fake):
    fake.plan = ["redirect here", "good"]
    assert ask(fake) == "a cat on a mat" and fake.paths[1] == "/moved"
    fake.plan = ["redirect here"]
    with pytest.raises(AnswerError, match="in circles"):
        ask(fake)


@pytest.mark.parametrize("plan", ["silent", "drip"])
def test_no_server_takes_longer_than_it_may(fake: Fake, plan: str, monkeypatch):
    monkeypatch.setattr(exchange, "MOST_TRIES", 1)
    fake.plan = [plan]
    begun = time.monotonic()
    with pytest.raises(UnavailableError, match="No answer came within"):
        ask(fake, timeout=0.4)
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("plan", ["silent", "drip", "wait 30"])
def test_cancelling_ends_a_wait_at_once(fake: Fake, plan: str):
    fake.plan = [plan]
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    begun = time.monotonic()
    with pytest.raises(Interrupted):
        ask(fake, means=Means(cancelled=stop.is_set), timeout=60)
    assert time.monotonic() - begun < 5


def test_nobody_there(fake: Fake):
    with pytest.raises(UnavailableError, match="Nothing answers"):
        load_captioner(
            CaptionerSettings(kind="endpoint", address="http://127.0.0.1:1", model="m")
        ).caption([IMAGE])
    with pytest.raises(SettingsError, match="No model is named"):
        load_captioner(CaptionerSettings(kind="endpoint", address=fake.address))
    with pytest.raises(SettingsError, match="no key has"):
        ask(fake, key="a\r\nHost: evil")
    assert not fake.asked


@pytest.mark.parametrize(
    ("text", "host", "path", "said"),
    [
        ("localhost:11434", "localhost:11434", "/v1/chat/completions", "on this machine"),
        ("http://[::1]:8000/v1/", "[::1]:8000", "/v1/chat/completions", "on this machine"),
        ("https://api.x.org/openai", "api.x.org", "/openai/chat/completions", "(encrypted)"),
        (
            "http://10.0.0.7/v1/chat/completions?v=2",
            "10.0.0.7",
            "/v1/chat/completions?v=2",
            "NOT encr",
        ),
    ],
)
def test_addresses(text: str, host: str, path: str, said: str):
    address = Address.parse(text)
    assert (address.host, address.path) == (host, path) and said in address.sentence()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ftp://x/v1",
        "http://",
        "http://user:key@x/",
        "http://x/\r\ny",
        "http://x:99999",
        "a b",
        "https://x/v1?api_key=abc",
    ],
)
def test_what_is_no_address(text: str):
    with pytest.raises(SettingsError):
        Address.parse(text)


def test_over_a_link_only_the_workspaces_own_endpoint_is_asked(tmp_path: Path):
    workspace = Workspace(tmp_path / "w")
    own = CaptionerSettings(kind="endpoint", address="http://localhost:11434/v1", model="llava")
    assert allowed(own, workspace) == own
    workspace.access = Access.over_a_link()
    with pytest.raises(InputError, match="caption_endpoint"):
        allowed(own, workspace)
    workspace.root.mkdir(exist_ok=True)
    (workspace.root / "settings.toml").write_text(
        'caption_endpoint = "http://localhost:11434/v1"\n'
    )
    assert allowed(own, workspace) == own
    outside = CaptionerSettings(kind="model", model=str(tmp_path))
    with pytest.raises(InputError):
        allowed(outside, workspace)


def test_the_command_says_the_host_first_and_keeps_the_key_to_itself(
    images: Path, tmp_path: Path, fake: Fake, capsys, monkeypatch
):
    monkeypatch.setenv(command.KEY_VARIABLE, KEY)
    place = ["--workspace", str(tmp_path / "workspace")]
    asked = [
        "--endpoint",
        fake.address,
        "--endpoint-model",
        "llava",
        "--question",
        "Is {name} a cat?",
    ]
    host = Address.parse(fake.address).host
    assert cli.main(["caption", str(images), *asked, "--preview", "2", *place]) == 0
    shown = capsys.readouterr()
    assert "would: a cat on a mat" in shown.out and len(fake.asked) == 2
    assert shown.err.startswith(f"Images are sent to {host}, on this machine.")
    assert set(read_captions(images).values()) == {None}
    fake.text = "a dog on a log"
    assert (
        cli.main(["caption", str(images), *asked, "--answer", "{trigger}, {caption}", *place]) == 0
    )
    assert set(read_captions(images).values()) == {"a dog on a log"}
    questions = {row["messages"][0]["content"][0]["text"] for row in fake.asked}
    assert {"Is 1 a cat?", "Is 10 a cat?"} <= questions
    written = [p.read_bytes() for p in (tmp_path / "workspace").rglob("*") if p.is_file()]
    assert written and not any(KEY.encode() in data for data in written)
    assert KEY not in shown.out + shown.err + capsys.readouterr().err
    settings = CaptionerSettings(kind="endpoint", address=fake.address, model="llava")
    assert title_of(settings) == f"Endpoint llava at {host}"


def test_the_command_continues_what_was_stopped(images: Path, tmp_path: Path, fake: Fake, capsys):
    place = ["--workspace", str(tmp_path / "workspace"), "--json"]
    asked = ["--endpoint", fake.address, "--endpoint-model", "llava", "--only", "append"]
    fake.plan = ["good", "good", "404"]
    assert cli.main(["caption", str(images), *asked, *place]) == 2
    assert len([text for text in read_captions(images).values() if text]) == 2
    fake.plan = ["good"]
    capsys.readouterr()
    assert cli.main(["caption", str(images), "--resume", *place]) == 0
    assert list(read_captions(images).values()) == ["a cat on a mat"] * 5
    assert '"by": "Endpoint llava at 127.0.0.1' in capsys.readouterr().out
    assert cli.main(["caption", str(images), "--resume", *place]) == 2
    assert "no captioning to continue" in capsys.readouterr().err
