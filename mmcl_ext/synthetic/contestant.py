"""A model of the demonstration: trained by a configuration, tested from the skeleton alone."""

import copy
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.fileio import load
from mmengine.registry import DefaultScope

from mmcl_ext import apis
from mmcl_ext.fileio.atomic_file import write_bytes
from mmcl_ext.registry import MODELS
from mmcl_ext.synthetic.epoch_progress_hook import EpochProgressHook
from mmcl_ext.synthetic.outcome import Outcome

CONFIG_DATA = 'data/demo'
"""Folder of the data in the demo configurations."""


class Contestant:
    """Trains a configuration and tests what is left of it after the training.

    A finished contestant is not trained again unless its configuration or data have changed; an
    interrupted training goes on from its last checkpoint.

    Args:
        title: Name for the reader.
        config: Configuration file.
        data: Folder of the data.
        work_dir: Folder of checkpoints and logs.
        seed: Random seed.
        options: Settings to override, as dotted keys.
    """

    def __init__(
        self,
        title: str,
        config: str | os.PathLike,
        data: str | os.PathLike,
        work_dir: str | os.PathLike,
        seed: int,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.title = title
        self.config = Path(config)
        self.data, self.work_dir = Path(data), Path(work_dir)
        self.seed = seed
        self.options = dict(options or {})

    def run(self, recipe: Mapping[str, Any]) -> Outcome:
        """Train and test, or return what an earlier run has found.

        Args:
            recipe: What the data were made by, as JSON types.
        """
        cfg = self._training_config()
        mark = _digest(cfg, recipe)
        found = self._finished(mark)
        if found is None:
            self._train(cfg, mark)
            found = self._test(mark)
        return found

    def _training_config(self) -> Config:
        cfg = apis.load_config(self.config, self.options)
        relocate(cfg._cfg_dict, CONFIG_DATA, str(self.data))
        cfg.launcher = 'none'
        apis.set_work_dir(cfg, str(self.work_dir), self.config)
        apis.set_randomness(cfg, self.seed)
        apis.drop_validation(cfg)
        return cfg

    def _train(self, cfg: Config, mark: str) -> None:
        started = self.work_dir / 'started.txt'
        if started.exists() and started.read_text() != mark:
            shutil.rmtree(self.work_dir)
        write_bytes(started, mark.encode())
        if any(self.work_dir.glob('epoch_*.pth')):
            print(f'{self.title}: going on from the last checkpoint', file=sys.stderr)
            apis.set_resume(cfg, 'auto')
        cfg.custom_hooks = [dict(type=EpochProgressHook.__name__, title=self.title)]
        with _quiet(self.work_dir):
            apis.train_model(cfg)

    def _test(self, mark: str) -> Outcome:
        """Test from a folder in which there is nothing but the skeletons."""
        alone = self.work_dir / 'skeletons_only'
        alone.mkdir(exist_ok=True)
        shutil.copyfile(self.data / 'skeletons.safetensors', alone / 'skeletons.safetensors')
        cfg = self._training_config()
        counts = _count_parameters(cfg)
        relocate(cfg._cfg_dict, str(self.data), str(alone))
        dump = self.work_dir / 'predictions.pkl'
        apis.add_dump(cfg, str(dump))
        with _quiet(self.work_dir):
            apis.test_model(cfg, str(self._deployable_checkpoint()))
        shutil.rmtree(alone)
        outcome = _outcome(load(dump), *counts)
        text = json.dumps({'mark': mark, 'outcome': asdict(outcome)})
        write_bytes(self.work_dir / 'outcome.json', text.encode())
        return outcome

    def _deployable_checkpoint(self) -> Path:
        """Last checkpoint, without what only the training needs where a hook has stripped it."""
        checkpoint = apis.last_checkpoint(self.work_dir)
        if checkpoint is None:
            raise FileNotFoundError(f'the training left no checkpoint in {self.work_dir}')
        stripped = Path(checkpoint).with_name(f'{Path(checkpoint).stem}_skeleton.pth')
        return stripped if stripped.is_file() else Path(checkpoint)

    def _finished(self, mark: str) -> Outcome | None:
        file = self.work_dir / 'outcome.json'
        found = json.loads(file.read_text()) if file.is_file() else {}
        if found.get('mark') != mark:
            return None
        print(f'{self.title}: already trained, {self.work_dir}', file=sys.stderr)
        return Outcome.from_dict(found['outcome'])


def relocate(node: Any, old: str, new: str) -> None:
    """Change the folder in all paths of a nested configuration, in place.

    Args:
        node: Configuration, or a part of it.
        old: Folder that paths begin with.
        new: Folder to put in its place.
    """
    pairs = node.items() if isinstance(node, Mapping) else enumerate(node)
    for key, value in list(pairs):
        if isinstance(value, (dict, list)):
            relocate(value, old, new)
        elif isinstance(value, str) and value.startswith(f'{old}/'):
            node[key] = new + value[len(old) :]


def _digest(cfg: Config, recipe: Mapping[str, Any]) -> str:
    """Identify a training by its configuration and data."""
    text = cfg.pretty_text + json.dumps(recipe, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _count_parameters(cfg: Config) -> tuple[int, int]:
    """Count the parameters of the deployable model, and those that only the training needs."""
    deployed = copy.deepcopy(cfg)
    apis.use_deployed_model(deployed)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        whole, part = (
            sum(p.numel() for p in MODELS.build(c.model).parameters()) for c in (cfg, deployed)
        )
    return part, whole - part


def _outcome(predictions: list[dict[str, Any]], deployed: int, training: int) -> Outcome:
    return Outcome(
        deployed_parameters=deployed,
        training_parameters=training,
        names=tuple(p['sample_name'] for p in predictions),
        labels=tuple(int(p['gt_label']) for p in predictions),
        scores=tuple(tuple(float(s) for s in p['pred_score']) for p in predictions),
    )


@contextmanager
def _quiet(folder: Path) -> Iterator[None]:
    """Write the log of a runner to a file instead of the terminal."""
    with (folder / 'console.log').open('a') as file, redirect_stdout(file):
        yield
