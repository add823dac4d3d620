"""Text features of synthetic scenes, from what is true about them."""

import numpy as np

from mmcl_ext.preparation.videos.sample_frames import sample_frames
from mmcl_ext.synthetic.held_object import ITEM_KINDS
from mmcl_ext.synthetic.scene import Scene

QUESTION = 'Is the person holding an object? Which?'
ANSWERS = ('yes', 'no', *ITEM_KINDS)


def scene_answers(scene: Scene, num_tiles: int = 5, rule: str = 'center') -> np.ndarray:
    """Answer the question about the frames of a composite by the scene's own annotation.

    Each frame answers yes or no, and in case of yes names the kind of the object; the
    probabilities (D,) of ``ANSWERS``, float32, are the shares of the frames: those of yes and no
    sum to 1, those of the kinds to that of yes. No language model takes part.
    """
    frames = sample_frames(scene.num_frames, num_tiles, rule)
    held = float(scene.held[frames].mean())
    answers = np.zeros(len(ANSWERS), dtype=np.float32)
    answers[:2] = held, 1.0 - held
    if scene.item is not None:
        answers[ANSWERS.index(scene.item.kind)] = held
    return answers
