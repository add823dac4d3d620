from collections.abc import Mapping
from typing import Any

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmcl_ext.fileio.printable import counted
from mmcl_ext.mmcl.losses.mmcl_loss import MMCLLoss
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class CoLearning(BaseModule):
    """The branch that lives around a skeleton model during its training.

    Holds the image encoder, the alignment (FAM) and refinement (FRM) modules and
    the loss. Widths that the parts leave open are filled in from their
    neighbours; a width that is given and differs is an error. FAM or FRM may be
    left out, but not both; an image encoder needs FAM, to get a gradient.

    Args:
        embed_channels: Width C' of the pooled skeleton feature.
        image_encoder: Encoder of the images, or its configuration. None when the
            pipeline loads cached image features.
        fam: Configuration of the alignment module; None leaves alignment out.
        frm: Configuration of the refinement module; None leaves refinement out.
        loss: Configuration of :class:`MMCLLoss`; None for its defaults.
    """

    def __init__(
        self,
        embed_channels: int,
        num_classes: int,
        image_encoder: nn.Module | dict[str, Any] | None = None,
        fam: nn.Module | dict[str, Any] | None = None,
        frm: nn.Module | dict[str, Any] | None = None,
        loss: nn.Module | dict[str, Any] | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if fam is None and frm is None:
            raise ValueError('co-learning needs fam, frm or both; got None for each')
        if image_encoder is not None and fam is None:
            raise ValueError(
                'image_encoder without fam would never get a gradient; set both or none'
            )
        self.embed_channels = embed_channels
        self.num_classes = num_classes
        self.image_encoder = None if image_encoder is None else build_part(image_encoder)
        fam_widths = {'out_channels': (embed_channels, 'the skeleton feature')}
        if self.image_encoder is not None:
            fam_widths['in_channels'] = (self.image_encoder.out_channels, 'the image encoder')
        self.fam = None if fam is None else build_part(fam, fam_widths)
        frm_widths = {'num_classes': (num_classes, 'the classification head')}
        self.frm = None if frm is None else build_part(frm, frm_widths)
        self.criterion = MMCLLoss() if loss is None else build_part(loss)

    @property
    def required_inputs(self) -> tuple[str, ...]:
        """Keys of ``inputs`` that a training step needs besides the skeleton."""
        parts = {'image': self.fam, 'text': self.frm}
        return tuple(key for key, part in parts.items() if part is not None)

    def loss(
        self, embedding: Tensor, logits: Tensor, inputs: Mapping[str, Tensor], labels: Tensor
    ) -> dict[str, Tensor]:
        """Compute the weighted losses and monitors that the branch adds to the classification loss.

        Of pooled skeleton features (N, C'), logits (N, K), labels (N,) or (N, K), and, as far as
        needed, ``image`` (N, 3, H, W), normalised, or cached (N, F), and ``text`` (N, D).
        """
        self._check_inputs(inputs, len(embedding))
        terms: dict[str, Tensor] = {}
        if self.fam is not None:
            terms |= self._align(self.fam, embedding, inputs['image'])
        if self.frm is not None:
            refined, weights = self.frm(logits, inputs['text'])
            terms |= self.criterion.refinement(refined, weights, labels)
        return terms

    def _align(self, fam: nn.Module, embedding: Tensor, image: Tensor) -> dict[str, Tensor]:
        """Align the samples that have an image: a cached feature of NaN stands for none."""
        if self.image_encoder is None:
            present = ~image[:, 0].isnan()  # (N,)
            if not present.all():
                embedding, image = embedding[present], image[present]
        feature = image if self.image_encoder is None else self.image_encoder(image)
        return self.criterion.alignment(embedding, fam(feature))

    def refine(self, logits: Tensor, text: Tensor) -> Tensor:
        """Refine logits (N, K) by text features (N, D), at test time."""
        if self.frm is None:
            raise ValueError('this model was built without a refinement module (frm=None)')
        return self.frm(logits, text)[0]

    def _check_inputs(self, inputs: Mapping[str, Tensor], num_samples: int) -> None:
        for key in self.required_inputs:
            if key not in inputs:
                raise ValueError(
                    f'co-learning needs {key!r} among the inputs, got {sorted(inputs)}: does the '
                    "training pipeline load it, and is it in PackActionInputs' collect_keys?"
                )
            if len(inputs[key]) != num_samples:
                raise ValueError(
                    f'{counted(len(inputs[key]), "sample")} of {key!r} for '
                    f'{counted(num_samples, "skeleton")}; '
                    'co-learning takes one clip per sample'
                )
        cached = self.image_encoder is None
        if self.fam is not None and inputs['image'].ndim != (2 if cached else 4):
            expected = '(N, F) since image_encoder is None' if cached else '(N, 3, H, W)'
            shape = tuple(inputs['image'].shape)
            raise ValueError(f'image input has shape {shape}, expected {expected}')


def build_part(
    part: nn.Module | dict[str, Any], widths: Mapping[str, tuple[int, str]] | None = None
) -> Any:
    """Build a part, with the widths that its neighbours have: argument to value and whose it is."""
    widths = widths or {}
    defaults = {name: value for name, (value, _) in widths.items()}
    module = MODELS.build({**defaults, **part}) if isinstance(part, dict) else part
    for name, (value, neighbour) in widths.items():
        own = getattr(module, name, value)
        if own != value:
            raise ValueError(
                f'{type(module).__name__} has {name}={own}, but {neighbour} has {value}'
            )
    return module
