"""The numbers that Python and C share, as a header for C.

    python -m tests.codec.core_constants    # in the repository's root: rewrites codec/core/constants.h

Each is owned by a Python module. `test_core.py` fails where the header differs, so run this when one changes.
"""

from pathlib import Path

from lic.codec.entropy import contexts, range_coder, tables, walk
from lic.models import architecture, constants

HEADER = Path(__file__).parents[2] / "codec/core/constants.h"

INTEGERS = {
    "TOTAL_BITS": (tables.TOTAL_BITS, "of the sum of a table's frequencies"),
    "PIECE_BITS": (range_coder.PIECE_BITS, "escaped symbols are written in uniform pieces of at most this many bits"),
    "MAX_CUT": (range_coder.MAX_CUT, "bytes of 255 at a stream's end that are not stored, and put back"),
    "MAX_SYMBOL": (walk.MAX_SYMBOL, "symbols beyond it are not coded"),
    "MAX_TABLES": (tables.MAX_TABLES, "of a position between lambda points"),
    "MAX_CHANNELS": (architecture.MAX_WIDTH, "of any layer; keeps the contexts' sums within int32"),
    "PHASES": (constants.PHASES, "of a channel's latents"),
    "FEATURES": (contexts.FEATURES, "weights of a phase of a channel"),
    "UNIT": (1 << contexts.UNIT_BITS, "what a magnitude of 1 counts in the contexts"),
    "MAGNITUDE_CAP": (contexts.MAGNITUDE_CAP, "larger ones count as this"),
    "LEVEL_CHANNELS": (contexts.LEVEL_CHANNELS, "those with local averages of brightness and colour"),
    "CONTEXT_BLOCK": (contexts.BLOCK, "channels whose sums over earlier channels are computed together"),
    "TILE": (architecture.TILE, "outputs of Winograd's F(4x4, 3x3), in each direction"),
}
REALS = {
    "DEAD_ZONE": (constants.DEAD_ZONE, "latents within 1/2 and this, in steps, become 0"),
    "PEDESTAL": (constants.PEDESTAL, "stored are the roots of GDN's parameters and this: models/gdn.py"),
    "MIN_BETA": (constants.MIN_BETA, "of GDN"),
}


def make_header() -> str:
    places = ", ".join(f"{{{a}, {b}}}" for a, b in constants.PLACES)
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
            f"#define PLACES {{{places}}} /* of a position in channel 0, by the parity of its row and column */",
            "",
            "#endif",
            "",
        ]
    )


if __name__ == "__main__":
    HEADER.write_text(make_header(), encoding="utf-8")
