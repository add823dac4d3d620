"""What an object detector sees in a composite, in the place of a language model's answer."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from mmcl_ext.preparation.extraction.model_files import hash_file, own_device
from mmcl_ext.preparation.extraction.sharding import SampleFeatures
from mmcl_ext.preparation.text.class_texts import TextEncoder
from mmcl_ext.preparation.text.nanodet import MEAN, SIDE, STD, load_nanodet
from mmcl_ext.preparation.text.vqa_source import CompositeReader
from mmcl_ext.registry import TEXT_SOURCES

_MEAN, _STD = (np.array(values, np.float32) for values in (MEAN, STD))
_OUTPUTS = ('object_probs', 'hidden_states')

_NAMES = """
person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire
hydrant, stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear,
zebra, giraffe, backpack, umbrella, handbag, tie, suitcase, frisbee, skis, snowboard, sports
ball, kite, baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle, wine
glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot, hot
dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop,
mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock,
vase, scissors, teddy bear, hair drier, toothbrush
"""
COCO_CLASSES = ' '.join(_NAMES.split()).split(', ')


@TEXT_SOURCES.register_module()
class DetectedObjects:
    """The objects that NanoDet sees in the tiles of each composite; no language model.

    Two outputs, of which any may be asked for:

    - ``object_probs``: the largest score of each of COCO's 80 classes over all tiles and places,
      float32 (80,).
    - ``hidden_states``: the sentence that names the classes above ``threshold``, the surest first,
      by a text encoder: float32 (D,).

    Args:
        folder: Folder of the composites.
        model: ``nanodet.json``, with ``nanodet.bin`` beside it; see
            :func:`~mmcl_ext.preparation.text.nanodet.load_nanodet`.
        num_tiles: Number of frames that stand side by side in a composite.
        threshold: Score, in (0, 1), from which an object is named.
        text_encoder: What :class:`TextEncoder` takes; only ``hidden_states`` needs it.
        suffix: Ending of the composites' files.
    """

    has_texts = True
    """There is a text for the reader, though there is no question."""

    def __init__(
        self,
        folder: str | os.PathLike,
        model: str | os.PathLike,
        outputs: Sequence[str] = ('object_probs',),
        num_tiles: int = 5,
        threshold: float = 0.3,
        text_encoder: str = 'minilm',
        suffix: str = '.jpg',
    ) -> None:
        unknown = [output for output in outputs if output not in _OUTPUTS]
        if unknown or not outputs:
            raise ValueError(f'outputs are {outputs}, expected some of {_OUTPUTS}')
        if not 0 < threshold < 1:
            raise ValueError(f'threshold must lie in (0, 1), got {threshold}')
        if num_tiles < 1:
            raise ValueError(f'num_tiles must be positive, got {num_tiles}')
        self.images, self.model_file = CompositeReader(folder, suffix=suffix), Path(model)
        self.outputs, self.num_tiles, self.threshold = tuple(outputs), num_tiles, threshold
        self.text_encoder = text_encoder
        self.device = torch.device(own_device())
        self.model: Any = None
        self.encoder: TextEncoder | None = None

    @property
    def names(self) -> list[str]:
        """Sample names of the folder, sorted."""
        return self.images.names

    @property
    def padding(self) -> Mapping[str, float | None]:
        """All samples have features of one length."""
        return dict.fromkeys(self.outputs)

    @property
    def recipe(self) -> Mapping[str, object]:
        """Model and settings; reads the weights once to hash them."""
        named = 'hidden_states' in self.outputs
        return {
            'source': type(self).__name__,
            'weights_hash': hash_file(self.model_file.with_suffix('.bin')),
            'num_tiles': self.num_tiles,
            'threshold': self.threshold,
            'text_encoder': self.text_encoder if named else None,
            'images': self.images.recipe,
            'versions': {'torch': torch.__version__},
        }

    def load(self) -> None:
        """Load the weights; ValueError or OSError where they cannot be."""
        self.model = load_nanodet(self.model_file).to(self.device)
        if 'hidden_states' in self.outputs:
            self.encoder = TextEncoder(self.text_encoder)

    def read(self, name: str) -> np.ndarray:
        """Read the tiles of a composite: float32 (F, 3, 416, 416), as the network takes them."""
        image = self.images.decode(name)  # blue first, as the network wants it
        width = image.shape[1]
        if width % self.num_tiles:
            raise ValueError(
                f'the composite of {name!r} is no {self.num_tiles} tiles: {width} wide'
            )
        tiles = np.split(image, self.num_tiles, axis=1)
        resized = [cv2.resize(np.ascontiguousarray(tile), (SIDE, SIDE)) for tile in tiles]
        scaled = (np.stack(resized).astype(np.float32) - _MEAN) / _STD
        return scaled.transpose(0, 3, 1, 2)

    @torch.inference_mode()
    def compute(self, items: Sequence[np.ndarray]) -> Sequence[SampleFeatures]:
        """Look at a batch of composites, one after the other."""
        probs, texts = [], []
        for item in items:
            scores = self.model(torch.from_numpy(item).to(self.device))
            probs.append(scores.amax((0, 1)).cpu().numpy())
            texts.append(self.describe(probs[-1]))
        values: list[dict[str, np.ndarray]] = [{} for _ in items]
        if 'object_probs' in self.outputs:
            values = [dict(object_probs=each) for each in probs]
        if self.encoder is not None:
            for value, embedding in zip(values, self.encoder(texts), strict=True):
                value['hidden_states'] = embedding
        return [SampleFeatures(v, text) for v, text in zip(values, texts, strict=True)]

    def describe(self, probs: np.ndarray) -> str:
        """Name the classes above the threshold in a sentence."""
        seen = [i for i in np.argsort(-probs, kind='stable') if probs[i] >= self.threshold]
        names = [COCO_CLASSES[i] for i in seen]
        return (
            f'There is {", ".join(f"a {name}" for name in names)}.'
            if names
            else 'There is nothing.'
        )
