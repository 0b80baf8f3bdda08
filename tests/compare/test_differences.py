"""Columns beside each other: told apart where they differ, and not where they do not; said in words."""

from __future__ import annotations

import numpy as np
import pytest

from studio.compare import verdict
from studio.compare.contrasts import ColumnValues
from studio.compare.differences import Compared, better, paired
from studio.compare.measures import MEASURES
from studio.compare.record import Difference, GroupDifference

PROMPTS, SEEDS = 8, 8
CLUSTERS = {
    "comparison": [np.repeat(np.arange(PROMPTS), SEEDS), np.tile(np.arange(SEEDS), PROMPTS)]
}
N = PROMPTS * SEEDS


def simulated(
    rng: np.random.Generator, means: list[float], noise: float = 0.05, key: str = "image_image"
) -> list[ColumnValues]:
    """Columns that share what a prompt and a seed do to an image, and differ by their means."""
    shared = rng.normal(0, 0.2, PROMPTS)[CLUSTERS["comparison"][0]]
    shared = shared + rng.normal(0, 0.2, SEEDS)[CLUSTERS["comparison"][1]]
    return [ColumnValues({key: shared + mean + rng.normal(0, noise, N)}) for mean in means]


def compared(columns: list[ColumnValues], groups: dict[str, list[int]] | None = None) -> Compared:
    return paired(columns, CLUSTERS, groups)  # type: ignore[arg-type]


def test_pairs_see_what_intervals_of_single_values_do_not():
    found = compared(simulated(np.random.default_rng(0), [0.1, 0.0]))
    (one,) = found.differences
    assert (one.a, one.b, one.n, one.paired, one.told_apart) == (0, 1, N, True, True)
    assert one.low is not None and one.high is not None and 0 < one.low < one.value < one.high
    first, second = (ends["image_image"] for ends in found.intervals)
    assert first and second and first[0] < second[1], "alone their intervals overlap"
    assert found.told_apart == (("image_image",), ())


@pytest.mark.parametrize(("key", "marked"), [("image_image", 0), ("drift", 2)])
def test_a_mark_needs_every_other_column_to_be_told_apart(key, marked):
    rng = np.random.default_rng(1)
    clear = compared(simulated(rng, [0.3, 0.1, 0.0], key=key))
    if key == "drift":  # of ordinary images, one per prompt: independent
        assert all(one.told_apart for one in clear.differences)
    assert [bool(marks) for marks in clear.told_apart] == [place == marked for place in range(3)]
    close = compared(simulated(rng, [0.3, 0.299, 0.0]))
    assert close.told_apart == ((), (), ())


def test_files_that_are_the_same_are_told_apart_at_most_as_often_as_stated():
    """Forty comparisons with noise of their own: the same file twice, and labels without meaning."""
    rng = np.random.default_rng(2)
    apart = [compared(simulated(rng, [0.0, 0.0])).differences[0].told_apart for _ in range(40)]
    assert sum(apart) <= 2
    shuffled = []
    for _ in range(40):
        (column, *_rest) = simulated(rng, [0.0])
        values = column.values["image_image"]
        halves = [rng.permutation(values), rng.permutation(values)]
        shuffled.append(
            compared([ColumnValues({"image_image": rows}) for rows in halves]).differences[0]
        )
    assert sum(one.told_apart for one in shuffled) <= 2


def test_ten_equal_columns_find_a_difference_no_more_often_than_two():
    rng = np.random.default_rng(3)
    tables = [compared(simulated(rng, [0.0] * 10)) for _ in range(10)]
    assert all(len(table.differences) == 45 for table in tables)
    assert sum(any(one.told_apart for one in table.differences) for table in tables) <= 1


@pytest.mark.parametrize(("key", "best"), [("image_image", 57), ("kid", 30)])
def test_of_very_many_columns_those_with_the_first_and_the_best_are_compared(key, best):
    """All pairs of 201 columns in five measures would be more than a comparison's file can hold."""
    means = [0.0] * 120
    means[57], means[30] = 9.0, -9.0
    found = compared(simulated(np.random.default_rng(9), means, key=key))
    pairs = {(one.a, one.b) for one in found.differences}
    assert len(pairs) == len(found.differences) == 119 + 118
    assert all(0 in pair or best in pair for pair in pairs)
    assert [bool(marks) for marks in found.told_apart] == [place == best for place in range(120)]
    words = verdict.sentences([f"c{place}" for place in range(120)], found.differences)
    assert len(words) == 1 and words[0].startswith(f"c{best} ")


