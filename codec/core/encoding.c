/* Pictures to the chunks of their files, as codec/encode/pipeline.py encodes them at effort 0: core.h.

   The symbols of a chunk depend on the first rows of the next one. With dependent quantisation rounded latents are not
   the symbols yet: see codec/transform/dependent.py. */

#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "stream.h"

enum { MARGIN = DEPENDENT_MARGIN };

struct lic_encoding {
    const struct lic_network *network;
    struct lic_team *team;
    const struct lic_rate *rate;
    struct lic_stream *analysis, *rounding; /* from pixels to latents, and to symbols */
    const uint8_t *pixels;
    size_t channels, rows, columns, chunks, done;
    size_t given;        /* chunks of latents to the rounding; the last one may not be used up */
    float **latents;     /* by chunk, while they are needed; else NULL */
    int32_t *symbols[2]; /* rounded, of even and odd chunks */
    struct dependent {   /* all NULL with one quantiser */
        float *prices, *targets;
        uint16_t *numbers;
        int32_t *levels, *window, *above; /* of a chunk; the same with rows beside it; the last rows before it */
    } dependent;
    uint8_t *data;
    size_t room;
};

static size_t first_row(size_t chunk) { return chunk * CHUNK_ROWS; }

static size_t rows_of(const struct lic_encoding *e, size_t chunk) {
    size_t left = e->rows - first_row(chunk);
    return left < CHUNK_ROWS ? left : CHUNK_ROWS;
}

static size_t positions_of(const struct lic_encoding *e, size_t chunk) { return rows_of(e, chunk) * e->columns; }

static void free_latents(struct lic_encoding *e, size_t chunk) {
    free(e->latents[chunk]);
    e->latents[chunk] = NULL;
}

static enum lic_result analyse(struct lic_encoding *e, size_t chunk) {
    ptrdiff_t first = (ptrdiff_t)first_row(chunk), rows = (ptrdiff_t)rows_of(e, chunk);
    if (!(e->latents[chunk] = malloc(e->channels * positions_of(e, chunk) * sizeof(float)))) return LIC_NO_MEMORY;
    struct lic_arrays arrays = {.pixels = e->pixels, .latents_out = e->latents[chunk], .first_out = first, .rows_out = rows};
    return lic_stream_run(e->analysis, &arrays, PTRDIFF_MAX, first + rows) < 0 ? LIC_BAD_ARGUMENT : LIC_OK;
}

/* A workspace for a chunk; LIC_BAD_ARGUMENT if it is wider than the coder takes. */
static enum lic_result open_chunk(const struct lic_encoding *e, size_t number, struct lic_chunk *chunk) {
    *chunk = (struct lic_chunk){rows_of(e, number), e->columns, NULL};
    size_t size = lic_workspace_size(&e->rate->tables, &e->rate->contexts, chunk->rows, chunk->columns);
    if (!size) return LIC_BAD_ARGUMENT;
    return (chunk->workspace = malloc(size)) ? LIC_OK : LIC_NO_MEMORY;
}

/* The first rows of a chunk's symbols, rounded: latents are given until they are complete. */
static enum lic_result round_chunk(struct lic_encoding *e, size_t chunk, size_t wanted) {
    ptrdiff_t first = (ptrdiff_t)first_row(chunk), end = first + (ptrdiff_t)wanted;
    for (;;) {
        if (e->given) {
            size_t last = e->given - 1;
            ptrdiff_t top = (ptrdiff_t)first_row(last), height = (ptrdiff_t)rows_of(e, last);
            struct lic_arrays arrays = {.latents = e->latents[last], .first_in = top, .rows_in = height,
                                        .symbols_out = e->symbols[chunk % 2], .first_out = first,
                                        .rows_out = (ptrdiff_t)rows_of(e, chunk)};
            ptrdiff_t done = lic_stream_run(e->rounding, &arrays, top + height, end);
                    if (done >= end) return LIC_OK;
            if (done < 0 || e->given == e->chunks) return LIC_BAD_ARGUMENT;
        }
        if (e->given && !e->dependent.levels) free_latents(e, e->given - 1);
        enum lic_result result = analyse(e, e->given++);
        if (result) return result;
    }
}

