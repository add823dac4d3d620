"""``python -m mmcl_ext`` is the command ``mmcl``."""

from mmcl_ext.cli import main

if __name__ == '__main__':
    main()
