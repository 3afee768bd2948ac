"""The numbers that Python and C share, as a header for C.

    python -m tests.codec.core_constants    # in the repository's root: rewrites codec/core/constants.h

Each is owned by a Python module. `test_core.py` fails where the header differs, so run this when one changes.
"""

from pathlib import Path

from lic.codec.entropy import contexts, level_choice, library, prices, quantisers, range_coder, tables, walk
from lic.codec.file import container, geometry
from lic.codec.picture import adjustment, filtering
from lic.codec.transform import dependent
from lic.models import architecture, constants

HEADER = Path(__file__).parents[2] / "codec/core/constants.h"

INTEGERS = {
    "TOTAL_BITS": (tables.TOTAL_BITS, "of the sum of a table's frequencies"),
    "STEP_BITS": (tables.STEP_BITS, "a step is counted in 1/2^12 of its channel's unit"),
    "POSITION_BITS": (tables.POSITION_BITS, "a border of a symbol, in 1/2^13"),
    "FRACTION_BITS": (tables.FRACTION_BITS, "of a position within a segment of a density"),
    "TAIL_BITS": (tables.TAIL_BITS, "symbols beyond all but 2^-18 of the mass escape"),
    "MASS_SHIFT": (tables.MASS_SHIFT, "bits that masses lose before they are scaled"),
    "MAX_HEIGHT": (tables.MAX_HEIGHT, "of a density"),
    "MAX_STEP": (tables.MAX_STEP, "of a channel or a table"),
    "MAX_ENTRIES": (tables.MAX_ENTRIES, "of all tables at a position"),
    "KNOTS": (len(constants.KNOTS), "of a density"),
    "POSITIONS": (container.POSITIONS, "rate positions from a lambda point to the next"),
    "TO_UPPER_POINT": (library.TO_UPPER_POINT, "more, and a position has the contexts of the next lambda point"),
    "FINGERPRINT_BYTES": (container.FINGERPRINT_BYTES, "that name a model in a file"),
    "CHUNK_ROWS": (geometry.CHUNK_ROWS, "of latents, which are coded together"),
    "PIECE_BITS": (range_coder.PIECE_BITS, "escaped symbols are written in uniform pieces of at most this many bits"),
    "MAX_CUT": (range_coder.MAX_CUT, "bytes of 255 at a stream's end that are not stored, and put back"),
    "MAX_SYMBOL": (walk.MAX_SYMBOL, "symbols beyond it are not coded"),
    "MAX_TABLES": (tables.MAX_TABLES, "that contexts name"),
    "QUANTISERS": (quantisers.QUANTISERS, "of models with states"),
    "MAX_STATES": (quantisers.MAX_STATES, "of these"),
    "MAX_CHANNELS": (architecture.MAX_WIDTH, "of any layer; keeps the contexts' sums within int32"),
    "DOWNSAMPLING": (constants.DOWNSAMPLING, "pixels to each side of a block, which has a latent of each channel"),
    "PREVIEW": (architecture.PREVIEW, "pixels to each side, for one of a preview"),
    "MAX_SIDE": (container.MAX_SIDE, "of a picture"),
    "PHASES": (constants.PHASES, "of a channel's latents"),
    "FEATURES": (constants.FEATURES, "weights of a phase of a channel"),
    "UNIT": (1 << contexts.UNIT_BITS, "what a magnitude of 1 counts in the contexts"),
    "MAGNITUDE_CAP": (constants.MAGNITUDE_CAP, "larger ones count as this"),
    "LEVEL_CHANNELS": (constants.LEVEL_CHANNELS, "those with local averages of brightness and colour"),
    "CONTEXT_BLOCK": (constants.CONTEXT_BLOCK, "channels whose sums over earlier channels are computed together"),
    "TILE": (architecture.TILE, "outputs of Winograd's F(4x4, 3x3), in each direction"),
    "DEPENDENT_MARGIN": (dependent.MARGIN, "rows that an expected latent depends on, rounded up to a whole tile"),
    "SURE_BITS": (level_choice.SURE_BITS, "odd numbers so much dearer than 0 are not tried"),
    "BEYOND": (level_choice.BEYOND, "levels that are tried lie so far beyond their targets"),
    "ESCAPED_BITS": (prices.ESCAPED_BITS, "of the length of an escaped value"),
    "FILTER_CLASSES": (filtering.CLASSES, "of blocks, in the filter behind the synthesis"),
    "FILTER_DIRECTIONS": (filtering.DIRECTIONS, "of them, for each activity"),
    "FILTER_PLANES": (len(filtering.PLANES), "of colour"),
    "FILTER_PAIRS": (len(filtering.NEIGHBOURS), "of opposite neighbours"),
    "FILTER_TAPS": (filtering.TAPS, "of plain differences, then of constrained ones"),
    "FILTER_ONE": (1 << filtering.WEIGHT_BITS, "a weight of 1"),
    "FILTER_MOST": (filtering.MOST_WEIGHTS, "sum of a class's weights in a plane, without signs"),
    "ADJUSTED_UNIT": (adjustment.UNIT, "of the weights that a file adds to those"),
    "ADJUSTED_MOST": (adjustment.MOST, "sum of these in a plane, without signs, in that unit"),
    "ADJUSTED_ORDER": (adjustment.ORDER, "of the Golomb code of these"),
    "FILTER_ROWS": (filtering.BLOCK_ROWS, "of a block"),
    "FILTER_COLUMNS": (filtering.BLOCK_COLUMNS, "of a block"),
}
LISTS = {
    "KNOTS_OF_DENSITIES": (constants.KNOTS, "at which heights stand"),
    "PLACES": (constants.PLACES, "of a position in channel 0, by the parity of its row and column"),
    "FILTER_ACTIVITIES": (filtering.ACTIVITIES, "thresholds between classes"),
    "FILTER_LIMITS": (filtering.LIMITS, "of constrained differences in each plane"),
    "DEPENDENT_BY_PHASE": (dependent.BY_PHASE, "factors of their weight, where latents are expected"),
    "FILTER_NEIGHBOURS": (filtering.NEIGHBOURS, "rows below and columns to the right"),
}
REALS = {
    "DEAD_ZONE": (constants.DEAD_ZONE, "latents within 1/2 and this, in steps, become 0"),
    "PEDESTAL": (constants.PEDESTAL, "stored are the roots of GDN's parameters and this: models/gdn.py"),
    "DEPENDENT_WEIGHT": (dependent.WEIGHT, "bits that a squared error of one step is worth"),
    "DEPENDENT_STRETCH": (dependent.STRETCH, "of targets, away from 0"),
    "DEPENDENT_STRETCHED": (dependent.STRETCHED, "steps, from which on they are stretched no further"),
    "MIN_BETA": (constants.MIN_BETA, "of GDN"),
}


def make_header() -> str:
    return "\n".join(
        [
            "/* What C shares with Python, whose modules own it; written by tests/codec/core_constants.py. */",
            "",
            "#ifndef LIC_CONSTANTS_H",
            "#define LIC_CONSTANTS_H",
            "",
            "enum {",
            *(f"    {name} = {value}, /* {meaning} */" for name, (value, meaning) in INTEGERS.items()),
            "};",
            "",
            *(f"#define {name} {value!r} /* {meaning} */" for name, (value, meaning) in REALS.items()),
            *(f"#define {name} {_in_braces(value)} /* {meaning} */" for name, (value, meaning) in LISTS.items()),
            "",
            "#endif",
            "",
        ]
    )


def _in_braces(value: object) -> str:
    return f"{{{', '.join(map(_in_braces, value))}}}" if isinstance(value, tuple) else str(value)


if __name__ == "__main__":
    HEADER.write_text(make_header(), encoding="utf-8")
