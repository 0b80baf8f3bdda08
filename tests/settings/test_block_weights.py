"""Weights per block: what people write, and which factor a block gets."""

from __future__ import annotations

import pytest

from studio.core.errors import SettingsError
from studio.formats.ldm_names import SD1, SDXL, UNetLayout, unet_block, unet_blocks
from studio.settings import block_weights
from studio.settings.training import StackItem

# As the known tools for SD 1.x and SDXL list them.
SD1_17 = (
    "BASE IN01 IN02 IN04 IN05 IN07 IN08 M00 OUT03 OUT04 OUT05 OUT06 OUT07 OUT08 OUT09 OUT10 OUT11"
)
SDXL_12 = "BASE IN04 IN05 IN07 IN08 M00 OUT00 OUT01 OUT02 OUT03 OUT04 OUT05"


@pytest.mark.parametrize(("layout", "attention", "total"), [(SD1, SD1_17, 26), (SDXL, SDXL_12, 20)])
def test_numbers_in_order_mean_the_usual_blocks(
    layout: UNetLayout, attention: str, total: int
) -> None:
    known, names = unet_blocks(layout), attention.split()
    numbers = [k / 100 for k in range(len(names))]
    assert block_weights.spread(numbers, known) == dict(zip(names, numbers, strict=True))
    assert list(block_weights.spread([1.0] * total, known)) == ["BASE", *known]
    with pytest.raises(SettingsError, match=f"{total} blocks"):
        block_weights.spread([1.0] * 5, known)


def test_names_of_modules_and_blocks_agree() -> None:
    assert unet_block("down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q", SD1) == "IN04"
    assert unet_block("down_blocks.0.downsamplers.0.conv", SD1) == "IN03"
    assert unet_block("mid_block.resnets.1.conv1", SD1) == "M00"
    assert unet_block("up_blocks.3.attentions.2.proj_in", SD1) == "OUT11"
    assert unet_block("conv_in", SD1) == "IN00"
    assert unet_block("time_embedding.linear_1", SD1) is None
    assert unet_block("conv_out", SD1) is None


def test_what_people_write() -> None:
    wanted = {"IN04": 0.5, "OUT": 0.8, "M00": -1.0}
    assert block_weights.parse("in4=0.5, OUT:0.8,\n mid = -1") == wanted
    assert block_weights.parse(block_weights.text(wanted)) == wanted
    assert block_weights.parse(" ") == {}
    assert block_weights.parse("1, 0.5,0") == [1.0, 0.5, 0.0]
    assert StackItem(path="x", blocks="mid=0").blocks == {"M00": 0.0}  # type: ignore[arg-type]


def test_a_name_of_its_own_goes_before_its_side() -> None:
    found = block_weights.factors({"OUT": 0.5, "OUT03": 2.0}, unet_blocks(SD1))
    assert (found["OUT02"], found["OUT03"], found["IN01"], found["BASE"]) == (0.5, 2.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [("IM04=1", "IN04"), ("OUT=lots", "no factor"), ("IN04", "no factor"), ("IN04=11", "−10 to 10"),
     ("IN04=nan", "no factor"), ("IN04=1, 2", "no block with a factor")],
)  # fmt: skip
def test_mistakes_are_named(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        block_weights.parse(text)
    with pytest.raises(SettingsError):
        StackItem.parse({"path": "x", "blocks": text})


@pytest.mark.parametrize("span", [{"start": 0.5, "end": 0.5}, {"start": 1.0}, {"end": 1.5}])
def test_a_range_must_be_one(span: dict[str, float]) -> None:
    with pytest.raises(SettingsError):
        StackItem.parse({"path": "x", **span})
