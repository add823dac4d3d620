"""Helpers with texts of the classes: nothing per sample, so any data set can have them."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.datasets.store.feature_file import FeatureFile
from mmcl_ext.fileio.printable import counted
from mmcl_ext.graphs.layout import Layout
from mmcl_ext.mmcl.helper import Taps, TrainingHelper, TrainingSet, gathered, next_draw
from mmcl_ext.mmcl.losses.contrastive_loss import unit_vectors
from mmcl_ext.registry import MODELS

_NTU_PARTS = {
    'head': (2, 3, 20),
    'hand': (*range(4, 12), *range(21, 25)),
    'hip': (0, 1, 2, 12, 16),
    'foot': tuple(range(12, 20)),
}
_WORDS = {
    'head': ('head', 'neck', 'nose', 'eye', 'ear', 'mouth'),
    'hand': ('shoulder', 'elbow', 'wrist', 'hand', 'thumb', 'tip', 'pinky', 'index'),
    'hip': ('hip', 'spine', 'pelvis', 'torso'),
    'foot': ('hip', 'knee', 'ankle', 'heel', 'foot', 'toe'),
}


def text_parts(layout: Layout) -> dict[str, tuple[int, ...]]:
    """Joints (0-based) of head, hand, hip and foot: GAP's for NTU's layouts, else by their names.

    A ValueError if a part has no joint.
    """
    if layout.name.startswith('nturgb+d') and layout.num_joints == 25:
        return dict(_NTU_PARTS)
    parts = {
        part: tuple(i for i, name in enumerate(layout.joint_names) if {*name.split('_')} & {*words})
        for part, words in _WORDS.items()
    }
    empty = [part for part, joints in parts.items() if not joints]
    if empty:
        raise ValueError(f'no joint of layout {layout.name!r} belongs to {empty}: give parts')
    return parts


def read_class_table(
    path: str | os.PathLike, num_classes: int
) -> tuple[Tensor, tuple[str, ...], dict[str, str]]:
    """Read a feature file with a row for each class: values (K, ...), names, metadata."""
    file = FeatureFile(path)
    if len(file.names) != num_classes:
        raise ValueError(
            f'{path}: {counted(len(file.names), "class", "classes")}, the network has {num_classes}'
        )
    rows = np.stack([file.read(name) for name in file.names]).reshape(-1, *file.shape[1:])
    return torch.from_numpy(rows), tuple(file.names), dict(file.metadata)


def check_classes(helper: str, own: Sequence[str], training_set: TrainingSet) -> None:
    """Compare the classes of a file with those of the training set, where it knows them."""
    known = training_set.classes
    if known is None or not own:
        return
    for i, (ours, theirs) in enumerate(zip(own, known, strict=False)):
        if ours != theirs:
            raise ValueError(f'{helper}: class {i} is {ours!r} in its file, {theirs!r} in the data')


def label_targets(classes: Tensor, dtype: torch.dtype) -> Tensor:
    """Softmax (N, N) over 10 where two samples share their class, else 0, as released by GAP."""
    return (10.0 * (classes[:, None] == classes).to(dtype)).softmax(dim=1)


def text_divergence(skeleton: Tensor, text: Tensor, scale: Tensor, target: Tensor) -> Tensor:
    """Mean of both KL divergences between similarities and the target (N, N), GAP's L_p."""
    similarity = scale * unit_vectors(skeleton) @ unit_vectors(text).T
    terms = [
        F.kl_div(s.log_softmax(1), target, reduction='batchmean')
        for s in (similarity, similarity.T)
    ]
    return torch.stack(terms).mean()


