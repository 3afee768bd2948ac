/* See core.h. The names are those of FORMAT.md, section 2, and of codec/entropy, the same walk in numpy.

   A row of a channel is stored as its even columns and then its odd ones, each half with one more cell at both ends
   that mirrors the edge. So the positions of a pass in a row are neighbours in memory, and so are their neighbours of
   one direction: the inner loops run over plain arrays, which a compiler turns into vector instructions. */

#include "core.h"

#include <math.h>
#include <string.h>

/* The hot loops once more for AVX2, chosen when the library is loaded; needs glibc. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define VECTORISED __attribute__((target_clones("avx2", "default")))
#else
#define VECTORISED
#endif

enum {
    TOTAL_BITS = 24,
    PIECE_BITS = 16,     /* escaped symbols are written in uniform pieces of at most this many bits */
    MAX_CUT = 7,         /* bytes of 255 at the end that are not stored: those that the decoder puts back */
    UNIT = 256,          /* magnitudes are counted in 1/256 */
    MAGNITUDE_CAP = 15,
    PASSES = 4,          /* with contexts: the phases of a channel */
    FEATURES = 9,        /* weights of a phase */
    LEVEL_CHANNELS = 8,  /* those with local averages of brightness and colour */
    BLOCK = 8,           /* channels whose sums over earlier channels are computed together */
    MAX_CHANNELS = 4096, /* of any model; keeps those sums within int32 */
    MAX_TABLES = 256,
    KEYS = 61 << 3,
};

#define TOTAL (UINT32_C(1) << TOTAL_BITS)
#define MAX_SYMBOL (INT64_C(1) << 30)
#define MAX_CELLS (UINT64_C(1) << 27) /* an event holds a cell's number and a magnitude */

/* The place of the leading one. */
static int log2_of(uint64_t value) {
#ifdef __GNUC__
    return 63 - __builtin_clzll(value);
#else
    int bits = 0;
    while (value >>= 1) bits++;
    return bits;
#endif
}

/* ---- range coder ---- */

struct encoder {
    uint64_t lower, range;
    uint8_t *begin, *at, *end;
    int full;
};

static void write_word(struct encoder *e, uint32_t word) {
    if (e->end - e->at < 4) {
        e->full = 1;
        return;
    }
    for (int shift = 24; shift >= 0; shift -= 8) *e->at++ = (uint8_t)(word >> shift);
}

/* Add one to the number that the bytes so far are. */
static void carry(struct encoder *e) {
    for (uint8_t *byte = e->at; byte > e->begin && ++*--byte == 0;) {
    }
}

static void put(struct encoder *e, uint32_t below, uint32_t frequency) {
    uint64_t scale = e->range >> TOTAL_BITS;
    uint64_t lower = e->lower + scale * below;
    if (lower < e->lower) carry(e);
    e->lower = lower;
    e->range = scale * frequency;
    if (e->range >> 32 == 0) {
        write_word(e, (uint32_t)(lower >> 32));
        e->lower <<= 32;
        e->range <<= 32;
    }
}

/* Enough of `lower` to stay within the range, whatever a decoder reads behind it. */
static void finish(struct encoder *e) {
    uint64_t point = e->lower + UINT32_MAX;
    if (point < e->lower) carry(e);
    uint32_t word = (uint32_t)(point >> 32), upper = (uint32_t)((e->lower + e->range) >> 32);
    write_word(e, word);
    if (upper == word) write_word(e, 0);
    for (int i = 0; i < MAX_CUT && e->at > e->begin && e->at[-1] == 0xff; i++) e->at--;
}

/* FORMAT.md's decoder has `lower` and `point`; only their difference counts. */
struct decoder {
    uint64_t ahead, range;
    const uint8_t *data;
    size_t at, size;
};

static uint32_t read_word(struct decoder *d) {
    uint32_t word = 0;
    size_t filled = (d->size + 4 + 3) / 4 * 4; /* with bytes of 255: the data's end, and words of 0 behind it */
    if (d->at >= filled) return 0;
    for (int i = 0; i < 4; i++, d->at++) word = word << 8 | (d->at < d->size ? d->data[d->at] : 0xff);
    return word;
}

static void take(struct decoder *d, uint64_t below, uint64_t range) {
    d->ahead -= below;
    d->range = range;
    if (range >> 32 == 0) {
        d->ahead = (d->ahead << 32) + read_word(d);
        d->range = range << 32;
    }
}

/* The uniform symbols: all have the same frequency, but the last takes the rest, too. */

static uint32_t uniform_frequency(uint32_t value, uint32_t size) {
    uint32_t each = TOTAL / size;
    return value + 1 < size ? each : TOTAL - each * (size - 1);
}