def test_runs_of_one_method_count_with_the_spread_between_them():
    rng = np.random.default_rng(4)
    runs = [0.30, 0.10, 0.22, 0.05, 0.25, 0.02]  # of each method, with seeds of their own
    columns = simulated(rng, runs)
    alone = compared(columns)
    assert sum(one.told_apart for one in alone.differences) > 5, "single files differ"
    grouped = compared(columns, {"LoRA": [0, 1, 2], "Other": [3, 4, 5]})
    (one,) = grouped.groups
    assert (one.a, one.b, one.runs) == ("LoRA", "Other", (3, 3)) and not one.told_apart
    steady = compared(
        simulated(rng, [0.30, 0.31, 0.29, 0.0, 0.01, 0.02]), {"LoRA": [0, 1, 2], "Other": [3, 4, 5]}
    )
    assert steady.groups[0].told_apart and better(steady.groups[0]) == 1


def test_images_from_elsewhere_are_compared_unpaired():
    rng = np.random.default_rng(5)
    (own,) = simulated(rng, [0.0])
    elsewhere = ColumnValues({"image_image": rng.normal(0.1, 0.3, 20)}, paired=False)
    found = compared([own, elsewhere])
    (one,) = found.differences
    assert not one.paired and one.n == 20 and not one.told_apart
    far = ColumnValues({"image_image": rng.normal(2.0, 0.3, 20)}, paired=False)
    assert compared([own, far]).differences[0].told_apart
    both = compared([elsewhere, far])
    assert both.differences[0].told_apart and both.intervals[0]["image_image"] is not None


def test_what_is_missing_or_no_number_does_not_stop_the_rest():
    rng = np.random.default_rng(6)
    a, b, c = simulated(rng, [0.2, 0.1, 0.0])
    a.values["image_image"][3] = np.nan
    found = compared([a, b, c, ColumnValues({})])
    assert [one.n for one in found.differences] == [N - 1, N - 1, N]
    assert found.intervals[3] == {} and found.told_apart[3] == ()
    one_image = paired([ColumnValues({"diversity": np.ones(1)})] * 2, {})
    assert one_image.differences == () and one_image.intervals == ({}, {})
    assert paired([], {}) == Compared((), (), (), ())


def test_columns_with_different_images_are_compared_over_those_that_both_have():
    a, b, c = simulated(np.random.default_rng(7), [0.2, 0.1, 0.0])
    whole = {(one.a, one.b): one for one in compared([a, b, c]).differences}
    few = np.arange(N) % SEEDS < 3  # c left early
    c.values["image_image"][~few] = np.nan
    found = {(one.a, one.b): one for one in compared([a, b, c]).differences}
    assert found[0, 1].value == pytest.approx(whole[0, 1].value) and found[0, 1].n == N
    rows = a.values["image_image"] - c.values["image_image"]
    assert found[0, 2].value == pytest.approx(rows[few].mean()) and found[0, 2].n == few.sum()
    assert found[0, 2].told_apart and found[0, 2].paired
    varied = [ColumnValues({"diversity": one.values["image_image"]}) for one in (a, b, c)]
    pairs = [(one.a, one.b) for one in compared(varied).differences]
    assert pairs == [(0, 1)], "how varied images are depends on how many there are"


def shares(*ones: int, of: int, paired: bool = True) -> list[ColumnValues]:
    """Columns with so many ones among `of` images."""
    rows = [np.r_[np.ones(one), np.zeros(of - one)] for one in ones]
    return [ColumnValues({"memorised": row}, paired=paired) for row in rows]


@pytest.mark.parametrize("paired_images", [True, False])
def test_shares_of_few_images_that_are_all_alike_are_not_certain(paired_images):
    def of(*ones: int, images: int) -> Compared:
        return paired(shares(*ones, of=images, paired=paired_images), {})

    assert not of(0, 2, images=2).differences[0].told_apart
    assert of(0, 12, images=12).differences[0].told_apart
    none, every = of(0, 64, images=64).intervals
    assert none["memorised"] == pytest.approx((0, 0.0457), abs=1e-3)  # the rule of three: 4.7 %
    assert every["memorised"] == pytest.approx((0.9543, 1), abs=1e-3)
    (same,) = of(0, 0, images=64).differences
    assert same.value == 0 and same.low == pytest.approx(-(same.high or 0)) and (same.high or 0) > 0
    assert (same.high or 0) < (0.06 if paired_images else 0.12)


def test_a_share_that_two_images_agree_on_does_not_borrow_the_spread_of_another_column():
    few, many = shares(0, of=2, paired=False), shares(32, of=64, paired=False)
    assert not paired([*few, *many], {}).differences[0].told_apart


