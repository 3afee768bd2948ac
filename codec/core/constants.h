/* What C shares with Python, whose modules own it; written by tests/codec/core_constants.py. */

#ifndef LIC_CONSTANTS_H
#define LIC_CONSTANTS_H

enum {
    TOTAL_BITS = 24, /* of the sum of a table's frequencies */
    STEP_BITS = 12, /* a step is counted in 1/2^12 of its channel's unit */
    POSITION_BITS = 13, /* a border of a symbol, in 1/2^13 */
    FRACTION_BITS = 12, /* of a position within a segment of a density */
    TAIL_BITS = 18, /* symbols beyond all but 2^-18 of the mass escape */
    MASS_SHIFT = 18, /* bits that masses lose before they are scaled */
    MAX_HEIGHT = 1048576, /* of a density */
    MAX_STEP = 16777216, /* of a channel or a table */
    MAX_ENTRIES = 1048576, /* of all tables at a position */
    KNOTS = 73, /* of a density */
    POSITIONS = 256, /* rate positions from a lambda point to the next */
    TO_UPPER_POINT = 224, /* more, and a position has the contexts of the next lambda point */
    FINGERPRINT_BYTES = 4, /* that name a model in a file */
    CHUNK_ROWS = 64, /* of latents, which are coded together */
    PIECE_BITS = 16, /* escaped symbols are written in uniform pieces of at most this many bits */
    MAX_CUT = 7, /* bytes of 255 at a stream's end that are not stored, and put back */
    MAX_SYMBOL = 1073741824, /* symbols beyond it are not coded */
    MAX_TABLES = 256, /* that contexts name */
    QUANTISERS = 2, /* of models with states */
    MAX_STATES = 8, /* of these */
    MAX_CHANNELS = 4096, /* of any layer; keeps the contexts' sums within int32 */
    DOWNSAMPLING = 16, /* pixels to each side of a block, which has a latent of each channel */
    PREVIEW = 4, /* pixels to each side, for one of a preview */
    MAX_SIDE = 16777215, /* of a picture */
    PHASES = 4, /* of a channel's latents */
    FEATURES = 9, /* weights of a phase of a channel */
    UNIT = 256, /* what a magnitude of 1 counts in the contexts */
    MAGNITUDE_CAP = 15, /* larger ones count as this */
    LEVEL_CHANNELS = 8, /* those with local averages of brightness and colour */
    CONTEXT_BLOCK = 8, /* channels whose sums over earlier channels are computed together */
    TILE = 4, /* outputs of Winograd's F(4x4, 3x3), in each direction */
    DEPENDENT_MARGIN = 4, /* rows that an expected latent depends on, rounded up to a whole tile */
    SURE_BITS = 10, /* odd numbers so much dearer than 0 are not tried */
    BEYOND = 4, /* levels that are tried lie so far beyond their targets */
    ESCAPED_BITS = 5, /* of the length of an escaped value */
    FILTER_CLASSES = 25, /* of blocks, in the filter behind the synthesis */
    FILTER_DIRECTIONS = 5, /* of them, for each activity */
    FILTER_PLANES = 3, /* of colour */
    FILTER_PAIRS = 6, /* of opposite neighbours */
    FILTER_TAPS = 12, /* of plain differences, then of constrained ones */
    FILTER_ONE = 1024, /* a weight of 1 */
    FILTER_MOST = 2048, /* sum of a class's weights in a plane, without signs */
    ADJUSTED_UNIT = 2, /* of the weights that a file adds to those */
    ADJUSTED_MOST = 384, /* sum of these in a plane, without signs, in that unit */
    ADJUSTED_ORDER = 2, /* of the Golomb code of these */
    FILTER_ROWS = 4, /* of a block */
    FILTER_COLUMNS = 8, /* of a block */
};

#define DEAD_ZONE 0.05 /* latents within 1/2 and this, in steps, become 0 */
#define PEDESTAL 1.4551915228366852e-11 /* stored are the roots of GDN's parameters and this: models/gdn.py */
#define DEPENDENT_WEIGHT 8.0 /* bits that a squared error of one step is worth */
#define DEPENDENT_STRETCH 0.07 /* of targets, away from 0 */
#define DEPENDENT_STRETCHED 1.25 /* steps, from which on they are stretched no further */
#define MIN_BETA 1e-06 /* of GDN */
#define KNOTS_OF_DENSITIES {-1024, -896, -768, -640, -512, -448, -384, -320, -256, -224, -192, -160, -128, -112, -96, -80, -64, -56, -48, -40, -32, -28, -24, -20, -16, -14, -12, -10, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024} /* at which heights stand */
#define PLACES {{0, 2}, {3, 1}} /* of a position in channel 0, by the parity of its row and column */
#define FILTER_ACTIVITIES {288, 720, 1584, 3456} /* thresholds between classes */
#define FILTER_LIMITS {21, 17, 29} /* of constrained differences in each plane */
#define DEPENDENT_BY_PHASE {1.25, 1.0, 0.9, 0.85} /* factors of their weight, where latents are expected */
#define FILTER_NEIGHBOURS {{0, 1}, {0, 2}, {1, -1}, {1, 0}, {1, 1}, {2, 0}} /* rows below and columns to the right */

#endif
