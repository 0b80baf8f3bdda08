"""What a scene is called, and what a caption says: words to attributes and back."""

from __future__ import annotations

from studio.starter.scenes import COLOURS, CONCEPTS, KINDS, PLACES, SIZES, Scene

TEMPLATES = 10


def caption(scene: Scene, template: int = 0, concept: str | None = None) -> str:
    """What a scene shows, in one of `TEMPLATES` ways of saying it.

    0–5 say everything (in sentences or as tags); 6 leaves out the place, 7 the colour,
    8 the size, 9 all but the kind. A second thing is always named.
    """
    if not 0 <= template < TEMPLATES:
        raise ValueError(
            f"There is no caption template {template}; there are 0 to {TEMPLATES - 1}."
        )
    about = CONCEPTS.get(concept) if concept else None
    subject = about is not None and about.kind == "subject"
    size = "" if scene.size == "medium" or template in (7, 8, 9) else scene.size
    if subject:
        assert about is not None
        words = [size, about.trigger, about.class_word]
    else:
        words = [size, "" if template in (7, 9) else scene.colour, scene.kind]
    noun = " ".join(word for word in words if word)
    place = "" if template in (6, 9) else scene.place
    article = _article(noun)
    if scene.beside:
        other = scene.beside
        second = other.kind if template in (7, 9) else f"{other.colour} {other.kind}"
        if template in (2, 3, 5):
            noun = f"{noun} and {second}"
        else:
            link = "next to" if template in (1, 4) else "beside"
            noun = f"{noun} {link} {_article(second)} {second}"
    if template == 1:
        text = f"a picture of {article} {noun} {place}"
    elif template == 2:
        text = f"{noun}, {place_name(scene.place)}"
    elif template == 3:
        text = f"{noun} {place}"
    elif template == 4:
        text = f"a friendly little drawing of {article} {noun} {place}"
    elif template == 5:
        text = f"{place_name(scene.place)}, {noun}"
    else:
        text = f"{article} {noun} {place}".strip()
    if about is not None and about.kind == "style":
        text = f"{text}, {about.trigger}"
    return text


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def place_name(place: str) -> str:
    """A place as a tag: "on the beach" becomes "beach"."""
    for start in ("in the ", "on the ", "in a "):
        place = place.removeprefix(start)
    return place


def attributes(text: str) -> dict[str, str | None]:
    """The kind, colour, place and size that a caption names; None for what it leaves out."""
    words = set(text.lower().replace(",", " ").split())
    flat = f" {' '.join(text.lower().replace(',', ' ').split())} "
    return {
        "kind": next((kind for kind in KINDS if kind in words), None),
        "colour": next((colour for colour in COLOURS if colour in words), None),
        "place": next((p for p in PLACES if f" {place_name(p)} " in flat), None),
        "size": next((size for size in SIZES if size in words), None),
    }
