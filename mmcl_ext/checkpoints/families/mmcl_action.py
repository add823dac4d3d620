from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mmcl_ext.checkpoints.convert import ConvertedCheckpoint
from mmcl_ext.checkpoints.state_comparison import check_fit
from mmcl_ext.config.build_model import build_model
from mmcl_ext.fileio.printable import counted


def keep_co_learning(imported: ConvertedCheckpoint) -> ConvertedCheckpoint:
    """Give an import the branch in its ``train_only``, for :class:`MMCLRecognizer`."""
    published = dict(imported.train_only)
    if not published:
        raise ValueError('the checkpoint has no entries of a co-learning branch to keep')
    branch = _convert(published)
    if published:
        count = counted(len(published), 'entry does', 'entries do')
        raise ValueError(f'{count} not fit, the first: {list(published)[:5]}')
    deployed = {key: value for key, value in imported.model_cfg.items() if key != 'ignore_keys'}
    model_cfg = {
        **deployed,
        'type': 'MMCLRecognizer',
        'data_preprocessor': dict(type='MMCLDataPreprocessor'),
        'co_learning': _configure(branch),
    }
    state = {**imported.state_dict, **{f'co_learning.{k}': v for k, v in branch.items()}}
    model = build_model(model_cfg)
    check_fit(model.state_dict(), state)
    model.load_state_dict(state, strict=True)
    return imported._replace(model_cfg=model_cfg, state_dict=state, train_only={})


def _convert(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename what is known, taking it out of the published entries."""
    branch = {}
    prefixes = {
        'FAM_Aligh.mlp.': 'fam.layers.',
        'mlp.': 'frm.gate.',
        'inception_v3.AuxLogits.': None,  # no part of the feature
        'inception_v3.': 'image_encoder.',
    }
    for theirs, ours in prefixes.items():
        for key in [key for key in published if key.startswith(theirs)]:
            value = published.pop(key)
            if ours is not None:
                branch[ours + key.removeprefix(theirs)] = value
    # The gate's first output weighs PosMatrix, the second NegMatrix.
    if 'PosMatrix' in published and 'NegMatrix' in published:
        names = ('PosMatrix', 'NegMatrix')
        branch['frm.matrices'] = torch.stack([published.pop(name) for name in names])
    return branch


def _configure(branch: Mapping[str, Tensor]) -> dict[str, Any]:
    co_learning: dict[str, Any] = dict(type='CoLearning', image_encoder=None, fam=None, frm=None)
    if 'image_encoder.fc.weight' in branch:
        width = len(branch['image_encoder.fc.weight'])
        co_learning['image_encoder'] = dict(type='InceptionV3', num_classes=width)
    if 'fam.layers.0.weight' in branch:
        hidden, width = branch['fam.layers.0.weight'].shape
        co_learning['fam'] = dict(type='FAM', in_channels=width, hidden_channels=hidden)
    if 'frm.gate.0.weight' in branch:
        hidden, width = branch['frm.gate.0.weight'].shape
        co_learning['frm'] = dict(type='FRM', text_channels=width, hidden_channels=hidden)
    return co_learning
