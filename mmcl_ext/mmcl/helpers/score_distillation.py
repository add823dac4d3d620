import os

import numpy as np
import torch
from torch import Tensor

from mmcl_ext.evaluation.score_files import read_scores
from mmcl_ext.fileio.printable import counted
from mmcl_ext.mmcl.helper import Taps, TrainingHelper, TrainingSet
from mmcl_ext.mmcl.shuffled_pairs import shuffled_pairs
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
        allow_absent: Share, in [0, 1), of the training samples that may lack scores; they are left
            out of this loss.
        shuffle: Give each sample the scores of another one of its class, drawn once for all by the
            seed that the run began with: a control that leaves nothing but the class.
    """

    def __init__(
        self,
        file: str | os.PathLike,
        num_classes: int,
        temperature: float = 4.0,
        weight: float = 1.0,
        allow_absent: float = 0.0,
        shuffle: bool = False,
    ) -> None:
        super().__init__(weight)
        if not 0 <= allow_absent < 1:
            raise ValueError(f'allow_absent must lie in [0, 1), got {allow_absent}')
        if not temperature > 0:
            raise ValueError(f'ScoreDistillation: temperature is {temperature}, not above 0')
        self.file, self.temperature = os.fspath(file), temperature
        self.allow_absent = allow_absent
        scores = read_scores(file)
        if scores.num_classes != num_classes:
            raise ValueError(
                f'{file}: {counted(scores.num_classes, "class", "classes")}, the network has '
                f'{num_classes}'
            )
        values = np.asarray(scores.values, dtype=np.float64)
        if scores.are_probabilities:
            values = np.log(values.clip(min=1e-12))
        if shuffle:
            random = np.random.default_rng(torch.initial_seed())
            values = values[shuffled_pairs(len(values), random, scores.labels)]
        self.places = scores.positions
        self.teacher = torch.from_numpy(values).float()

    def prepare(self, training_set: TrainingSet) -> None:
        """Look for samples without scores."""
        absent = [name for name in training_set.names if name not in self.places]
        if len(absent) > self.allow_absent * len(training_set.names):
            raise ValueError(
                f'{self.file}: no scores of {len(absent)} of {len(training_set.names)} training '
                f'samples, such as {absent[0]!r}: test the teacher on the training split'
            )

    def loss(self, taps: Taps) -> dict[str, Tensor]:
        """Compare with the teacher: ``loss_distill``, and the share of equal decisions."""
        rows = torch.tensor([self.places.get(name, -1) for name in taps.names])
        known, logits = rows >= 0, taps.logits
        if not known.all():
            logits = logits[known.to(logits.device)]
        if not len(logits):
            return {'loss_distill': taps.logits.sum() * 0.0}
        teacher = self.teacher[rows[known]].to(logits)
        return {
            'loss_distill': distillation(logits, teacher, self.temperature),
            'teacher_agreement': (logits.argmax(1) == teacher.argmax(1)).float().mean(),
        }


def distillation(logits: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Mean divergence of logits (N, K) from the teacher's, at a temperature."""
    ours, theirs = (x.div(temperature).log_softmax(1) for x in (logits, teacher))
    divergence = (theirs.exp() * (theirs - ours)).sum(1).mean()
    return temperature**2 * divergence