/* Tables by the magnitudes that rounded symbols, which are finer, would have as numbers of a quantiser. */
static enum lic_result guess_tables(const struct lic_encoding *e, size_t number, const struct lic_chunk *chunk) {
    const int32_t *symbols = e->symbols[number % 2];
    for (size_t i = 0; i < e->channels * positions_of(e, number); i++)
        e->dependent.levels[i] = (symbols[i] < 0 ? 1 - symbols[i] : 1 + symbols[i]) / 2;
    return lic_guess_tables(&e->rate->tables, &e->rate->contexts, chunk, e->dependent.levels, e->dependent.numbers);
}

/* Some rows of each channel from one array to another. */
static void copy_rows(const struct lic_encoding *e, int32_t *to, size_t rows_to, size_t first_to, const int32_t *from,
                      size_t rows_from, size_t first_from, size_t rows) {
    for (size_t c = 0; c < e->channels; c++)
        memcpy(to + (c * rows_to + first_to) * e->columns, from + (c * rows_from + first_from) * e->columns,
               rows * e->columns * sizeof *to);
}

/* What is expected of a chunk's latents after the levels so far. */
static enum lic_result expect(const struct lic_encoding *e, size_t number) {
    const struct dependent *d = &e->dependent;
    size_t rows = rows_of(e, number), above = number ? MARGIN : 0, below = 0;
    if (number + 1 < e->chunks) below = rows_of(e, number + 1) < MARGIN ? rows_of(e, number + 1) : MARGIN;
    size_t height = above + rows + below;
    copy_rows(e, d->window, height, 0, d->above, MARGIN, 0, above);
    copy_rows(e, d->window, height, above, d->levels, rows, 0, rows);
    if (below) copy_rows(e, d->window, height, above + rows, e->symbols[(number + 1) % 2], rows_of(e, number + 1), 0, below);
    struct lic_picture picture = {(ptrdiff_t)e->columns * DOWNSAMPLING, (ptrdiff_t)height * DOWNSAMPLING, 0,
                                  (ptrdiff_t)above * DOWNSAMPLING, (ptrdiff_t)e->columns * DOWNSAMPLING,
                                  (ptrdiff_t)(above + rows) * DOWNSAMPLING, 1};
    struct lic_stream *stream;
    enum lic_result result = lic_stream_open(LIC_RESTORE, e->network, e->team, NULL, &picture, &e->rate->point, &stream);
    if (result) return result;
    struct lic_arrays arrays = {.symbols = d->window, .first_in = 0, .rows_in = (ptrdiff_t)height, .latents_out = d->targets,
                                .first_out = (ptrdiff_t)above, .rows_out = (ptrdiff_t)rows};
    ptrdiff_t done = lic_stream_run(stream, &arrays, (ptrdiff_t)height, (ptrdiff_t)(above + rows));
    lic_stream_close(stream);
    return done < 0 ? LIC_BAD_ARGUMENT : LIC_OK;
}

static void set_targets(const struct lic_encoding *e, size_t number) {
    size_t positions = positions_of(e, number);
    const float most = DEPENDENT_STRETCHED, stretch = DEPENDENT_STRETCH;
    for (size_t i = 0; i < e->channels * positions; i++) {
        float *target = &e->dependent.targets[i];
        *target = (e->latents[number][i] - *target) * e->rate->point.gain[i / positions];
        *target += stretch * (*target < -most ? -most : *target > most ? most : *target);
    }
}

/* The levels of a chunk, phase by phase. */
static enum lic_result choose_levels(struct lic_encoding *e, size_t number, const struct lic_chunk *chunk) {
    static const double by_phase[PHASES] = DEPENDENT_BY_PHASE;
    const struct dependent *d = &e->dependent;
    const struct lic_rate *rate = e->rate;
    size_t symbols = e->channels * positions_of(e, number);
    enum lic_result result = guess_tables(e, number, chunk);
    memset(d->levels, 0, symbols * sizeof *d->levels);
    for (size_t phase = 0; phase < PHASES && !result; phase++) {
        memset(d->targets, 0, symbols * sizeof *d->targets);
        if (phase && rate->point.trust) result = expect(e, number);
        if (result) break;
        set_targets(e, number);
        float weight = (float)(DEPENDENT_WEIGHT * (rate->point.trust ? by_phase[phase] : 1));
        struct lic_choice choice = {phase, weight, 0, d->targets, d->numbers, d->levels};
        result = lic_choose_levels(&rate->tables, &rate->contexts, d->prices, chunk->rows, chunk->columns, &choice);
    }
    size_t rows = chunk->rows;
    if (number + 1 < e->chunks) copy_rows(e, d->above, MARGIN, 0, d->levels, rows, rows - MARGIN, MARGIN);
    free_latents(e, number);
    return result;
}

