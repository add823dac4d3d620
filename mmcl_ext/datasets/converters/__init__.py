"""Raw data sets to annotation stores."""

from mmcl_ext.datasets.converters.conversion_report import ConversionReport
from mmcl_ext.datasets.converters.utd_mhad import (
    UTD_MHAD_CLASSES,
    convert_utd_mhad,
    find_utd_mhad,
    read_utd_mhad_skeleton,
    utd_mhad_names,
)

__all__ = [
    'UTD_MHAD_CLASSES',
    'ConversionReport',
    'convert_utd_mhad',
    'find_utd_mhad',
    'read_utd_mhad_skeleton',
    'utd_mhad_names',
]