def test_clusters_whose_shares_are_equal_leave_the_share_uncertain():
    """Four prompts, two seeds, one image of each prompt: the prompts vary by nothing."""
    ways = [np.repeat(np.arange(4), 2), np.tile(np.arange(2), 4)]
    column = ColumnValues({"memorised": np.tile([0.0, 1.0], 4)})
    found = paired([column], {"comparison": ways})
    low, high = found.intervals[0]["memorised"] or (0.5, 0.5)
    assert 0 < low < 0.4 and 0.6 < high < 1


def test_shares_that_are_the_same_everywhere_are_passed_over_in_words():
    found = paired(shares(0, 0, 0, of=16), {})
    assert len(found.differences) == 3 and verdict.sentences("ABC", found.differences) == ()


def test_a_difference_of_shares_that_is_none_is_found_no_more_often_than_stated():
    """Six images of two columns that are alike: all of one's and none of the other's by chance."""
    rng = np.random.default_rng(8)
    found = [
        paired([ColumnValues({"memorised": rows}) for rows in ([one, 1 - one])], {})
        for one in (rng.integers(0, 2, 5).astype(float) for _ in range(200))
    ]
    certain = [one for one in found if abs(one.differences[0].value) == 1]
    assert certain and not any(one.differences[0].told_apart for one in certain)


def difference(
    a: int, b: int, value: float, half: float, measure: str = "image_image"
) -> Difference:
    low, high = value - half, value + half
    return Difference(
        measure=measure, a=a, b=b, value=value, low=low, high=high, n=9,
        told_apart=not low <= 0 <= high,
    )  # fmt: skip


def test_two_columns_are_told_apart_in_words_or_not():
    names = ["LoRA", "Textual Inversion"]
    assert verdict.sentences(names, [difference(0, 1, 0.12, 0.04)]) == (
        "LoRA is closer to the reference images than Textual Inversion "
        "(difference 0.120, 0.080 … 0.160).",
    )
    assert verdict.sentences(names, [difference(0, 1, -0.12, 0.04)]) == (
        "Textual Inversion is closer to the reference images than LoRA "
        "(difference 0.120, 0.080 … 0.160).",
    )
    assert verdict.sentences(names, [difference(0, 1, 0.01, 0.03)]) == (
        "LoRA and Textual Inversion cannot be told apart in likeness "
        "(difference 0.010, −0.020 … 0.040).",
    )
    (drifts,) = verdict.sentences(names, [difference(0, 1, 0.12, 0.04, "drift")])
    assert drifts.startswith(
        "Textual Inversion leaves ordinary prompts more as they were than LoRA"
    )
    (shares,) = verdict.sentences(names, [difference(0, 1, 0.3, 0.1, "memorised")])
    assert "(difference −30, −40 … −20 %)" in shares
    assert verdict.sentences(names, [difference(0, 1, 0.0, 0.0, "memorised")]) == ()
    assert verdict.sentences(names, []) == ()


def test_of_many_columns_only_what_holds_is_said():
    names = ["A", "B", "C", "D"]
    pairs = [
        difference(0, 1, 0.01, 0.03), difference(0, 2, 0.2, 0.03), difference(0, 3, 0.3, 0.03),
        difference(1, 2, 0.19, 0.03), difference(1, 3, 0.29, 0.03), difference(2, 3, 0.1, 0.2),
    ]  # fmt: skip
    assert verdict.sentences(names, pairs) == (
        "A is closer to the reference images than C and D (to C: difference 0.200, 0.170 … 0.230).",
        "A cannot be told apart from B in likeness.",
    )
    equal = [difference(a, b, 0.01, 0.1) for a, b in ((0, 1), (0, 2), (1, 2))]
    (only,) = verdict.sentences(names[:3], equal)
    assert only == "A cannot be told apart from B and C in likeness."


def test_groups_are_named_with_their_runs():
    one = GroupDifference(
        measure="kid", a="LoRA", b="base", value=-0.2, low=-0.3, high=-0.1, runs=(5, 1),
        told_apart=True,
    )  # fmt: skip
    assert verdict.group_sentences([one]) == (
        "Each entry was trained 5 times, with another seed each time.",
        "LoRA as a whole is nearer to the reference images than base "
        "(difference −0.200, −0.300 … −0.100).",
    )
    uneven = one.model_copy(update={"runs": (5, 3)})
    assert verdict.group_sentences([uneven])[0].startswith("LoRA (5 runs) as a whole")


def test_no_sentence_calls_anything_the_best():
    for row in MEASURES:
        assert "best" not in (row.comparative + row.says).lower()