static void put_uniform(struct encoder *e, uint32_t value, uint32_t size) {
    put(e, TOTAL / size * value, uniform_frequency(value, size));
}

static enum lic_result get_uniform(struct decoder *d, uint32_t size, uint32_t *value) {
    uint64_t scale = d->range >> TOTAL_BITS, quantile = d->ahead / scale;
    if (quantile >= TOTAL) return LIC_CORRUPT;
    uint32_t each = TOTAL / size, found = (uint32_t)quantile / each;
    *value = found < size ? found : size - 1;
    take(d, scale * (each * *value), scale * uniform_frequency(*value, size));
    return LIC_OK;
}

/* ---- escapes ---- */

/* 0, -1, 1, -2, 2 ... as 1, 2, 3, 4, 5 ... */
static uint64_t zigzag_plus_one(int64_t symbol) {
    uint64_t size = symbol < 0 ? ~(uint64_t)symbol : (uint64_t)symbol;
    return 2 * size + (symbol < 0) + 1;
}

static void put_escaped(struct encoder *e, int64_t symbol) {
    uint64_t value = zigzag_plus_one(symbol);
    int bits = log2_of(value); /* at most 31, of symbols up to MAX_SYMBOL */
    put_uniform(e, (uint32_t)bits, 32);
    for (int shift = 0; shift < bits; shift += PIECE_BITS) {
        int piece = bits - shift < PIECE_BITS ? bits - shift : PIECE_BITS;
        put_uniform(e, (uint32_t)(value >> shift) & ((1u << piece) - 1), 1u << piece);
    }
}

static enum lic_result get_escaped(struct decoder *d, int64_t *symbol) {
    uint32_t bits, part;
    if (get_uniform(d, 32, &bits)) return LIC_CORRUPT;
    uint64_t value = UINT64_C(1) << bits;
    for (uint32_t shift = 0; shift < bits; shift += PIECE_BITS) {
        uint32_t piece = bits - shift < PIECE_BITS ? bits - shift : PIECE_BITS;
        if (get_uniform(d, 1u << piece, &part)) return LIC_CORRUPT;
        value += (uint64_t)part << shift;
    }
    value -= 1;
    *symbol = value % 2 ? -(int64_t)(value / 2) - 1 : (int64_t)(value / 2);
    return LIC_OK;
}

/* ---- tables ---- */

struct table {
    int64_t first;
    const uint32_t *below;
    uint32_t escape; /* the last entry */
    uint32_t likeliest, likeliest_below, likeliest_frequency;
};

static uint32_t end_of(const struct table *t, uint32_t entry) { return entry < t->escape ? t->below[entry + 1] : TOTAL; }

/* Most symbols are the likeliest of their tables, and are recognised without a division. */
static enum lic_result get_entry(struct decoder *d, const struct table *t, uint32_t *entry) {
    uint64_t scale = d->range >> TOTAL_BITS;
    uint64_t below = scale * t->likeliest_below, range = scale * t->likeliest_frequency;
    *entry = t->likeliest;
    if (d->ahead - below >= range) {
        uint64_t quantile = d->ahead / scale;
        if (quantile >= TOTAL) return LIC_CORRUPT;
        uint32_t low = 0, high = t->escape + 1; /* below[low] <= quantile < below[high] */
        while (high - low > 1) {
            uint32_t middle = low + (high - low) / 2;
            if (t->below[middle] <= quantile)
                low = middle;
            else
                high = middle;
        }
        *entry = low;
        below = scale * t->below[low];
        range = scale * (end_of(t, low) - t->below[low]);
    }
    take(d, below, range);
    return LIC_OK;
}

/* Refuses tables that the range coder cannot use; finds the likeliest entry of each. */
static enum lic_result make_tables(const struct lic_tables *from, struct table *tables) {
    for (size_t i = 0; i < from->count; i++) {
        uint32_t start = from->start[i], end = from->start[i + 1];
        if (end <= start || end > from->start[from->count] || from->below[start] != 0) return LIC_BAD_ARGUMENT;
        struct table t = {.first = from->first[i], .below = from->below + start, .escape = end - start - 1};
        for (uint32_t entry = 0; entry <= t.escape; entry++) {
            uint32_t below = t.below[entry], next = end_of(&t, entry);
            if (next <= below || next > TOTAL) return LIC_BAD_ARGUMENT;
            if (next - below > t.likeliest_frequency) {
                t.likeliest = entry;
                t.likeliest_below = below;
                t.likeliest_frequency = next - below;
            }
        }
        tables[i] = t;
    }
    return LIC_OK;
}

/* ---- the walk ---- */

/* The pass of a position, by the parity of its row and column. */
static size_t pass_of(size_t channel, unsigned y, unsigned x) {
    static const size_t places[2][2] = {{0, 2}, {3, 1}};
    return (places[y][x] - channel) % PASSES; /* unsigned: wraps around to the right one */
}

