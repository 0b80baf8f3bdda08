"""What a finished file says about itself, the same for every method.

Owns: which settings and facts of a run go into a file's metadata, and that no path does. Refuses to know: key spellings
(`formats.metadata`), tensors.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from studio.core.names import path_of, printable
from studio.methods.base import ExportFacts
from studio.settings.training import RunConfig

if TYPE_CHECKING:
    from studio.families.base import Base
    from studio.formats.metadata import Facts


def describe(base: Base, config: RunConfig, facts: ExportFacts, **more: Any) -> Facts:
    """The facts of a run; `more` holds what the method adds, e.g. `product`, `rank`, `alpha`."""
    from studio.formats.metadata import Facts

    train, side = config.train, config.data.resolution or base.native_size
    dataset = facts.dataset
    return Facts(
        name=facts.name,
        title=facts.name,
        architecture=base.modelspec,
        base_name=base.name,
        base_hash=base.hash[:10],
        base_sha256=base.hash,
        prediction_type="epsilon" if base.prediction_type == "epsilon" else "v",
        started_at=facts.started_at,
        finished_at=facts.finished_at,
        comment=facts.chosen or None,
        date=time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(facts.finished_at)),
        learning_rate=train.learning_rate,
        unet_lr=train.learning_rate,
        text_encoder_lr=train.text_learning_rate,
        optimizer=train.optimizer,
        lr_scheduler=train.schedule,
        lr_warmup_steps=train.warmup_steps,
        max_train_steps=train.steps,
        steps=facts.step,
        epoch=facts.epoch,
        batch_size=train.batch_size,
        total_batch_size=train.images_per_step,
        gradient_accumulation_steps=train.gradient_accumulation,
        mixed_precision=config.precision,
        seed=config.seed,
        min_snr_gamma=config.loss.min_snr_gamma if config.loss.weighting == "min-snr" else None,
        noise_offset=config.loss.noise_offset,
        prior_loss_weight=config.prior.weight or None,
        num_reg_images=config.prior.images if config.prior.weight else None,
        resolution=(side, side),
        num_train_images=dataset.get("images"),
        publish_dataset=not config.private_metadata,
        dataset_dirs=_folders(dataset),
        tag_frequency={dataset["folder"]: dataset["tags"]} if "tags" in dataset else None,
        bucket_info={"buckets": dataset["buckets"]} if "buckets" in dataset else None,
        trigger=facts.phrase or facts.trigger or None,
        author=config.author or None,
        base_weights=None if config.memory.base_weights == "full" else config.memory.base_weights,
        thumbnail=facts.thumbnail,
        config=None if config.private_metadata else shareable(config),
        **more,
    )


def shareable(config: RunConfig) -> dict[str, Any]:
    """Every setting of a run, paths cut to their last name: a file tells nobody's folders."""
    values = config.model_dump(exclude_none=True)
    values["base"] = _last_name(config.base)
    values["data"]["folder"] = _last_name(config.data.folder)
    values["prior"]["folder"] = _last_name(config.prior.folder) if config.prior.folder else ""
    options = values["options"]
    if options.get("continue_from"):
        options["continue_from"] = _last_name(options["continue_from"])
    return values


def _last_name(text: str) -> str:
    """The last part of a path; a name or a hub id stays as it is."""
    path = path_of(text).expanduser()
    return printable(path.name) if path.is_absolute() or path.exists() else text


def _folders(dataset: dict[str, Any]) -> dict[str, Any] | None:
    if "folder" not in dataset:
        return None
    counts = {"n_repeats": dataset["repeats"], "img_count": dataset["images"]}
    return {dataset["folder"]: counts}
