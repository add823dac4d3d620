import copy
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from mmcl_ext.checkpoints.state_comparison import check_fit
from mmcl_ext.checkpoints.strip import TRAIN_ONLY
from mmcl_ext.mmcl.co_learning import CoLearning, branch_cfg, build_part
from mmcl_ext.mmcl.helper import NetworkFacts, Taps
from mmcl_ext.mmcl.text_refinement import (
    check_mode,
    keep_refinement,
    names_refinement,
    refine_at_test,
)
from mmcl_ext.models.backbones.feature_taps import tapped
from mmcl_ext.models.losses.own_losses import own_losses, stack_labels
from mmcl_ext.models.recognizers.skeleton_recognizer import SkeletonRecognizer, in_scope_of
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class MMCLRecognizer(SkeletonRecognizer):
    """Skeleton recognizer that learns with images and texts beside it.

    Multi-modality co-learning, Liu et al., ACM MM 2024, arXiv 2407.15706. Only the
    ``'loss'`` mode reads images and texts; ``'predict'`` and ``'tensor'`` are those
    of :class:`SkeletonRecognizer` unless ``text_refinement`` is set. Everything that only
    the training needs lies in ``co_learning``.

    Args:
        cls_head: Classification head with ``pool`` and ``loss_by_embedding``.
        co_learning: Helpers or their configurations, a list; or the configuration of a
            :class:`CoLearning`, or that branch itself. Widths are filled in from the network.
        data_preprocessor: None for ``dict(type='MMCLDataPreprocessor')``.
        text_refinement: What ``'predict'`` gives where texts are at hand at test time:
            ``'replace'``, the refined logits (Eq. 8); ``'add'``, their sum with the plain
            ones; None, the plain ones.
    """

    def __init__(
        self,
        backbone: nn.Module | dict[str, Any],
        cls_head: nn.Module | dict[str, Any],
        co_learning: CoLearning | dict[str, Any] | Sequence[Any],
        data_preprocessor: nn.Module | dict[str, Any] | None = None,
        text_refinement: str | None = None,
        **kwargs: Any,
    ) -> None:
        check_mode(text_refinement)
        if data_preprocessor is None:
            data_preprocessor = {'type': 'mmcl_ext.MMCLDataPreprocessor'}  # in any scope
        super().__init__(backbone, cls_head, data_preprocessor=data_preprocessor, **kwargs)
        self.co_learning = _build_branch(branch_cfg(co_learning), self.backbone, self.cls_head)
        self.text_refinement = text_refinement

    def loss(
        self, inputs: dict[str, Tensor], data_samples: list[BaseDataElement] | None
    ) -> dict[str, Tensor]:
        """Compute the classification loss and the terms of the branch (Eq. 10)."""
        if data_samples is None:
            raise ValueError("mode 'loss' needs data_samples with labels, got None")
        branch, head = self.co_learning, self.cls_head
        topology = branch.asks_for('topology')
        listening = tapped(self.backbone, branch.blocks, topology)
        with listening if branch.blocks or topology else nullcontext() as caught:
            feats = self.extract_feat(inputs[self.input_key])
        embedding = head.pool(feats)  # (N, C')
        logits, losses = head.loss_by_embedding(embedding, data_samples)
        losses |= own_losses(self.backbone, feats, data_samples)
        labels = stack_labels(data_samples).to(logits.device)
        taps = Taps(embedding, logits, labels, inputs, joints=feats, samples=data_samples)
        if caught is not None:
            taps.blocks, taps.topology = (
                caught.blocks(feats.shape[1]),
                caught.topology(feats.shape[1]),
            )
        return losses | branch.loss(taps)

    def predict(
        self, inputs: dict[str, Tensor], data_samples: list[BaseDataElement] | None
    ) -> list[BaseDataElement]:
        """Return the samples with their scores; with ``text_refinement`` reads ``text`` (N, D)."""
        if self.text_refinement is None:
            return super().predict(inputs, data_samples)
        if 'text' not in inputs:
            raise ValueError(f"text_refinement needs 'text' among the inputs, got {sorted(inputs)}")
        logits = self.cls_head(self.extract_feat(inputs[self.input_key]))  # (N * num_clips, K)
        clips = len(logits) // len(inputs['text'])
        refined = self.refine(logits, inputs['text'].repeat_interleave(clips, dim=0))
        scores = refined if self.text_refinement == 'replace' else logits + refined
        return self.cls_head.predict_by_feat(scores, data_samples)

    def refine(self, logits: Tensor, text: Tensor) -> Tensor:
        """Refine logits, see :meth:`CoLearning.refine`."""
        return self.co_learning.refine(logits, text)

    @classmethod
    def deploy_cfg(cls, model_cfg: Mapping[str, Any]) -> dict[str, Any]:
        """Return the deployed :class:`SkeletonRecognizer`, for full and stripped checkpoints."""
        cfg = copy.deepcopy(dict(model_cfg))
        cfg.pop('co_learning', None)
        cfg['type'] = in_scope_of(cfg.get('type'), 'SkeletonRecognizer')
        preprocessor = dict(cfg.get('data_preprocessor') or {'type': 'MMCLDataPreprocessor'})
        if str(preprocessor['type']).endswith('MMCLDataPreprocessor'):
            preprocessor = {
                key: value for key, value in preprocessor.items() if key not in ('mean', 'std')
            }
            preprocessor['type'] = in_scope_of(preprocessor['type'], 'SkeletonDataPreprocessor')
        cfg['data_preprocessor'] = preprocessor
        cfg['ignore_keys'] = (*cfg.get('ignore_keys', ()), *TRAIN_ONLY)
        return cfg

    @classmethod
    def refinement_cfg(cls, model_cfg: Mapping[str, Any]) -> dict[str, Any]:
        """Return the configuration without image encoder and alignment, which refines scores."""
        if not names_refinement(model_cfg['co_learning']):
            raise ValueError('this model was built without a refinement module (frm=None)')
        return keep_refinement(model_cfg)

    refine_at_test = staticmethod(refine_at_test)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Refuse to refine with a module that the checkpoint does not hold."""
        frm = self.co_learning.frm
        if self.text_refinement is not None and frm is not None:
            needed = {f'{prefix}co_learning.frm.{key}': v for key, v in frm.state_dict().items()}
            try:
                check_fit(needed, state_dict, 'text_refinement', allow_more=True)
            except ValueError as error:
                raise ValueError(
                    f'{error}; give the whole checkpoint of a training with FRM, not a stripped '
                    'one, and texts of the width that it was trained with'
                ) from error
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _build_branch(branch: Any, backbone: Any, head: Any) -> CoLearning:
    lacking = [name for name in ('pool', 'loss_by_embedding') if not hasattr(head, name)]
    if lacking:
        raise ValueError(
            f'{type(head).__name__} lacks {lacking}, which co-learning calls; use GCNHead'
        )
    widths = {'embed_channels': head.in_channels, 'num_classes': head.num_classes}
    if isinstance(branch, dict):
        branch = {**branch, 'network': NetworkFacts.of(backbone, head)}
    return build_part(branch, {name: (width, 'the head') for name, width in widths.items()})
