"""Raw data sets to annotation stores."""

from mmcl_ext.datasets.converters.conversion import Conversion, DroppedSampleError, SampleInfo
from mmcl_ext.datasets.converters.conversion_report import ConversionReport
from mmcl_ext.datasets.converters.ctrgcn_npz import NPZ_SECOND_BODIES, convert_ctrgcn_npz
from mmcl_ext.datasets.converters.custom import convert_custom, load_layout
from mmcl_ext.datasets.converters.ntu import (
    NTU_PREPROCESSINGS,
    SECOND_BODIES,
    NTUReader,
    convert_ntu,
    translate_sequence,
)
from mmcl_ext.datasets.converters.ntu_protocol import (
    NTUName,
    ntu_classes,
    ntu_missing_names,
    ntu_names,
    ntu_splits,
)
from mmcl_ext.datasets.converters.nw_ucla import (
    NW_UCLA_CLASSES,
    convert_nw_ucla,
    nw_ucla_val_order,
    read_nw_ucla_skeleton,
)
from mmcl_ext.datasets.converters.pickle_file import convert_pickle, export_pickle
from mmcl_ext.datasets.converters.skeleton_file import Recording, read_skeleton_file
from mmcl_ext.datasets.converters.sysu import SYSU_CLASSES, convert_sysu, sysu_splits
from mmcl_ext.datasets.converters.utd_mhad import (
    UTD_MHAD_CLASSES,
    convert_utd_mhad,
    find_utd_mhad,
    read_utd_mhad_skeleton,
    utd_mhad_names,
)

__all__ = [
    'NPZ_SECOND_BODIES',
    'NTU_PREPROCESSINGS',
    'NW_UCLA_CLASSES',
    'SECOND_BODIES',
    'SYSU_CLASSES',
    'UTD_MHAD_CLASSES',
    'Conversion',
    'ConversionReport',
    'DroppedSampleError',
    'NTUName',
    'NTUReader',
    'Recording',
    'SampleInfo',
    'convert_ctrgcn_npz',
    'convert_custom',
    'convert_ntu',
    'convert_nw_ucla',
    'convert_pickle',
    'convert_sysu',
    'convert_utd_mhad',
    'export_pickle',
    'find_utd_mhad',
    'load_layout',
    'ntu_classes',
    'ntu_missing_names',
    'ntu_names',
    'ntu_splits',
    'nw_ucla_val_order',
    'read_nw_ucla_skeleton',
    'read_skeleton_file',
    'read_utd_mhad_skeleton',
    'sysu_splits',
    'translate_sequence',
    'utd_mhad_names',
]
