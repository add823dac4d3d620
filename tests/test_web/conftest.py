"""A small model with random weights, and a store of clips with composites."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from inference_models import SMALL, UTD, write_checkpoint

from mmcl_ext.apis import load_config
from mmcl_ext.checkpoints.publish import publish
from mmcl_ext.datasets.store import write_store
from mmcl_ext.inference import MMCLInferencer
from mmcl_ext.parallel.limited_process import start_process_server
from mmcl_ext.web.clip_library import ClipLibrary
from mmcl_ext.web.web_demo import WebDemo

CLASSES = ('wave', 'clap', '<b>jump</b>', *(f'class {i}' for i in range(3, 27)))


@pytest.fixture(scope='session', autouse=True)
def _server():
    """Import once what reads uploads, as the page does."""
    start_process_server('mmcl_ext.web.video_uploads')


@pytest.fixture(scope='session')
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published model of one person with 20 joints."""
    root = tmp_path_factory.mktemp('web_model')
    checkpoint = write_checkpoint(root / 'epoch_1.pth', UTD, CLASSES, 'kinect_v1')
    load_config(UTD, SMALL).dump(root / 'web.py')
    recipe = dict(license='none', metrics={'top1': 88.14})
    return publish(root / 'web.py', checkpoint, root / 'web', recipe).path


@pytest.fixture(scope='session')
def inferencer(model: Path) -> MMCLInferencer:
    """The model."""
    return MMCLInferencer(model)


@pytest.fixture(scope='session')
def walk() -> np.ndarray:
    """A random walk (M=1, T=30, V=20, C=3)."""
    return random_walk(0)


def random_walk(seed: int, frames: int = 30) -> np.ndarray:
    generator = np.random.default_rng(seed)
    pose = generator.normal(size=(1, 1, 20, 3))
    steps = generator.normal(scale=0.05, size=(1, frames, 20, 3))
    return (pose + steps.cumsum(axis=1)).astype('f4')


@pytest.fixture(scope='session')
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A store of six clips of the classes 0 to 2, and a composite of the first one."""
    root = tmp_path_factory.mktemp('web_clips')
    samples = [dict(name=f's{i}', label=i % 3, keypoint=random_walk(i, 30 + i)) for i in range(6)]
    names = [str(sample['name']) for sample in samples]
    splits = {'xsub_train': names[:2], 'xsub_test': names[2:]}
    write_store(
        root / 'clips.safetensors', samples, layout='kinect_v1', classes=CLASSES[:3], splits=splits
    )
    (root / 'composites').mkdir()
    image = np.zeros((480, 480, 3), np.uint8)
    image[..., 2] = 200  # red, in OpenCV's order
    cv2.imwrite(str(root / 'composites' / 's2.jpg'), image)
    return dict(store=root / 'clips.safetensors', composites=root / 'composites')


@pytest.fixture(scope='session')
def library(clips: dict[str, Path]) -> ClipLibrary:
    """The clips."""
    return ClipLibrary([clips['store']], clips['composites'])


@pytest.fixture
def demo(inferencer: MMCLInferencer, library: ClipLibrary) -> WebDemo:
    """What the page shows."""
    return WebDemo(inferencer, library, max_upload=2**20, window=10)
