"""The annotation store: one file that holds the skeletons of a whole data set."""

from mmcl_ext.datasets.store.skeleton_store import SkeletonStore
from mmcl_ext.datasets.store.write_store import check_store_name, write_store

__all__ = ['SkeletonStore', 'check_store_name', 'write_store']
