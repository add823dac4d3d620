"""Write a synthetic data set, drawn instead of filmed, in the formats of real ones."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmcl_ext.datasets.store import SkeletonStore, write_store
from mmcl_ext.datasets.store.feature_file import FeatureFile, write_feature_file
from mmcl_ext.preparation.composites.composite_folder import CompositeFolder
from mmcl_ext.preparation.videos.camera import boxes_from_joints
from mmcl_ext.preparation.videos.sample_frames import Clip, sample_frames
from mmcl_ext.synthetic.scene import CAMERA, Scene, render
from mmcl_ext.synthetic.scenery import ITEM_KINDS
from mmcl_ext.synthetic.synthetic_data import SyntheticData


class SyntheticVideoSource:
    """Clips of synthetic scenes for composite images; only the frames asked for are drawn.

    Without ``names``, the training samples have a video: a test reads no image. ``padding`` is
    that of :func:`~mmcl_ext.preparation.videos.camera.boxes_from_joints`.
    """

    padding = 0.12

    def __init__(self, data: SyntheticData, names: Sequence[str] | None = None) -> None:
        self.data = data
        self.names = tuple(data.splits['train'] if names is None else names)

    @property
    def recipe(self) -> dict[str, object]:
        """What shapes the clips; clips of equal recipes are equal."""
        return {**self.data.recipe, 'padding': self.padding}

    def load(self, name: str, keypoint: np.ndarray, num_tiles: int, rule: str) -> Clip:
        """Draw ``num_tiles`` frames of a sample, chosen by ``rule``, see :func:`sample_frames`.

        The boxes come from the skeleton (M, T, V, 3) as the sensor saw it.
        """
        scene = self.data.scene(name)
        if keypoint.shape[1] != scene.num_frames:
            raise ValueError(
                f'skeleton of {name} has {keypoint.shape[1]} frames, its scene {scene.num_frames}'
            )
        chosen = sample_frames(scene.num_frames, num_tiles, rule)
        background = scene.room.paint(CAMERA)
        frames = tuple(render(scene, int(frame), background) for frame in chosen)
        boxes, found = boxes_from_joints(keypoint[:, chosen], CAMERA, self.padding)
        return Clip(frames, boxes, found)


SKELETONS = 'skeletons.safetensors'
COMPOSITES = 'composites'
TEXT_FEATURES = 'text_features.safetensors'
QUESTION = 'Is the person holding an object? Which?'
ANSWERS = ('yes', 'no', *ITEM_KINDS)


def write_synthetic_data(
    root: str | os.PathLike, data: SyntheticData, *, jobs: int = 1, progress: bool = True
) -> None:
    """Write skeletons, composite images and text features into a folder, in ``jobs`` processes.

    Images and texts are made for the training samples only. What is already there is kept, and an
    interrupted run goes on where it stopped. A ValueError if the folder holds another data set.
    """
    root = Path(root)
    _write_skeletons(root / SKELETONS, data)
    _write_text(root / TEXT_FEATURES, data)
    folder = CompositeFolder(root / COMPOSITES, size=(240, 240))
    source = SyntheticVideoSource(data)
    folder.fill(source, SkeletonStore(root / SKELETONS), jobs=jobs, progress=progress)


def _write_skeletons(path: Path, data: SyntheticData) -> None:
    if path.exists():
        _check_same(path, SkeletonStore(path).metadata, data)
        return
    write_store(
        path,
        _samples(data),
        layout=data.layout,
        classes=data.classes,
        splits=data.splits,
        metadata=data.recipe,
    )


def _samples(data: SyntheticData) -> Iterator[dict[str, Any]]:
    for name in data.names:
        yield {'name': name, 'label': data.label(name), 'keypoint': data.keypoint(name)}


def _write_text(path: Path, data: SyntheticData) -> None:
    if path.exists():
        _check_same(path, json.loads(FeatureFile(path).metadata.get('recipe', '{}')), data)
        return
    names = data.splits['train']
    features = np.stack([scene_answers(data.scene(name)) for name in names])
    metadata = {
        'model': "none: the scenes' own annotation; no language model was asked",
        'question': QUESTION,
        'answers': json.dumps(ANSWERS),
        'recipe': json.dumps(data.recipe),
    }
    write_feature_file(path, features, names, metadata)


def _check_same(path: Path, found: object, data: SyntheticData) -> None:
    if found != data.recipe:
        raise ValueError(
            f'{path} was made by {found}, not by {data.recipe}: choose another folder or remove '
            'this one'
        )


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
