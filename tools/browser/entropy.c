/* Latents for JavaScript: the core's coder behind flat functions, and the frequency tables of FORMAT.md's section 3.

   One coder is set at a time; its arrays stay where the caller has allocated them. */

#include "../../codec/core/core.h"
#include "memory.h"

#include <stdlib.h>

enum {
    KNOTS = 73,
    CORE_KNOTS = 8, /* one apart, on each side of 0; then four to each doubling */
    POSITION_BITS = 13,
    FRACTION_BITS = 12,
    TAIL_BITS = 18,
    MASS_SHIFT = 18,
};

#define TOTAL (INT64_C(1) << 24)

static struct lic_tables tables;
static struct lic_contexts contexts;

/* ---- tables ---- */

static void lay_out_knots(int64_t knots[KNOTS]) {
    int64_t *zero = knots + KNOTS / 2;
    *zero = 0;
    for (int i = 1, width = 1; i <= KNOTS / 2; i++) {
        if (i > CORE_KNOTS && (i - CORE_KNOTS) % 4 == 1) width = (int)zero[i - 1] / 4;
        zero[i] = zero[i - 1] + width;
        zero[-i] = -zero[i];
    }
}

static int64_t floor_div(int64_t value, int64_t by) { return value / by - (value % by < 0); }

struct density {
    const int32_t *heights;
    int64_t knots[KNOTS], masses[KNOTS]; /* masses: below each knot */
    int64_t step, first, count;          /* of the residuals in the table */
};

static int64_t mass_below(const struct density *d, int64_t value) {
    int64_t low = d->knots[0] * (1 << POSITION_BITS), high = d->knots[KNOTS - 1] * (1 << POSITION_BITS);
    value = value < low ? low : value > high ? high : value;
    int i = 0, end = KNOTS - 1; /* the segment, by halving */
    while (end - i > 1) {
        int middle = (i + end) / 2;
        if (d->knots[middle] * (1 << POSITION_BITS) <= value)
            i = middle;
        else
            end = middle;
    }
    int64_t width = d->knots[i + 1] - d->knots[i], left = d->heights[i], right = d->heights[i + 1];
    int64_t t = (value - d->knots[i] * (1 << POSITION_BITS)) * (1 << FRACTION_BITS) / (width << POSITION_BITS);
    return d->masses[i] + width * (2 * left * t * (1 << FRACTION_BITS) + (right - left) * t * t);
}

static void set_density(struct density *d, const int32_t *heights, int64_t step) {
    d->heights = heights;
    d->step = step;
    d->masses[0] = 0;
    for (int i = 1; i < KNOTS; i++) {
        int64_t width = d->knots[i] - d->knots[i - 1];
        d->masses[i] = d->masses[i - 1] + width * ((int64_t)heights[i - 1] + heights[i]) * (1 << 2 * FRACTION_BITS);
    }
    int64_t total = d->masses[KNOTS - 1];
    int low = KNOTS - 1, high = 0;
    while (d->masses[low] > total >> TAIL_BITS) low--;
    while (total - d->masses[high] > total >> TAIL_BITS) high++;
    d->first = floor_div(d->knots[low] * (1 << POSITION_BITS) - step, 2 * step) + 1;
    int64_t last = -floor_div(-d->knots[high] * (1 << POSITION_BITS) - step, 2 * step) - 1;
    d->count = last - d->first + 1;
}

/* The sums of the frequencies before each entry, that of the escape last. */
static void fill(const struct density *d, uint32_t *below) {
    int64_t share = TOTAL - d->count - 1, total = d->masses[KNOTS - 1] >> MASS_SHIFT, begin = 0;
    for (int64_t i = 0; i <= d->count; i++) {
        int64_t mass = mass_below(d, (2 * (d->first + i) - 1) * d->step) >> MASS_SHIFT;
        int64_t scaled = mass * share / total;
        if (i == 0) begin = scaled;
        below[i] = (uint32_t)(scaled - begin + i);
    }
}

/* Tables of these densities (count x KNOTS heights) at these steps; 0 if there is no room for them. */
EXPORT(set_tables) int set_tables(size_t count, const int32_t *heights, const int32_t *steps) {
    struct density d;
    free((void *)tables.first);
    free((void *)tables.start);
    free((void *)tables.below);
    tables = (struct lic_tables){0};
    int32_t *first = malloc(count * sizeof *first);
    uint32_t *start = malloc((count + 1) * sizeof *start);
    tables = (struct lic_tables){.first = first, .start = start};
    if (!first || !start) return 0;
    lay_out_knots(d.knots);
    start[0] = 0;
    for (size_t i = 0; i < count; i++) {
        set_density(&d, heights + i * KNOTS, steps[i]);
        first[i] = (int32_t)d.first;
        start[i + 1] = start[i] + (uint32_t)d.count + 1;
    }
    uint32_t *below = malloc(start[count] * sizeof *below);
    if (!below) return 0;
    for (size_t i = 0; i < count; i++) {
        set_density(&d, heights + i * KNOTS, steps[i]);
        fill(&d, below + start[i]);
    }
    tables = (struct lic_tables){count, first, start, below};
    return 1;
}

EXPORT(tables_size) size_t tables_size(void) { return tables.start[tables.count]; }
EXPORT(tables_start) const uint32_t *tables_start(void) { return tables.start; }
EXPORT(tables_below) const uint32_t *tables_below(void) { return tables.below; }

/* ---- contexts and chunks ---- */

EXPORT(set_contexts) void set_contexts(int order, size_t channels, const int32_t *weights, size_t thresholds_count,
                                       const int64_t *thresholds, const uint8_t *index,
                                       const int16_t *earlier) {
    contexts = (struct lic_contexts){(enum lic_order)order, channels, weights, thresholds_count, thresholds, index,
                                     earlier};
}

EXPORT(workspace_size) size_t workspace_size(size_t rows, size_t columns) {
    return lic_workspace_size(&tables, &contexts, rows, columns);
}

EXPORT(decode_chunk) int decode_chunk(size_t rows, size_t columns, void *workspace, const uint8_t *data, size_t size,
                                      int32_t *symbols) {
    struct lic_chunk chunk = {rows, columns, workspace};
    return lic_decode(&tables, &contexts, &chunk, data, size, symbols);
}

/* The bits of each symbol; `cost` is that of each table's entries. */
EXPORT(price_chunk) int price_chunk(size_t rows, size_t columns, void *workspace, const int32_t *symbols,
                                    const double *cost, float *bits) {
    static const int32_t unshifted = 0;
    struct lic_chunk chunk = {rows, columns, workspace};
    return lic_price(&tables, &contexts, &chunk, symbols, cost, &unshifted, 1, bits);
}
