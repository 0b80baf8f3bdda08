"""What a run is trained on: the settings of its images and captions.

Owns: this class, which `studio.settings.training` shows beside the others. Refuses to know: files.
"""

from __future__ import annotations

from typing import Literal

from studio.settings.base import Settings, setting


class DataSettings(Settings):
    """The images and how they are read."""

    folder: str = setting("", "Folder of images with captions beside them.", label="Dataset")
    trigger: str = setting(
        "",
        "Word that stands for the concept in prompts; empty takes the dataset's own.",
        label="Trigger word",
    )
    resolution: int = setting(
        0, "Every image is resized to the area of a square of this side; 0 takes the base's own.",
        unit="px", ge=0, le=2048,
    )  # fmt: skip
    buckets: bool = setting(
        True, "Keep the shape of images by sorting them into aspect-ratio buckets.", advanced=True
    )
    flip: bool = setting(
        False,
        "Also train on mirrored images. Not for things with a left and a right.",
        advanced=True,
    )
    repeats: int = setting(1, "How often each image counts in an epoch.", ge=1, le=1000)
    caption_dropout: float = setting(
        0.05, "Share of steps that train without the caption.", ge=0, le=1, advanced=True
    )
    shuffle_tags: bool = setting(
        False, "Shuffle comma-separated tags at every step.", advanced=True
    )
    tag_dropout: float = setting(
        0.0, "How likely each comma-separated tag is left out at a step.", ge=0, le=1, advanced=True
    )
    keep_tags: int = setting(
        1, "Tags at the front that stay where they are when tags are shuffled or left out.",
        ge=0, le=50, advanced=True, applies="data.shuffle_tags=true or data.tag_dropout=*",
    )  # fmt: skip
    template: list[str] = setting(
        default_factory=list, multiline=True, advanced=True, label="Caption template",
        help="Text around the caption: [name] becomes the trigger word, [filewords] the caption. "
        "Of several lines one is picked at every step; empty takes captions as they are.",
    )  # fmt: skip
    crop: Literal["centre", "random"] = setting(
        "centre", "Which part of an image is used where it does not fit its bucket; random also "
        "takes closer crops.", advanced=True,
    )  # fmt: skip
    crops: int = setting(
        4, "Crops per image, the first at the centre. They are chosen once and cached; an epoch "
        "has each.", ge=2, le=64, advanced=True, applies="data.crop=random",
    )  # fmt: skip
    crop_zoom: float = setting(
        1.25, "How much closer a random crop may be.", unit="×", ge=1, le=4, advanced=True,
        applies="data.crop=random",
    )  # fmt: skip
    mask: Literal["none", "alpha", "files"] = setting(
        "none", "Which part of an image is learned: all; what is not transparent; or what is white "
        "in a mask beside it (cat.mask.png, or masks/cat.png).", advanced=True,
    )  # fmt: skip
    mask_rest: float = setting(
        0.1, "Weight of what the mask leaves out.", ge=0, le=1, advanced=True,
        applies="data.mask=alpha|files",
    )  # fmt: skip
