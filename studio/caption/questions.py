"""What a captioner is asked, and what is made of its answer: preset questions and templates.

Owns: the presets, which places in {braces} there are, and filling them in. Refuses to know: models,
files. Imports nothing that has to be installed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from studio.core.errors import SettingsError

PLACES = ("caption", "tags", "trigger", "name", "folder")
_PLACE = re.compile(r"\{(\w+)\}")
_LONGEST_TAG = 40  # characters; what is longer between two commas is a sentence


@dataclass(frozen=True)
class Question:
    """A preset question."""

    name: str
    title: str
    text: str


QUESTIONS: tuple[Question, ...] = (
    Question("sentence", "One sentence", "Describe this image in one short sentence."),
    Question(
        "three-sentences",
        "Three sentences",
        "Describe this image in three sentences: what it shows, what happens, and the surroundings and "
        "the light. Answer with the description alone.",
    ),
    Question(
        "tags",
        "Tags",
        "List what this image shows as short tags in lower case, separated by commas, the most "
        "important first. Answer with the tags alone.",
    ),
    Question(
        "not-the-subject",
        "Everything but the subject",
        "In one sentence, describe everything in this image but what its main subject looks like: pose, "
        "action, clothing, surroundings, light, angle. Name the subject itself with one word.",
    ),
    Question(
        "not-the-style",
        "Everything but the style",
        "In one sentence, describe what this image shows, and nothing of how it is made: no medium, "
        "technique, colours or style.",
    ),
    Question(
        "from-tags",
        "A sentence from its tags",
        "Describe this image in two sentences. These tags are known to be right: {tags}",
    ),
    Question(
        "correct",
        "Correct its caption",
        "This is a caption of the image: {caption}\nAnswer with the caption alone, corrected where it is "
        "wrong.",
    ),
)


def question_text(named: str) -> str:
    """The words of a preset, or the text itself."""
    return next((q.text for q in QUESTIONS if q.name == named.strip()), named)


def check(template: str, what: str) -> None:
    """Raises SettingsError when {something} in a template is not filled in."""
    for word in _PLACE.findall(template):
        if word not in PLACES:
            near = difflib.get_close_matches(word, PLACES, 1, 0.5)
            hint = f" Did you mean {{{near[0]}}}?" if near else ""
            known = ", ".join(f"{{{place}}}" for place in PLACES)
            raise SettingsError(
                f"{{{word}}} is nothing that can be filled in",
                where=what,
                why=f"Known are {known}.{hint}",
                remedy="Correct it.",
            )


def fill(template: str, values: Mapping[str, str]) -> str:
    """A template with its places filled in, each once: what is put in is not looked at again.

    Commas and blanks that an empty part leaves at the ends are dropped.
    """
    filled = _PLACE.sub(lambda found: values.get(found[1], found[0]), template)
    filled = re.sub(r"(,\s*){2,}", ", ", filled)
    return filled.strip().strip(",").strip()


def tags_of(caption: str) -> str:
    """A caption that is a list of tags, as one; else nothing."""
    parts = [part.strip() for part in caption.split(",") if part.strip()]
    listed = len(parts) > 1 and all(len(part) <= _LONGEST_TAG for part in parts)
    return ", ".join(parts) if listed and not caption.strip().endswith(".") else ""
