"""Ablations: several trainings, each with several seeds, and one table."""

from mmcl_ext.apis.ablation.campaign import Campaign
from mmcl_ext.apis.ablation.declaration import Ablation, Step, Variant, load_ablation, select
from mmcl_ext.apis.ablation.environment import describe_environment, job_environments
from mmcl_ext.apis.ablation.fingerprint import fingerprint
from mmcl_ext.apis.ablation.run import Launch, Run
from mmcl_ext.apis.ablation.table import render, summarize, write_tables
from mmcl_ext.apis.ablation.takeover import reuse, take

__all__ = [
    'Ablation',
    'Campaign',
    'Launch',
    'Run',
    'Step',
    'Variant',
    'describe_environment',
    'fingerprint',
    'job_environments',
    'load_ablation',
    'render',
    'reuse',
    'select',
    'summarize',
    'take',
    'write_tables',
]
