"""Voters are served pixels and tokens, whatever they ask; nothing is lost, nothing betrays a column."""

from __future__ import annotations

import errno
import io
import json
import shutil
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from studio.app import Studio
from studio.compare.vote.plan import plan
from studio.compare.vote.votes import VOTES_FILE, read_ballots
from studio.core.errors import BusyError, FileError, InputError, MissingError, StorageError
from studio.core.paths import Workspace
from studio.formats.image_write import save_png
from studio.generation.votes import Votes
from studio.ui.components.vote import VoteCalls
from tests import failpoint
from tests.voting import LABELS, compared, generated

WHO = ("Anna", "prefer")
NONSENSE: list[object] = [None, 7, "x", [], {}, {"id": 3}, {"id": "shapes", "voter": {"a": 1}}]


@pytest.fixture
def empty(workspace: Path) -> Studio:
    return Studio(Workspace(workspace))


@pytest.fixture
def votes(empty: Studio) -> Votes:
    return empty.generation.votes


def chunks(png: bytes) -> list[bytes]:
    found, place = [], 8
    while place < len(png):
        (size,) = struct.unpack(">I", png[place : place + 4])
        found.append(png[place + 4 : place + 8])
        place += 12 + size
    return found


def test_a_voter_gets_pixels_and_tokens_until_nothing_is_left(empty: Studio, votes: Votes) -> None:
    made = compared(empty.workspace.comparisons, 2)
    assert votes.start(made.id, *WHO).left == 6
    seen: set[str] = set()
    pixels = {
        generated(column, prompt, seed).tobytes(): column
        for column in (0, 1) for prompt in range(3) for seed in (1, 2)
    }  # fmt: skip
    for number in range(6):
        pair = votes.pair(made.id, *WHO)
        assert pair is not None and pair.token not in seen
        seen.add(pair.token)
        for png in (pair.left, pair.right):
            assert set(chunks(png)) == {b"IHDR", b"IDAT", b"IEND"}
        columns = [pixels[Image.open(io.BytesIO(png)).tobytes()] for png in (pair.left, pair.right)]
        votes.vote(made.id, *WHO, pair.token, "left" if columns[0] == 1 else "right")
        assert votes.progress(made.id, *WHO).done == number + 1
    assert votes.pair(made.id, *WHO) is None
    votes.end(made.id, *WHO)
    found = votes.result(made.id, "prefer", "Anna")
    assert found.strengths[0].name == LABELS[1] and found.strengths[0].wins == 6
    assert [(voter.name, voter.lefts) for voter in found.voters] == [("Anna", 3)]


def test_the_next_pair_is_had_before_the_vote_and_undo_brings_one_back(
    empty: Studio, votes: Votes
) -> None:
    made = compared(empty.workspace.comparisons, 2)
    votes.start(made.id, *WHO)
    first = votes.pair(made.id, *WHO)
    assert first is not None
    second = votes.pair(made.id, *WHO, [first.token])
    assert second is not None and second.token != first.token
    votes.vote(made.id, *WHO, first.token, "bad")
    assert votes.pair(made.id, *WHO) == second
    assert votes.undo(made.id, *WHO) == first
    assert votes.progress(made.id, *WHO).done == 0
    with pytest.raises(InputError, match="no vote to take back"):
        votes.undo(made.id, *WHO)


def test_a_restart_changes_neither_order_nor_tokens(empty: Studio, votes: Votes) -> None:
    made = compared(empty.workspace.comparisons, 2)
    votes.start(made.id, *WHO)
    again = Studio(Workspace(empty.workspace.root)).generation.votes
    assert again.pair(made.id, *WHO) == votes.pair(made.id, *WHO)


def test_names_are_seen_only_after_the_end(empty: Studio, votes: Votes) -> None:
    made = compared(empty.workspace.comparisons, 2)
    votes.start(made.id, *WHO)
    with pytest.raises(InputError, match="still voting"):
        votes.result(made.id, "prefer", "anna")
    votes.end(made.id, *WHO)
    assert votes.result(made.id, "prefer", "Anna").votes == 0


