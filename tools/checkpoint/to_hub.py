"""Write a published model as a repository of Hugging Face, and upload it if asked to."""

import argparse

from mmcl_ext.checkpoints.hub import to_hub
from mmcl_ext.config.command_line import add_import, import_modules
from mmcl_ext.config.user_errors import one_line_errors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('model', help='published checkpoint, or zoo:NAME')
    parser.add_argument('folder', help='folder to write weights, description and card to')
    parser.add_argument('--repo', metavar='USER/NAME', help='repository to upload them to')
    add_import(parser)
    return parser.parse_args()


@one_line_errors(ModuleNotFoundError)
def main() -> None:
    args = parse_args()
    import_modules(args.modules)
    folder = to_hub(args.model, args.folder, args.repo)
    print(f'{folder}' + (f', uploaded to {args.repo}' if args.repo else ''))


if __name__ == '__main__':
    main()
