"""How images are described: with which captioner, asked what, and what is made of its answer.

Owns: these settings. Refuses to know: captioners, and the key of an endpoint: what is a setting is
written into records, and a key never is.
"""

from __future__ import annotations

from studio.settings.base import Settings, setting


class CaptionerSettings(Settings):
    """One captioner and its options; those that it does not have are not looked at."""

    kind: str = setting("starter", "Which kind of captioner (caption/kinds.py).")
    model: str = setting(
        "", "A folder, a hub id, or the model's name at the endpoint.", max_length=4096
    )
    download: bool = setting(False, "Download a hub id that is not on this machine.")
    question: str = setting(
        "", "What is asked about each image; empty asks the captioner's own question. {caption}, {tags}, "
        "{trigger}, {name} and {folder} are filled in.",
        multiline=True, max_length=4000,
    )  # fmt: skip
    answer: str = setting(
        "{caption}", "What becomes of the answer: {caption} is what the captioner said, {tags} the "
        "tags there before; {trigger}, {name} and {folder} are filled in.",
        label="Caption template", max_length=2000,
    )  # fmt: skip
    max_tokens: int = setting(
        120, "Longest answer.", label="Longest answer", unit="tokens", ge=1, le=4096
    )
    threshold: float = setting(
        0.35, "How probable a general tag must be.", label="Threshold, general tags", ge=0, le=1
    )
    character_threshold: float = setting(
        0.85, "How probable a character's tag must be.", label="Threshold, characters", ge=0, le=1
    )
    ratings: bool = setting(False, "Also the most probable rating.")
    exclude: list[str] = setting(
        default_factory=list, help="Tags that are left out.", label="Leave out", max_length=2000
    )
    spaces: bool = setting(True, "Spaces instead of underscores in tags.")
    escape: bool = setting(False, r"Brackets in tags as \( and \).", label="Escape brackets")
    address: str = setting(
        "", "Address of an OpenAI-compatible endpoint, such as http://localhost:11434/v1.",
        max_length=500,
    )  # fmt: skip
    image_side: int = setting(
        1024,
        "Longest side of the images that are sent.",
        label="Images sent at",
        unit="px",
        ge=64,
        le=4096,
    )
    timeout: float = setting(
        120.0,
        "How long an endpoint may take for one image.",
        label="Time limit",
        unit="s",
        gt=0,
        le=3600,
    )
