"""Raw data sets to annotation stores."""

from mmcl_ext.datasets.converters.ctrgcn_npz import convert_ctrgcn_npz as convert_ctrgcn_npz
from mmcl_ext.datasets.converters.custom import convert_custom as convert_custom
from mmcl_ext.datasets.converters.ntu import convert_ntu as convert_ntu
from mmcl_ext.datasets.converters.nwucla import convert_nwucla as convert_nwucla
from mmcl_ext.datasets.converters.pickle_file import convert_pickle as convert_pickle
from mmcl_ext.datasets.converters.sysu import convert_sysu as convert_sysu
from mmcl_ext.datasets.converters.utdmhad import convert_utdmhad as convert_utdmhad
