import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmcl_ext.fileio.printable import counted
from mmcl_ext.mmcl.helper import NetworkFacts, Taps, TrainingHelper, TrainingSet
from mmcl_ext.registry import MODELS

Part = nn.Module | dict[str, Any]
_OWNERS = {
    'embed_channels': 'the skeleton feature',
    'num_classes': 'the classification head',
    'image_channels': 'the image encoder',
}


@MODELS.register_module()
class CoLearning(BaseModule):
    """The branch that lives around a skeleton model during its training: a list of helpers.

    MMCL's pair, alignment with images (FAM) and refinement by text (FRM), may be given by name,
    others in ``helpers``. Widths that a helper leaves open are filled in from the network; a width
    that is given and differs is an error. An image encoder needs a helper with images, to get a
    gradient.

    Args:
        embed_channels: Width C' of the pooled skeleton feature.
        image_encoder: Encoder of the images, or its configuration. None when the
            pipeline loads cached image features.
        fam: Configuration of the alignment module; None leaves alignment out.
        frm: Configuration of the refinement module; None leaves refinement out.
        loss: Configuration of :class:`MMCLLoss`, the weights of both; None for their own.
        helpers: Further helpers or their configurations. ``name``, by default the type in lower
            case, is the helper's place below ``co_learning.``.
        network: What helpers may ask for; None where the widths say it all.
        kwargs: ``init_cfg`` of MMEngine.
    """

    def __init__(
        self,
        embed_channels: int,
        num_classes: int,
        image_encoder: Part | None = None,
        fam: Part | None = None,
        frm: Part | None = None,
        loss: Part | None = None,
        helpers: Sequence[Part] = (),
        network: NetworkFacts | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.embed_channels = embed_channels
        self.num_classes = num_classes
        self.training_set: TrainingSet | None = None
        self.image_encoder = None if image_encoder is None else build_part(image_encoder)
        self.fam: Any = None
        self.frm: Any = None
        facts = network or NetworkFacts(embed_channels, num_classes)
        pair = [(name, part) for name, part in (('fam', fam), ('frm', frm)) if part is not None]
        self.names: tuple[str, ...] = ()
        for name, part in [*pair, *map(named, helpers)]:
            if name in self.names or (hasattr(self, name) and getattr(self, name) is not None):
                raise ValueError(
                    f'co-learning cannot hold two parts called {name!r}: give one name='
                )
            setattr(self, name, _build_helper(part, name, facts, self.image_encoder))
            self.names += (name,)
        if loss is not None:
            build_part(loss).apply_to(self.fam, self.frm)
        if not self.names:
            raise ValueError('co-learning needs fam, frm or both, or helpers; got none of them')
        if self.image_encoder is not None and 'image' not in self.required_inputs:
            raise ValueError(
                'image_encoder without fam would never get a gradient; set both or none'
            )

    @property
    def helpers(self) -> Iterator[TrainingHelper]:
        """The helpers, in their order."""
        return (getattr(self, name) for name in self.names)

    @property
    def required_inputs(self) -> tuple[str, ...]:
        """Keys of ``inputs`` that a training step needs besides the skeleton."""
        keys = [key for helper in self.helpers for key in helper.required_inputs]
        return tuple(dict.fromkeys(keys))

    def asks_for(self, tap: str) -> bool:
        """Tell whether a helper needs a tap of the backbone."""
        return any(tap in helper.needs for helper in self.helpers)

    @property
    def blocks(self) -> tuple[int, ...]:
        """Numbers of the blocks whose features helpers take."""
        return tuple(sorted({number for helper in self.helpers for number in helper.blocks}))

    def prepare(self, training_set: TrainingSet) -> None:
        """Introduce the training set to the helpers."""
        self.training_set = training_set
        for helper in self.helpers:
            helper.prepare(training_set)

    def loss(self, taps: Taps) -> dict[str, Tensor]:
        """Compute the weighted losses and monitors that the branch adds to the classification loss.

        Inputs are, as far as needed, ``image`` (N, 3, H, W), normalised, or cached (N, F), ``text``
        (N, D), and those that other helpers name.
        """
        self._check_inputs(taps.inputs, len(taps.embedding))
        taps.training_set = self.training_set
        if 'image' in self.required_inputs:
            image = taps.inputs['image']
            taps.image_feature = image if self.image_encoder is None else self.image_encoder(image)
        terms: dict[str, Tensor] = {}
        wide: Taps | None = None
        for name, helper in zip(self.names, self.helpers, strict=True):
            if helper.mixed_precision:
                found = helper.loss(taps)
            else:
                wide = wide or taps.widened(self.asks_for('joints'))
                with torch.autocast(taps.logits.device.type, enabled=False):
                    found = helper.loss(wide)
            for key, value in found.items():
                own = f'{key}_{name}' if key in terms else key
                terms[own] = helper.weight * value if 'loss' in key else value
        return terms

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
        if 'image' in self.required_inputs and inputs['image'].ndim != (2 if cached else 4):
            expected = '(N, F) since image_encoder is None' if cached else '(N, 3, H, W)'
            shape = tuple(inputs['image'].shape)
            raise ValueError(f'image input has shape {shape}, expected {expected}')


def branch_cfg(co_learning: Any) -> dict[str, Any]:
    """Write a list of helpers as the configuration of a branch; such a one stays."""
    if isinstance(co_learning, (list, tuple)):
        return dict(type='mmcl_ext.CoLearning', helpers=list(co_learning))
    return co_learning


def build_part(part: Part, widths: Mapping[str, tuple[Any, str]] | None = None) -> Any:
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


def named(part: Part) -> tuple[str, Part]:
    """Split a helper into its name and the rest."""
    if isinstance(part, dict):
        rest = dict(part)
        if 'type' not in rest:
            raise ValueError(f'co_learning: a helper is a dict with a type, got {part!r}')
        kind = _type_name(rest['type']).rpartition('.')[2]
        name = rest.pop('name', None)
    else:
        rest, kind, name = part, type(part).__name__, None  # type: ignore[assignment]
    return name or re.sub(
        r'(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])', '_', kind
    ).lower(), rest


def _type_name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind)


def _build_helper(part: Part, name: str, network: NetworkFacts, encoder: Any) -> TrainingHelper:
    given = part['type'] if isinstance(part, dict) else type(part)
    kind: Any = given if isinstance(given, type) else MODELS.get(given)
    if not (isinstance(kind, type) and issubclass(kind, TrainingHelper)):
        raise ValueError(f'co-learning: {_type_name(given)} is no registered TrainingHelper')
    lacking = network.lacking(kind.needs)
    if lacking:
        raise ValueError(
            f'{kind.__name__} needs {" and ".join(lacking)}, which {network.backbone} does not '
            f'have: choose another backbone, or leave {name!r} out of co_learning'
        )
    image = {} if encoder is None else {'image_channels': encoder.out_channels}
    widths = {}
    for argument in inspect.signature(kind).parameters:
        fact = kind.filled.get(argument, argument)
        value = image.get(fact, getattr(network, fact, None))
        if value is not None:
            widths[argument] = value, _OWNERS.get(fact, network.backbone)
    return build_part(part, widths)
