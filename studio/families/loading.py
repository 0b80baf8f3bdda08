"""Finding and loading a base: a folder, the starter that ships, or a name on the hub.

Owns: where a base comes from, its device and precision, and plain words when half of it is
missing. Refuses to know: what makes one family different from another.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from studio.device import pick_device, pick_dtype
from studio.errors import FileError, MissingError
from studio.families import detect, family, hub
from studio.families.base import Base, Family
from studio.paths import STARTER


def load_base(path: str | Path, device: str = "auto", precision: str = "auto") -> Base:
    """Loads `starter`, a diffusers folder, or a hub id (`owner/name`) in eval mode, frozen.

    Raises MissingError when it is not there, FileError when it is not a whole base of a known
    family, SettingsError or UnavailableError for the device.
    """
    folder = locate(path)
    target = pick_device(device)
    info = detect.describe(folder)
    if info.problems or info.family is None:
        raise FileError(
            "This is not a base model that the studio can load",
            where=folder,
            why=" ".join(info.problems),
            remedy="Choose another base, or download this one again.",
        )
    return family(info.family).load(folder, target, pick_dtype(target, precision))


def locate(path: str | Path) -> Path:
    """The folder that `path` means; downloads it when it is clearly a hub id that is not here."""
    text = str(path).strip()
    if text == "starter":
        if not (STARTER / "model_index.json").is_file():
            raise MissingError(
                "The starter model is not there",
                where=STARTER,
                why="This copy of the studio is incomplete.",
                remedy="Clone the studio again, or build it: python -m studio.starter.build",
            )
        return STARTER
    folder = Path(text).expanduser()
    if folder.exists():
        return folder.resolve()
    # “bases/mine” names a local folder that is gone; “somebody/model” a place on the hub.
    if hub.is_id(text):
        return hub.fetch(text)
    raise MissingError(
        "This base model is not there", where=text, remedy="Check the name, or choose another base."
    )


def load_parts(
    kind: Family,
    path: Path,
    device: torch.device,
    dtype: torch.dtype,
    text_classes: list[str],
) -> Base:
    """Loads the parts of a diffusers folder; `text_classes` are transformers' class names.

    The VAE stays in fp32: in fp16 its activations overflow (SDXL's do), in bf16 colours band.
    """
    names = ["text_encoder", "text_encoder_2"][: len(text_classes)]
    with _quietly():
        import transformers
        from diffusers import AutoencoderKL, UNet2DConditionModel

        unet = _part(UNet2DConditionModel, path / "unet", dtype)
        vae = _part(AutoencoderKL, path / "vae", torch.float32)
        encoders = [
            _part(getattr(transformers, class_name), path / name, dtype)
            for name, class_name in zip(names, text_classes, strict=True)
        ]
        tokenizers = [
            _tokenizer(path / name.replace("text_encoder", "tokenizer")) for name in names
        ]
    info = detect.describe(path)
    for part in (unet, vae, *encoders):
        part.to(device).eval().requires_grad_(False)
    _check_widths(path, unet, encoders)
    return Base(
        family=kind,
        name=path.name,
        path=path,
        hash=detect.base_hash(path),
        unet=unet,
        vae=vae,
        text_encoders=encoders,
        tokenizers=tokenizers,
        scheduler_config=detect.read_scheduler(path),
        device=device,
        dtype=dtype,
        prediction_type=info.prediction_type,
        native_size=info.native_size,
        learning_rates=detect.learning_rates(path),
    )


def _part(model: Any, folder: Path, dtype: torch.dtype) -> nn.Module:
    _, variant = detect.part_weights(folder)
    wanted: dict[str, Any] = {"local_files_only": True, "use_safetensors": True}
    if variant:
        wanted["variant"] = variant

    def load() -> nn.Module:
        # diffusers and transformers spell the same argument differently
        name = "dtype" if hasattr(model, "main_input_name") else "torch_dtype"
        part, report = model.from_pretrained(
            folder, output_loading_info=True, **{name: dtype}, **wanted
        )
        missing = [key for key in report["missing_keys"] if not key.endswith("position_ids")]
        if missing or report.get("mismatched_keys"):
            raise ValueError(f"{len(missing)} tensors are missing, the first is {missing[:1]}")
        return part

    return _checked(load, folder)


def _tokenizer(folder: Path) -> Any:
    from transformers import CLIPTokenizer

    return _checked(lambda: CLIPTokenizer.from_pretrained(folder, local_files_only=True), folder)


def _checked(load: Callable[[], Any], folder: Path) -> Any:
    try:
        return load()
    except Exception as error:  # loaders raise nearly any type for a broken file
        raise FileError(
            f"The part “{folder.name}” of this base cannot be read",
            where=folder,
            why=_first_line(error),
            remedy="Download or copy the base again and compare the file sizes.",
        ) from error


def _check_widths(path: Path, unet: Any, encoders: list[Any]) -> None:
    wanted = unet.config.cross_attention_dim
    given = sum(encoder.config.hidden_size for encoder in encoders)
    if isinstance(wanted, int) and wanted != given:
        raise FileError(
            "The parts of this base do not belong together",
            where=path,
            why=f"Its UNet wants text {wanted} wide, its text encoders give {given}.",
        )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"Reading it said: {lines[0][:200]}" if lines else "Reading it failed."


@contextmanager
def _quietly() -> Iterator[None]:
    """Keeps the loaders' progress bars and an optional library's complaint off the terminal."""
    # it reports kernels it would like to download; `doctor` says what it can do
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    shown = [
        switch
        for switch in (diffusers_logging, transformers_logging)
        if switch.is_progress_bar_enabled()
    ]
    try:
        for switch in shown:
            switch.disable_progress_bar()
        yield
    finally:
        for switch in shown:
            switch.enable_progress_bar()
