"""Checks of the steps to a codec from tables to the file; `answer` is the learner's file, which imports the others."""

import math

import numpy as np

from lic.tools.course.exercises.checks_of_steps import random
from lic.tools.course.exercises.grader import Answer
from lic.tools.course.exercises.verdicts import Wrong, expect

TOTAL = 1 << 16


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A picture as photographs are: smooth, with edges and some noise."""
    rows, columns = np.mgrid[:height, :width] / 12
    g = random(seed)
    waves = [np.sin(a * rows + b * columns + c) for a, b, c in g.normal(size=(6, 3))]
    grey = 120 + 25 * sum(waves[:4]) + 40 * (waves[4] > 0.3)
    colour = grey[..., None] + 20 * waves[5][..., None] * [1, 0, -1] + g.normal(0, 2, (height, width, 3))
    return colour.clip(0, 255).astype(np.uint8)


def step_09_tables(answer: Answer) -> None:
    p = np.array([0.6, 0.3, 0.1 - 1e-9, 1e-9])
    wanted = 1 + np.floor(p * 96).astype(int)
    plain = wanted.copy()
    wanted[0] += 100 - wanted.sum()
    expect(
        answer.counts(p, 100),
        wanted.tolist(),
        "1 + floor(p (total - K)), and what is left goes to the most frequent symbol.",
        (plain.tolist(), "They add up to total exactly."),
        (np.round(p * 100).astype(int).tolist(), "No count may be zero."),
        ([*plain[:3], plain[3] + 100 - plain.sum()], "The most frequent symbol gets what is left."),
    )
    expect(
        answer.counts(np.array([0.1, 0.45, 0.45]), 20),
        [2, 10, 8],
        "Of several most frequent symbols, the first gets it.",
    )
    many = random().dirichlet(np.full(255, 0.1))
    if sum(answer.counts(many, TOTAL)) != TOTAL:
        raise Wrong("They add up to total exactly, also for 255 symbols.")
    expect(
        answer.cumulative([3, 1, 2]),
        [0, 3, 4, 6],
        "Begin with 0; each further number adds a count; the last is the total.",
        ([3, 4, 6], "Begin with 0."),
        ([0, 3, 4], "The total is missing."),
    )


def a_message(length: int = 400) -> tuple[list[int], list[list[int]]]:
    """Symbols and their tables, some of which make a symbol nearly certain, and some very unlikely."""
    g = random(5)
    shapes = [[1, TOTAL - 2, 1], [20000, 25000, 20536], [TOTAL - 300, 299, 1], [1] * 3 + [TOTAL - 3]]
    kinds = [np.concatenate([[0], np.cumsum(shape)]).tolist() for shape in shapes]
    tables = [kinds[k] for k in g.integers(len(kinds), size=length)]
    places = g.integers(TOTAL, size=length)
    places[::37] = 0  # an unlikely symbol now and then
    symbols = [
        int(np.searchsorted(table, place, side="right")) - 1 for table, place in zip(tables, places, strict=True)
    ]
    return symbols, tables


def range_encoded(symbols: list[int], tables: list[list[int]]) -> bytes:
    low, width, size = 0, 1 << 48, 2
    for symbol, table in zip(symbols, tables, strict=True):
        unit = width >> 16
        low, width = low + unit * table[symbol], unit * (table[symbol + 1] - table[symbol])
        while width < 1 << 32:
            low, width, size = low << 16, width << 16, size + 2
    return ((low + width - 1) >> 32).to_bytes(size, "big")


def step_10_range_encoder(answer: Answer) -> None:
    expect(answer.encode_symbols([], []), b"\xff\xff", "An empty message is two bytes: (2^48 - 1) // 2^32.")
    symbols, tables = a_message()
    for length in (1, 5, 60, len(symbols)):
        wanted = range_encoded(symbols[:length], tables[:length])
        got = answer.encode_symbols(symbols[:length], tables[:length])
        if isinstance(got, bytes) and got != wanted and len(got) == len(wanted):
            raise Wrong(
                "The length is right, the bytes are not: compare low and width after each symbol with the text."
            )
        expect(
            got,
            wanted,
            f"A message of {length} symbols should have {len(wanted)} bytes: multiply low and width by 2^16 as long as "
            "width is below 2^32, and count two bytes each time.",
        )


def step_11_range_decoder(answer: Answer) -> None:
    symbols, tables = a_message()
    for length in (0, 1, 5, 60, len(symbols)):
        expect(
            answer.decode_symbols(range_encoded(symbols[:length], tables[:length]), tables[:length]),
            symbols[:length],
            f"A message of {length} symbols is not what was encoded. Begin with six bytes, the largest first; after "
            "each symbol narrow width as the encoder does, and read two bytes with each multiplication.",
        )
    damaged = answer.decode_symbols(b"\xff" * 40, [[0, 20000, TOTAL]] * 20)
    if len(damaged) != 20 or not set(damaged) <= {0, 1}:
        raise Wrong("A damaged file decodes to some symbols of the tables, without an error.")


def step_12_codec(answer: Answer) -> None:
    learned_from = [photo(64, 64, seed).astype(float) for seed in (1, 2)]
    model = answer.train(learned_from, 4)
    if not isinstance(model, tuple) or [np.shape(part) for part in model] != [(48,), (48, 48), (48,)]:
        raise Wrong("The model is mean, basis and scales: 48, 48 x 48 and 48 numbers for blocks of 4 x 4.")
    picture = photo(27, 41, seed=3)
    sizes, errors = [], []
    for lambda_ in (0.001, 0.05):
        data = answer.encode_picture(picture, model, lambda_)
        if not isinstance(data, bytes):
            raise Wrong("A file is bytes.")
        expect(
            data[:8],
            np.array([27, 41], ">u2").tobytes() + np.array(math.sqrt(6 / (lambda_ * math.log(2))), ">f4").tobytes(),
            "The file begins with height, width and step, as struct.pack('>HHf', ...) writes them.",
        )
        with answer.elsewhere() as decoder:  # nothing but the bytes reaches it
            decoded = decoder.decode_picture(data, model)
        if np.shape(decoded) != picture.shape or np.asarray(decoded).dtype != np.uint8:
            raise Wrong("The decoded picture has the size of the original, with values of the type uint8.")
        sizes.append(len(data))
        errors.append(float(np.mean((decoded.astype(float) - picture) ** 2)))
    step = math.sqrt(6 / (0.05 * math.log(2)))
    if errors[1] > step**2 / 8:
        raise Wrong(
            f"At lambda 0.05 the mean squared error is {errors[1]:.1f}; it should be {step**2 / 12:.1f} or less."
        )
    if not (sizes[0] < sizes[1] and errors[0] > errors[1]):
        raise Wrong("A larger lambda gives a larger file and a smaller error.")
    if sizes[0] > 100 or sizes[1] > 360:
        raise Wrong(
            f"Files of {sizes[0]} and {sizes[1]} bytes are too large: has each coordinate the table of its scale?"
        )
