"""Raw data sets to annotation stores."""

from mmcl_ext.datasets.converters.conversion import (
    Conversion,
    ConversionReport,
    DroppedSampleError,
    SampleInfo,
)
from mmcl_ext.datasets.converters.ctrgcn_npz import NPZ_SECOND_BODIES, convert_ctrgcn_npz
from mmcl_ext.datasets.converters.custom import convert_custom
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
from mmcl_ext.datasets.converters.nwucla import (
    NWUCLA_CLASSES,
    convert_nwucla,
    nwucla_val_order,
    read_nwucla_skeleton,
)
from mmcl_ext.datasets.converters.pickle_file import convert_pickle, export_pickle
from mmcl_ext.datasets.converters.skeleton_file import Recording, read_skeleton_file
from mmcl_ext.datasets.converters.sysu import SYSU_CLASSES, convert_sysu, sysu_splits
from mmcl_ext.datasets.converters.utdmhad import (
    UTDMHAD_CLASSES,
    convert_utdmhad,
    find_utdmhad,
    read_utdmhad_skeleton,
    utdmhad_names,
)

__all__ = [
    'NPZ_SECOND_BODIES',
    'NTU_PREPROCESSINGS',
    'NWUCLA_CLASSES',
    'SECOND_BODIES',
    'SYSU_CLASSES',
    'UTDMHAD_CLASSES',
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
    'convert_nwucla',
    'convert_pickle',
    'convert_sysu',
    'convert_utdmhad',
    'export_pickle',
    'find_utdmhad',
    'ntu_classes',
    'ntu_missing_names',
    'ntu_names',
    'ntu_splits',
    'nwucla_val_order',
    'read_nwucla_skeleton',
    'read_skeleton_file',
    'read_utdmhad_skeleton',
    'sysu_splits',
    'translate_sequence',
    'utdmhad_names',
]