/* A number that grows with the estimate, eight to each doubling: where in the thresholds to begin to search. */
static size_t key_of(int64_t estimate) {
    if (estimate < 8) return estimate < 0 ? 0 : (size_t)estimate;
    int log2 = log2_of((uint64_t)estimate);
    return (size_t)(log2 - 2) << 3 | (estimate >> (log2 - 3) & 7);
}

/* The positions of one pass in one row: `count` cells from `at` on, and where their neighbours begin. */
struct line {
    unsigned parity; /* of its columns */
    size_t count, at, up, down, left, right, up_left, up_right, down_left, down_right;
};

struct walk {
    const struct lic_tables *tables;
    const struct lic_contexts *contexts;
    size_t rows, columns;
    size_t odd;   /* where the odd columns' half of a row begins */
    size_t pitch; /* from row to row */

    struct table *all_tables;
    struct line *lines;   /* by row and parity of its columns */
    int64_t *thresholds;  /* and one more that no estimate reaches */
    uint16_t buckets[KEYS]; /* by key: the thresholds that lie below all estimates of this key */
    int64_t *estimate;    /* of the positions of a pass in a row */
    int32_t *values;      /* by cell: the channel's latents */
    int32_t *sums[3];     /* by cell: F0, F1, F2 */
    int32_t *earlier;     /* cell x BLOCK: sums over earlier channels for the present block */
    uint32_t *positions;  /* the cells of a pass, in the order in which they are coded */
    uint32_t *events;     /* cell << 4 | magnitude, of all magnitudes of complete channels that are not 0 */
    size_t *events_end;   /* channel x 4: of even and odd columns of even rows, then of odd rows */
    int16_t *weights;     /* 4 x channel x BLOCK: those of the present block, transposed */
    uint8_t *magnitudes;  /* by cell; 0 for what is not yet decoded */
    uint8_t *chosen;      /* tables of a pass, row by row */
};

/* The arrays within the workspace, or just its size. The largest items come first, so each array is aligned. */
static uint64_t lay_out(struct walk *w, uint8_t *workspace) {
    uint64_t at = 0, channels = w->contexts->channels, thresholds = w->contexts->thresholds_count;
    uint64_t half = w->columns / 2 + 3, cells, positions = (uint64_t)w->rows * w->columns;
    w->odd = (size_t)half;
    w->pitch = (size_t)(2 * half);
    cells = (w->rows + 1) * 2 * half; /* with a row of zeros: the neighbours that there are not */
#define ARRAY(name, count) \
    do { \
        if (workspace) name = (void *)(workspace + at); \
        at += (uint64_t)(count) * sizeof *name; \
    } while (0)
    int plain = w->contexts->order == LIC_PLAIN, back = !plain && w->contexts->earlier;
    ARRAY(w->all_tables, w->tables->count);
    ARRAY(w->lines, 2 * (uint64_t)w->rows);
    ARRAY(w->thresholds, thresholds + 1);
    ARRAY(w->estimate, half);
    ARRAY(w->events_end, back ? 4 * channels : 0);
    ARRAY(w->values, cells);
    for (int i = 0; i < 3; i++) ARRAY(w->sums[i], plain ? 0 : cells);
    ARRAY(w->earlier, back ? BLOCK * cells : 0);
    ARRAY(w->positions, positions);
    ARRAY(w->events, back ? channels * positions : 0);
    ARRAY(w->weights, back ? 4 * BLOCK * channels : 0);
    ARRAY(w->magnitudes, cells + 8);
    ARRAY(w->chosen, plain ? 0 : positions);
#undef ARRAY
    return at;
}

static int sizes_are_fine(const struct lic_tables *t, const struct lic_contexts *c, size_t rows, size_t columns) {
    if (c->channels < 1 || c->channels > MAX_CHANNELS || t->count < 1 || t->count > UINT32_MAX) return 0;
    if (rows < 1 || columns < 1 || rows > MAX_CELLS || columns > MAX_CELLS) return 0;
    if ((uint64_t)(rows + 1) * (columns + 6) > MAX_CELLS) return 0;
    return c->order == LIC_PLAIN ? t->count == c->channels : t->count <= MAX_TABLES && c->thresholds_count < MAX_TABLES;
}

size_t lic_earlier_size(size_t channels) {
    size_t sum = 0;
    for (size_t start = BLOCK; start < channels; start += BLOCK)
        sum += PASSES * (channels - start < BLOCK ? channels - start : BLOCK) * start;
    return sum;
}

