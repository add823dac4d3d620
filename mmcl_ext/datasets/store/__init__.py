"""The annotation store: one file that holds the skeletons of a whole data set."""

from mmcl_ext.datasets.store.skeleton_store import SkeletonStore as SkeletonStore
from mmcl_ext.datasets.store.write_store import write_store as write_store
