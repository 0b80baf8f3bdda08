"""An OpenAI-compatible endpoint that a person named: Ollama, LM Studio, vLLM and others.

Owns: what is sent (one small JPEG and a question at a time), and what of an answer is a caption.
Refuses to know: connections (`caption.exchange`), folders of images, captions on disk.

The key goes into one header of one host. It is in no setting, record, log or error: an answer or a
refusal that quotes it has it taken out.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from studio.caption.address import Address
from studio.caption.asking import QUESTION
from studio.caption.exchange import Limits, Reply, post
from studio.caption.in_and_out import opaque, plain
from studio.caption.source import AnswerError, Means
from studio.core.counts import counted
from studio.core.errors import SettingsError, UnavailableError
from studio.core.names import printable
from studio.core.text import TextError, parse_json
from studio.settings.caption import CaptionerSettings

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_SENT = 4_000_000
"""Bytes of a JPEG; a larger one is made smaller until it is not."""
MOST_LETTERS = 20_000
"""Of a caption."""
_NEWER = b"max_completion_tokens"
_QUALITIES = (90, 80, 65, 50)


class Endpoint:
    """A server that is asked about one image after the other."""

    def __init__(self, settings: CaptionerSettings, means: Means) -> None:
        self.address = Address.parse(settings.address)
        self.settings, self._key = settings, means.key.strip()
        self._newer = False
        self.limits = Limits(settings.timeout, cancelled=means.cancelled)
        if not settings.model.strip():
            raise SettingsError(
                "No model is named for the endpoint",
                where=self.address.host,
                remedy="Give the name that the server knows it by, such as llava.",
            )
        if not self._key.isascii() or not self._key.isprintable():
            raise SettingsError(
                "This key holds characters that no key has", remedy="Copy the key again."
            )

    @classmethod
    def load(cls, settings: CaptionerSettings, means: Means) -> Self:
        """Nothing is sent yet. Raises SettingsError."""
        return cls(settings, means)

    def caption(self, images: Sequence[Image], questions: Sequence[str] = ()) -> list[str]:
        """One answer per image. Raises AnswerError when there is none for an image, SettingsError when
        the server refuses the question, UnavailableError when it cannot be had, and Interrupted."""
        texts = list(questions) or [""] * len(images)
        return [self._ask(*pair) for pair in zip(images, texts, strict=True)]

    def _ask(self, image: Image, question: str) -> str:
        content: list[dict[str, Any]] = [
            {"type": "text", "text": question or QUESTION},
            {"type": "image_url", "image_url": {"url": data_url(image, self.settings.image_side)}},
        ]
        reply = self._post(content)
        if reply.status == 400 and _NEWER in reply.body and not self._newer:
            self._newer = True
            reply = self._post(content)
        if reply.status != 200:
            raise self._refused(reply)
        return self._words(reply.body)

    def _post(self, content: list[dict[str, Any]]) -> Reply:
        length = {"max_tokens": self.settings.max_tokens, "temperature": 0}
        if self._newer:  # some models know the length by another name, and no temperature
            length = {_NEWER.decode(): self.settings.max_tokens}
        body = {
            "model": self.settings.model.strip(),
            "messages": [{"role": "user", "content": content}],
            "stream": False,
            **length,
        }
        headers = {"Content-Type": "application/json", "User-Agent": "concept-studio"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        return post(self.address, json.dumps(body).encode(), headers, self.limits)

    def _words(self, body: bytes) -> str:
        try:
            found: Any = parse_json(body)
            text = found["choices"][0]["message"]["content"]
            if isinstance(text, list):
                text = "".join(part["text"] for part in text if part.get("type") == "text")
            if not isinstance(text, str):
                raise TypeError("it is no text")
        except (TextError, UnicodeError, LookupError, TypeError, AttributeError) as error:
            raise AnswerError(
                "The endpoint's answer is no chat completion",
                where=self.address.host,
                why=f"It begins with: {self._quoted(body[:80])}",
                remedy="Check that the address is that of an OpenAI-compatible server.",
            ) from error
        text = plain(text)
        if len(text) > MOST_LETTERS:
            raise AnswerError(
                "The endpoint's answer is too long for a caption",
                where=self.address.host,
                why=f"It has {counted(len(text), 'character')}.",
            )
        if self._key and self._key in text:
            raise AnswerError("The endpoint's answer quotes the key", where=self.address.host)
        return text

    def _refused(self, reply: Reply) -> SettingsError | UnavailableError | AnswerError:
        told = self._message(reply.body)
        why = f"It answered {reply.status}" + (f": {told}" if told else ".")
        if reply.status in (401, 403):
            return SettingsError(
                "The endpoint does not accept the key" if self._key else "The endpoint wants a key",
                where=self.address.host, why=why, remedy="Give the right key.",
            )  # fmt: skip
        if reply.status in (400, 404, 405, 422):
            return SettingsError(
                "The endpoint refuses the question",
                where=self.address.host, why=why,
                remedy="Check the address and the model's name, and that the model sees images.",
            )  # fmt: skip
        if reply.status == 413:
            return AnswerError(
                "The image is too large for the endpoint", where=self.address.host, why=why
            )
        return UnavailableError(
            "The endpoint gives no answer",
            where=self.address.host, why=why, remedy="Look at the server's own log, then continue.",
            safe="Captions written so far are kept.",
        )  # fmt: skip

    def _message(self, body: bytes) -> str:
        """What the server says is wrong, in at most a sentence."""
        try:
            found: Any = parse_json(body)
            error = found.get("error", found)
            told = error.get("message") if isinstance(error, dict) else error
        except (TextError, UnicodeError, AttributeError):
            return ""
        return self._quoted(told.encode("utf-8", "replace")) if isinstance(told, str) else ""

    def _quoted(self, data: bytes) -> str:
        """Foreign words as they may be shown: short, printable, without the key."""
        text = data.decode("utf-8", "replace")
        if self._key:
            text = text.replace(self._key, "…")
        return printable(" ".join(text.split()))[:200]


def data_url(image: Image, side: int) -> str:
    """An image as a JPEG of at most this side and `MOST_SENT` bytes, in an address."""
    image = opaque(image)
    image.thumbnail((side, side))
    for quality in _QUALITIES * 4:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        if buffer.tell() <= MOST_SENT:
            break
        if quality == _QUALITIES[-1]:
            image = image.resize((max(1, image.width // 2), max(1, image.height // 2)))
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
