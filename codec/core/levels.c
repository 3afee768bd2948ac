/* The levels of latents in models with dependent quantisation, phase by phase: codec/transform/dependent.py, in C.

   Restored latents of earlier phases are kept, so each predictor runs once. */

#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "phases.h"
#include "team.h"

enum { MARGIN = DEPENDENT_MARGIN };

struct lic_levels {
    const struct lic_network *network;
    struct lic_team *team;
    const struct lic_kernels *kernels;
    const struct lic_rate *rate;
    size_t rows, columns; /* of the largest chunk */
    int is_first;    /* no chunk has come before */
    float *prices;
    uint16_t *numbers;
    float *restored; /* latents of a chunk and of the rows beside it, as far as they are known, and then expected; else 0 */
    float *above;    /* those of the last rows of the chunk before */
};

/* A chunk with MARGIN rows, or those that there are, on each side. */
struct window {
    size_t above, rows, below;
    float *latents;   /* of the chunk; from its choice on, those of a phase are its targets */
    int32_t *symbols; /* of the chunk: 0, or levels */
    const int32_t *symbols_below;
    size_t rows_below; /* in the array of these */
};

static size_t channels_of(const struct lic_levels *l) { return l->rate->contexts.channels; }

static size_t height_of(const struct window *w) { return w->above + w->rows + w->below; }

/* The first column of a phase in a row of a channel; every other one belongs to it. A large number if there is none. */
static size_t first_column(size_t y, size_t channel, size_t phase) {
    for (size_t x = 0; x < 2; x++)
        if (phase_of(y, x, channel) == phase) return x;
    return SIZE_MAX;
}

/* Some rows of each channel from one array to another. */
static void copy_rows(const struct lic_levels *l, float *to, size_t rows_to, size_t first_to, const float *from,
                      size_t rows_from, size_t first_from, size_t rows) {
    for (size_t c = 0; c < channels_of(l); c++)
        memcpy(to + (c * rows_to + first_to) * l->columns, from + (c * rows_from + first_from) * l->columns,
               rows * l->columns * sizeof *to);
}

/* Tables by the magnitudes that rounded symbols, which are finer, would have as numbers of a quantiser. */
static enum lic_result guess_tables(const struct lic_levels *l, const struct lic_chunk *chunk, int32_t *symbols) {
    for (size_t i = 0; i < channels_of(l) * chunk->rows * l->columns; i++)
        symbols[i] = (symbols[i] < 0 ? 1 - symbols[i] : 1 + symbols[i]) / 2;
    return lic_guess_tables(&l->rate->tables, &l->rate->contexts, chunk, symbols, l->numbers);
}

/* Add what is expected of a phase to the restored latents of those before. */
static enum lic_result expect(const struct lic_levels *l, const struct window *w, size_t phase) {
    ptrdiff_t height = (ptrdiff_t)height_of(w), width = (ptrdiff_t)l->columns * DOWNSAMPLING, first = (ptrdiff_t)w->above;
    struct lic_picture picture = {width, height * DOWNSAMPLING, 0, first * DOWNSAMPLING, width, height * DOWNSAMPLING, 1};
    struct lic_point point = l->rate->point;
    struct lic_stream *stream;
    point.phase = phase;
    enum lic_result result = lic_stream_open(LIC_EXPECT, l->network, l->team, l->kernels, &picture, &point, &stream);
    if (result) return result;
    struct lic_arrays arrays = {.latents = l->restored, .rows_in = height, .latents_out = l->restored, .rows_out = height};
    ptrdiff_t done = lic_stream_run(stream, &arrays, height, height);
    lic_stream_close(stream);
    return done == height ? LIC_OK : LIC_BAD_ARGUMENT;
}

/* The targets of a phase, in steps, from latents and what is expected of them. */
static void set_targets(const struct lic_levels *l, const struct window *w, size_t phase) {
    const float most = DEPENDENT_STRETCHED, stretch = DEPENDENT_STRETCH;
    for (size_t c = 0; c < channels_of(l); c++)
        for (size_t y = 0; y < w->rows; y++) {
            float *latents = w->latents + (c * w->rows + y) * l->columns;
            const float *expected = l->restored + (c * height_of(w) + w->above + y) * l->columns;
            for (size_t x = first_column(y, c, phase); x < l->columns; x += 2) {
                float target = (latents[x] - expected[x]) * l->rate->point.gain[c];
                latents[x] = target + stretch * (target < -most ? -most : target > most ? most : target);
            }
        }
}

