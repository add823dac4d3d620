import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from mmengine.registry import DefaultScope

torch.set_num_threads(int(os.environ.get('MMCL_EXT_TEST_THREADS', '1')))

REPO = Path(__file__).resolve().parents[1]


@pytest.fixture(scope='session')
def repo() -> Path:
    """Root of the source tree."""
    return REPO


@pytest.fixture(scope='session')
def shared() -> Path:
    """Folder with real data and reference outputs, named by ``MMCL_EXT_SHARED``."""
    folder = Path(os.environ.get('MMCL_EXT_SHARED', REPO.parent / 'shared'))
    if not folder.is_dir():
        pytest.skip(f'shared data not found at {folder}; set MMCL_EXT_SHARED')
    return folder


@pytest.fixture(autouse=True, scope='module')
def _own_default_scope() -> Iterator[None]:
    """Keep the default scope that a Runner sets from leaking into the next file of tests."""
    before = dict(DefaultScope._instance_dict)
    yield
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(before)
