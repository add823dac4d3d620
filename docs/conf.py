"""Sphinx configuration; build with ``make docs``."""

import sys
from pathlib import Path

import mmcl_ext
from mmcl_ext.version import __version__

sys.path.insert(0, str(Path(__file__).parent))

from api_pages import api_pages

for name, text in api_pages(Path(mmcl_ext.__file__).parent).items():
    page = Path(__file__).parent / 'api' / f'{name}.md'
    page.parent.mkdir(exist_ok=True)
    if not page.is_file() or page.read_text() != text:  # Sphinx reads changed pages anew
        page.write_text(text)

project = 'mmcl_ext'
author = 'mmcl_ext contributors'
release = __version__

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon']
suppress_warnings = ['misc.highlighting_failure']  # Mermaid is drawn on GitHub, text here
myst_enable_extensions = ['colon_fence', 'dollarmath', 'fieldlist']
myst_heading_anchors = 3
autodoc_typehints = 'description'
napoleon_use_ivar = True
exclude_patterns = ['_build']
html_theme = 'furo'
html_title = f'mmcl_ext {release}'
nitpicky = False
