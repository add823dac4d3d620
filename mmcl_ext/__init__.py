"""Skeleton-based action recognition with multi-modality co-learning.

Importing this package is light: it reads the version and registers the import
hooks of :mod:`mmcl_ext.compat`, which have to be in place before MMAction2 is
imported by anyone. Neither torch nor any OpenMMLab package is imported here.
"""

from mmcl_ext import compat
from mmcl_ext.version import __version__

__all__ = ['__version__']

compat.install()