size_t lic_workspace_size(const struct lic_tables *tables, const struct lic_contexts *contexts, size_t rows,
                          size_t columns) {
    struct walk w = {.tables = tables, .contexts = contexts, .rows = rows, .columns = columns};
    if (!sizes_are_fine(tables, contexts, rows, columns)) return 0;
    uint64_t size = lay_out(&w, NULL);
    return size <= SIZE_MAX / 2 ? (size_t)size : 0;
}

size_t lic_encoded_bound(size_t symbols) { return 8 * symbols + 64; }

static size_t mirrored(const struct walk *w, size_t y, int step) {
    size_t zeros = w->rows;
    if (step < 0) return y > 0 ? y - 1 : w->rows > 1 ? 1 : zeros;
    return y + 1 < w->rows ? y + 1 : w->rows > 1 ? w->rows - 2 : zeros;
}

static struct line make_line(const struct walk *w, size_t y, unsigned parity) {
    size_t here = parity ? w->odd + 1 : 1;
    size_t beside = parity ? 1 : w->odd; /* the column to the left; the one to the right follows it */
    size_t row = y * w->pitch, up = mirrored(w, y, -1) * w->pitch, down = mirrored(w, y, 1) * w->pitch;
    return (struct line){
        parity, (w->columns + 1 - parity) / 2, row + here, up + here, down + here, row + beside, row + beside + 1,
        up + beside, up + beside + 1, down + beside, down + beside + 1,
    };
}

static void lay_lines(const struct walk *w) {
    for (size_t y = 0; y < w->rows; y++)
        for (unsigned parity = 0; parity < 2; parity++) w->lines[2 * y + parity] = make_line(w, y, parity);
}

static enum lic_result start(struct walk *w, const struct lic_tables *tables, const struct lic_contexts *contexts,
                             const struct lic_chunk *chunk) {
    *w = (struct walk){.tables = tables, .contexts = contexts, .rows = chunk->rows, .columns = chunk->columns};
    if (!lic_workspace_size(tables, contexts, chunk->rows, chunk->columns)) return LIC_BAD_ARGUMENT;
    lay_out(w, chunk->workspace);
    if (make_tables(tables, w->all_tables)) return LIC_BAD_ARGUMENT;
    lay_lines(w);
    size_t cells = (w->rows + 1) * w->pitch;
    memset(w->values, 0, cells * sizeof *w->values);
    memset(w->magnitudes, 0, cells + 8);
    if (contexts->order == LIC_PLAIN) return LIC_OK;
    size_t buckets = contexts->thresholds_count + 1;
    for (size_t i = 0; i < contexts->channels * PASSES * buckets; i++)
        if (contexts->index[i] >= tables->count) return LIC_BAD_ARGUMENT;
    for (size_t i = 0; i < buckets; i++) w->thresholds[i] = i + 1 < buckets ? contexts->thresholds[i] : INT64_MAX;
    for (size_t key = 0, bucket = 0; key < KEYS; key++) {
        while (w->thresholds[bucket] < INT64_MAX && key_of(w->thresholds[bucket]) < key) bucket++;
        w->buckets[key] = (uint16_t)bucket;
    }
    for (int i = 0; i < 3; i++) memset(w->sums[i], 0, cells * sizeof *w->sums[i]);
    return LIC_OK;
}

static const struct line *line_at(const struct walk *w, size_t y, unsigned parity) { return &w->lines[2 * y + parity]; }

/* The line of a row that belongs to a pass, or NULL. */
static const struct line *line_of_pass(const struct walk *w, size_t channel, size_t pass, size_t y) {
    for (unsigned parity = 0; parity < 2; parity++)
        if (pass_of(channel, y % 2, parity) == pass) return line_at(w, y, parity);
    return NULL;
}

/* Fill the cells at the ends of a row's halves: column -1 is column 1, the one behind the last the last but one. */
#define MIRROR_COLUMNS(row, w) \
    do { \
        size_t last = ((w)->columns - 1) / 2 + 1; /* cell of the last even column */ \
        if ((w)->columns > 1) { \
            (row)[(w)->odd] = (row)[(w)->odd + 1]; \
            if ((w)->columns % 2) \
                (row)[(w)->odd + last] = (row)[(w)->odd + last - 1]; \
            else \
                (row)[last + 1] = (row)[last]; \
        } \
    } while (0)

/* ---- contexts ----

   These loops read from copies of a line's numbers, and write through `restrict`: otherwise each store might change
   what the next step reads, as far as a compiler can tell, and it makes no vectors. */

VECTORISED
static void estimate_line(const struct walk *w, const struct line *line, const int32_t *weights) {
    size_t n = line->count;
    int64_t *estimate = w->estimate;
    int64_t constant = (int64_t)UNIT * weights[0];
    for (size_t i = 0; i < n; i++) estimate[i] = constant;
    for (int f = 0; f < 3; f++) {
        const int32_t *at = w->sums[f] + line->at, *up = w->sums[f] + line->up, *down = w->sums[f] + line->down;
        const int32_t *left = w->sums[f] + line->left, *right = w->sums[f] + line->right;
        int32_t here = weights[1 + f], around = weights[4 + f];
        for (size_t i = 0; i < n; i++)
            estimate[i] += (int64_t)here * at[i] + (int64_t)around * (up[i] + down[i] + left[i] + right[i]);
    }
}

