"""Votes on disk, the order in which a voter sees pairs, and what comes out."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from studio.compare.record import Comparison
from studio.compare.vote.agreement import agreements, kendall_tau_b, wilson
from studio.compare.vote.plan import Shown, next_ones, plan, possible, token
from studio.compare.vote.result import VoteResult, report_rows, result
from studio.compare.vote.votes import (
    VOTES_FILE,
    Choice,
    ImagePair,
    Line,
    Vote,
    question_of,
    read_ballots,
    voter_name,
    write_line,
)
from studio.core.errors import InputError
from tests.voting import LABELS, compared


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Three columns, four prompts, three seeds; nobody writes to it."""
    return compared(tmp_path_factory.mktemp("votes"), 3, 4, (1, 2, 3))


def line(kind: str, voter: str = "Anna", **more: Any) -> Line:
    return Line(kind=kind, voter=voter, question="prefer", **more)  # type: ignore[arg-type]


def vote(pair: ImagePair, choice: Choice = "a", voter: str = "Anna") -> Line:
    a, b, prompt, seed = pair
    return line("vote", voter, a=a, b=b, prompt=prompt, seed=seed, choice=choice, left=a)


def outcome(folder: Path, comparison: Comparison, lines: list[Line]) -> VoteResult:
    for one in lines:
        write_line(folder, one)
    return result(comparison, read_ballots(folder), "prefer")


def test_later_votes_replace_and_undo_takes_the_last_one_back(tmp_path: Path) -> None:
    first, second = ImagePair(0, 1, 0, 1), ImagePair(0, 1, 0, 2)
    for one in (line("voter", order="x"), vote(first), vote(second), vote(first, "b")):
        write_line(tmp_path, one)
    ballot = read_ballots(tmp_path).of("anna", "prefer")  # a name is the same in small letters
    assert ballot is not None and ballot.order == "x"
    assert [(one.pair, one.choice) for one in ballot.votes.values()] == [
        (second, "a"),
        (first, "b"),
    ]
    write_line(tmp_path, line("undo"))
    write_line(tmp_path, line("ended"))
    ballot = read_ballots(tmp_path).of("Anna", "prefer")
    assert ballot is not None and list(ballot.votes) == [second] and ballot.ended
    write_line(tmp_path, vote(first))
    assert not read_ballots(tmp_path).of("Anna", "prefer").ended  # type: ignore[union-attr]


