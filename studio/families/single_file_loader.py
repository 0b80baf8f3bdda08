"""Filling modules from files of tensors, one tensor at a time; a base from one file.

Owns: filling modules from a file, and what is said when tensors are missing or of another size.
Refuses to know: which configuration a file has (`from_shapes`), devices, training.

Modules are made without memory, each tensor is read once and goes to its place in the wanted
precision: the most that is in memory is the loaded model and one tensor of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from studio.architectures import ARCHITECTURES
from studio.core.counts import counted
from studio.core.errors import FileError
from studio.families import weights
from studio.families.infer_config import Recipe
from studio.formats import ldm_names, single_file_layout, tensor_source

Pieces = Callable[[str], list[single_file_layout.Piece]]
Wanted = dict[str, tuple[nn.Module, torch.dtype]]
"""Component → module on the meta device, and the precision its tensors are stored in."""


def make(recipe: Recipe) -> dict[str, nn.Module]:
    """The parts as modules without memory.

    Raises whatever the libraries raise for a configuration that makes no model.
    """
    import diffusers
    import transformers

    kind = ARCHITECTURES[recipe.family]
    classes = {kind.denoiser.name: kind.denoiser.class_name, "vae": kind.latents.class_name}
    with torch.device("meta"):
        parts: dict[str, nn.Module] = {
            name: getattr(diffusers, class_name)(**recipe.parts[name])
            for name, class_name in classes.items()
        }
        for name, encoder in zip(kind.text_names, kind.text_encoders, strict=True):
            made = getattr(transformers, encoder.class_name)
            parts[name] = made(made.config_class(**recipe.parts[name]))
    return parts


def fill(path: Path, wanted: Wanted) -> None:
    """Reads the weights of `wanted` from the one-file base `path`. Raises FileError."""
    unet: Any = wanted["unet"][0] if "unet" in wanted else None
    vae: Any = wanted["vae"][0] if "vae" in wanted else None
    layout = ldm_names.UNetLayout.from_config(unet.config) if unet is not None else ldm_names.SD1
    blocks = len(vae.config.block_out_channels) if vae is not None else 4

    def pieces(name: str) -> list[single_file_layout.Piece]:
        found = single_file_layout.pieces(name, layout, blocks)
        if not found and name.startswith((single_file_layout.UNET, single_file_layout.VAE)):
            raise FileError(
                "This base has a part that the studio does not know",
                where=f"{path}, {name}",
                remedy="It may be a variant with other layers; choose a plain model.",
            )
        return found

    read_into([path], wanted, pieces)


def read_into(files: Sequence[Path], wanted: Wanted, pieces: Pieces) -> None:
    """Fills modules from any files of tensors; `pieces` says what a name in them holds."""
    places = {
        part: {weights.file_name(part, name): name for name in module.state_dict()}
        for part, (module, _) in wanted.items()
    }
    expected = {part: dict(module.state_dict()) for part, (module, _) in wanted.items()}
    states: dict[str, dict[str, Tensor]] = {part: {} for part in wanted}
    for path in files:
        with tensor_source.opened(path) as source:
            for name in source.shapes:
                found = [p for p in pieces(name) if p.name in places.get(p.part, {})]
                if not found:
                    continue
                whole = source.read(name)
                for piece in found:
                    ours = places[piece.part][piece.name]
                    tensor, like = piece.of(whole), expected[piece.part][ours]
                    if tensor.shape != like.shape:
                        raise _wrong_size(path, name, tensor, like)
                    dtype = wanted[piece.part][1] if like.is_floating_point() else like.dtype
                    # a third of a fused matrix must not keep the whole alive
                    tensor = tensor.to(dtype, copy=len(found) > 1)
                    states[piece.part][ours] = tensor.contiguous()
    for part, (module, _) in wanted.items():
        _assign(files[0], part, module, states.pop(part))


def _assign(path: Path, part: str, module: nn.Module, state: Mapping[str, Tensor]) -> None:
    absent = sorted(set(module.state_dict()) - set(state))
    if absent:
        raise FileError(
            f"This file lacks weights of the part “{part}”",
            where=path,
            why=f"{counted(len(absent), 'tensor is', 'tensors are')} missing, "
            f"the first is “{absent[0]}”.",
            remedy="It may be half a model, or damaged; download it again or choose another.",
        )
    module.load_state_dict(state, assign=True)
    for name, buffer in list(module.named_buffers()):
        if buffer.is_meta:  # what files need not hold
            place, _, last = name.rpartition(".")
            owner = module.get_submodule(place)
            owner.register_buffer(last, _computed(owner, last, buffer), persistent=False)


def _computed(owner: Any, last: str, buffer: Tensor) -> Tensor:
    """Angles of rotary positions as their class computes them; else counted positions."""
    if hasattr(owner, "config") and not list(owner.parameters()):
        computed: Tensor = getattr(type(owner)(owner.config), last)
        return computed
    return torch.arange(buffer.shape[-1]).expand(buffer.shape).clone()


def _wrong_size(path: Path, name: str, tensor: Tensor, like: Tensor) -> FileError:
    return FileError(
        "The parts of this base do not belong together",
        where=path,
        why=f"Its tensor “{name}” is {_size(tensor)}, where the rest asks for {_size(like)}.",
        remedy="Choose another file; this one was put together wrongly.",
    )


def _size(tensor: Tensor) -> str:
    return " × ".join(map(str, tensor.shape)) or "one number"


@torch.no_grad()
def measured_prediction(unet: Any, width: int) -> str:
    """`epsilon` or `v_prediction`, by what a UNet of text width `width` says to pure noise.

    At the last timestep hardly any image is left in the input: a network that predicts the noise
    gives its input back, one that predicts v (Salimans & Ho 2022) gives what the image might be,
    turned round, which has little to do with the input.
    """
    like = next(unet.parameters())
    noise = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    noise = noise.to(like.device, like.dtype)
    # an inpainting model is also told that all is masked, and an image of nothing
    more = noise.new_zeros(2, unet.config.in_channels - 4, 16, 16)
    more[:, :1] = 1
    text = torch.zeros(2, 77, width, device=like.device, dtype=like.dtype)
    time = torch.full((2,), 999, device=like.device)
    answer = unet(
        torch.cat([noise, more], dim=1), time, encoder_hidden_states=text, return_dict=False
    )[0]
    share = (answer.float() * noise.float()).sum() / noise.float().square().sum()
    return "epsilon" if float(share) > 0.5 else "v_prediction"
