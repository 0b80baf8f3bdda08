"""How whole models and VAEs are recognised by the names of their tensors; torch-free.

Owns: that recognition. Refuses to know: which family's configuration a model has
(`studio.families.infer_config`), reading it.
"""

from __future__ import annotations

from studio.architectures import with_context
from studio.formats.file_report import FileReport, Outline, Shapes

_STARTS = ("model.diffusion_model.", "first_stage_model.", "down_blocks.", "unet.down_blocks.")
_ENOUGH = 8
_VAE = ("encoder.", "decoder.", "quant_conv.", "post_quant_conv.", "loss.", "model_ema.")


def recognise(outline: Outline, report: FileReport) -> bool:
    """Whether it is a whole model, or its UNet; then the report has dialect and family."""
    shapes = outline.shapes
    if sum(name.startswith(_STARTS) for name in shapes) < _ENOUGH:
        return False
    ldm = any(name.startswith("model.diffusion_model.") for name in shapes)
    report.dialect = "single-file" if ldm else "diffusers"
    report.family = _context_family(shapes)
    return True


def recognise_vae(outline: Outline, report: FileReport) -> bool:
    """Whether it is a VAE alone, under the original code's names or diffusers'."""
    names = [name.removeprefix("first_stage_model.") for name in outline.shapes]
    alone = all(name.startswith(_VAE) for name in names)
    if not alone or not {"encoder.conv_in.weight", "decoder.conv_out.weight"} <= set(names):
        return False
    ldm = any(name.startswith("decoder.mid.") for name in names)
    report.dialect = "single-file" if ldm else "diffusers"
    return True


def _context_family(shapes: Shapes) -> str | None:
    for name, shape in shapes.items():
        if name.endswith("attn2.to_k.weight") and len(shape) == 2:
            return with_context(shape[1])
    return None