/* Magnitudes of neighbours that earlier passes have decoded: those that they have not are 0. */
VECTORISED
static void add_inside(const struct walk *w, const struct line *line, int32_t straight, int32_t diagonal) {
    const uint8_t *m = w->magnitudes;
    const struct line l = *line;
    int64_t *restrict estimate = w->estimate;
    for (size_t i = 0; i < l.count; i++) {
        uint8_t beside = m[l.up + i] + m[l.down + i] + m[l.left + i] + m[l.right + i];
        uint8_t across = m[l.up_left + i] + m[l.up_right + i] + m[l.down_left + i] + m[l.down_right + i];
        estimate[i] += (int64_t)straight * (UNIT * beside) + (int64_t)diagonal * (UNIT * across);
    }
}

VECTORISED
static void add_earlier(const struct walk *w, const struct line *line, size_t lane) {
    const int32_t *earlier = w->earlier + BLOCK * line->at + lane;
    int64_t *restrict estimate = w->estimate;
    size_t n = line->count;
    for (size_t i = 0; i < n; i++) estimate[i] += (int64_t)earlier[BLOCK * i] * UNIT;
}

/* The number of thresholds that are <= each estimate chooses the table. */
static void choose(const struct walk *w, size_t count, const uint8_t *index, uint8_t *restrict chosen) {
    const int64_t *thresholds = w->thresholds, *estimates = w->estimate;
    for (size_t i = 0; i < count; i++) {
        int64_t estimate = estimates[i];
        size_t bucket = w->buckets[key_of(estimate)];
        bucket += thresholds[bucket] <= estimate;
        while (thresholds[bucket] <= estimate) bucket++; /* rarely: more than one lies between two keys */
        chosen[i] = index[bucket];
    }
}

static void choose_tables(const struct walk *w, size_t channel, size_t pass, const struct line *line, uint8_t *chosen) {
    const struct lic_contexts *c = w->contexts;
    size_t number = channel * PASSES + pass;
    const int32_t *weights = c->weights + number * FEATURES;
    estimate_line(w, line, weights);
    if (pass) add_inside(w, line, weights[7], weights[8]);
    if (c->earlier && channel >= BLOCK) add_earlier(w, line, channel % BLOCK);
    choose(w, line->count, c->index + number * (c->thresholds_count + 1), chosen);
}

static void add_scaled(int32_t *sums, const int32_t *weights, int32_t magnitude) {
#ifdef __GNUC__ /* as vectors, which it does not find by itself */
    typedef int32_t lanes __attribute__((vector_size(4 * BLOCK), aligned(4), may_alias));
    *(lanes *)sums += *(const lanes *)weights * magnitude;
#else
    for (int lane = 0; lane < BLOCK; lane++) sums[lane] += weights[lane] * magnitude;
#endif
}

/* What earlier magnitudes say about the block that begins with a channel. */
VECTORISED
static void look_back(const struct walk *w, size_t start) {
    size_t left = w->contexts->channels - start, size = left < BLOCK ? left : BLOCK;
    const int16_t *packed = w->contexts->earlier + PASSES * start * (start - BLOCK) / 2;
    for (size_t corner = 0; corner < 4; corner++)
        for (size_t lane = 0; lane < BLOCK; lane++) {
            size_t pass = pass_of(start + lane, (unsigned)corner / 2, corner % 2);
            const int16_t *row = packed + (pass * size + lane) * start;
            int16_t *out = w->weights + corner * start * BLOCK + lane;
            for (size_t d = 0; d < start; d++) out[BLOCK * d] = lane < size ? row[d] : 0;
        }
    memset(w->earlier, 0, w->rows * w->pitch * BLOCK * sizeof *w->earlier);
    const uint32_t *event = w->events;
    int32_t *earlier = w->earlier;
    for (size_t d = 0; d < start; d++)
        for (size_t corner = 0; corner < 4; corner++) {
            const uint32_t *end = w->events + w->events_end[4 * d + corner];
            int32_t weights[BLOCK];
            for (int lane = 0; lane < BLOCK; lane++) weights[lane] = w->weights[(corner * start + d) * BLOCK + lane];
            for (; event < end; event++) add_scaled(earlier + BLOCK * (size_t)(*event >> 4), weights, *event & 15);
        }
}

