from typing import Any

import torch
from mmaction.models.utils.blending_utils import BaseMiniBatchBlending
from torch import Tensor

from mmcl_ext.fileio.printable import counted
from mmcl_ext.graphs.body_parts import body_parts
from mmcl_ext.graphs.layouts import get_layout
from mmcl_ext.registry import MODELS

_LIMBS = ('left_arm', 'right_arm', 'left_leg', 'right_leg')


@MODELS.register_module()
class BodyPartMixup(BaseMiniBatchBlending):
    """Give body parts of every clip the movement of another clip of the batch for a while.

    The augmentation of SkeletonAgent (firework8/SkeletonAgent), for the ``blending`` of a
    :class:`SkeletonDataPreprocessor`. Of head with trunk, arms and legs some are drawn, and a
    stretch of frames; in them, all persons get the joints of the other clip, from a stretch at
    least as long, of which the nearest frames are taken. The label gets the other clip's with the
    share of joints and frames that were replaced. With the probability ``linear``, the clips are
    averaged instead, with a weight uniform in [0, 1), as in mixup (Zhang et al., ICLR 2018). All
    clips of a batch share what is drawn, from torch's generator.

    Args:
        num_classes: Classes K of the labels.
        layout: Skeleton layout, whose joint names tell the parts.
        parts: Smallest and largest number of exchanged parts, of five.
        frames: Shortest and longest stretch, as shares of the clip.
        step: Stretches begin and end at multiples of this number of frames.
        linear: Probability of the average.
    """

    def __init__(
        self,
        num_classes: int,
        layout: str = 'nturgb+d',
        parts: tuple[int, int] = (2, 3),
        frames: tuple[float, float] = (0.52, 0.8),
        step: int = 4,
        linear: float = 0.25,
    ) -> None:
        super().__init__(num_classes)
        if not 1 <= parts[0] <= parts[1] <= 1 + len(_LIMBS):
            raise ValueError(f'parts takes 1 <= smallest <= largest <= 5, got {parts}')
        if not 0 < frames[0] <= frames[1] <= 1 or step < 1:
            raise ValueError(
                f'frames takes 0 < shortest <= longest <= 1 and step a positive number, '
                f'got {frames} and {step}'
            )
        if not 0 <= linear <= 1:
            raise ValueError(f'linear must lie in [0, 1], got {linear}')
        self.layout = layout
        self.parts = tuple(parts)
        self.frames = tuple(frames)
        self.step = step
        self.linear = linear
        groups = body_parts(layout)
        middle = (*groups.get('head', ()), *groups.get('trunk', ()))
        self._groups = [middle, *(groups[limb] for limb in _LIMBS)]

    def do_blending(self, imgs: Tensor, label: Tensor, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Blend clips (N, ..., T, V, C) and labels (N, K), of one-hot or soft kind."""
        joints = get_layout(self.layout).num_joints
        if imgs.shape[-2] != joints:
            raise ValueError(
                f'the layout {self.layout!r} of BodyPartMixup has {joints} joints, '
                f'the clips have {imgs.shape[-2]}'
            )
        shift = _draw(1, len(imgs) - 1) if len(imgs) > 1 else 0
        others = imgs.roll(shift, 0)
        if torch.rand(()) < self.linear:
            share = float(torch.rand(()))
            blended = torch.lerp(imgs, others, share)
        else:
            blended, share = self._exchange(imgs, others)
        return blended, torch.lerp(label.float(), label.roll(shift, 0).float(), share)

    def _exchange(self, clips: Tensor, others: Tensor) -> tuple[Tensor, float]:
        """Replace drawn joints in drawn frames, and tell their share."""
        steps = clips.shape[-3] // self.step
        if steps < 1:
            raise ValueError(
                f'BodyPartMixup exchanges {counted(self.step, "frame")} or more, '
                f'the clips have {clips.shape[-3]}'
            )
        shortest, longest = (max(round(share * steps), 1) for share in self.frames)
        length = _draw(shortest, longest)
        start = _draw(0, steps - length)
        source_length = _draw(length, steps)
        source_start = _draw(0, steps - source_length)
        target = torch.arange(length * self.step, device=clips.device)
        source = source_start * self.step + target * source_length // length
        joints = self._joints().to(clips.device)
        blended = clips.clone()
        blended[..., (start * self.step + target)[:, None], joints, :] = others[
            ..., source[:, None], joints, :
        ]
        return blended, length * len(joints) / (steps * clips.shape[-2])

    def _joints(self) -> Tensor:
        """Draw parts and return their joints."""
        number = _draw(*self.parts)
        drawn = torch.randperm(len(self._groups))[:number].tolist()
        return torch.tensor([joint for part in drawn for joint in self._groups[part]])


def _draw(low: int, high: int) -> int:
    """Draw a number from ``low`` to ``high``, both included."""
    return int(torch.randint(low, high + 1, ()))
