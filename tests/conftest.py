import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.config import config as mmengine_config
from mmengine.registry import DefaultScope
from mmengine.registry import registry as mmengine_registry

import mmcl_ext  # noqa: F401, repairs MMAction2, which some files import first

REPO = Path(__file__).resolve().parents[1]
THREADS = int(os.environ.get('MMCL_EXT_TEST_THREADS', '1'))

torch.set_num_threads(THREADS)

# Scripts start commands in the background with Ctrl-C ignored, and child processes inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
def _own_process_state() -> Iterator[None]:
    """Keep what Runners and tools set for their whole process from the next file of tests."""
    from mmcl_ext.graphs.layouts import _LAYOUTS  # not before a file has made its own imports

    tables = [(table, dict(table)) for table in (DefaultScope._instance_dict, _LAYOUTS)]
    folder, environ, threads = Path.cwd(), dict(os.environ), cv2.getNumThreads()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for table, before in tables:
        table.clear()
        table.update(before)
    os.chdir(folder)
    for name in (environ.keys() ^ os.environ.keys()) - {'PYTEST_CURRENT_TEST'}:
        os.environ.pop(name, None)
    os.environ.update(environ)
    for number, handler in handlers.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)
    cv2.setNumThreads(threads)
    torch.set_num_threads(THREADS)
    torch.set_flush_denormal(False)


@pytest.fixture(autouse=True)
def _own_configurations() -> Iterator[None]:
    """Undo ``--safe-config``, which holds until the process ends."""
    from mmcl_ext.config.safe_config import VARIABLE

    names = {
        Config: ('fromfile', '_file2dict', '_parse_lazy_import'),
        mmengine_registry: ('get_object_from_string', 'import_module'),
        mmengine_config: ('import_modules_from_strings',),
    }
    before = [(owner, name, vars(owner)[name]) for owner in names for name in names[owner]]
    variable = os.environ.get(VARIABLE)
    yield
    for owner, name, value in before:
        setattr(owner, name, value)
    if variable is None:
        os.environ.pop(VARIABLE, None)


@pytest.fixture(autouse=True)
def _own_random_numbers() -> None:
    """Let what a test draws depend on nothing that ran before it."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