enum lic_result lic_encoding_next(struct lic_encoding *e, const uint8_t **data, size_t *size) {
    struct lic_chunk chunk = {0};
    size_t number = e->done;
    if (number == e->chunks) return LIC_BAD_ARGUMENT;
    const int32_t *symbols = e->dependent.levels ? e->dependent.levels : e->symbols[number % 2];
    enum lic_result result = round_chunk(e, number, rows_of(e, number));
    if (!result) result = open_chunk(e, e->done++, &chunk);
    if (!result && e->dependent.levels) {
        size_t rows = number + 1 < e->chunks ? rows_of(e, number + 1) : 0;
        if (rows) result = round_chunk(e, number + 1, rows < MARGIN ? rows : MARGIN);
        if (!result) result = choose_levels(e, number, &chunk);
    }
    if (!result) result = lic_encode(&e->rate->tables, &e->rate->contexts, &chunk, symbols, e->data, e->room, size);
    free(chunk.workspace);
    *data = e->data;
    return result;
}

size_t lic_encoding_chunks(const struct lic_encoding *e) { return e->chunks; }

static int open_dependent(struct lic_encoding *e, size_t symbols) {
    const struct lic_tables *tables = &e->rate->tables;
    if (!e->rate->contexts.states) return 1;
    size_t of_margin = e->channels * MARGIN * e->columns;
    e->dependent = (struct dependent){malloc(tables->start[tables->count] * sizeof(float)), malloc(symbols * sizeof(float)),
                                      malloc(symbols * sizeof(uint16_t)), malloc(symbols * sizeof(int32_t)),
                                      malloc((symbols + 2 * of_margin) * sizeof(int32_t)), malloc(of_margin * sizeof(int32_t))};
    const struct dependent *d = &e->dependent;
    if (!d->prices || !d->targets || !d->numbers || !d->levels || !d->window || !d->above) return 0;
    lic_prices(tables, e->dependent.prices);
    return 1;
}

enum lic_result lic_encoding_open(const struct lic_model *model, const struct lic_rate *rate, struct lic_team *team,
                                  const uint8_t *pixels, ptrdiff_t width, ptrdiff_t height, struct lic_encoding **opened) {
    struct lic_picture picture = {width, height, 0, 0, width, height, 1};
    *opened = NULL;
    if (!rate->point.unscale) return LIC_BAD_ARGUMENT;
    struct lic_encoding *e = calloc(1, sizeof *e);
    if (!e) return LIC_NO_MEMORY;
    const struct lic_network *network = model->network; /* whose streams check the sides */
    *e = (struct lic_encoding){.network = network, .team = team, .rate = rate, .pixels = pixels, .channels = model->channels};
    enum lic_result result = lic_stream_open(LIC_ANALYSE, network, team, NULL, &picture, &rate->point, &e->analysis);
    if (!result) result = lic_stream_open(LIC_CHOOSE, network, team, NULL, &picture, &rate->point, &e->rounding);
    if (!result) {
        e->rows = (size_t)divided_up(height, DOWNSAMPLING), e->columns = (size_t)divided_up(width, DOWNSAMPLING);
        e->chunks = (e->rows + CHUNK_ROWS - 1) / CHUNK_ROWS;
        size_t symbols = e->channels * positions_of(e, 0);
        e->room = lic_encoded_bound(symbols);
        e->data = malloc(e->room);
        e->latents = calloc(e->chunks, sizeof *e->latents);
        int complete = e->data && e->latents;
        for (int i = 0; i < 2; i++) complete &= (e->symbols[i] = malloc(symbols * sizeof(int32_t))) != NULL;
        if (!complete || !open_dependent(e, symbols)) result = LIC_NO_MEMORY;
    }
    if (result)
        lic_encoding_close(e);
    else
        *opened = e;
    return result;
}

void lic_encoding_close(struct lic_encoding *e) {
    if (!e) return;
    lic_stream_close(e->analysis);
    lic_stream_close(e->rounding);
    for (size_t i = 0; e->latents && i < e->chunks; i++) free(e->latents[i]);
    free(e->latents);
    for (int i = 0; i < 2; i++) free(e->symbols[i]);
    free(e->dependent.prices);
    free(e->dependent.targets);
    free(e->dependent.numbers);
    free(e->dependent.levels);
    free(e->dependent.window);
    free(e->dependent.above);
    free(e->data);
    free(e);
}
