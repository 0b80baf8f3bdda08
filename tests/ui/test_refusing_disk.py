"""The page on a disk that takes no writes: images are seen, uploads say what is wrong."""

from __future__ import annotations

import asyncio
import base64
import errno
import io
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from studio.ui import answer_headers, door
from studio.ui.thumbs import Thumbnails
from tests import failpoint


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_thumbnail_needs_no_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    image = tmp_path / "0.png"
    Image.new("RGB", (200, 100), (200, 30, 60)).save(image)

    def refusing(operation: str, path: Path) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(failpoint, "reached", refusing)
    shown = str(Thumbnails(tmp_path / "cache").of(image, 64))
    head, _, data = shown.partition(",")
    assert head == "data:image/webp;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (64, 32)
    assert f"img-src 'self' {head.partition(':')[0]}:" in answer_headers.PAGE_POLICY, (
        "the page may show it"
    )
    monkeypatch.undo()
    assert Path(Thumbnails(tmp_path / "cache").of(image, 64)).is_file()


def test_a_log_that_cannot_be_written_stays_silent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from studio.ui.app import _LogFile

    handler = _LogFile(tmp_path / "not there" / "studio.log", delay=True)
    handler.emit(logging.LogRecord("studio", logging.ERROR, "x.py", 1, "said", None, None))
    handler.close()
    assert capsys.readouterr() == ("", "")


def answered(error: BaseException | None) -> tuple[int, str]:
    """What an upload is answered whose handler fails as Gradio's does: with 500, then its error."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        status = 200 if error is None else 500
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"as it was"})
        if error is not None:
            raise error

    async def send(message: Any) -> None:
        sent.append(message)

    # in a thread of its own: the browser tests leave a loop running in this one
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, door._storing(app, {}, None, send)).result()  # type: ignore[arg-type]
    return sent[0]["status"], b"".join(m.get("body", b"") for m in sent).decode()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.ENOSPC, "the disk is full"), (errno.EROFS, "read-only"),
        (errno.EACCES, "permission was denied"), (errno.EDQUOT, "quota"),
        (errno.EIO, "disk reported an error"), (errno.ENAMETOOLONG, "name is too long"),
    ],
)  # fmt: skip
def test_an_upload_that_finds_no_room_says_so(code: int, said: str) -> None:
    status, text = answered(OSError(code, os.strerror(code), "/somewhere/secret"))
    assert status == 507 and said in text and "Nothing was changed" in text
    assert "secret" not in text


def test_other_answers_pass_unchanged() -> None:
    assert answered(None) == (200, "as it was")
    with pytest.raises(ZeroDivisionError):
        answered(ZeroDivisionError())