def test_the_stop_rule_ends_the_vote(empty: Studio, votes: Votes) -> None:
    made = compared(empty.workspace.comparisons, 2, 3, (1, 2, 3))
    votes.start(made.id, *WHO)
    order = read_ballots(made.folder).of(*WHO).order  # type: ignore[arg-type, union-attr]
    for number, shown in enumerate(plan(made, order), 1):
        assert not votes.progress(made.id, *WHO).decided
        votes.vote(made.id, *WHO, shown.token, "left" if shown.left == 0 else "right")
        if number == 7:
            break
    assert votes.progress(made.id, *WHO).decided
    found = votes.result(made.id, "prefer", "Anna")  # an answer: no need to end first
    assert found.verdict[0] == f"{LABELS[0]} is better than {LABELS[1]}: preferred in 7 of 7."
    assert votes.invitation(made.id).decided == ("prefer",)


def test_one_name_in_two_browsers_is_asked_about_and_loses_nothing(
    empty: Studio, votes: Votes
) -> None:
    made = compared(empty.workspace.comparisons, 2)
    votes.start(made.id, *WHO)
    pair = votes.pair(made.id, *WHO)
    assert pair is not None
    votes.vote(made.id, *WHO, pair.token, "left")
    with pytest.raises(BusyError, match="under this name: 1"):
        votes.start(made.id, " ANNA ", "prefer")
    joined = votes.start(made.id, "anna", "prefer", again=True)
    assert (joined.voter, joined.done) == ("Anna", 1)
    votes.vote(made.id, *WHO, pair.token, "right")  # the same pair in both: the last one counts
    (ballot,) = list(read_ballots(made.folder))
    assert len(ballot.votes) == 1
    assert votes.start(made.id, "Anna", "subject").done == 0  # another question is another vote


def test_what_cannot_be_voted_on_says_why(empty: Studio, votes: Votes) -> None:
    alone = compared(empty.workspace.comparisons, 1, name="alone")
    with pytest.raises(InputError, match="only one column"):
        votes.invitation(alone.id)
    apart = compared(empty.workspace.comparisons, 2, 1, (1,), name="apart")
    file = Path(apart.folder) / "comparison.json"
    record = json.loads(file.read_text())
    record["cells"] = record["cells"][:1]
    file.write_text(json.dumps(record))
    with pytest.raises(InputError, match="nothing to vote on"):
        votes.start(apart.id, *WHO)
    for nobody in ("", "..", "nowhere", "a/b", "x" * 300):
        with pytest.raises(MissingError):
            votes.invitation(nobody)


def test_a_comparison_that_is_deleted_meanwhile_is_said_and_not_made_again(
    empty: Studio, votes: Votes
) -> None:
    made = compared(empty.workspace.comparisons, 2)
    votes.start(made.id, *WHO)
    pair = votes.pair(made.id, *WHO)
    assert pair is not None
    trashed = empty.generation.comparisons.delete(made.id)
    with pytest.raises(MissingError, match="not there any more") as told:
        votes.vote(made.id, *WHO, pair.token, "left")
    assert "trash" in str(told.value)
    assert not Path(made.folder).exists() and (trashed / VOTES_FILE).is_file()
    shutil.move(trashed, made.folder)
    votes.vote(made.id, *WHO, pair.token, "left")
    assert votes.progress(made.id, *WHO).done == 1


