from typing import Any

from torch import nn

from mmcl_ext.fileio.checkpoint import read_checkpoint
from mmcl_ext.models.recognizers.skeleton_recognizer import (
    Config,
    SkeletonRecognizer,
    in_scope_of,
)
from mmcl_ext.registry import MODELS

_BACKBONE = 'backbone.'


@MODELS.register_module()
class TransferRecognizer(SkeletonRecognizer):
    """Skeleton recognizer whose backbone was trained on another data set.

    The backbone's weights are read when a training starts; the head starts anew,
    whatever its number of classes. Unlike with ``load_from`` a checkpoint that does not
    fit is an error. What is deployed is a :class:`SkeletonRecognizer`.

    Args:
        source: Checkpoint of the other training, whole or stripped, of any recognizer of
            this package; None leaves the backbone as initialised.
        frozen: Train the head alone: no gradient for the backbone, its batch statistics stay.
    """

    def __init__(
        self,
        backbone: Config | nn.Module,
        cls_head: Config | nn.Module,
        source: str | None = None,
        frozen: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(backbone, cls_head, **kwargs)
        self.source = source
        self.frozen = frozen
        if frozen:
            self.backbone.requires_grad_(False)

    @classmethod
    def deploy_cfg(cls, model_cfg: Config) -> Config:
        """Return the configuration of the skeleton-only recognizer."""
        kept = {k: v for k, v in model_cfg.items() if k not in ('source', 'frozen')}
        return kept | dict(type=in_scope_of(kept['type'], 'SkeletonRecognizer'))

    def init_weights(self) -> None:
        """Initialise, then read the backbone of ``source``; a ValueError if it has another one."""
        super().init_weights()
        if self.source is not None:
            self._load_backbone(self.source)

    def train(self, mode: bool = True) -> 'TransferRecognizer':
        """Switch the mode; a frozen backbone stays in that of evaluation."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def _load_backbone(self, source: str) -> None:
        state = read_checkpoint(source)['state_dict']
        state = {k[len(_BACKBONE) :]: v for k, v in state.items() if k.startswith(_BACKBONE)}
        if not state:
            raise ValueError(f'{source} holds no backbone')
        try:
            self.backbone.load_state_dict(state)
        except RuntimeError as error:
            reason = ' '.join(str(error).split())
            raise ValueError(f'{source} does not fit the backbone: {reason[:300]}') from error
