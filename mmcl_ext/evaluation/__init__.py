"""Metrics (with MMAction2's ``AccMetric``), and what is done with the scores of a test."""

from mmcl_ext.evaluation.dump_results import DumpResults
from mmcl_ext.evaluation.ensemble import (
    TREATMENTS,
    Ensemble,
    Weights,
    evaluate_ensemble,
    fuse,
    search_on_held_out,
    search_on_test,
)
from mmcl_ext.evaluation.ensemble_report import ensemble_to_dict, format_ensemble
from mmcl_ext.evaluation.presets import PRESETS, Preset
from mmcl_ext.evaluation.read_scores import read_scores
from mmcl_ext.evaluation.scores import Scores
from mmcl_ext.evaluation.split_labels import SplitLabels
from mmcl_ext.evaluation.write_scores import write_scores
from mmcl_ext.evaluation.zero_shot import ZeroShotMetric

__all__ = [
    'PRESETS',
    'TREATMENTS',
    'DumpResults',
    'Ensemble',
    'Preset',
    'Scores',
    'SplitLabels',
    'Weights',
    'ZeroShotMetric',
    'ensemble_to_dict',
    'evaluate_ensemble',
    'format_ensemble',
    'fuse',
    'read_scores',
    'search_on_held_out',
    'search_on_test',
    'write_scores',
]