def test_a_full_disk_takes_no_vote_and_loses_none(
    empty: Studio, votes: Votes, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = compared(empty.workspace.comparisons, 2)
    votes.start(made.id, *WHO)
    first = votes.pair(made.id, *WHO)
    assert first is not None
    votes.vote(made.id, *WHO, first.token, "left")
    second = votes.pair(made.id, *WHO)
    assert second is not None

    def full(operation: str, path: Path) -> None:
        if path.name == VOTES_FILE and operation == "fsync-log":
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(failpoint, "reached", full)
    with pytest.raises(StorageError, match="disk is full"):
        votes.vote(made.id, *WHO, second.token, "left")
    monkeypatch.undo()
    assert votes.progress(made.id, *WHO).done == 1
    assert votes.pair(made.id, *WHO) == second
    votes.vote(made.id, *WHO, second.token, "left")
    assert votes.progress(made.id, *WHO).done == 2


def test_people_who_begin_at_the_same_moment_are_one_voter_only_once(
    empty: Studio, votes: Votes
) -> None:
    made = compared(empty.workspace.comparisons, 2)

    def begin(_: int) -> bool:
        try:
            votes.start(made.id, *WHO)
        except BusyError:
            return False
        return True

    with ThreadPoolExecutor(8) as people:
        assert sum(people.map(begin, range(8))) == 1
    assert len(list(read_ballots(made.folder))) == 1


def test_damaged_images_are_passed_over_and_equal_ones_are_not_asked_about(
    empty: Studio, votes: Votes
) -> None:
    made = compared(empty.workspace.comparisons, 2, 1, (1, 2, 3))
    folder = Path(made.folder)
    save_png(folder / "cells/c1-p0-s1.png", generated(0, 0, 1), "the same pixels")
    (folder / "cells/c0-p0-s2.png").unlink()
    votes.start(made.id, *WHO)
    pair = votes.pair(made.id, *WHO)
    assert pair is not None
    assert votes.pair(made.id, *WHO, [pair.token]) is None
    votes.vote(made.id, *WHO, pair.token, "equal")
    assert votes.progress(made.id, *WHO).left == 1  # the damaged one; the equal ones are known
    for file in folder.glob("cells/*"):
        file.write_bytes(b"no image")
    with pytest.raises(FileError) as told:
        votes.undo(made.id, *WHO)
    assert "c0" not in str(told.value) and "c1" not in str(told.value)
    assert votes.progress(made.id, *WHO).done == 1


def test_images_of_two_sizes_do_not_tell_which_is_which(empty: Studio, votes: Votes) -> None:
    made = compared(empty.workspace.comparisons, 2, 1, (1,))
    large = Image.new("RGBA", (90, 60), "red")
    large.save(Path(made.folder) / "cells/c1-p0-s1.png")
    votes.start(made.id, *WHO)
    pair = votes.pair(made.id, *WHO)
    assert pair is not None
    sizes = {Image.open(io.BytesIO(png)).size for png in (pair.left, pair.right)}
    assert sizes == {(24, 24)}


def test_references_are_shown_small_and_never_from_elsewhere(empty: Studio, votes: Votes) -> None:
    folder = empty.workspace.datasets / "held-out"
    folder.mkdir()
    for seed in range(6):
        generated(0, 0, seed, side=400).save(folder / f"{seed}.png")
    (folder / "0.png").write_bytes(b"broken")
    made = compared(empty.workspace.comparisons, 2, reference=str(folder))
    found = votes.references(made.id)
    assert len(found) == 4
    assert Image.open(io.BytesIO(found[0])).size == (256, 256)
    shutil.rmtree(folder)
    assert votes.references(made.id) == []
    plain = compared(empty.workspace.comparisons, 2, name="plain")
    assert votes.references(plain.id) == []


def test_whatever_json_a_page_sends_is_refused_in_words(empty: Studio, votes: Votes) -> None:
    made = compared(empty.workspace.comparisons, 2)
    calls = VoteCalls(votes)
    me = {"id": made.id, "voter": "Anna", "question": "prefer"}
    calls.start({"id": made.id, "name": "Anna", "question": "prefer", "again": False})
    pair = calls.pair({**me, "waiting": [7, None, {}]})
    assert pair is not None and set(pair) == {"token", "prompt", "left", "right"}
    for call in (
        calls.invitation, calls.start, calls.pair, calls.cast, calls.undo, calls.end, calls.result,
    ):  # fmt: skip
        for nonsense in NONSENSE:
            with pytest.raises((InputError, MissingError)):
                call(nonsense)
    for nonsense in (*NONSENSE[:4], {"id": "/"}):
        with pytest.raises((InputError, MissingError)):
            calls.references(nonsense)
    cast = {**me, "token": pair["token"], "side": "left"}
    for wrong in (
        {"token": "0" * 32}, {"token": ""}, {"token": "é"}, {"side": "up"}, {"voter": "Nobody"},
        {"question": "<b>"}, {"voter": "x" * 20_001}, {"id": "../" + made.id},
    ):  # fmt: skip
        with pytest.raises((InputError, MissingError)):
            calls.cast({**cast, **wrong})
    assert calls.cast(cast)["done"] == 1
