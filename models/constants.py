"""Constants shared by the networks, the file format and the measurements. Without torch."""

PEAK = 255.0  # of an 8-bit sample; distortion is measured in these grey levels
MID_GREY = 0.5  # pictures have values in 0..1; the layers see them centred, so that zero padding is grey
DOWNSAMPLING = 16  # pixels per latent, in each direction
DEAD_ZONE = 0.05  # just above 1/2, a 1 instead of a 0 costs several bits and saves less distortion than they are worth
# GDN's parameters are stored as sqrt(value + PEDESTAL): squaring makes small values move slowly and keeps them
# non-negative, and the pedestal keeps the gradient of the square from vanishing at zero.
PEDESTAL = 2.0**-36
MIN_BETA = 1e-6

# The four phases of latents, and the numbers of block positions by the parity of row and column: see expectation.py.
PHASES = 4
PLACES = ((0, 2), (3, 1))

# Contexts, and their differentiable counterpart in magnitudes.py.
FEATURES = 9  # weights of a phase of a channel
MAGNITUDE_CAP = 15  # larger magnitudes count as this
LEVEL_CHANNELS = 8  # those with local averages of brightness and colour
CONTEXT_BLOCK = 8  # channels whose sums over earlier channels are computed together


def knot_layout(core: int = 8, per_octave: int = 4, octaves: int = 7) -> tuple[int, ...]:
    """Integer knots: every unit from -core to core, then `per_octave` segments to each doubling.

    >>> knot_layout(core=4, per_octave=2, octaves=1)
    (-8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8)
    """
    positive = list(range(core + 1))
    for _ in range(octaves):
        width = positive[-1] // per_octave
        positive += [positive[-1] + width * (i + 1) for i in range(per_octave)]
    return tuple([-k for k in reversed(positive[1:])] + positive)


KNOTS = knot_layout()  # of all densities
