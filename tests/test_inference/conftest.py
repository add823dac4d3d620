"""Small models with random weights, and real clips."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from inference_models import NTU, UTD, write_checkpoint, write_config

from mmcl_ext.checkpoints.publish import publish
from mmcl_ext.datasets.converters.nwucla import NWUCLA_CLASSES, read_nwucla_skeleton
from mmcl_ext.datasets.converters.utdmhad import UTDMHAD_CLASSES, read_utdmhad_skeleton
from mmcl_ext.datasets.store import write_store
from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.inference import MMCLInferencer


@pytest.fixture(scope='session')
def utd(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Configuration, checkpoint and published file of a model for UTD-MHAD."""
    root = tmp_path_factory.mktemp('utd')
    checkpoint = write_checkpoint(root / 'epoch_1.pth', UTD, UTDMHAD_CLASSES, 'kinect_v1')
    config = write_config(root / 'utd.py', UTD)
    published = publish(config, checkpoint, root / 'utd', dict(license='none', metrics={'a': 1.0}))
    return dict(root=root, config=config, checkpoint=checkpoint, published=published.path)


@pytest.fixture(scope='session')
def inferencer(utd: dict[str, Path]) -> MMCLInferencer:
    """The published model."""
    return MMCLInferencer(utd['published'])


@pytest.fixture(scope='session')
def ntu(tmp_path_factory: pytest.TempPathFactory) -> MMCLInferencer:
    """A model of two persons with NTU RGB+D's joints."""
    root = tmp_path_factory.mktemp('ntu')
    classes = tuple(f'A{i}' for i in range(60))
    checkpoint = write_checkpoint(root / 'epoch_1.pth', NTU, classes, 'nturgb+d-ctrgcn')
    return MMCLInferencer(write_config(root / 'ntu.py', NTU), checkpoint)


@pytest.fixture
def walk() -> np.ndarray:
    """Random walks (M=1, T=30, V=20, C=3)."""
    generator = np.random.default_rng(0)
    pose = generator.normal(size=(1, 1, 20, 3))
    return (pose + generator.normal(scale=0.05, size=(1, 30, 20, 3)).cumsum(axis=1)).astype('f4')


@pytest.fixture(scope='session')
def real_files(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files of the data sets as their authors give them, by kind."""
    root = tmp_path_factory.mktemp('real')
    for archive, names in (
        ('utd_mhad/Skeleton.zip', ('a1_s2_t1_skeleton.mat', 'a9_s2_t1_skeleton.mat')),
        ('nw_ucla/all_sqe.zip', ('a01_s01_e00_v03.json', 'a02_s01_e00_v03.json')),
    ):
        with zipfile.ZipFile(shared / 'datasets' / archive) as content:
            inside = {Path(name).name: name for name in content.namelist()}
            for name in names:
                (root / name).write_bytes(content.read(inside[name]))
    sample = shared / 'datasets/ntu_sample'
    return dict(
        root=root,
        mat=root / 'a1_s2_t1_skeleton.mat',
        ucla=root / 'a01_s01_e00_v03.json',
        one=sample / 'S001C001P001R001A001.skeleton',
        two=sample / 'S001C003P008R002A058.skeleton',
    )


@pytest.fixture(scope='session')
def stores(
    real_files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Stores of some real samples with the splits that the configurations test on."""
    root = tmp_path_factory.mktemp('stores')
    kinds = dict(
        utd=('.mat', read_utdmhad_skeleton, UTDMHAD_CLASSES, 'xsub_test'),
        ucla=('.json', read_nwucla_skeleton, NWUCLA_CLASSES, 'xview_val'),
    )
    made = {}
    for kind, (suffix, read, classes, split) in kinds.items():
        files = sorted(real_files['root'].glob(f'*{suffix}'))
        samples = [
            dict(
                name=path.stem.removesuffix('_skeleton'),
                label=i,
                keypoint=read(ArchiveFile(path)),
            )
            for i, path in enumerate(files)
        ]
        made[kind] = root / f'{kind}.safetensors'
        names = [sample['name'] for sample in samples]
        write_store(made[kind], samples, layout='kinect_v1', classes=classes, splits={split: names})
    return made
