import os
from pathlib import Path

import pytest
import torch

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
