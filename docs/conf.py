"""Sphinx configuration; build with ``make docs``."""

from mmcl_ext.version import __version__

project = 'mmcl_ext'
author = 'mmcl_ext contributors'
release = __version__

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'sphinx.ext.viewcode']
myst_enable_extensions = ['colon_fence', 'dollarmath', 'fieldlist']
myst_heading_anchors = 3
autodoc_typehints = 'description'
exclude_patterns = ['_build']
html_theme = 'furo'
html_title = f'mmcl_ext {release}'
nitpicky = False
