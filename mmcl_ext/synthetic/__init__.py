"""Synthetic people, scenes and pictures: the embedded data of the demonstration."""

from mmcl_ext.synthetic.synthetic_data import SyntheticData
from mmcl_ext.synthetic.synthetic_video_source import SyntheticVideoSource
from mmcl_ext.synthetic.write_synthetic_data import write_synthetic_data

__all__ = ['SyntheticData', 'SyntheticVideoSource', 'write_synthetic_data']
