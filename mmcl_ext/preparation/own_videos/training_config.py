"""Configurations that train on prepared videos."""

import inspect
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope

from mmcl_ext.config.load_config import load_config
from mmcl_ext.config.safe_config import trust
from mmcl_ext.config.walk import map_texts
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.fileio.atomic_file import write_bytes
from mmcl_ext.fileio.printable import bounded_repr
from mmcl_ext.graphs.layouts import get_layout
from mmcl_ext.registry import DATASETS, MODELS

_BUILT_IN = ('nturgb+d', 'nturgb+d-ctrgcn', 'kinect_v1', 'coco', 'openpose', 'blazepose')
_HEAD = """\
# Written by tools/data/prepare_videos.py; the folder may be moved. Training and test:
#   python tools/train.py FOLDER/{name} --work-dir work_dirs/own
#   python tools/test.py FOLDER/{name} work_dirs/own/epoch_N_skeleton.pth
"""


@dataclass(frozen=True)
class TrainingConfig:
    """A co-learning configuration for a store, its composites and its text features.

    Network, schedule and co-learning branch come from ``base``, a shipped configuration, such as
    ``'mmcl_ext::mmcl/ctrgcn_ntu60.py'``, or a file; this one says what the data are. Files below
    the folder of the written configuration are named relative to it, so that the folder can be
    moved; others by their absolute paths. Without features of the ``text`` it trains without
    refinement. The splits are by default those whose names have ``train``, and ``val`` or ``test``,
    or all samples and the training ones.
    """

    store: SkeletonStore
    composites: Path
    text: Path | None = None
    base: str = 'mmcl_ext::mmcl/ctrgcn_ntu60.py'
    train_split: str | None = None
    val_split: str | None = None
    batch_size: int = 32

    def __post_init__(self) -> None:
        read_base(self.base)
        for split in (self.train_split, self.val_split):
            if split is not None:
                self.store.split(split)

    @property
    def splits(self) -> tuple[str | None, str | None]:
        """Names of the splits for training and validation; None for all samples."""
        train = self.train_split or _find_split(self.store.splits, ('train',))
        return train, self.val_split or _find_split(self.store.splits, ('val', 'test')) or train

    def write(self, path: str | os.PathLike) -> None:
        """Write the configuration file."""
        head, folder = _HEAD.format(name=Path(path).name), Path(path).parent
        base = self.base if '::' in self.base else os.path.abspath(self.base)
        _write(path, _to_text(head, base, self._settings(), folder))

    def write_with_features(self, path: str | os.PathLike, base: Path, features: Path) -> None:
        """Write a child of ``base``, in the same folder, that loads image features, not images."""
        file = os.path.abspath(features)
        model = {'co_learning': {'image_encoder': None, 'fam': {'in_channels': file}}}
        load = {'type': 'LoadImageFeature', 'file': file}
        pipeline = [load, *self._pipeline(train=True)[1:]]
        loader = {'dataset': {'pipeline': pipeline}}
        settings = {'model': model, 'train_dataloader': loader}
        head = '# The images as features of the frozen encoder.\n'
        _write(path, _to_text(head, base.name, settings, Path(path).parent))

    def _settings(self) -> dict[str, Any]:
        train, val = self.splits
        size = len(self.store) if train is None else len(self.store.split(train))
        batch = min(self.batch_size, size)
        held_out = {'num_workers': 2, 'dataset': self._dataset(val, train=False)}
        return {
            'model': self._model(),
            'train_dataloader': {
                'batch_size': batch,
                'num_workers': 2,
                'drop_last': True,  # contrasts need more than a rest of one
                'dataset': self._dataset(train, train=True),
            },
            'val_dataloader': held_out,
            'test_dataloader': held_out,
            # The learning rate of CTR-GCN's recipe is 0.1 for 64 samples a step.
            'optim_wrapper': {'optimizer': {'lr': round(0.1 * batch / 64, 6)}},
        }

    def _model(self) -> dict[str, Any]:
        graph = {
            '_delete_': True,
            'type': 'SkeletonGraph',
            'layout': self._layout(),
            'mode': 'spatial',
        }
        frm = None if self.text is None else {'text_channels': os.path.abspath(self.text)}
        return {
            'backbone': {'graph_cfg': graph, **self._sizes()},
            'cls_head': {'num_classes': len(self.store.classes)},
            'co_learning': {'frm': frm},
        }

    def _sizes(self) -> dict[str, int]:
        """Set those sizes of the input that the backbone asks for, which may be a user's own."""
        sizes = {'in_channels': self.store.num_channels, 'num_person': self._num_person()}
        backbone = MODELS.get(read_base(self.base).model.backbone.type)
        taken = {} if backbone is None else inspect.signature(backbone).parameters
        if any(item.kind is item.VAR_KEYWORD for item in taken.values()):
            return sizes
        return {key: size for key, size in sizes.items() if key in taken}

    def _layout(self) -> str | dict[str, Any]:
        """Name a layout that ships; describe another, for the model is built before the data."""
        if self.store.layout in _BUILT_IN:
            return self.store.layout
        description = asdict(get_layout(self.store.layout))
        return {key: value for key, value in description.items() if value not in ((), {})}

    def _num_person(self) -> int:
        return min(int(self.store.num_persons.max()), 2)

    def _dataset(self, split: str | None, train: bool) -> dict[str, Any]:
        return {
            'ann_file': os.path.abspath(self.store.path),
            'split': split,
            'pipeline': self._pipeline(train),
        }

    def _pipeline(self, train: bool) -> list[dict[str, Any]]:
        center = get_layout(self.store.layout).center
        crop = {'p_interval': (0.5, 1.0), 'min_length': 16} if train else {'p_interval': (0.95,)}
        keys = ('keypoint', 'image', 'text') if self.text is not None else ('keypoint', 'image')
        pack = {
            'type': 'PackActionInputs',
            'collect_keys': keys if train else ('keypoint',),
            'meta_keys': ('sample_name', 'total_frames'),
        }
        return [
            *(self._loading() if train else []),
            {'type': 'CenterSkeleton', 'joint': center},
            {'type': 'ValidCropResize', 'window': 64, **crop},
            *self._geometry(train),
            {'type': 'SkeletonStream', 'stream': 'joint'},
            {'type': 'FormatSkeleton', 'num_person': self._num_person()},
            pack,
        ]

    def _loading(self) -> list[dict[str, Any]]:
        image = {'type': 'LoadCompositeImage', 'img_dir': os.path.abspath(self.composites)}
        if self.text is None:
            return [image]
        return [image, {'type': 'LoadTextFeature', 'file': os.path.abspath(self.text)}]

    def _geometry(self, train: bool) -> list[dict[str, Any]]:
        """Pixels are brought to a range; metres are turned at random."""
        if self.store.num_channels == 2:
            scale = [{'type': 'RandomScale', 'scale': 0.2}] if train else []
            return [{'type': 'NormalizeRange'}, *scale]
        return [{'type': 'RandomRotation', 'theta': 0.3}] if train else []