/* What is kept of a complete channel: where its magnitudes are not 0. */
static void note_events(const struct walk *w, size_t channel) {
    size_t end = channel ? w->events_end[4 * channel - 1] : 0;
    for (unsigned corner = 0; corner < 4; corner++) {
        for (size_t y = corner / 2; y < w->rows; y += 2) {
            const struct line *line = line_at(w, y, corner % 2);
            for (size_t i = 0; i < line->count; i += 8) {
                uint64_t eight;
                memcpy(&eight, w->magnitudes + line->at + i, sizeof eight);
                if (!eight) continue;
                for (size_t cell = line->at + i; cell < line->at + line->count && cell < line->at + i + 8; cell++)
                    if (w->magnitudes[cell]) w->events[end++] = (uint32_t)(cell << 4 | w->magnitudes[cell]);
            }
        }
        w->events_end[4 * channel + corner] = end;
    }
}

VECTORISED
static void note_magnitudes(const struct walk *w, const struct line *line) {
    const int32_t *values = w->values + line->at;
    uint8_t *restrict magnitudes = w->magnitudes + line->at;
    size_t n = line->count;
    for (size_t i = 0; i < n; i++) {
        uint32_t size = values[i] < 0 ? 0 - (uint32_t)values[i] : (uint32_t)values[i];
        magnitudes[i] = (uint8_t)(size < MAGNITUDE_CAP ? size : MAGNITUDE_CAP);
    }
}

/* In the first channels pass 0 holds levels, which say nothing about detail: there the neighbours' magnitudes count. */
static void level_magnitudes(const struct walk *w, size_t channel) {
    uint8_t *m = w->magnitudes;
    for (size_t y = 0; y < w->rows; y++) {
        const struct line *l = line_of_pass(w, channel, 0, y);
        if (!l) continue;
        for (size_t i = 0; i < l->count; i++)
            m[l->at + i] = (uint8_t)((m[l->up + i] + m[l->down + i] + m[l->left + i] + m[l->right + i]) >> 2);
    }
    for (size_t y = 0; y < w->rows; y++) MIRROR_COLUMNS(m + y * w->pitch, w);
}

VECTORISED
static void add_to_sums(const struct walk *w) {
    int32_t *f0 = w->sums[0], *f1 = w->sums[1], *f2 = w->sums[2];
    for (size_t i = 0; i < w->rows * w->pitch; i++) {
        int32_t m = UNIT * w->magnitudes[i];
        f0[i] += m - (f0[i] >> 1);
        f1[i] += m - (f1[i] >> 3);
        f2[i] += m;
    }
}

/* Let a complete channel count in the contexts of those behind it. */
static void add_channel(const struct walk *w, size_t channel) {
    if (channel < LEVEL_CHANNELS) level_magnitudes(w, channel);
    add_to_sums(w);
    if (w->contexts->earlier) note_events(w, channel);
}

/* ---- coding ---- */

/* Do this for what is coded: exactly one of the three is there. */
struct task {
    struct encoder *encoder;
    struct decoder *decoder;
    const double *cost;
    const int32_t *shifts;
    size_t shifts_count, symbols; /* symbols: of all channels, from shift to shift */
    float *bits;
};

/* The positions of one table, and at the end of `escaped` those whose symbols do not fit in it. */
static void encode_run(struct walk *w, struct encoder *e, size_t table, const uint32_t *cells, size_t count,
                       uint32_t **escaped) {
    struct table t = w->all_tables[table];
    for (size_t i = 0; i < count; i++) {
        size_t cell = cells[i];
        int64_t entry = w->values[cell] - t.first;
        if (entry < 0 || entry >= t.escape) {
            entry = t.escape;
            *(*escaped)++ = (uint32_t)cell;
        }
        uint32_t below = t.below[entry];
        put(e, below, end_of(&t, (uint32_t)entry) - below);
    }
}

static enum lic_result decode_run(struct walk *w, struct decoder *decoder, size_t table, const uint32_t *cells,
                                  size_t count, uint32_t **escaped) {
    struct table t = w->all_tables[table];
    struct decoder d = *decoder; /* in registers, whatever the values' array might overlap */
    for (size_t i = 0; i < count; i++) {
        size_t cell = cells[i];
        uint32_t entry;
        if (get_entry(&d, &t, &entry)) return LIC_CORRUPT;
        if (entry == t.escape) {
            *(*escaped)++ = (uint32_t)cell;
            continue;
        }
        int64_t value = t.first + entry;
        if (value < -MAX_SYMBOL || value > MAX_SYMBOL) return LIC_CORRUPT;
        w->values[cell] = (int32_t)value;
    }
    *decoder = d;
    return LIC_OK;
}

