"""Where the CLIP of a base is: the full model whose image side measures and steers.

Owns: the places that are looked at, their order, and the words when none has it.
Refuses to know: torch, how a CLIP is loaded (`clip.encoders`), what is done with it.

Looked at in this order: the folder `clip` inside the base; the given folder itself; a folder beside
the base that is called like the published model; the hub's cache. Nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from studio.core.errors import UnavailableError
from studio.core.tables import read_table
from studio.families import part_files

# Width of a text encoder → the published CLIP it was cut out of.
PUBLISHED = {
    768: "openai/clip-vit-large-patch14",
    1024: "laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
    1280: "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k",
}
_DEFAULT_WIDTH = 512  # what the library takes for a width that config.json leaves out


@dataclass(frozen=True)
class ClipFolder:
    """One full CLIP: its folder, the width of the shared space, the width of its text side."""

    path: Path
    width: int
    text_width: int


def find_clips(base: str | Path, text_widths: Sequence[int] = ()) -> list[ClipFolder]:
    """Every CLIP that may belong to the base in the folder or file `base`, the likeliest first.

    `text_widths` of its encoders, where they are known; else what the folder says.
    """
    home = home_of(base)
    names = _published(base, text_widths) or list(PUBLISHED.values())
    places: list[Path | None] = [home / "clip", home]
    places += [Path(base).parent / name.rpartition("/")[2] for name in names]
    places += [cached_model(name) for name in names]
    found = [_describe(place) for place in places if place is not None]
    return [clip for clip in found if clip is not None]


def find_clip(
    base: str | Path, width: int | None = None, text_widths: Sequence[int] = ()
) -> ClipFolder:
    """The first CLIP of a base (whose shared space is `width` wide); UnavailableError without one."""
    clips = find_clips(base, text_widths)
    for clip in clips:
        if width is None or clip.width == width:
            return clip
    wanted = PUBLISHED.get(width or 0) or next(iter(_published(base, text_widths)), PUBLISHED[768])
    why = None
    if clips:
        why = f"The one that is there is for features {clips[0].width} wide, not {width}."
    raise UnavailableError(
        "There is no CLIP beside this base, so its images cannot be measured or steer anything",
        where=base,
        why=why,
        remedy=f"Get one with: hf download {wanted} --local-dir "
        f'"{home_of(base) / "clip"}" ; any full CLIP model that belongs to the text encoder works '
        "there.",
    )


def _published(base: str | Path, text_widths: Sequence[int]) -> list[str]:
    widths = text_widths or part_files.text_widths(home_of(base))
    return [PUBLISHED[width] for width in widths if width in PUBLISHED]


def home_of(base: str | Path) -> Path:
    """The folder in which a base lies: itself, or the one around a base of one file."""
    return Path(base) if Path(base).is_dir() else Path(base).parent


def is_clip(folder: Path) -> bool:
    """Whether `folder` holds a full CLIP."""
    return _describe(folder) is not None


def _describe(folder: Path) -> ClipFolder | None:
    config = read_table(folder / "config.json")
    if config.get("model_type") != "clip":
        return None
    text = config.get("text_config")
    text_width = text.get("hidden_size") if isinstance(text, dict) else None
    return ClipFolder(
        folder,
        int(config.get("projection_dim") or _DEFAULT_WIDTH),
        int(text_width or _DEFAULT_WIDTH),
    )


def cached_model(name: str) -> Path | None:
    """The folder of a published model in the hub's cache, with its weights; None without them."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(name, "config.json")
    weights = [
        try_to_load_from_cache(name, file)
        for file in ("model.safetensors", "model.safetensors.index.json")
    ]
    whole = isinstance(config, str) and any(isinstance(file, str) for file in weights)
    return Path(str(config)).parent if whole else None
