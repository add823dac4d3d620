import math
from typing import Any

import torch
from torch import Tensor, nn

from mmcl_ext.models.heads.pooled_head import PooledHead, at_least_float32
from mmcl_ext.registry import MODELS

_LARGEST_NOISE = 100.0


@MODELS.register_module()
class InfoGCNHead(PooledHead):
    """Classifies a noisy code of the pooled feature and draws the codes to a prior.

    Source: Chi et al., "InfoGCN", CVPR 2022, section 3.1, as released. With h =
    ReLU(fc(embedding)), the code is mu(h) in evaluation; in training, noise of standard deviation
    exp(noise_ratio * logvar(h)), at most 100, is added (0.5 is the authors' ratio).

    The prior means, one per class, of length ``z_prior_gain``, are orthogonal. They are constants:
    drawn from their own seed, so a resumed run has the same ones, and not stored. ``loss_mmd`` is
    the configuration of the loss on codes, by default :class:`LatentMMDLoss`.
    """

    z_prior: Tensor

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        *,
        noise_ratio: float = 0.5,
        dropout: float = 0.0,
        z_prior_gain: float = 3.0,
        z_prior_seed: int = 0,
        loss_mmd: dict | None = None,
        label_smooth_eps: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, in_channels, label_smooth_eps=label_smooth_eps, **kwargs)
        self.noise_ratio = noise_ratio
        self.loss_mmd = MODELS.build(loss_mmd or dict(type='LatentMMDLoss'))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(in_channels, in_channels)
        self.fc_mu = nn.Linear(in_channels, in_channels)
        self.fc_logvar = nn.Linear(in_channels, in_channels)
        self.decoder = nn.Linear(in_channels, num_classes)
        for layer in (self.fc, self.fc_mu, self.fc_logvar):
            nn.init.xavier_uniform_(layer.weight, gain=math.sqrt(2.0))
        nn.init.normal_(self.decoder.weight, 0.0, math.sqrt(2.0 / num_classes))
        prior = torch.empty(num_classes, in_channels)
        generator = torch.Generator().manual_seed(z_prior_seed)
        nn.init.orthogonal_(prior, gain=z_prior_gain, generator=generator)
        self.register_buffer('z_prior', prior, persistent=False)

    def encode(self, embedding: Tensor) -> Tensor:
        """Map pooled features (N, C') to codes (N, C'), noisy in training."""
        h = self.dropout(self.fc(embedding).relu())
        mean = self.fc_mu(h)
        if not self.training:
            return mean
        # limited before it can overflow, whose gradient would be NaN
        log_scale = (self.noise_ratio * self.fc_logvar(h)).clamp(max=math.log(_LARGEST_NOISE))
        scale = log_scale.exp().clamp(max=_LARGEST_NOISE)
        return mean + torch.randn_like(mean) * scale

    def classify(self, embedding: Tensor) -> Tensor:
        """Map pooled features (N, C') to logits (N, K)."""
        return self.decoder(self.encode(embedding))

    def classify_in_training(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """Return one draw of the codes (N, C') and its logits (N, K)."""
        z = at_least_float32(self.encode(embedding))
        return z, self.decoder(z)

    def own_losses(self, features: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Compare codes (N, C') with the prior of their labels (N,)."""
        return self.loss_mmd(features, labels, self.z_prior)
