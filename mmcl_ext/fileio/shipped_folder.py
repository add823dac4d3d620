from pathlib import Path


def shipped_folder(name: str) -> Path:
    """Return ``configs`` or ``tools``, of the installed package or of the source tree."""
    package = Path(__file__).parents[1]
    for root in (package / '.mim', package.parent):
        if (root / name).is_dir():
            return root / name
    raise FileNotFoundError(f'this installation of mmcl_ext has no {name}: install it again')
