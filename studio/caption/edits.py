"""The edits over many captions: one row each, which the page, the command and docs show.

Owns: the rows. Refuses to know: files, how a step is read (`edit_row`) and made (`steps`). Imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from studio.caption import edit_words, regular, tag_words
from studio.caption.edit_row import About, Edit, Field, Run, Text, Values
from studio.caption.questions import PLACES, check, fill, tags_of
from studio.core.names import printable


def _each(run: Callable[[str, Values, About], str]) -> Run:
    """An edit that looks at one caption at a time."""
    return lambda texts, values, about: [run(one.text, values, about) for one in texts]


def _regex(texts: Sequence[Text], values: Values, about: About) -> list[str]:
    captions = [one.text for one in texts]
    return regular.replaced(captions, values["find"], values["by"], case=values["case"])


def _merge(texts: Sequence[Text], values: Values, about: About) -> list[str]:
    tags, captions = values["tags"], [one.text for one in texts]
    if tags or values["into"].strip():
        into = " ".join(values["into"].split()) or tags[0]
        wanted = dict.fromkeys(map(edit_words.spelling, [*tags, into]), into)
    else:
        wanted = edit_words.usual_spellings(captions)
    return [edit_words.merged(text, wanted) for text in captions]


def _sort(texts: Sequence[Text], values: Values, about: About) -> list[str]:
    captions = [one.text for one in texts]
    rank = edit_words.ranks(captions) if values["order"] == "usual" else None
    return [edit_words.sorted_tags(text, values["keep"], rank) for text in captions]


def _template(texts: Sequence[Text], values: Values, about: About) -> list[str]:
    check(values["text"], "template")
    return [
        fill(
            values["text"],
            {
                "caption": one.text,
                "tags": tags_of(one.text),
                "trigger": about.trigger,
                "name": printable(one.image.stem),
                "folder": printable(one.image.parent.name),
            },
        )
        for one in texts
    ]


def _trigger(text: str, values: Values, about: About) -> str:
    word = values["word"].strip() or about.trigger
    return tag_words.insert_trigger(text, word, about.class_word)


def _underscores(text: str, values: Values, about: About) -> str:
    spaces = values["to"] == "spaces"
    return edit_words.with_spaces(text) if spaces else edit_words.with_underscores(text)


EDITS: tuple[Edit, ...] = (
    Edit(
        "prefix", "Put in front",
        "Puts a text in front of captions that do not begin with it. A bare word gets a comma, "
        "“photo of ” with a space at its end does not.",
        _each(lambda text, v, _: tag_words.add_prefix(text, v["text"])),
        (Field("text", "Text", hint="photo of …"),), ("text",),
    ),
    Edit(
        "suffix", "Put at the end", "Puts a text at the end of captions that do not end with it.",
        _each(lambda text, v, _: tag_words.add_suffix(text, v["text"])),
        (Field("text", "Text", hint="at night"),), ("text",),
    ),
    Edit(
        "trigger", "Add the trigger word",
        "Puts the trigger word where it is missing: before the class word (“a sks dog”), else in front. "
        "Empty takes the dataset's own.",
        _each(_trigger), (Field("word", "Trigger word", hint="the dataset's"),),
    ),
    Edit(
        "replace", "Find and replace",
        "Replaces a text, whatever its case; an empty replacement deletes it.",
        _each(lambda text, v, _: tag_words.replace(text, v["find"], v["by"], whole_words=v["whole"])),
        (
            Field("find", "Find", hint="text"), Field("by", "Replace with", hint="nothing"),
            Field("whole", "Whole words", "flag", True),
        ), ("find",),
    ),
    Edit(
        "regex", "Find and replace a pattern",
        "Replaces what a regular expression matches; \\1 is what its first group matched. It may take two "
        "seconds for all captions together.",
        _regex,
        (
            Field("find", "Pattern", hint=r"(\d+) cats?"), Field("by", "Replace with", hint=r"\1 dogs"),
            Field("case", "Match case", "flag", False),
        ), ("find",),
    ),
    Edit(
        "remove", "Remove tags", "Takes out tags, whatever their case.",
        _each(lambda text, v, _: tag_words.remove_tags(text, v["tags"])),
        (Field("tags", "Tags", "tags", "", "tag, another tag"),), ("tags",),
    ),
    Edit(
        "rename", "Rename a tag",
        "Makes another tag of one, as a whole and whatever its case; where that was there already, it comes "
        "once.",
        _each(lambda text, v, _: tag_words.rename_tag(text, v["tag"], v["to"])),
        (Field("tag", "Tag", hint="crimson hair"), Field("to", "New name", hint="red hair")),
        ("tag",),
    ),
    Edit(
        "merge", "Merge tags",
        "Makes one tag of several and of their spellings (“red_hair”, “Red hair” and “red-hair” are the "
        "same). Without any, every tag gets the spelling that these captions use most.",
        _merge,
        (
            Field("tags", "Tags", "tags", "", "all that differ in spelling"),
            Field("into", "Into", hint="the first of them"),
        ),
    ),
    Edit(
        "repeats", "Remove repeats", "Keeps the first of tags that are equal but for case and spaces.",
        _each(lambda text, v, _: tag_words.dedupe_tags(text)),
    ),
    Edit(
        "sort", "Sort tags", "Sorts lists of tags; a sentence stays as it is.", _sort,
        (
            Field(
                "order", "Order", "choice", "alphabet",
                choices=(("alphabet", "Alphabet"), ("usual", "Most usual first")),
            ),
            Field("keep", "Keep at the front", "number", 1),
        ),
    ),
    Edit(
        "template", "Fill a template",
        f"Makes captions anew from a text in which {', '.join(f'{{{place}}}' for place in PLACES)} are "
        "filled in.",
        _template, (Field("text", "Template", hint="{trigger}, {caption}"),), ("text",),
    ),
    Edit(
        "sentence", "Tags to a sentence",
        "Lists of tags become sentences: “cat, red_hat, beach” is “cat, red hat and beach.”",
        _each(lambda text, v, _: edit_words.sentence_of(text)),
    ),
    Edit(
        "tags", "Sentence to tags",
        "Cuts sentences into tags at punctuation, “and” and “with”; “a”, “an” and “the” at the front go, "
        "and what comes twice comes once.",
        _each(lambda text, v, _: edit_words.tags_from(text)),
    ),
    Edit(
        "case", "Change case", "The trigger word keeps its own spelling.",
        _each(lambda text, v, about: edit_words.cased(text, v["to"], about.trigger)),
        (
            Field(
                "to", "To", "choice", "lower",
                choices=(("lower", "small letters"), ("upper", "CAPITALS"), ("sentence", "First letter large")),
            ),
        ),
    ),
    Edit(
        "underscores", "Underscores",
        "Between the words of tags: “red_hair” and “red hair”. Faces such as ^_^ stay, sentences get none.",
        _each(_underscores),
        (
            Field(
                "to", "Between words", "choice", "spaces",
                choices=(("spaces", "spaces"), ("underscores", "underscores")),
            ),
        ),
    ),
)  # fmt: skip
