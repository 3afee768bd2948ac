/* Pictures to the chunks of their files, as codec/encode/pipeline.py encodes them at effort 0: core.h.

   The symbols of a chunk depend on the first rows of the next one. With dependent quantisation rounded latents are not
   the symbols yet: levels.c. */

#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "stream.h"

enum { MARGIN = DEPENDENT_MARGIN };

struct lic_encoding {
    const struct lic_rate *rate;
    struct lic_stream *analysis, *rounding; /* from pixels to latents, and to symbols */
    const uint8_t *pixels;
    size_t channels, rows, columns, chunks, done;
    size_t given;        /* chunks of latents to the rounding; the last one may not be used up */
    float **latents;     /* by chunk, while they are needed; else NULL */
    int32_t *symbols[2]; /* of even and odd chunks */
    struct lic_levels *dependent; /* NULL with one quantiser */
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
        if (e->given && !e->dependent) free_latents(e, e->given - 1);
        enum lic_result result = analyse(e, e->given++);
        if (result) return result;
    }
}

/* The levels of a chunk, for which the first rows of the next one are rounded, too. */
static enum lic_result choose_levels(struct lic_encoding *e, size_t number, const struct lic_chunk *chunk) {
    size_t rows = number + 1 < e->chunks ? rows_of(e, number + 1) : 0;
    enum lic_result result = rows ? round_chunk(e, number + 1, rows < MARGIN ? rows : MARGIN) : LIC_OK;
    const int32_t *below = rows ? e->symbols[(number + 1) % 2] : NULL;
    if (!result)
        result = lic_levels_next(e->dependent, chunk, e->latents[number], e->symbols[number % 2], below, rows);
    free_latents(e, number);
    return result;
}

enum lic_result lic_encoding_next(struct lic_encoding *e, const uint8_t **data, size_t *size) {
    struct lic_chunk chunk = {0};
    size_t number = e->done;
    if (number == e->chunks) return LIC_BAD_ARGUMENT;
    enum lic_result result = round_chunk(e, number, rows_of(e, number));
    if (!result) result = open_chunk(e, e->done++, &chunk);
    if (!result && e->dependent) result = choose_levels(e, number, &chunk);
    if (!result) result = lic_encode(&e->rate->tables, &e->rate->contexts, &chunk, e->symbols[number % 2], e->data, e->room, size);
    free(chunk.workspace);
    *data = e->data;
    return result;
}

size_t lic_encoding_chunks(const struct lic_encoding *e) { return e->chunks; }

enum lic_result lic_encoding_open(const struct lic_model *model, const struct lic_rate *rate, struct lic_team *team,
                                  const uint8_t *pixels, ptrdiff_t width, ptrdiff_t height, struct lic_encoding **opened) {
    struct lic_picture picture = {width, height, 0, 0, width, height, 1};
    *opened = NULL;
    if (!rate->point.unscale) return LIC_BAD_ARGUMENT;
    struct lic_encoding *e = calloc(1, sizeof *e);
    if (!e) return LIC_NO_MEMORY;
    const struct lic_network *network = model->network; /* whose streams check the sides */
    *e = (struct lic_encoding){.rate = rate, .pixels = pixels, .channels = model->channels};
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
        if (!complete)
            result = LIC_NO_MEMORY;
        else if (rate->contexts.states)
            result = lic_levels_open(network, team, NULL, rate, rows_of(e, 0), e->columns, &e->dependent);
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
    lic_levels_close(e->dependent);
    free(e->data);
    free(e);
}
