"""Features of a frozen image encoder, computed once from the composites.

Encoder and transforms are those that a training of the configuration builds, so a training on
the cached features sees what it would see with ``frozen=True``.
"""

import copy
import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.registry import DefaultScope

from mmcl_ext.config.walk import walk_types
from mmcl_ext.datasets.nested_datasets import iterate_datasets, sample_names
from mmcl_ext.fileio.checkpoint import read_checkpoint
from mmcl_ext.fileio.read_json import read_json
from mmcl_ext.mmcl.co_learning import branch_cfg
from mmcl_ext.mmcl.mmcl_data_preprocessor import MMCLDataPreprocessor
from mmcl_ext.mmcl.transforms.load_composite_image import LoadCompositeImage
from mmcl_ext.preparation.extraction.model_files import own_device
from mmcl_ext.preparation.extraction.sharding import (
    ExtractionReport,
    FeatureShards,
    SampleFeatures,
    extract_features,
)
from mmcl_ext.registry import DATASETS, MODELS, TRANSFORMS

_PREFIXES = ('co_learning.image_encoder.', 'image_encoder.')
"""Where a recognizer, and a classifier of images, keep their encoder."""


class ImageFeatureExtractor:
    """Runs the image encoder of a co-learning configuration, frozen and in eval mode.

    It is that of a ``checkpoint`` of such a training, or of an ``ImageClassifier``; by default with
    the weights that the configuration names, or random ones of a ``seed``. A ValueError if the
    configuration has no image encoder or loads no composites, or the checkpoint has none.
    """

    padding: Mapping[str, float | None] = {'image_features': None}

    def __init__(
        self,
        cfg: Mapping[str, Any],
        checkpoint: str | os.PathLike | None = None,
        seed: int = 0,
    ) -> None:
        branch = branch_cfg(cfg['model'].get('co_learning') or {})
        if not branch.get('image_encoder'):
            raise ValueError('the configuration has no model.co_learning.image_encoder')
        loaders = list(walk_types(cfg['train_dataloader'], 'LoadCompositeImage'))
        if not loaders:
            raise ValueError('the training pipeline has no LoadCompositeImage')
        self.encoder_cfg = {**copy.deepcopy(dict(branch['image_encoder'])), 'frozen': True}
        preprocessor = cfg['model'].get('data_preprocessor') or {'type': 'MMCLDataPreprocessor'}
        with DefaultScope.overwrite_default_scope('mmcl_ext'):
            self.loader: LoadCompositeImage = TRANSFORMS.build(dict(loaders[0]))
            self.preprocessor: MMCLDataPreprocessor = MODELS.build(dict(preprocessor))
        self.checkpoint, self.seed = checkpoint, seed
        self.device = torch.device(own_device())
        self.encoder: Any = None

    @property
    def recipe(self) -> Mapping[str, object]:
        """Encoder, a hash of its weights, and what happens to an image before it."""
        self.load()
        encoder = {key: value for key, value in self.encoder_cfg.items() if key != 'pretrained'}
        made_by = Path(self.loader.img_dir, 'recipe.json')
        return {
            'source': type(self).__name__,
            'encoder': json.loads(json.dumps(encoder, default=str)),
            'weights_hash': _weights_hash(self.encoder),
            'size': list(self.loader.size),
            'mean': self.preprocessor.mean.flatten().tolist(),
            'std': self.preprocessor.std.flatten().tolist(),
            'dtype': 'float32',
            'device': self.device.type,
            'images': read_json(made_by) if made_by.is_file() else None,
            'versions': {'torch': torch.__version__},
        }

    def load(self) -> None:
        """Build the encoder and load its weights, once; ValueError for another kind."""
        if self.encoder is not None:
            return
        with torch.random.fork_rng(), DefaultScope.overwrite_default_scope('mmcl_ext'):
            torch.manual_seed(self.seed)
            encoder = MODELS.build(self.encoder_cfg)
            if self.checkpoint is None:
                with _quiet():
                    encoder.init_weights()
        if self.checkpoint is not None:
            _load_encoder(encoder, self.checkpoint)
        self.encoder = encoder.to(self.device).eval()
        self.preprocessor.to(self.device)

    def read(self, name: str) -> np.ndarray:
        """Read the composite of a sample as a training does: uint8 RGB (3, H, W)."""
        return self.loader.load(name)

    @torch.inference_mode()
    def compute(self, items: Sequence[np.ndarray]) -> Sequence[SampleFeatures]:
        """Encode a batch of images (3, H, W) to vectors (F,)."""
        images = [torch.from_numpy(item) for item in items]
        batch = self.preprocessor({'inputs': {'image': images}})
        features = self.encoder(batch['inputs']['image']).float().cpu().numpy()
        return [SampleFeatures({'image_features': feature}) for feature in features]


def extract_image_features(
    cfg: Mapping[str, Any],
    out: str | os.PathLike,
    *,
    checkpoint: str | os.PathLike | None = None,
    names: Sequence[str] | None = None,
    seed: int = 0,
    batch_size: int = 32,
    chunk_size: int = 512,
    **options: Any,
) -> ExtractionReport:
    """Write the feature file of the composites of a co-learning configuration.

    Without ``names`` it holds the training samples. For ``checkpoint`` and ``seed`` see
    :class:`ImageFeatureExtractor`, for the sizes :class:`FeatureShards`, for ``options``,
    returns and errors :func:`extract_features`.
    """
    extractor = ImageFeatureExtractor(cfg, checkpoint, seed)
    out = Path(out)
    shards = FeatureShards(
        out.with_name(f'{out.name}.shards'),
        {'image_features': out},
        training_samples(cfg) if names is None else names,
        batch_size=batch_size,
        chunk_size=chunk_size,
    )
    return extract_features(extractor, shards, target=out, **options)


def training_samples(cfg: Mapping[str, Any]) -> list[str]:
    """List the names of the samples that a configuration trains on, each once."""
    dataset = copy.deepcopy(dict(cfg['train_dataloader']['dataset']))
    with DefaultScope.overwrite_default_scope('mmcl_ext'):
        built = DATASETS.build(dataset)
    leaves = [leaf for leaf in iterate_datasets(built) if hasattr(leaf, 'pipeline')]
    return list(dict.fromkeys(name for leaf in leaves for name in sample_names(leaf)))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back the line that MMEngine logs about each parameter that it initialises."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)


def _load_encoder(encoder: torch.nn.Module, checkpoint: str | os.PathLike) -> None:
    state = read_checkpoint(checkpoint)['state_dict']
    own = {
        key.removeprefix(prefix): value
        for prefix in _PREFIXES
        for key, value in state.items()
        if key.startswith(prefix)
    }
    if not own:
        raise ValueError(
            f'{checkpoint} has no image encoder (keys {_PREFIXES[0]}*): was it stripped?'
        )
    try:
        encoder.load_state_dict(own)
    except RuntimeError as error:
        raise ValueError(f'{checkpoint} has another image encoder: {error}') from error


def _weights_hash(module: torch.nn.Module) -> str:
    """Hash names and values of a module's parameters and buffers."""
    total = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        total.update(f'{name} {tensor.dtype} {tuple(tensor.shape)}\n'.encode())
        total.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()