@MODELS.register_module()
class ClassTextAlignment(TrainingHelper):
    """GAP: alignment of skeleton and body parts with texts of the classes, frozen.

    Source: Xiang et al., "Generative Action Description Prompts for Skeleton-based Action
    Recognition", ICCV 2023, arXiv 2208.05318. The released text encoder is trained; here its
    embeddings are computed once, by ``tools/data/extract_class_texts.py``.

    Args:
        file: Feature file with a row (P, D) for each class; its metadata ``kinds`` name the P
            texts: any number of ``sentence``, of which one is drawn per sample and step, and one
            of each of ``head``, ``hand``, ``hip`` and ``foot``, as far as there are parts.
        parts: Joints (0-based) of each part; by default :func:`text_parts`.
    """

    needs: ClassVar = ('joints', 'layout')
    texts: Tensor
    draws: Tensor

    def __init__(
        self,
        file: str | os.PathLike,
        embed_channels: int,
        joint_channels: int,
        num_classes: int,
        layout: Layout,
        parts: Mapping[str, Sequence[int]] | None = None,
        weight: float = 0.8,
        seed: int = 0,
    ) -> None:
        super().__init__(weight)
        table, self.class_names, metadata = read_class_table(file, num_classes)
        kinds = json.loads(metadata.get('kinds', '[]'))
        if len(kinds) != table.shape[1] or 'sentence' not in kinds:
            raise ValueError(f'{file}: kinds {kinds} do not name {table.shape[1]} texts a class')
        # The embeddings come from the file at each start: no need to save them.
        self.register_buffer('texts', table.float(), persistent=False)
        self.register_buffer('draws', torch.zeros((), dtype=torch.long))
        self.seed = seed
        self.sentences = [i for i, kind in enumerate(kinds) if kind == 'sentence']
        known = text_parts(layout) if parts is None else parts
        self.parts = {i: list(known[kind]) for i, kind in enumerate(kinds) if kind in known}
        self.scales = nn.Parameter(torch.full((1 + len(self.parts),), math.log(1 / 0.07)))
        widths = [embed_channels, *[joint_channels] * len(self.parts)]
        self.project = nn.ModuleList(nn.Linear(width, table.shape[2]) for width in widths)
        for layer in self.project:
            nn.init.kaiming_normal_(layer.weight, mode='fan_out')  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def prepare(self, training_set: TrainingSet) -> None:
        """Compare the classes."""
        check_classes(type(self).__name__, self.class_names, training_set)

    def loss(self, taps: Taps) -> dict[str, Tensor]:
        """Align with one sentence and the parts: ``loss_text``, the mean over the kinds."""
        joints = taps.joints.mean(dim=(1, 3))  # (N, C, V)
        views = [taps.embedding, *(joints[..., index].mean(-1) for index in self.parts.values())]
        projected = [layer(view) for layer, view in zip(self.project, views, strict=True)]
        *projected, classes = gathered(*projected, taps.classes)
        generator = next_draw(self.seed, self.draws)
        drawn = torch.randint(len(self.sentences), (len(classes),), generator=generator)
        sentences = torch.tensor(self.sentences)[drawn].to(self.texts.device)
        texts = [self.texts[classes, sentences]]
        texts += [self.texts[classes, i] for i in self.parts]
        target = label_targets(classes, projected[0].dtype)
        terms = [
            text_divergence(z, t.to(z.dtype), scale, target)
            for z, t, scale in zip(projected, texts, self.scales, strict=True)
        ]
        return {'loss_text': torch.stack(terms).mean()}


@MODELS.register_module()
class JointConstraint(TrainingHelper):
    """Classes told by how much each joint matters to them: LA-GCN's auxiliary classifier.

    Source: Xu et al., "Language Knowledge-Assisted Representation Learning for Skeleton-Based
    Action Recognition", arXiv 2305.12398, and SkeletonAgent. The (V, V) matrix of a class acts
    through its column means only, so the method is a ``table`` (K, V): values, or a feature file
    with a row for each class.
    """

    needs: ClassVar = ('joints', 'layout')
    relevance: Tensor

    def __init__(
        self,
        table: str | os.PathLike | Sequence[Sequence[float]],
        joint_channels: int,
        num_joints: int,
        num_classes: int,
        weight: float = 0.2,
    ) -> None:
        super().__init__(weight)
        self.class_names: tuple[str, ...] = ()
        if isinstance(table, (str, os.PathLike)):
            values, self.class_names, _ = read_class_table(table, num_classes)
        else:
            values = torch.as_tensor(table)
        if values.shape != (num_classes, num_joints):
            raise ValueError(
                f'JointConstraint: the table has shape {tuple(values.shape)}, '
                f'expected (K, V) = {(num_classes, num_joints)}'
            )
        self.register_buffer('relevance', values.float(), persistent=False)
        self.project = nn.Linear(joint_channels, 1)

    def prepare(self, training_set: TrainingSet) -> None:
        """Compare the classes."""
        check_classes(type(self).__name__, self.class_names, training_set)

    def classify(self, joints: Tensor) -> Tensor:
        """Map features (N, M, C, T, V) to auxiliary logits (N, K)."""
        evidence = joints.mean(dim=(1, 3)).transpose(1, 2) @ self.project.weight[0]  # (N, V)
        return evidence @ self.relevance.to(evidence.dtype).T + self.project.bias

    def loss(self, taps: Taps) -> dict[str, Tensor]:
        """Classify by the joints: ``loss_joint``."""
        return {'loss_joint': F.cross_entropy(self.classify(taps.joints), taps.labels)}
