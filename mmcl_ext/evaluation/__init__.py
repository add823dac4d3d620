"""Metrics, and what is done with the scores of a test."""

from mmcl_ext.evaluation.acc_metric import AccMetric
from mmcl_ext.evaluation.annotation_source import SplitLabels
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
from mmcl_ext.evaluation.score_files import read_scores, write_scores
from mmcl_ext.evaluation.scores import Scores
from mmcl_ext.evaluation.zero_shot import ZeroShotMetric

__all__ = [
    'PRESETS',
    'TREATMENTS',
    'AccMetric',
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
