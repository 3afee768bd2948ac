"""The photographs that come with scikit-image, for demonstrations without data."""

from pathlib import Path

from lic.tools.extras import require

TO_LEARN_FROM = ("astronaut.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "hubble_deep_field.jpg")
TO_MEASURE_ON = ("chelsea.png",)


def sample_paths(names: tuple[str, ...]) -> tuple[str, ...]:
    """The paths of these files.

    >>> len(sample_paths(TO_LEARN_FROM)), all(Path(p).exists() for p in sample_paths(TO_MEASURE_ON))
    (5, True)
    """
    folder = Path(require("skimage").__file__).parent / "data"
    return tuple(str(folder / name) for name in names)
