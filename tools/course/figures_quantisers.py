"""The figure of quantisers: points in the plane, a walk through the trellis, and what is left to gain."""

import math
from typing import Any

import numpy as np

from lic.codec.entropy.prices import NO_TABLE
from lic.models.theory.trellis import (
    EIGHT_STATES,
    ONE_STATE,
    Coded,
    Doubles,
    Trellis,
    choose,
    code_lengths,
    level,
    quantise_sequences,
    rate_distortion_function,
    round_sequences,
    states_of,
)
from lic.tools.course.figure_context import Context, Drawing, new_figure
from lic.tools.evaluation.charts import COLOURS, OUR_COLOURS

GRID = "#e4e7ea"
WEIGHT = 10.5  # bits per squared step of scalar quantisation; about the best at all rates, and `photo`'s own
FINE = 0.65  # steps of the trellis's fine grid in steps of scalar quantisation
STEPS = (0.4, 0.7, 1.0, 1.5, 2.0, 3.0, 4.5)  # in scales of the Laplacian
SEQUENCES, LENGTH = 32, 600
SLOPES = 2.0 ** np.arange(-2, 6.6, 0.5)
REACH = 5  # of the plane, in fine steps
SHOWN = 8  # symbols of the walk


def laplacian(reach: float = 14, points: int = 421) -> tuple[Doubles, Doubles]:
    """A grid of values and their probabilities, of scale 1."""
    source = np.linspace(-reach, reach, points)
    density = np.exp(-np.abs(source))
    return source, density / density.sum()


def bound() -> list[Coded]:
    """The rate-distortion function of a Laplacian, by rising rate."""
    return [rate_distortion_function(float(slope), *laplacian()) for slope in SLOPES]


def loss_to(limit: list[Coded], coded: Coded) -> float:
    """How much more error there is than any code of that rate must have, in dB."""
    least = np.interp(coded.rate, [c.rate for c in limit], [math.log10(c.distortion) for c in limit])
    return float(10 * (math.log10(coded.distortion) - least))


def quantisers(x: Doubles) -> dict[str, list[Coded]]:
    """Each quantiser at all steps, on the same sequences."""
    return {
        "rounded": [round_sequences(x, step / 2) for step in STEPS],
        "chosen by cost": [quantise_sequences(x, step / 2, WEIGHT / step**2, ONE_STATE) for step in STEPS],
        "trellis of 8 states": [quantise_sequences(x, step * FINE, WEIGHT / step**2, EIGHT_STATES) for step in STEPS],
    }


def pairs_of(trellis: Trellis) -> Doubles:
    """The points that two symbols in a row reach from state 0, in fine steps."""
    k = np.arange(-REACH, REACH + 1)
    symbols = np.stack(np.meshgrid(k, k), axis=-1).reshape(-1, 2)
    return level(symbols, states_of(symbols, trellis)).astype(np.float64)


def rates_of_symbols(context: Context) -> tuple[Doubles, Doubles]:
    """Mean bits of the symbols of each table, and the share of a picture's bits, at the middle lambda point."""
    coder, symbols = context.frozen.at(context.position).coder, context.symbols
    numbers = coder.find_tables(symbols)
    used = numbers != NO_TABLE
    bits = coder.prices.bits(symbols, numbers)[used]
    total = np.bincount(numbers[used], weights=bits)
    count = np.bincount(numbers[used])
    seen = count > 0
    return total[seen] / count[seen], total[seen] / total.sum()


def draw_plane(axes: Any) -> None:
    for points, size, colour, label in (
        (pairs_of(ONE_STATE), 60, "#c9d3dc", "one grid"),
        (pairs_of(EIGHT_STATES), 14, OUR_COLOURS[0], "two in turn"),
    ):
        axes.scatter(*points.T, s=size, color=colour, label=label)
    axes.set_xlim(-REACH, REACH)
    axes.set_ylim(-REACH, REACH)
    axes.set_aspect("equal")
    axes.set_xlabel("first value, fine steps")
    axes.set_ylabel("second value")
    axes.set_title("points of two symbols", fontsize=10)
    axes.legend(fontsize=8, loc="upper right", framealpha=1)


