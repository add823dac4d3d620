"""A small published model, which the attacks change."""

from pathlib import Path

import pytest
from inference_models import UTD, write_checkpoint, write_config

from mmcl_ext.checkpoints.publish import publish
from mmcl_ext.datasets.converters.utdmhad import UTDMHAD_CLASSES


@pytest.fixture(scope='session')
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published file of a model for UTD-MHAD with random weights."""
    root = tmp_path_factory.mktemp('trust')
    checkpoint = write_checkpoint(root / 'epoch_1.pth', UTD, UTDMHAD_CLASSES, 'kinect_v1')
    config = write_config(root / 'utd.py', UTD)
    return publish(config, checkpoint, root / 'utd.pth').path
