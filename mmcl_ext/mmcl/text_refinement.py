"""Refinement by text at test time (Eq. 8 of arXiv 2407.15706), switched on by configuration."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config

from mmcl_ext.config.walk import walk
from mmcl_ext.mmcl.co_learning import branch_cfg, named

MODES = ('replace', 'add')
"""What the score of a sample is: the refined logits, or their sum with the plain ones."""


def check_mode(mode: str | None) -> None:
    """Raise a ValueError unless the mode is known; None means no refinement."""
    if mode is not None and mode not in MODES:
        raise ValueError(f'text_refinement is {mode!r}, known are {list(MODES)} and None')


def refine_at_test(cfg: Config) -> None:
    """Turn a test into one with the trained, fixed FRM, as ``text_refinement`` tells, in place.

    The network keeps backbone, head and FRM; the pipeline loads the feature from
    ``test_text_file``, or from ``text_file`` where training and test share one.
    """
    mode = cfg.get('text_refinement')
    file = cfg.get('test_text_file') or cfg.get('text_file')
    check_mode(mode)
    if not names_refinement(cfg.model.get('co_learning', {})):
        raise ValueError(f'text_refinement={mode!r}: the model has no refinement module (frm=None)')
    if not file:
        raise ValueError(f'text_refinement={mode!r} needs text_file, the texts of the test samples')
    cfg.model = keep_refinement(cfg.model) | dict(text_refinement=mode)
    if not isinstance(cfg.model.co_learning.frm.get('text_channels'), int):
        cfg.model.co_learning.frm.text_channels = file  # the training's file need not be here
    pipelines = list(_pipelines(cfg.test_dataloader.dataset))
    if not pipelines:
        raise ValueError('text_refinement finds no PackActionInputs in the test pipeline')
    for pipeline in pipelines:
        pack = pipeline[-1]
        pack['collect_keys'] = (*pack.get('collect_keys', ()), 'text')
        pipeline.insert(0, dict(type='LoadTextFeature', file=file))


def keep_refinement(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model's configuration without image encoder and other helpers."""
    kept = copy.deepcopy(dict(model))
    branch = branch_cfg(kept['co_learning'])
    parts = dict(map(named, branch.get('helpers') or ()))
    frm = branch.get('frm') or parts.pop('frm')
    branch = {key: value for key, value in branch.items() if key != 'helpers'}
    kept['co_learning'] = {**branch, 'image_encoder': None, 'fam': None, 'frm': frm}
    unused = tuple(f'co_learning.{name}.' for name in ('image_encoder', 'fam', *parts))
    kept['ignore_keys'] = (*kept.get('ignore_keys', ()), *unused)
    return kept


def names_refinement(co_learning: Any) -> bool:
    """Tell whether the configuration of a branch has a refinement module."""
    branch = branch_cfg(co_learning)
    return bool(branch.get('frm') or 'frm' in dict(map(named, branch.get('helpers') or ())))


def _pipelines(node: Any) -> Iterator[list]:
    """Yield the pipelines of a data set's configuration that end in packing."""
    for found in walk(node):
        pipeline = found.get('pipeline')
        if pipeline and str(pipeline[-1].get('type')).endswith('PackActionInputs'):
            yield pipeline
