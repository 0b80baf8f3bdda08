"""Samplers by the names that other programs give them.

Owns: the names. Refuses to know: what a sampler does (`studio.diffusion.samplers`), torch.

“DPM++ 2M Karras”, “dpmpp_2m_karras”, “k_dpmpp_2m”, “dpmpp_2m_k”, “dpmpp_2m_sde_gpu”, “Euler Ancestral”
and “DPMSolverMultistepScheduler” all mean one of ours: case, punctuation and what says where it runs
do not count.
"""

from __future__ import annotations

import re
from typing import cast, get_args

from studio.settings.training import Sampler

_OURS = frozenset(get_args(Sampler))
_KARRAS = " Karras"
# Spelling without case and punctuation → our name; ours themselves come first.
_NAMES: dict[str, str] = {
    "eulerancestral": "Euler a", "eulerdiscrete": "Euler", "eulerancestraldiscrete": "Euler a",
    "heundiscrete": "Heun", "lmsdiscrete": "LMS", "kdpm2": "DPM2", "dpm2ancestral": "DPM2 a",
    "kdpm2ancestral": "DPM2 a", "kdpm2a": "DPM2 a", "kdpm2discrete": "DPM2",
    "kdpm2ancestraldiscrete": "DPM2 a", "dpmsolvermultistep": "DPM++ 2M", "dpmsolver++": "DPM++ 2M",
    "dpmsolversde": "DPM++ SDE", "unipcbh2": "UniPC", "unipcmultistep": "UniPC", "pndm": "PLMS",
    "dpm++2mksde": "DPM++ 2M SDE", "dpm++2mancestral": "DPM++ 2M",
}  # fmt: skip
_SCHEDULES = {
    "karras": "karras", "k": "karras", "exponential": "exponential", "polyexponential":
    "polyexponential", "sgm uniform": "SGM uniform", "ddim uniform": "DDIM uniform", "simple": "simple",
    "beta": "beta", "ays": "align your steps", "align your steps": "align your steps",
    "trailing": "trailing", "substep": "substep", "turbo": "turbo", "kl optimal": "KL optimal",
}  # fmt: skip
_USUAL = ("", "automatic", "normal", "uniform", "native", "none", "default", "discrete")


def sampler_of(name: str, schedule: str = "") -> tuple[Sampler | None, str]:
    """(our name or None, what could not be taken over); `schedule` where a program says it apart."""
    plain, own = _split(name)
    ours = _named(plain)
    stated = " ".join(re.findall(r"[a-z0-9]+", schedule.lower()))
    wanted = own or _SCHEDULES.get(stated, "" if stated in _USUAL else schedule.strip())
    if ours is None:
        return None, f"The sampler “{name.strip()[:60]}” is not here." if name.strip() else ""
    if wanted == "karras" and ours + _KARRAS in _OURS:
        return cast(Sampler, ours + _KARRAS), ""
    said = f"The noise schedule “{wanted[:40]}” is not here for {ours}: it has its own."
    return cast(Sampler, ours), said if wanted else ""


def _split(name: str) -> tuple[str, str]:
    """(the spelling without case and punctuation, the schedule that the name itself states)."""
    text = (
        name.lower().replace("dpmpp", "dpm++").replace("scheduler", " ").replace("uni_pc", "unipc")
    )
    words = [word for word in re.findall(r"[a-z0-9+]+", text) if word not in ("gpu", "cpu")]
    if words[:1] == ["k"] or words[:2] == ["sample", "k"]:
        del words[: words.index("k") + 1]
    elif words[:1] == ["sample"]:
        del words[0]
    for count in (3, 2, 1):
        schedule = _SCHEDULES.get(" ".join(words[-count:]))
        if schedule and len(words) > count:
            return "".join(words[:-count]), schedule
    if len(words) > 1 and words[-1] in _USUAL:
        words.pop()
    return "".join(words), ""


def _named(spelling: str) -> str | None:
    for name in _OURS:
        if spelling == re.sub(r"[^a-z0-9+]", "", name.lower()) and not name.endswith(_KARRAS):
            return name
    return _NAMES.get(spelling)
