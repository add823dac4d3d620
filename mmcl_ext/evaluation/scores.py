"""Class scores of one model for named samples."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import softmax

from mmcl_ext.checkpoints.data_description import DataDescription, describe_differences
from mmcl_ext.datasets.store.name_table import check_class_names
from mmcl_ext.fileio.name_file import name_file
from mmcl_ext.fileio.printable import counted

_ROUNDING = 0.01  # half-precision probabilities of 120 classes do not sum to 1 exactly


@dataclass(frozen=True, eq=False)
class Scores:
    """What one model gives for every sample of a split, and its ``source`` for messages.

    ``values`` (N, K) are logits or probabilities, larger is better, ``labels`` (N,) true classes of
    the N uniquely named samples; the names of the K classes are there where they are known.
    ``searched_on_test`` marks an ensemble, the weights of which were chosen by these labels. A
    ValueError if names occur twice, shapes do not fit, a score is not finite, or a label is outside
    the classes, which names the source and the first such sample.
    """

    names: Sequence[str]
    values: np.ndarray
    labels: np.ndarray
    source: str = 'scores'
    searched_on_test: bool = False
    classes: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        shapes = (len(self.names), *np.shape(self.labels), *np.shape(self.values))
        if np.ndim(self.values) != 2 or shapes[:2] != (len(self.values),) * 2 or 0 in shapes:
            raise ValueError(
                f'{self.source}: {counted(len(self.names), "name")} and labels '
                f'{np.shape(self.labels)} do not fit scores (N, K) of shape {np.shape(self.values)}'
            )
        if len(self.positions) != len(self.names):
            # the last place of a name is not its first one when it occurs twice
            pairs = enumerate(self.names)
            twice = next(name for i, name in pairs if self.positions[name] != i)
            raise ValueError(f'{self.source} holds sample {twice!r} twice')
        if self.classes is not None:
            with name_file(self.source):
                check_class_names(self.classes)
                if len(self.classes) != self.num_classes:
                    names, scores = len(self.classes), self.num_classes
                    counts = f'{counted(names, "name")} of classes for {counted(scores, "score")}'
                    raise ValueError(counts)
        self._refuse(~np.isfinite(self.values).all(axis=1), 'has a score that is not finite')
        outside = (self.labels < 0) | (self.labels >= self.num_classes)
        self._refuse(outside, f'has a label outside the {self.num_classes} classes')

    def _refuse(self, wrong: np.ndarray, problem: str) -> None:
        if wrong.any():
            name = self.names[int(wrong.argmax())]
            raise ValueError(f'{self.source}: sample {name!r} {problem}')

    def __len__(self) -> int:
        return len(self.names)

    @property
    def num_classes(self) -> int:
        """Number of classes, K."""
        return self.values.shape[1]

    @cached_property
    def positions(self) -> dict[str, int]:
        """Row of each sample by its name."""
        return {name: i for i, name in enumerate(self.names)}

    @cached_property
    def predictions(self) -> np.ndarray:
        """Class with the highest score, the first among equals: (N,)."""
        return self.values.argmax(axis=1)

    @property
    def hits(self) -> np.ndarray:
        """Whether the predicted class is the true one: (N,) bool."""
        return self.predictions == self.labels

    @cached_property
    def are_probabilities(self) -> bool:
        """Whether every row lies between 0 and 1 and sums to 1."""
        return are_probabilities(self.values)

    @property
    def kind(self) -> str:
        """``'probabilities'`` or ``'logits'``, told by the values."""
        return 'probabilities' if self.are_probabilities else 'logits'

    def aligned_to(self, other: 'Scores') -> 'Scores':
        """Return these scores in the order of another model's samples.

        A ValueError names the first sample, label or class that the two do not have in common.
        """
        if self.num_classes != other.num_classes:
            raise ValueError(
                f'{self.source} has {counted(self.num_classes, "class", "classes")}, '
                f'{other.source} has {other.num_classes}'
            )
        data = DataDescription(classes=self.classes)
        if found := data.differences(DataDescription(classes=other.classes)):
            raise ValueError(describe_differences(found, self.source, other.source))
        check_same_names(self.names, self.source, other.names, other.source)
        rows = np.array([self.positions[name] for name in other.names])
        aligned = replace(
            self, names=other.names, values=self.values[rows], labels=self.labels[rows]
        )
        differs = aligned.labels != other.labels
        if differs.any():
            i = int(differs.argmax())
            raise ValueError(
                f'sample {other.names[i]!r} has label {aligned.labels[i]} in {self.source} and '
                f'{other.labels[i]} in {other.source}'
            )
        return aligned


def are_probabilities(values: np.ndarray) -> bool:
    """Tell whether every row of scores (N, K) lies between 0 and 1 and sums to 1."""
    inside = values.min() >= 0 and values.max() <= 1 + _ROUNDING
    return bool(inside and np.abs(values.sum(axis=1) - 1).max() <= _ROUNDING)


def to_probabilities(scores: Scores) -> np.ndarray:
    """Return (N, K) probabilities, by softmax where the scores are logits."""
    if scores.are_probabilities:
        return scores.values
    return softmax(scores.values, axis=1)


def check_same_names(a: Sequence[str], source_a: str, b: Sequence[str], source_b: str) -> None:
    """Raise a ValueError with the first name that only one of two sources has."""
    for (names, source), (others, other_source) in (
        ((a, source_a), (b, source_b)),
        ((b, source_b), (a, source_a)),
    ):
        known = set(names)
        missing = [name for name in others if name not in known]
        if missing:
            raise ValueError(
                f'{source} lacks sample {missing[0]!r}, which {other_source} has '
                f'({len(missing)} such samples)'
            )
