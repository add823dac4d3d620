import torch


def usable_device(device: str) -> str:
    """Return a device that tensors can be put on; a ValueError says why another cannot."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition('\n')[0]
        raise ValueError(f'device {device!r} cannot be used: {reason}') from error
    return device