/* Positions from `begin` to `end`. Those that escape are written over others that are done. */
static enum lic_result code_run(struct walk *w, const struct task *task, size_t table, size_t begin, size_t end,
                                uint32_t **escaped) {
    const uint32_t *cells = w->positions + begin;
    if (task->decoder) return decode_run(w, task->decoder, table, cells, end - begin, escaped);
    encode_run(w, task->encoder, table, cells, end - begin, escaped);
    return LIC_OK;
}

/* The symbols that escaped from their tables in a pass. */
static enum lic_result code_escaped(struct walk *w, const struct task *task, const uint32_t *end) {
    for (const uint32_t *cell = w->positions; cell < end; cell++) {
        int64_t value = w->values[*cell];
        if (task->encoder) {
            put_escaped(task->encoder, value);
            continue;
        }
        if (get_escaped(task->decoder, &value)) return LIC_CORRUPT;
        if (value < -MAX_SYMBOL || value > MAX_SYMBOL) return LIC_CORRUPT;
        w->values[*cell] = (int32_t)value;
    }
    return LIC_OK;
}

/* Row by row: what a symbol costs does not depend on the order within a pass. */
static void price_line(const struct walk *w, const struct task *task, size_t channel, size_t y, const struct line *line,
                       const uint8_t *chosen) {
    float *row = task->bits + (channel * w->rows + y) * w->columns + line->parity;
    for (size_t i = 0; i < line->count; i++) {
        size_t cell = line->at + i, table = chosen ? chosen[i] : channel;
        uint32_t start = w->tables->start[table], escape = w->tables->start[table + 1] - start - 1;
        for (size_t k = 0; k < task->shifts_count; k++) {
            int64_t shifted = (int64_t)w->values[cell] + task->shifts[k], entry = shifted - w->tables->first[table];
            double bits;
            if (entry >= 0 && entry < escape)
                bits = task->cost[start + entry];
            else
                bits = task->cost[start + escape] + 5 + log2_of(zigzag_plus_one(shifted));
            row[k * task->symbols + 2 * i] = (float)bits;
        }
    }
}

static enum lic_result code_pass(struct walk *w, const struct task *task, size_t channel, size_t pass) {
    uint32_t next[MAX_TABLES + 1] = {0}; /* first how many positions there are of each table */
    size_t count = 0;
    for (size_t y = 0; y < w->rows; y++) {
        const struct line *line = line_of_pass(w, channel, pass, y);
        if (!line) continue;
        uint8_t *chosen = w->chosen + count;
        choose_tables(w, channel, pass, line, chosen);
        if (task->bits) price_line(w, task, channel, y, line, chosen);
        for (size_t i = 0; i < line->count; i++) next[chosen[i] + 1]++;
        count += line->count;
    }
    if (!task->bits) {
        for (size_t table = 0; table < w->tables->count; table++) next[table + 1] += next[table];
        const uint8_t *chosen = w->chosen;
        for (size_t y = 0; y < w->rows; y++) {
            const struct line *line = line_of_pass(w, channel, pass, y);
            if (!line) continue;
            for (size_t i = 0; i < line->count; i++) w->positions[next[*chosen++]++] = (uint32_t)(line->at + i);
        }
        /* Now next[t] is where the run of table t ends. */
        uint32_t *escaped = w->positions;
        for (size_t table = 0, begin = 0; begin < count; begin = next[table++])
            if (next[table] > begin) {
                enum lic_result result = code_run(w, task, table, begin, next[table], &escaped);
                if (result) return result;
            }
        enum lic_result result = code_escaped(w, task, escaped);
        if (result) return result;
    }
    for (size_t y = 0; y < w->rows; y++) {
        const struct line *line = line_of_pass(w, channel, pass, y);
        if (!line) continue;
        note_magnitudes(w, line);
        MIRROR_COLUMNS(w->magnitudes + y * w->pitch, w);
    }
    return LIC_OK;
}

/* The one pass of a channel without contexts. */
static enum lic_result code_plain(struct walk *w, const struct task *task, size_t channel) {
    uint32_t *escaped = w->positions;
    size_t count = 0;
    for (size_t y = 0; y < w->rows; y++) {
        const struct line *even = line_at(w, y, 0), *odd = line_at(w, y, 1);
        if (task->bits) {
            price_line(w, task, channel, y, even, NULL);
            price_line(w, task, channel, y, odd, NULL);
        }
        for (size_t x = 0; x < w->columns; x++)
            w->positions[count++] = (uint32_t)((x % 2 ? odd->at : even->at) + x / 2);
    }
    if (task->bits) return LIC_OK;
    enum lic_result result = code_run(w, task, channel, 0, count, &escaped);
    return result ? result : code_escaped(w, task, escaped);
}

