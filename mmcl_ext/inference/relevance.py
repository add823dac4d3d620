"""Which joints, at which time, speak for a predicted class."""

import os
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from mmcl_ext.graphs.layouts import get_layout
from mmcl_ext.inference.mmcl_inferencer import MMCLInferencer
from mmcl_ext.inference.skeleton_clip import SkeletonClip
from mmcl_ext.visualization.new_figure import new_figure
from mmcl_ext.visualization.prediction_figure import save_figure
from mmcl_ext.visualization.skeleton_plot import draw_skeleton

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Relevance:
    """What hiding joints does to the probability of a class.

    Attributes:
        values: (B, V) by how much its log-probability falls when joint v is hidden in block b.
        edges: (B + 1,) the first frame of each block, and the number of frames.
    """

    label_name: str
    values: np.ndarray
    edges: np.ndarray
    layout: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a JSON file."""
        return dict(
            label_name=self.label_name,
            joints=list(get_layout(self.layout).joint_names),
            first_frames=self.edges[:-1].tolist(),
            values=self.values.round(5).tolist(),
        )

    def draw(self, path: str | os.PathLike, clip: SkeletonClip) -> None:
        """Write the :meth:`figure` to a file."""
        save_figure(self.figure(clip), path)

    def figure(self, clip: SkeletonClip) -> 'Figure':
        """Draw the map, and a skeleton whose joints are as large as they are relevant."""
        figure = new_figure(figsize=(9, 5), layout='constrained')
        left, right = figure.subplots(1, 2, gridspec_kw={'width_ratios': (1.6, 1)})
        limit = max(float(np.abs(self.values).max()), 1e-9)
        shown = left.imshow(self.values.T, aspect='auto', cmap='RdBu_r', vmin=-limit, vmax=limit)
        names = get_layout(self.layout).joint_names
        left.set_yticks(range(len(names)), names, fontsize=6)
        left.set_xticks(range(len(self.values)), [str(edge) for edge in self.edges[:-1]])
        left.set_xlabel('first frame of the block')
        figure.colorbar(shown, ax=left, label=f'for {self.label_name!r} (log-probability)')
        person = clip.keypoint[int(np.abs(clip.keypoint).sum(axis=(1, 2, 3)).argmax())]
        joints = np.nan_to_num(person[int(np.abs(person).sum(axis=2).all(axis=1).argmax())])
        upwards = joints.shape[1] > 2
        draw_skeleton(right, joints, self.layout, upwards=upwards, width=1)
        share = np.clip(self.values.mean(axis=0), 0, None)
        heights = joints[:, 1] * (1 if upwards else -1)
        sizes = 400 * share / max(share.max(), 1e-9)
        right.scatter(joints[:, 0], heights, sizes, color='#c44e52', alpha=0.6, zorder=3)
        right.set_aspect('equal')
        right.axis('off')
        return figure


def joint_relevance(
    inferencer: MMCLInferencer, clip: SkeletonClip, label: int | None = None, blocks: int = 8
) -> Relevance:
    """Hide each joint in each block of frames, and see what that does to a class.

    A hidden joint lies at the mean of the joints it is connected to, for all persons: occlusion
    (Zeiler and Fergus, arXiv 1311.2901), which asks nothing of the network, so it works for
    every backbone. It takes V * B predictions; there are B ``blocks``, at most one for each frame.
    Without a ``label`` the predicted class is taken. A ValueError if the clip cannot be used, or
    there is no such class.
    """
    if blocks < 1 or (label is not None and not 0 <= label < len(inferencer.classes)):
        raise ValueError(f'no class {label}, or no blocks: {blocks}')
    layout = clip.layout or inferencer.info.layout
    whole = inferencer.predict_clip(clip)
    assert whole.label is not None
    label = whole.label if label is None else label
    frames = clip.keypoint.shape[1]
    edges = np.linspace(0, frames, min(blocks, frames) + 1).round().astype(int)
    hidden = hide_joints(clip.keypoint, layout)
    clips = (
        _with(clip, part, joint, hidden)
        for part in pairwise(edges.tolist())
        for joint in range(clip.keypoint.shape[2])
    )
    scores = [_log(result.probability, label) for result in inferencer.iterate(clips)]
    values = _log(whole.probability, label) - np.array(scores).reshape(len(edges) - 1, -1)
    return Relevance(inferencer.classes[label], values, edges, layout)


def hide_joints(keypoint: np.ndarray, layout: str) -> np.ndarray:
    """Put every joint of (M, T, V, C) at the mean of its neighbours in the skeleton."""
    graph = get_layout(layout)
    weights = np.zeros((graph.num_joints, graph.num_joints), np.float32)
    for child, parent in graph.edges:
        weights[child, parent] = weights[parent, child] = 1
    return weights / weights.sum(axis=1, keepdims=True) @ keypoint


def _with(
    clip: SkeletonClip, part: tuple[int, int], joint: int, hidden: np.ndarray
) -> SkeletonClip:
    keypoint = clip.keypoint.copy()
    keypoint[:, slice(*part), joint] = hidden[:, slice(*part), joint]
    return replace(clip, keypoint=keypoint)


def _log(probability: np.ndarray | None, label: int) -> float:
    assert probability is not None
    return float(np.log(max(float(probability[label]), 1e-12)))
