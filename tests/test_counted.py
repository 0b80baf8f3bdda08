"""A number and its noun agree: “1 image”, not “1 images”.

Owns: the proof that a plural right after a number comes from the helper (`studio.core.counts.counted`,
or `count` of core/format.js). Refuses to know: whether the verb behind it agrees, too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from studio.core.counts import counted

ROOT = Path(__file__).parents[1]
NOUNS = """
adapters answers attentions bands bases batches blocks bytes candidates captions cells changes
channels characters checkpoints classes columns comparisons copies cores dimensions directions
encoders entrants entries epochs examples features fields files folders groups heads hours images
items jobs keys lanes layers letters levels lines links magnitudes measures methods minutes models
modules networks numbers pairs parameters parts passes patterns people pictures pixels places
presets problems processes prompts questions references refusals repetitions rounds rows runs
samplers samples saves scenes seconds seeds sentences settings sizes steps strengths tables tags
tensors things threads tokens trainings values variants vectors versions voters votes warnings
weights widths words
"""
APART = "of|the|in|on|to|for|with|from|and|or|over|at|as|that|which|is|are|a|an|have|without|needs|after"
BETWEEN = rf"(?:(?!(?:{APART}) )[a-z-]+ ){{0,2}}"  # “3 earlier captions”
PLURAL = rf"({BETWEEN}(?:{'|'.join(NOUNS.split())}))\b(?!-)"
IN_PYTHON = re.compile(rf" {PLURAL}")
IN_SCRIPT = re.compile(rf"(?:[}}]|[+] ['\"`]) {PLURAL}")
CONSTANT = re.compile(r"[\w.]*\b_?[A-Z][A-Z_]+\b[^a-z]*")  # a limit in capitals is never 1

# a number and its plural → why the number is never 1, or why it is no number
ARGUED = {
    "row.least images": "one image has no distribution; the least that a measure needs is more",
    "most bytes": "the limit of a text file: millions, and thousands in tests",
    "count runs": "said only of entries with several runs",
    "channels channels": "what a file says, which may be no number at all; one channel is no latent",
    "most files": "left out only where a name occurs more than once",
    "pace or 0 seconds": "with a decimal: 1.0 seconds",
    "full.toLocaleString('en')} images": "a grid has at least two candidates, each with its images",
    "${all} images": "the same grid",
    "diagnosis.listed(sorted(self.file.networks)) numbers": "widths of attention, hundreds each",
    "column.name repeats training images": "a name and a verb",
    "name names folders": "a name and a verb",
    "what images": "“reference images”, “training images”",
    "version runs": "a version and a verb",
    "kind.title models": "“Stable Diffusion models”",
    "component magnitudes": "“unet magnitudes”",
}  # fmt: skip


def plurals(source: str) -> Iterator[str]:
    """Each number in a text of Python, with the plural right after it."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.JoinedStr):
            continue
        for before, after in zip(node.values, node.values[1:], strict=False):
            if not isinstance(before, ast.FormattedValue) or not isinstance(after, ast.Constant):
                continue
            number = ast.unparse(before.value)
            found = IN_PYTHON.match(str(after.value))
            if found and not CONSTANT.fullmatch(number) and not isinstance(before.value, ast.IfExp):
                yield f"{number} {found[1]}"


def plurals_of_scripts(source: str) -> Iterator[str]:
    """The same of a script: what ends in the plural, from the beginning of the number."""
    for line in source.splitlines():
        for found in IN_SCRIPT.finditer(line):
            begin = line.rfind("${", 0, found.start())
            yield line[max(begin, 0) : found.end()].strip()


def wrong(found: Iterable[str]) -> list[str]:
    return [one for one in found if not any(one.endswith(argued) for argued in ARGUED)]


@pytest.mark.parametrize("ending", ["py", "js"])
def test_a_plural_behind_a_number_comes_from_the_helper(ending: str) -> None:
    find = plurals if ending == "py" else plurals_of_scripts
    told = [
        f"{path.relative_to(ROOT)}: {one}"
        for path in sorted((ROOT / "studio").rglob(f"*.{ending}"))
        for one in wrong(find(path.read_text("utf-8")))
    ]
    assert told == [], "use counted(number, noun), in a script count(number, noun)"


def test_every_argued_plural_is_still_there() -> None:
    paths = sorted((ROOT / "studio").rglob("*.py")), sorted((ROOT / "studio").rglob("*.js"))
    found = [one for path in paths[0] for one in plurals(path.read_text("utf-8"))]
    found += [one for path in paths[1] for one in plurals_of_scripts(path.read_text("utf-8"))]
    gone = [argued for argued in ARGUED if not any(one.endswith(argued) for one in found)]
    assert gone == []


def test_the_search_finds_the_kind() -> None:
    assert wrong(plurals('f"{len(images)} images are left out"')) == ["len(images) images"]
    assert wrong(plurals('f"The {total:,} earlier captions"')) == ["total earlier captions"]
    assert wrong(plurals('f"{done} of " f"{total} steps"')) == ["total steps"]
    assert not wrong(plurals("f\"{counted(total, 'step')} of {name}, at most {MOST} images\""))
    assert wrong(plurals_of_scripts("const a = `${images.length} images`;")) == [
        "${images.length} images"
    ]
    assert wrong(plurals_of_scripts("text = n + ' files';"))
    assert not wrong(plurals_of_scripts("`${count(images.length, 'image')} · ${name}`"))


def test_one_and_many() -> None:
    assert counted(1, "image") == "1 image"
    assert counted(0, "image") == "0 images"
    assert counted(1200, "class image") == "1,200 class images"
    assert [counted(n, "entry", "entries") for n in (1, 2)] == ["1 entry", "2 entries"]
    assert [counted(n, "pair") for n in (1.0, 2.5)] == ["1 pair", "2.5 pairs"]
