from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(**options: Any) -> 'Figure':
    """Make a figure of matplotlib; a name with dollar signs in it is written as it is.

    The object interface needs no display and leaves the user's backend alone.
    """
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.rcParams['text.parse_math'] = False
    return Figure(**options)