def draw_walk(axes: Any, x: Doubles) -> None:
    """All branches of the trellis, and the way of the cheapest sequence for the first values of x."""
    for t in range(SHOWN - 1):
        for state, following in enumerate(EIGHT_STATES):
            for parity, style in enumerate(("-", ":")):
                axes.plot([t, t + 1], [state, following[parity]], style, color="#c9d3dc", linewidth=1)
    step = FINE
    bits = code_lengths(np.rint(x / (2 * step)).astype(np.int64), np.zeros(x.shape, np.int64))
    symbols = choose(x, step, WEIGHT, bits[[0, 0]], EIGHT_STATES)[:1, :SHOWN]
    states = states_of(symbols, EIGHT_STATES)[0]
    axes.plot(states, "o-", color=OUR_COLOURS[0], linewidth=1.8, markersize=4)
    for t, (k, state) in enumerate(zip(symbols[0], states, strict=True)):
        axes.annotate(str(k), (t, state), (0, 7), textcoords="offset points", ha="center", fontsize=9)
    axes.invert_yaxis()
    axes.set_xlabel("symbol")
    axes.set_ylabel("state (odd: the quantiser of odd points)")
    axes.set_title("a walk: even symbols solid, odd dotted", fontsize=10)


def draw_losses(axes: Any, coded: dict[str, list[Coded]], limit: list[Coded], symbols: tuple[Doubles, Doubles]) -> None:
    """Each quantiser against the bound; and, below, the share of a picture's bits by rate."""
    for (name, points), colour in zip(coded.items(), ("#66717b", COLOURS[0], OUR_COLOURS[0]), strict=True):
        axes.plot([c.rate for c in points], [loss_to(limit, c) for c in points], "o-", color=colour, label=name)
    axes.axhline(10 * math.log10(math.pi * math.e / 6), color="#66717b", linestyle=":", linewidth=1)
    rates, share = symbols
    below = axes.twinx()
    edges = np.arange(0, 4.01, 0.25)
    below.hist(rates, edges, weights=share, color=GRID, label="a picture's bits")
    below.set_ylim(0, 1)
    below.set_yticks([])
    axes.set_zorder(below.get_zorder() + 1)
    axes.patch.set_visible(False)
    axes.set_xlim(0, 4)
    axes.set_ylim(0, 2)
    axes.set_xlabel("bits per symbol")
    axes.set_ylabel("dB above the rate-distortion function")
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    axes.set_title("a Laplacian", fontsize=10)


def quantisation(context: Context) -> Drawing:
    x = np.random.default_rng(context.seed).laplace(size=(SEQUENCES, LENGTH))
    coded, limit = quantisers(x), bound()
    rates, share = rates_of_symbols(context)
    figure = new_figure(12, 4.2)
    left, middle, right = figure.subplots(1, 3)
    draw_plane(left)
    draw_walk(middle, x)
    draw_losses(right, coded, limit, (rates, share))
    low = float(share[rates < 1].sum())
    at_one = {name: loss_to(limit, points[2]) for name, points in coded.items()}
    return Drawing(
        figure,
        r"$\min\; \sum_t \; bits(k_t) + w\,(x_t - \Delta\,level(k_t, s_t))^2,\qquad s_{t+1} = T[s_t][k_t\; mod\; 2]$",
        "Left: pairs of one coarse grid, and pairs of two such quantisers in turn: as many points, spread more evenly. "
        "Middle: the states, and the cheapest sequence for eight values. Right: what quantisers of Laplacian values "
        f"lose against the bound of all codes. At a step of one scale rounding loses {at_one['rounded']:.2f} dB, "
        f"choosing by cost {at_one['chosen by cost']:.2f}, the trellis {at_one['trellis of 8 states']:.2f}; the dotted"
        " line is the limit of fine scalar quantisation, 1.53 dB, which a trellis passes and no single number can. "
        f"The bars show where the codec spends a picture's bits at the middle lambda point: {low:.0%} of them on "
        "symbols of less than one bit, where zeros are so cheap that a trellis gains little over single choices.",
    )