static enum lic_result code_channel(struct walk *w, const struct task *task, size_t channel) {
    const struct lic_contexts *c = w->contexts;
    if (c->order == LIC_PLAIN) return code_plain(w, task, channel);
    memset(w->magnitudes, 0, w->rows * w->pitch);
    if (c->earlier && channel && channel % BLOCK == 0) look_back(w, channel);
    for (size_t pass = 0; pass < PASSES; pass++) {
        enum lic_result result = code_pass(w, task, channel, pass);
        if (result) return result;
    }
    add_channel(w, channel);
    return LIC_OK;
}

/* A channel's symbols to its cells. */
static void load(const struct walk *w, const int32_t *symbols, int64_t limit) {
    for (size_t y = 0; y < w->rows; y++)
        for (unsigned parity = 0; parity < 2; parity++) {
            const struct line *line = line_at(w, y, parity);
            const int32_t *row = symbols + y * w->columns + parity;
            for (size_t i = 0; i < line->count; i++) {
                int64_t value = row[2 * i];
                w->values[line->at + i] = (int32_t)(value < -limit ? -limit : value > limit ? limit : value);
            }
        }
}

/* And back. */
static void store(const struct walk *w, int32_t *symbols) {
    for (size_t y = 0; y < w->rows; y++)
        for (unsigned parity = 0; parity < 2; parity++) {
            const struct line *line = line_at(w, y, parity);
            int32_t *row = symbols + y * w->columns + parity;
            for (size_t i = 0; i < line->count; i++) row[2 * i] = w->values[line->at + i];
        }
}

/* The number of channels up to the last that is not all zero. */
static size_t used_channels(const int32_t *symbols, size_t channels, size_t positions) {
    while (channels) {
        const int32_t *channel = symbols + (channels - 1) * positions;
        for (size_t i = 0; i < positions; i++)
            if (channel[i]) return channels;
        channels--;
    }
    return 0;
}

enum lic_result lic_encode(const struct lic_tables *tables, const struct lic_contexts *contexts,
                           const struct lic_chunk *chunk, const int32_t *symbols, uint8_t *data, size_t room,
                           size_t *size) {
    struct walk w;
    struct encoder e = {.range = UINT64_MAX, .begin = data, .at = data, .end = data + room};
    struct task task = {.encoder = &e};
    enum lic_result result = start(&w, tables, contexts, chunk);
    if (result) return result;
    size_t positions = w.rows * w.columns, used = used_channels(symbols, contexts->channels, positions);
    put_uniform(&e, (uint32_t)used, (uint32_t)contexts->channels + 1);
    for (size_t channel = 0; channel < used; channel++) {
        load(&w, symbols + channel * positions, MAX_SYMBOL);
        result = code_channel(&w, &task, channel);
        if (result) return result;
    }
    finish(&e);
    *size = (size_t)(e.at - data);
    return e.full ? LIC_BAD_ARGUMENT : LIC_OK;
}

enum lic_result lic_decode(const struct lic_tables *tables, const struct lic_contexts *contexts,
                           const struct lic_chunk *chunk, const uint8_t *data, size_t size, int32_t *symbols) {
    struct walk w;
    struct decoder d = {.range = UINT64_MAX, .data = data, .size = size};
    struct task task = {.decoder = &d};
    enum lic_result result = start(&w, tables, contexts, chunk);
    if (result) return result;
    d.ahead = (uint64_t)read_word(&d) << 32;
    d.ahead += read_word(&d);
    uint32_t used;
    if (get_uniform(&d, (uint32_t)contexts->channels + 1, &used)) return LIC_CORRUPT;
    size_t positions = w.rows * w.columns;
    for (size_t channel = 0; channel < used; channel++) {
        result = code_channel(&w, &task, channel);
        if (result) return result;
        store(&w, symbols + channel * positions);
    }
    memset(symbols + used * positions, 0, (contexts->channels - used) * positions * sizeof *symbols);
    return LIC_OK;
}

enum lic_result lic_price(const struct lic_tables *tables, const struct lic_contexts *contexts,
                          const struct lic_chunk *chunk, const int32_t *symbols, const double *cost,
                          const int32_t *shifts, size_t shifts_count, float *bits) {
    struct walk w;
    enum lic_result result = start(&w, tables, contexts, chunk);
    if (result) return result;
    size_t positions = w.rows * w.columns, used = used_channels(symbols, contexts->channels, positions);
    struct task task = {.cost = cost, .shifts = shifts, .shifts_count = shifts_count, .bits = bits,
                        .symbols = contexts->channels * positions};
    for (size_t channel = 0; channel < used; channel++) {
        load(&w, symbols + channel * positions, INT64_MAX);
        result = code_channel(&w, &task, channel);
        if (result) return result;
    }
    for (size_t k = 0; k < shifts_count; k++)
        for (size_t i = used * positions; i < task.symbols; i++)
            bits[k * task.symbols + i] = shifts[k] ? INFINITY : 0;
    return LIC_OK;
}
