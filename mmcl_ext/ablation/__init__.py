"""Ablations: several trainings, each with several seeds, and one table."""

from mmcl_ext.ablation.campaign import Campaign
from mmcl_ext.ablation.config_hash import config_hash
from mmcl_ext.ablation.declaration import Ablation, Step, Variant, load_ablation, select
from mmcl_ext.ablation.environment import describe_environment, job_environments
from mmcl_ext.ablation.reuse import reuse, take
from mmcl_ext.ablation.run import Launch, Run
from mmcl_ext.ablation.table import render, summarize, write_summary
from mmcl_ext.ablation.try_build import try_build

__all__ = [
    'Ablation',
    'Campaign',
    'Launch',
    'Run',
    'Step',
    'Variant',
    'config_hash',
    'describe_environment',
    'job_environments',
    'load_ablation',
    'render',
    'reuse',
    'select',
    'summarize',
    'take',
    'try_build',
    'write_summary',
]
