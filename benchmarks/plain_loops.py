"""The loops of diffusers' training examples, written plainly: what the studio's steps are held against.

As `train_text_to_image_lora.py`, `textual_inversion.py` and `train_dreambooth.py` do it under mixed
precision: what is trained is fp32, the rest is in the base's precision, autocast around the network,
torch's AdamW. The same network, moments of the same images, the same captions, batch, rank, layers,
clipping and loss as the studio's step; text that does not learn is encoded once in both. Loss values
differ, because noise is drawn in another order. fp16's loss scaling is left out: it is no work.

Each loop owns copies of what it trains or wraps, so the studio's steps beside it see none of it.
"""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext

import torch
from diffusers import DDPMScheduler
from torch import Tensor
from torch.nn import functional

from studio.methods.lora_layers import plan
from studio.methods.lora_options import LoraOptions
from studio.train.loop import Trainer


class PlainLoop:
    """What the three have in common: noise, prediction, loss, optimizer."""

    def __init__(self, trainer: Trainer) -> None:
        self.base, self.train = trainer.base, trainer.config.train
        items = [trainer.items[index] for index in trainer.plan.batch(0)]
        self.captions = [trainer.trainable.caption(item.caption) for item in items]
        self.moments = trainer.latents.get(items)
        self.size = (items[0].bucket[1], items[0].bucket[0])
        self.scheduler = DDPMScheduler.from_config(self.base.scheduler_config)
        self.unet = copy.deepcopy(self.base.denoiser)
        with torch.no_grad():
            self.text = self.base.encode(self.captions)

    def optimize(self, parameters: list[Tensor]) -> None:
        """AdamW over these, as the examples make it."""
        self.parameters = parameters
        self.optimizer = torch.optim.AdamW(
            parameters, lr=self.train.learning_rate, weight_decay=self.train.weight_decay
        )

    def encode(self) -> Tensor:
        """The text of the batch [B, T, D]."""
        return self.text.embeds

    def step(self) -> None:
        """One optimizer step."""
        mean, log_variance = self.moments.chunk(2, dim=1)
        latents = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        latents = latents * self.base.vae.config.scaling_factor
        noise = torch.randn_like(latents)
        timesteps = torch.randint(0, 1000, (len(latents),), device=latents.device)
        noisy = self.scheduler.add_noise(latents, noise, timesteps)
        with self._autocast():
            prediction = self.unet(noisy.to(self.base.dtype), timesteps, self.encode()).sample
        loss = functional.mse_loss(prediction.float(), noise.float())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, self.train.clip_gradient_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        loss.item()  # the examples show it at every step

    def _autocast(self) -> AbstractContextManager[object]:
        if self.base.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.base.device.type, self.base.dtype)


class PlainLora(PlainLoop):
    """Diffusers' `add_adapter` on the layers that the studio trains."""

    def __init__(self, trainer: Trainer) -> None:
        from peft import LoraConfig

        super().__init__(trainer)
        options = LoraOptions.parse(trainer.config.options, where="options of lora")
        layers = plan(self.base, options).layers["unet"]
        self.unet.add_adapter(
            LoraConfig(
                r=options.rank,
                lora_alpha=options.alpha or options.rank,
                target_modules=list(layers),
            )
        )
        trained = [tensor for tensor in self.unet.parameters() if tensor.requires_grad]
        for tensor in trained:
            tensor.data = tensor.data.float()
        self.optimize(trained)


class PlainDreamBooth(PlainLoop):
    """The whole network in fp32."""

    def __init__(self, trainer: Trainer) -> None:
        super().__init__(trainer)
        self.unet.float().requires_grad_(True)
        self.optimize(list(self.unet.parameters()))


class PlainTextualInversion(PlainLoop):
    """New rows in the text encoder's table; after each step the others are put back."""

    def __init__(self, trainer: Trainer) -> None:
        super().__init__(trainer)
        vectors = trainer.parameters[0].shape[0]
        self.encoder = copy.deepcopy(self.base.text_encoders[0]).float()
        tokenizer = self.base.tokenizers[0]
        table = self.encoder.get_input_embeddings().weight
        count = table.shape[0]
        # the new words' ids stand where the trigger would: the same number of tokens
        ids = tokenizer(
            self.captions, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
        ).input_ids
        ids[:, 1 : 1 + vectors] = torch.arange(count, count + vectors)
        self.ids = ids.to(self.base.device)
        self.encoder.resize_token_embeddings(count + vectors, mean_resizing=False)
        self.table = self.encoder.get_input_embeddings().weight
        self.before = self.table.data.clone()
        self.others = torch.ones(count + vectors, dtype=torch.bool, device=self.base.device)
        self.others[count:] = False
        self.table.requires_grad_(True)
        self.optimize([self.table])

    def encode(self) -> Tensor:
        return self.encoder(self.ids)[0]

    def step(self) -> None:
        super().step()
        with torch.no_grad():
            self.table[self.others] = self.before[self.others]


LOOPS: dict[str, type[PlainLoop]] = {
    "lora": PlainLora,
    "textual-inversion": PlainTextualInversion,
    "dreambooth": PlainDreamBooth,
}
