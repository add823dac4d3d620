import os

import numpy as np
import torch
from torch import Tensor

from mmcl_ext.evaluation.score_files import read_scores
from mmcl_ext.fileio.printable import counted
from mmcl_ext.mmcl.helper import Taps, TrainingHelper, TrainingSet
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class ScoreDistillation(TrainingHelper):
    """Draws the scores to those of a teacher, which a score file holds by sample name.

    ``t * t * KL(softmax(teacher / t) || softmax(logits / t))``, Hinton et al., arXiv 1503.02531.
    For (1 - a) CE + a KD, set ``weight`` to a and the head's ``loss_cls.loss_weight`` to 1 - a.

    Args:
        file: What ``tools/test.py --dump`` or ``tools/ensemble.py --out`` wrote for the training
            split: logits or probabilities, of any network, also of images or of an ensemble.
        temperature: t, above 0.
    """

    def __init__(
        self,
        file: str | os.PathLike,
        num_classes: int,
        temperature: float = 4.0,
        weight: float = 1.0,
    ) -> None:
        super().__init__(weight)
        if not temperature > 0:
            raise ValueError(f'ScoreDistillation: temperature is {temperature}, not above 0')
        self.file, self.temperature = os.fspath(file), temperature
        scores = read_scores(file)
        if scores.num_classes != num_classes:
            raise ValueError(
                f'{file}: {counted(scores.num_classes, "class", "classes")}, the network has '
                f'{num_classes}'
            )
        values = np.asarray(scores.values, dtype=np.float64)
        if scores.are_probabilities:
            values = np.log(values.clip(min=1e-12))
        self.places = scores.positions
        self.teacher = torch.from_numpy(values).float()

    def prepare(self, training_set: TrainingSet) -> None:
        """Look for samples without scores."""
        absent = [name for name in training_set.names if name not in self.places]
        if absent:
            raise ValueError(
                f'{self.file}: no scores of {len(absent)} of {len(training_set.names)} training '
                f'samples, such as {absent[0]!r}: test the teacher on the training split'
            )

    def loss(self, taps: Taps) -> dict[str, Tensor]:
        """Compare with the teacher: ``loss_distill``, and the share of equal decisions."""
        rows = torch.tensor([self.places[name] for name in taps.names])
        teacher = self.teacher[rows].to(taps.logits)
        return {
            'loss_distill': distillation(taps.logits, teacher, self.temperature),
            'teacher_agreement': (taps.logits.argmax(1) == teacher.argmax(1)).float().mean(),
        }


def distillation(logits: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Mean divergence of logits (N, K) from the teacher's, at a temperature."""
    ours, theirs = (x.div(temperature).log_softmax(1) for x in (logits, teacher))
    divergence = (theirs.exp() * (theirs - ours)).sum(1).mean()
    return temperature**2 * divergence
