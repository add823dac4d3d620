import importlib
import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np
import torch
from mmengine.config import Config
from mmengine.fileio import load
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DefaultScope

from mmcl_ext.fileio.checkpoint import read_checkpoint
from mmcl_ext.preparation.extraction.model_files import hash_file
from mmcl_ext.preparation.person_boxes.detector_boxes import DetectorBoxes
from mmcl_ext.registry import PERSON_BOXES


@PERSON_BOXES.register_module()
class MMDetPersonBoxes(DetectorBoxes):
    """A detector of MMDetection, such as RTMDet or YOLOX (the paper has YOLOv5).

    MMDetection needs mmcv with compiled operators: ``requirements/detect.txt``. A ValueError if a
    setting is out of range, MMDetection is not installed, or it has no such configuration.

    Args:
        config: A configuration file, or the name of one that comes with MMDetection, such as
            ``'rtmdet_tiny_8xb32-300e_coco'``.
        checkpoint: File or URL of the weights; ``'published'`` for those that MMDetection's model
            zoo lists for this configuration. None leaves the weights random, which only shows
            that everything is in place.
        person_class: Number of the class person, 0 in COCO.
    """

    def __init__(
        self,
        source: str | os.PathLike,
        config: str | os.PathLike,
        *,
        checkpoint: str | os.PathLike | None = None,
        person_class: int = 0,
        seed: int = 0,
        **settings: Any,
    ) -> None:
        super().__init__(source, **settings)
        _require_mmdet()
        self.config = find_mmdet_config(config)
        self.checkpoint = None if checkpoint is None else os.fspath(checkpoint)
        if self.checkpoint == 'published':
            self.checkpoint = published_checkpoint(self.config)
        self.person_class, self.seed = person_class, seed
        self.model: Any = None
        self.pipeline: Any = None

    @property
    def recipe(self) -> Mapping[str, object]:
        """Model and settings; reads the checkpoint once to hash it."""
        path = self._local_checkpoint()
        versions = {name: importlib.import_module(name).__version__ for name in ('mmcv', 'mmdet')}
        return {
            **super().recipe,
            'config': self.config.stem,
            'checkpoint': None if path is None else path.name,
            'weights_hash': f'random, seed {self.seed}' if path is None else hash_file(path),
            'person_class': self.person_class,
            'versions': {'torch': torch.__version__, **versions},
        }

    def load(self) -> None:
        """Build the detector and its test pipeline, and load the weights."""
        transforms, utils = map(importlib.import_module, ('mmcv.transforms', 'mmdet.utils'))
        registry = importlib.import_module('mmdet.registry')
        utils.register_all_modules(init_default_scope=False)
        cfg = Config.fromfile(self.config)
        with torch.random.fork_rng(), DefaultScope.overwrite_default_scope('mmdet'):
            torch.manual_seed(self.seed)
            model = revert_sync_batchnorm(registry.MODELS.build(cfg.model))
            self.pipeline = transforms.Compose(_for_arrays(utils.get_test_pipeline_cfg(cfg)))
        path = self._local_checkpoint()
        if path is not None:
            _load_weights(model, path)
        self.model = model.to(self.device).eval()

    def detect(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Detect persons; see :class:`DetectorBoxes`."""
        prepared = [self.pipeline({'img': frame, 'img_id': 0}) for frame in frames]
        keys = 'inputs', 'data_samples'
        results = self.model.test_step({key: [item[key] for item in prepared] for key in keys})
        return [self._keep_persons(result.pred_instances) for result in results]

    def _keep_persons(self, instances: Any) -> np.ndarray:
        chosen = (instances.labels == self.person_class) & (instances.scores >= self.threshold)
        rows = torch.cat([instances.bboxes, instances.scores[:, None]], dim=1)[chosen]
        return rows.float().cpu().numpy()

    def _local_checkpoint(self) -> Path | None:
        """Find the checkpoint; download it once, to where torch keeps its models."""
        if self.checkpoint is None:
            return None
        path = Path(self.checkpoint)
        if urlparse(self.checkpoint).scheme in ('http', 'https'):
            path = Path(torch.hub.get_dir(), 'checkpoints', path.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():  # written under another name first: processes do not collide
                torch.hub.download_url_to_file(self.checkpoint, str(path))
        if not path.is_file():
            raise FileNotFoundError(f'no checkpoint at {path}')
        return path


def find_mmdet_config(config: str | os.PathLike) -> Path:
    """Find a configuration file: a path, or the name of one that comes with MMDetection."""
    path = Path(config)
    if path.is_file():
        return path
    name = f'{path.name.removesuffix(".py")}.py'
    found = sorted(_shipped().rglob(f'configs/*/{name}'))
    if len(found) != 1 or path.parent != Path():
        raise FileNotFoundError(
            f'{os.fspath(config)!r} is neither a file nor a configuration that comes with '
            'MMDetection, such as rtmdet_tiny_8xb32-300e_coco or yolox_s_8xb8-300e_coco'
        )
    return found[0]


def published_checkpoint(config: Path) -> str:
    """Look up the weights that MMDetection's model zoo lists for a configuration."""
    index = config.parent / 'metafile.yml'
    listed = load(index) if index.is_file() else []
    for model in listed['Models'] if isinstance(listed, dict) else listed:
        if Path(model.get('Config', '')).name == config.name and 'Weights' in model:
            return str(model['Weights'])
    raise ValueError(
        f"no published weights for {config.stem}: give a file or a URL as 'checkpoint'"
    )


def _require_mmdet() -> None:
    """Raise one clear error where MMDetection or mmcv's operators are missing."""
    for name in ('mmdet', 'mmcv.ops'):
        try:
            importlib.import_module(name)
        except (ImportError, AssertionError) as error:  # AssertionError: mmcv of another version
            raise ValueError(
                'MMDetection with compiled operators is not installed (requirements/detect.txt, see'
                f' docs/installation.md; TransformersPersonBoxes does without): {name}: {error}'
            ) from None


def _shipped() -> Path:
    """Folder of what MMDetection ships beside its code."""
    spec = importlib.util.find_spec('mmdet')
    if spec is None or spec.origin is None:
        raise FileNotFoundError('MMDetection is not installed')
    package = Path(spec.origin).parent
    return package / '.mim' if (package / '.mim').is_dir() else package.parent


def _for_arrays(pipeline: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Let a test pipeline begin with frames that are there, and leave annotations alone."""
    steps = [dict(step) for step in pipeline if 'LoadAnnotations' not in str(step['type'])]
    steps[0]['type'] = 'mmdet.LoadImageFromNDArray'
    return steps


def _load_weights(model: torch.nn.Module, path: Path) -> None:
    """Load a checkpoint that has every weight; published ones hold averaged copies, too."""
    weights = read_checkpoint(path)['state_dict']
    try:
        missing = model.load_state_dict(weights, strict=False)[0]
    except RuntimeError as error:
        raise ValueError(f'{path} is not a checkpoint of this configuration: {error}') from error
    if missing:
        raise ValueError(f'{path} is not a checkpoint of this configuration: it lacks {missing[0]}')
