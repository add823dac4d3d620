"""Packaging: reads ``requirements/`` and ships configs and tools as ``mmcl_ext/.mim``."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
MIM_ITEMS = ('configs', 'tools', 'zoo', 'model-index.yml', 'dataset-index.yml')
"""What MMEngine and MIM look for in ``mmcl_ext/.mim``."""
WEIGHTS = '.safetensors'


class BuildPyWithMim(build_py):
    """Puts ``.mim`` into the package: copied for a wheel, linked for an editable install.

    The links lead to the source tree, so that a config added there is found at once.
    """

    def run(self) -> None:
        """Build as usual, then add ``.mim``."""
        super().run()
        if self.editable_mode:
            link_mim(ROOT / 'mmcl_ext' / '.mim')
        else:
            copy_mim(Path(self.build_lib, 'mmcl_ext', '.mim'))

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Name the copies among the files of a wheel."""
        outputs = super().get_outputs(include_bytecode)
        if not self.editable_mode:
            target = Path(self.build_lib, 'mmcl_ext', '.mim')
            outputs += [str(target / path.relative_to(ROOT)) for path in mim_files()]
        return outputs


def mim_files() -> Iterator[Path]:
    """Yield the files of ``MIM_ITEMS`` without compiled ones and weights."""
    for item in MIM_ITEMS:
        path = ROOT / item
        for file in sorted(path.rglob('*')) if path.is_dir() else [path]:
            left_out = '__pycache__' in file.parts or file.suffix == WEIGHTS
            if file.is_file() and not left_out:
                yield file


def copy_mim(target: Path) -> None:
    """Copy the items into a folder, which is emptied before."""
    shutil.rmtree(target, ignore_errors=True)
    for file in mim_files():
        copy = target / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy)


def link_mim(target: Path) -> None:
    """Fill a folder with relative links to the items."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for item in MIM_ITEMS:
        (target / item).symlink_to(os.path.relpath(ROOT / item, target))


def project_urls() -> dict[str, str]:
    """Return the addresses of the paper and, where the release names it, of the repository."""
    urls = {'Paper': 'https://arxiv.org/abs/2407.15706'}
    home = os.environ.get('MMCL_EXT_REPOSITORY')
    if home:
        urls |= {
            'Source': home,
            'Documentation': f'{home}/tree/main/docs',
            'Changelog': f'{home}/blob/main/CHANGELOG.md',
            'Issues': f'{home}/issues',
        }
    return urls


def read_version() -> str:
    """Return the version without importing the package."""
    text = (ROOT / 'mmcl_ext' / 'version.py').read_text(encoding='utf-8')
    match = re.search(r"__version__ = '([^']+)'", text)
    if match is None:
        raise ValueError('mmcl_ext/version.py names no __version__')
    return match[1]


def read_requirements(*names: str) -> list[str]:
    """Return the requirements of ``requirements/<name>.txt``, comments left out."""
    lines = []
    for name in names:
        text = (ROOT / 'requirements' / f'{name}.txt').read_text(encoding='utf-8')
        lines += [line.partition('#')[0].strip() for line in text.splitlines()]
    return [line for line in lines if line]


setup(
    name='mmcl_ext',
    version=read_version(),
    description='Skeleton-based action recognition with multi-modality co-learning',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    author='mmcl_ext contributors',
    project_urls=project_urls(),
    keywords='skeleton, action recognition, multi-modality, co-learning, MMEngine, MMAction2',
    license='Apache-2.0',
    license_files=['LICENSE'],
    classifiers=[
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
    python_requires='>=3.11',
    packages=find_packages(include=['mmcl_ext', 'mmcl_ext.*']),
    package_data={
        'mmcl_ext': ['py.typed'],
        'mmcl_ext.web': ['*.css', '*.js'],
        'mmcl_ext.datasets.metainfo': ['*.txt'],
    },
    entry_points={'console_scripts': ['mmcl=mmcl_ext.cli:main']},
    install_requires=read_requirements('runtime', 'lite'),
    extras_require={
        name: read_requirements(name)
        for name in (
            'detect',
            'deploy',
            'video',
            'encoders',
            'hub',
            'optional',
            'pose',
            'web',
            'tests',
            'docs',
        )
    },
    cmdclass={'build_py': BuildPyWithMim},
    zip_safe=False,
)