/* Add what a phase's levels say to what is expected, and after the chunk what rounded symbols say. */
static void restore(const struct lic_levels *l, const struct window *w, size_t phase) {
    for (size_t c = 0; c < channels_of(l); c++)
        for (size_t y = 0; y < w->rows + w->below; y++) {
            const int32_t *symbols = y < w->rows ? w->symbols + (c * w->rows + y) * l->columns
                                                 : w->symbols_below + (c * w->rows_below + y - w->rows) * l->columns;
            float *restored = l->restored + (c * height_of(w) + w->above + y) * l->columns;
            for (size_t x = first_column(y, c, phase); x < l->columns; x += 2)
                restored[x] += (float)symbols[x] * l->rate->point.inverse_gain[c];
        }
}

static enum lic_result choose_phase(const struct lic_levels *l, const struct window *w, size_t phase) {
    static const double by_phase[PHASES] = DEPENDENT_BY_PHASE;
    const struct lic_rate *rate = l->rate;
    int predicts = rate->point.trust != NULL;
    enum lic_result result = predicts && phase ? expect(l, w, phase) : LIC_OK;
    if (result) return result;
    unsigned mode = lic_round_to_nearest();
    set_targets(l, w, phase);
    float weight = (float)(DEPENDENT_WEIGHT * (predicts ? by_phase[phase] : 1));
    struct lic_choice choice = {phase, weight, 0, w->latents, l->numbers, w->symbols};
    result = lic_choose_levels(&rate->tables, &rate->contexts, l->prices, w->rows, l->columns, &choice);
    if (predicts) restore(l, w, phase);
    lic_restore_rounding(mode);
    return result;
}

enum lic_result lic_levels_next(struct lic_levels *l, const struct lic_chunk *chunk, float *latents, int32_t *symbols,
                                const int32_t *below, size_t rows_below) {
    struct window w = {l->is_first ? 0 : MARGIN, chunk->rows, rows_below < MARGIN ? rows_below : MARGIN,
                       latents, symbols, below, rows_below};
    size_t height = height_of(&w), channels = channels_of(l);
    if (chunk->rows > l->rows || chunk->columns != l->columns || (below && chunk->rows < MARGIN)) return LIC_BAD_ARGUMENT;
    enum lic_result result = guess_tables(l, chunk, symbols);
    memset(symbols, 0, channels * chunk->rows * l->columns * sizeof *symbols);
    memset(l->restored, 0, channels * height * l->columns * sizeof *l->restored);
    copy_rows(l, l->restored, height, 0, l->above, MARGIN, 0, w.above);
    for (size_t phase = 0; phase < PHASES && !result; phase++) result = choose_phase(l, &w, phase);
    if (below) copy_rows(l, l->above, MARGIN, 0, l->restored, height, w.above + w.rows - MARGIN, MARGIN);
    l->is_first = 0;
    return result;
}

enum lic_result lic_levels_open(const struct lic_network *network, struct lic_team *team, const struct lic_kernels *kernels,
                                const struct lic_rate *rate, size_t rows, size_t columns, struct lic_levels **opened) {
    *opened = NULL;
    if (!rate->contexts.states || !rate->point.gain || !rate->point.inverse_gain) return LIC_BAD_ARGUMENT;
    struct lic_levels *l = calloc(1, sizeof *l);
    if (!l) return LIC_NO_MEMORY;
    const struct lic_tables *tables = &rate->tables;
    size_t row = rate->contexts.channels * columns * sizeof(float);
    *l = (struct lic_levels){
        network, team, kernels, rate, rows, columns, 1, malloc(tables->start[tables->count] * sizeof(float)),
        malloc(rows * row / sizeof(float) * sizeof(uint16_t)), malloc((rows + 2 * MARGIN) * row), malloc(MARGIN * row)};
    if (l->prices && l->numbers && l->restored && l->above) {
        lic_prices(tables, l->prices);
        *opened = l;
        return LIC_OK;
    }
    lic_levels_close(l);
    return LIC_NO_MEMORY;
}

void lic_levels_close(struct lic_levels *l) {
    if (!l) return;
    free(l->prices);
    free(l->numbers);
    free(l->restored);
    free(l->above);
    free(l);
}