def read_base(base: str) -> Config:
    """Read a configuration to inherit; a ValueError if it cannot be read, or trains otherwise."""
    try:
        cfg = Config.fromfile(Config._get_cfg_path(base, os.path.abspath('config.py'))[0])
    except Exception as error:  # MMEngine and the file itself raise any type
        raise ValueError(f'cannot inherit {base!r}: {error}') from error
    if not (cfg.get('model') or {}).get('co_learning'):
        raise ValueError(
            f'cannot inherit {base!r}: its model has no co_learning; inherit one of configs/mmcl, '
            'such as mmcl_ext::mmcl/ctrgcn_ntu60.py, or a child of yours of one'
        )
    return cfg


def try_config(path: Path) -> None:
    """Build the model of a configuration and take one training and one test sample through it.

    A ValueError says what does not work.
    """
    try:
        _take_one_sample(load_config(path))
    except Exception as error:  # of any part that the configuration names
        reason = f'{type(error).__name__}: {error}'
        raise ValueError(f'{path}: the configuration that was written fails: {reason}') from error


@torch.inference_mode()
def _take_one_sample(cfg: Config) -> None:
    encoder = cfg.model.co_learning.get('image_encoder')
    if encoder and encoder.get('pretrained'):
        encoder.pretrained = None  # whether the weights can be had shows when a training begins
    with DefaultScope.overwrite_default_scope('mmcl_ext'):
        model = MODELS.build(cfg.model).eval()
        for loader in (cfg.train_dataloader, cfg.test_dataloader):
            dataset = DATASETS.build(loader.dataset)
            batch = model.data_preprocessor(pseudo_collate([dataset[0]]), False)
    model(**batch, mode='predict')


def _write(path: str | os.PathLike, text: str) -> None:
    write_bytes(path, text.encode())
    trust(path)


def _to_text(head: str, base: str, settings: Mapping[str, Any], folder: Path) -> str:
    settings = map_texts(dict(settings), lambda text: _relative_to(os.path.abspath(folder), text))
    text = Config(settings).pretty_text
    # The name of the folder, put in when the file is read, may hold a quotation mark.
    text = re.sub(r"""(['"])\{\{ fileDirname \}\}""", r'"""{{ fileDirname }}""" \1', text)
    return f'{head}_base_ = [{base!r}]\n\n{text}'


def _relative_to(folder: str, path: str) -> str:
    """Name a file below a folder by MMEngine's variable for the folder of a configuration.

    A ValueError if MMEngine would put something else into the text.
    """
    if '{{' in path:
        raise ValueError(f'a configuration cannot hold {bounded_repr(path)}: it has {{{{')
    if path.startswith(f'{folder}{os.sep}'):
        return f'{{{{ fileDirname }}}}{path.removeprefix(folder)}'
    return path


def _find_split(splits: Mapping[str, Any], words: Sequence[str]) -> str | None:
    """Choose the split that has a word as its name, or else in it."""
    for word in words:
        if word in splits:
            return word
    return next((name for word in words for name in splits if word in name), None)
