/* See tables.h; the names are those of codec/entropy/tables.py. */

#include "tables.h"

#include <stdlib.h>

#include "constants.h"

#define TOTAL (INT64_C(1) << TOTAL_BITS)

static const int64_t knots[KNOTS] = KNOTS_OF_DENSITIES;

static int64_t floor_div(int64_t value, int64_t by) { return value / by - (value % by < 0); }

struct density {
    const int32_t *heights;
    int64_t masses[KNOTS];      /* below each knot */
    int64_t step, first, count; /* of the symbols in the table */
};

static int64_t mass_below(const struct density *d, int64_t value) {
    int64_t low = knots[0] * (1 << POSITION_BITS), high = knots[KNOTS - 1] * (1 << POSITION_BITS);
    value = value < low ? low : value > high ? high : value;
    int i = 0, end = KNOTS - 1; /* the segment, by halving */
    while (end - i > 1) {
        int middle = (i + end) / 2;
        if (knots[middle] * (1 << POSITION_BITS) <= value)
            i = middle;
        else
            end = middle;
    }
    int64_t width = knots[i + 1] - knots[i], left = d->heights[i], right = d->heights[i + 1];
    int64_t t = (value - knots[i] * (1 << POSITION_BITS)) * (1 << FRACTION_BITS) / (width << POSITION_BITS);
    return d->masses[i] + width * (2 * left * t * (1 << FRACTION_BITS) + (right - left) * t * t);
}

/* Zero if the density or its step is none that a model may have. */
static int set_density(struct density *d, const int32_t *heights, int64_t step) {
    if (step < 1 || step > MAX_STEP) return 0;
    d->heights = heights;
    d->step = step;
    d->masses[0] = 0;
    for (int i = 0; i < KNOTS; i++) {
        if (heights[i] < 0 || heights[i] > MAX_HEIGHT) return 0;
        if (i == 0) continue;
        int64_t width = knots[i] - knots[i - 1];
        d->masses[i] = d->masses[i - 1] + width * ((int64_t)heights[i - 1] + heights[i]) * (1 << 2 * FRACTION_BITS);
    }
    int64_t total = d->masses[KNOTS - 1];
    if (total >> MASS_SHIFT == 0) return 0;
    int low = KNOTS - 1, high = 0;
    while (d->masses[low] > total >> TAIL_BITS) low--;
    while (total - d->masses[high] > total >> TAIL_BITS) high++;
    d->first = floor_div(knots[low] * (1 << POSITION_BITS) - step, 2 * step) + 1;
    int64_t last = -floor_div(-knots[high] * (1 << POSITION_BITS) - step, 2 * step) - 1;
    d->count = last - d->first + 1;
    return d->count > 0;
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

enum lic_result make_frequencies(size_t count, const int32_t *heights, const int32_t *steps, struct lic_tables *tables) {
    struct density d;
    int32_t *first = malloc(count * sizeof *first);
    uint32_t *start = malloc((count + 1) * sizeof *start), *below = NULL;
    *tables = (struct lic_tables){count, first, start, NULL};
    if (!first || !start) return LIC_NO_MEMORY;
    start[0] = 0;
    for (size_t i = 0; i < count; i++) {
        if (!set_density(&d, heights + i * KNOTS, steps[i])) return LIC_CORRUPT;
        if (start[i] + (uint64_t)d.count + 1 > MAX_ENTRIES) return LIC_CORRUPT;
        first[i] = (int32_t)d.first;
        start[i + 1] = start[i] + (uint32_t)d.count + 1;
    }
    tables->below = below = malloc(start[count] * sizeof *below);
    if (!below) return LIC_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        set_density(&d, heights + i * KNOTS, steps[i]);
        fill(&d, below + start[i]);
    }
    return LIC_OK;
}

void free_frequencies(struct lic_tables *tables) {
    free((void *)tables->first);
    free((void *)tables->start);
    free((void *)tables->below);
    *tables = (struct lic_tables){0};
}