def test_damaged_and_torn_lines_are_passed_over_and_nothing_else(tmp_path: Path) -> None:
    pair = ImagePair(0, 1, 0, 1)
    write_line(tmp_path, vote(pair, voter="A"))
    file = tmp_path / VOTES_FILE
    whole = file.read_bytes()
    hostile: list[object] = [
        [], 7, "x", None, {"kind": "vote"}, {"kind": "boom", "voter": "B", "question": "prefer"},
        {"kind": "vote", "voter": ["B"], "question": "prefer"},
        {"kind": "vote", "voter": "B", "question": "prefer", "a": "0", "choice": "c"},
        {"kind": "undo", "voter": "C", "question": "prefer"},
    ]  # fmt: skip
    text = b"".join(json.dumps(one).encode() + b"\n" for one in hostile)
    file.write_bytes(whole + text + b"\xff\xfe\0\n" + whole[: len(whole) // 2])
    write_line(tmp_path, vote(pair, "b", voter="D"))  # begins a line of its own
    found = {ballot.voter: list(ballot.votes.values()) for ballot in read_ballots(tmp_path)}
    assert [one.choice for one in found["A"]] == ["a"] and [one.choice for one in found["D"]] == [
        "b"
    ]
    assert not found.get("B") and not found.get("C")
    assert list(read_ballots(tmp_path / "nowhere")) == []


def test_names_and_questions_are_checked() -> None:
    assert voter_name("  Ann   a ") == "Ann a"
    assert voter_name("Zoë 🐟") == "Zoë 🐟"
    for name in ("", "   ", "x" * 41, "a\u202eb", "a\0b"):
        with pytest.raises(InputError):
            voter_name(name)
    assert question_of("subject") == "subject"
    with pytest.raises(InputError):
        question_of("<b>")


def test_the_order_is_balanced_and_the_same_every_time(comparison: Comparison) -> None:
    planned = plan(comparison, "anna's")
    assert planned == plan(comparison, "anna's") != plan(comparison, "ben's")
    assert len({one.pair for one in planned}) == len(planned) == 3 * 4 * 3
    for start in range(0, len(planned), 3):  # every two columns once in each round
        assert len({one.pair[:2] for one in planned[start : start + 3]}) == 3
    for columns in possible(comparison):
        own = [one for one in planned if one.pair[:2] == columns]
        sides = Counter(one.left for one in own)
        assert set(sides.values()) == {6}
        assert all(before.left != after.left for before, after in list(pairwise(own))[::2])
        assert {one.pair.prompt for one in own[:4]} == {0, 1, 2, 3}  # each prompt before any again


def test_tokens_belong_to_one_voter_and_tell_nothing(comparison: Comparison) -> None:
    anna, ben = plan(comparison, "a" * 32), plan(comparison, "b" * 32)
    tokens = {one.token for one in (*anna, *ben)}
    assert len(tokens) == len(anna) + len(ben)
    assert all(len(one) == 32 and set(one) <= set("0123456789abcdef") for one in tokens)
    assert token("x", ImagePair(0, 1, 2, 3)) != token("x", ImagePair(0, 1, 23, 3))


def test_what_tells_most_comes_first(comparison: Comparison) -> None:
    planned = plan(comparison, "x")
    voted = {planned[0].pair}
    seen = {one.pair for one in planned[:4]}
    found = next_ones(planned, voted, seen, {(0, 1)})
    assert len(found) == len(planned) - 1
    decided = [one.pair[:2] == (0, 1) for one in found]
    assert decided == sorted(decided)
    first = [one for one in found if one.pair[:2] != (0, 1)]
    shown = [one.pair in seen for one in first]
    assert shown == sorted(shown) and any(shown)


def test_columns_without_common_images_and_damaged_cells_make_no_pairs(
    comparison: Comparison,
) -> None:
    assert plan(comparison.changed(cells=comparison.cells[:1]), "x") == []
    assert plan(comparison.changed(columns=comparison.columns[:1]), "x") == []
    odd = comparison.cells[0].changed(column=99)
    assert len(plan(comparison.changed(cells=(odd, *comparison.cells[1:])), "x")) == 36 - 2


def by_order(comparison: Comparison, winner: int, many: int) -> list[Line]:
    """Votes of one person for a column, in the order in which pairs are shown."""
    shown: list[Shown] = [one for one in plan(comparison, "x") if winner in one.pair[:2]]
    return [vote(one.pair, "a" if one.pair.a == winner else "b") for one in shown[:many]]


def test_a_clear_winner_is_named_and_the_rest_is_not_decided(
    comparison: Comparison, tmp_path: Path
) -> None:
    found = outcome(tmp_path, comparison, by_order(comparison, 1, 24))
    states = {(one.a, one.b): one.standing.state for one in found.duels}
    assert states == {(0, 1): "second", (0, 2): "open", (1, 2): "first"}
    assert found.verdict[0] == f"{LABELS[1]} is better than {LABELS[0]}: preferred in 12 of 12."
    assert f"{LABELS[0]} and {LABELS[2]}: no votes yet." in found.verdict
    assert found.strengths[0].column == 1 and found.strengths[0].share_low > 0.5
    assert not found.decided and found.votes == 24
    assert found.as_json()["duels"][0]["standing"]["state"] == "second"


def test_ties_and_both_bad_are_counted_apart(comparison: Comparison, tmp_path: Path) -> None:
    pairs = possible(comparison)[0, 1]
    lines = [vote(pair, "bad") for pair in pairs[:5]] + [vote(pair, "equal") for pair in pairs[5:]]
    found = outcome(tmp_path, comparison, lines)
    (duel,) = [one for one in found.duels if (one.a, one.b) == (0, 1)]
    assert (duel.bad, duel.standing.ties, duel.standing.votes) == (5, 7, 7)
    assert duel.standing.state == "exhausted"
    assert duel.sentence == (
        f"{LABELS[0]} and {LABELS[1]} cannot be told apart by 7 pairs, and there are no more: "
        f"0 for {LABELS[0]}, 0 for {LABELS[1]}, 7 no difference."
    )
    assert found.verdict[-1].startswith("5 votes say that both images are bad")
    assert abs(found.strengths[0].value) < 0.01 and found.strengths[0].bad == 5
    (voter,) = found.voters
    assert (voter.votes, voter.ties, voter.bad, voter.lefts) == (12, 7, 5, 0)


def test_several_votes_on_the_same_images_count_as_one(
    comparison: Comparison, tmp_path: Path
) -> None:
    pairs = possible(comparison)[0, 1][:4]
    lines = [vote(pair, voter=name) for name in ("A", "B", "C", "D") for pair in pairs]
    found = outcome(tmp_path / "four", comparison, lines)
    one = outcome(tmp_path / "one", comparison, lines[:4])
    assert found.strengths[0].low == pytest.approx(one.strengths[0].low)
    assert found.duels[0].standing.state == "open" and found.duels[0].standing.first == 4
    assert found.strengths[0].wins == 16


def test_votes_on_columns_that_are_not_there_are_left_out(
    comparison: Comparison, tmp_path: Path
) -> None:
    odd = [
        ImagePair(0, 9, 0, 1),
        ImagePair(1, 0, 0, 1),
        ImagePair(0, 1, 99, 1),
        ImagePair(-1, 0, 0, 1),
    ]
    assert outcome(tmp_path, comparison, [vote(pair) for pair in odd]).votes == 0


def test_a_report_gets_a_row_for_each_question(tmp_path: Path) -> None:
    own = compared(tmp_path, 2)
    assert report_rows(own) == ()
    for one in by_order(own, 0, 4):
        write_line(own.folder, one)
    (row,) = report_rows(own)
    assert (row.question, row.votes, row.voters) == ("Which do you prefer?", 4, 1)
    assert row.columns[0].name == LABELS[0] and "Nothing is decided" in row.verdict[0]
    assert "not decided yet" in row.verdict[1]


def test_rankings_agree_as_kendall_counts() -> None:
    assert kendall_tau_b([1, 2, 3, 4], [1, 2, 3, 4]) == 1
    assert kendall_tau_b([1, 2, 3, 4], [4, 3, 2, 1]) == -1
    assert kendall_tau_b([12, 2, 1, 12, 2], [1, 4, 7, 1, 0]) == pytest.approx(-0.47140452)  # scipy
    assert kendall_tau_b([1, 1, 1], [1, 2, 3]) is None
    assert wilson(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(1, 8) == pytest.approx((0.6756, 1.0), abs=1e-4)


def test_a_measure_is_asked_which_of_two_images_is_better() -> None:
    pairs = [ImagePair(0, 1, prompt, 1) for prompt in range(6)]
    votes = [Vote(pair, "a" if pair.prompt < 5 else "b", 0, at) for at, pair in enumerate(pairs)]
    votes.append(Vote(ImagePair(0, 1, 9, 1), "equal", 0, 9))
    images = {(column, prompt, 1): 0.5 - column / 10 for column in (0, 1) for prompt in range(6)}
    kid, text = "kid", "image_text"
    rows = agreements(
        [0.5, -0.5], {kid: [0.1, 0.3], text: [0.3, None]}, votes, {kid: images, text: images}
    )
    found = {row.measure: row for row in rows}
    assert found[text].share == pytest.approx(5 / 6) and found[text].pairs == 6
    assert found[kid].share == pytest.approx(1 / 6)  # lower is better
    assert found[kid].tau is None and "Too few columns" in found[kid].note
    (row,) = agreements([3, 2, 1, 0], {text: [4, 3, 2, 1]}, [], {}, ordered=False)
    assert row.tau is None and "no two columns" in row.note
    four = agreements([3, 2, 1, 0], {kid: [1, 2, 3, 4], text: [1, 2, 4, 3]}, [], {})
    assert [round(row.tau or 0, 2) for row in sorted(four, key=lambda row: row.measure)] == [
        -0.67,
        1.0,
    ]
