"""Metrics, and what is done with the scores of a test."""

from mmcl_ext.evaluation.acc_metric import AccMetric as AccMetric
from mmcl_ext.evaluation.dump_results import DumpResults as DumpResults
from mmcl_ext.evaluation.ensemble import Weights as Weights
from mmcl_ext.evaluation.ensemble import evaluate_ensemble as evaluate_ensemble
from mmcl_ext.evaluation.ensemble import format_ensemble as format_ensemble
from mmcl_ext.evaluation.score_files import read_scores as read_scores
from mmcl_ext.evaluation.zero_shot_metric import ZeroShotMetric as ZeroShotMetric
