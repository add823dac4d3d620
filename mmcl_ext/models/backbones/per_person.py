from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from mmcl_ext.models.backbones.empty_person_cache import EmptyPersonCache, settings_key
from mmcl_ext.models.backbones.feature_taps import FeatureTaps
from mmcl_ext.models.layers.fast_training import speed_up, weighted_norms
from mmcl_ext.models.layers.skeleton_block import SkeletonBlock

_POSITIONS = 12_800
"""Joints times frames that a CPU encodes at a time: 64 channels of them take 3 MB."""


class BlockShape(NamedTuple):
    """Place of one residual block in a network."""

    stage: int
    in_channels: int
    out_channels: int
    stride: int

    def block(self, gcn: nn.Module, tcn: nn.Module, *, residual: bool = True) -> SkeletonBlock:
        """Put a graph and a temporal convolution of this shape into a block."""
        return SkeletonBlock(
            gcn, tcn, self.in_channels, self.out_channels, stride=self.stride, residual=residual
        )


class PerPersonBackbone(nn.Module):
    """Mixin: a backbone whose feature of a person depends on that person alone.

    In evaluation without gradients, a slot whose coordinates are all exactly zero is not
    computed: its feature is a constant of the network, see :class:`EmptyPersonCache`, which is
    computed once and put in its place. In training, the empty persons of a slot have one feature,
    too: one of them is computed for all, and counts as often in the batch statistics. Gradients
    in evaluation, compilation, tracing and dropout in the backbone compute every slot; so does
    ``skip_empty_persons=False``, with which forward hooks see all of them.

    Args:
        fast_training: Whether training takes the layers of
            :mod:`mmcl_ext.models.layers.fast_training` and merges empty persons: the same step
            up to rounding.
    """

    skip_empty_persons: bool = True
    frames_last: bool = False
    """Whether blocks take and give (R, C, V, T), not (R, C, T, V)."""
    taps: FeatureTaps | None = None
    """What :func:`tapped` listens to."""

    works_per_person: bool = True
    """False where a person's feature depends on the other persons of the clip after all."""

    def __init__(self, *args: Any, fast_training: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fast_training = fast_training
        self.empty_persons = EmptyPersonCache()

    @property
    @abstractmethod
    def block_modules(self) -> nn.ModuleList:
        """The chain of blocks."""

    @abstractmethod
    def block_shapes(self) -> Iterable[BlockShape]:
        """Yield the place of every block; ``stage`` counts from 1."""

    @property
    def infer_topology(self) -> Callable[[Tensor], Tensor] | None:
        """Map what the last graph convolution takes to (R, S, C, V, V), without its shared part.

        The first V receives. None where the topology does not depend on the sample.
        """
        return getattr(self.block_modules[-1].gcn, 'dynamic_topology', None)

    @abstractmethod
    def normalize_input(self, x: Tensor) -> Tensor:
        """Normalise skeletons (N, M, T, V, C) and return them as (N*M, ...)."""

    @abstractmethod
    def encode(self, rows: Tensor) -> Tensor:
        """Extract features (R, C', T', V) of R embedded persons (R, ...)."""

    def extract(self, x: Tensor) -> Tensor:
        """Map skeletons (N, M, T, V, C) to features (N, M, C', T', V)."""
        plain = x.is_meta or torch.compiler.is_compiling() or torch.jit.is_tracing()
        norms = None if plain else self._prepare_training(x)
        rows = self.normalize_input(x)
        encode = self.encode if plain else self._choose_encode(x)
        if self.skip_empty_persons and not plain:
            present = x.detach().flatten(2).ne(0).any(-1)  # (N, M); NaN is somebody
            if norms:
                return self._extract_merged(rows, present, norms)
            if not (self.training or torch.is_grad_enabled() or present.all() or self.taps):
                return self._extract_present(x, rows, present, encode)
        return encode(rows).unflatten(0, x.shape[:2])

    def _choose_encode(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        """Outside of training, let a CPU encode as many persons at a time as its caches hold."""
        alone = self.works_per_person and not (self.training or self.taps)
        size = max(_POSITIONS // (x.shape[2] * x.shape[3]), 1)
        if not alone or torch.is_grad_enabled() or x.device.type != 'cpu':
            return self.encode
        return lambda rows: _join([self.encode(part) for part in rows.split(size)])

    def _prepare_training(self, x: Tensor) -> list[Any] | None:
        """Speed the layers up; list the normalisations of merged persons, None for no merging."""
        if not (self.training and self.fast_training):
            return None
        speed_up(self)
        return None if x.requires_grad else weighted_norms(self)

    def _extract_merged(self, rows: Tensor, present: Tensor, norms: list[Any]) -> Tensor:
        """Encode the persons who are there, and one empty person for all of its slot."""
        slot = torch.arange(present.numel(), device=present.device).view(present.shape)
        first = (~present).int().argmax(0)  # of each slot, (M,)
        # Each slot's own number, or that of the first empty one in its place.
        source = slot.where(present, slot.gather(0, first[None]).expand_as(slot))
        kept, index, multiplicity = source.flatten().unique(return_inverse=True, return_counts=True)
        merged = len(kept) < len(rows)
        if merged and self.taps is not None:
            self.taps.rows = index
        if not merged and not any(isinstance(norm, nn.SyncBatchNorm) for norm in norms):
            return self.encode(rows).unflatten(0, present.shape)
        for norm in norms:
            norm.multiplicity = multiplicity
        try:
            features = self.encode(rows.index_select(0, kept) if merged else rows)
        finally:
            for norm in norms:
                norm.multiplicity = None
        # With frames outside joints, as the features come.
        features = features.transpose(-1, -2).index_select(0, index).transpose(-1, -2)
        return features.unflatten(0, present.shape)

    def _extract_present(
        self, x: Tensor, rows: Tensor, present: Tensor, encode: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """Encode the persons who are there, and empty slots not met before."""
        memory = self.empty_persons
        memory.refresh(self)
        settings = settings_key(x)
        slots = (~present).any(0).nonzero().flatten().tolist()
        features = {slot: memory.get((slot, *settings)) for slot in slots}
        unknown = [slot for slot, feature in features.items() if feature is None]
        encoded = rows[present.flatten()]
        if unknown:
            empty = self.normalize_input(torch.zeros_like(x[:1]))[unknown]
            encoded = torch.cat((encoded, empty))
        somebody, nobody = _split(encode, encoded, len(unknown))
        for slot, feature in zip(unknown, nobody, strict=True):
            features[slot] = kept = feature.clone(memory_format=torch.preserve_format)
            memory.put((slot, *settings), kept)
        return _arrange(somebody, features, present)

    def train(self, mode: bool = True) -> Self:
        """Set the mode and forget the features of empty persons."""
        self.empty_persons.clear()
        super().train(mode)
        return self

    def _apply(self, fn: Callable, *args: Any, **kwargs: Any) -> Self:
        """Move or convert the weights and forget the features of empty persons."""
        self.empty_persons.clear()
        super()._apply(fn, *args, **kwargs)
        return self


def _join(features: list[Tensor]) -> Tensor:
    """Join features (R, C', T', V), with frames outside joints in memory, as they come."""
    if len(features) == 1:
        return features[0]
    return torch.cat([part.transpose(-1, -2) for part in features]).transpose(-1, -2)


def _split(
    encode: Callable[[Tensor], Tensor], rows: Tensor, last: int
) -> tuple[Tensor | None, Tensor]:
    """Encode rows and split off the last ones; None where there are no others."""
    if not len(rows):
        return None, rows
    features, others = encode(rows), len(rows) - last
    return features[:others] if others else None, features[others:]


def _arrange(somebody: Tensor | None, features: dict[int, Any], present: Tensor) -> Tensor:
    """Put features (R, C', T', V) and constants at their places (N, M, C', T', V)."""
    like = next(iter(features.values())) if somebody is None else somebody[:1].squeeze(0)
    # Joints outside frames, as the features come: copying is then one run of memory.
    inner = like.transpose(-1, -2)
    output = inner.new_empty(*present.shape, *inner.shape)
    if somebody is not None:
        output[present] = somebody.transpose(-1, -2)
    for slot, feature in features.items():
        output[~present[:, slot], slot] = feature.transpose(-1, -2)
    return output.transpose(-1, -2)
