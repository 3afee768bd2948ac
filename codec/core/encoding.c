/* Pictures to the chunks of their files, as codec/encode/pipeline.py encodes them at effort 0: core.h.

   The symbols of a chunk depend on the first rows of the next one. */

#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "stream.h"

struct lic_encoding {
    const struct lic_rate *rate;
    struct lic_stream *analysis, *rounding; /* from pixels to latents, and to symbols */
    const uint8_t *pixels;
    size_t channels, rows, columns, chunks, done;
    size_t given;     /* chunks of latents to the rounding; the last one may not be used up */
    float *latents;   /* of that one */
    int32_t *symbols; /* of a chunk */
    uint8_t *data;
    size_t room;
};

static size_t first_row(size_t chunk) { return chunk * CHUNK_ROWS; }

static size_t rows_of(const struct lic_encoding *e, size_t chunk) {
    size_t left = e->rows - first_row(chunk);
    return left < CHUNK_ROWS ? left : CHUNK_ROWS;
}

static size_t positions_of(const struct lic_encoding *e, size_t chunk) { return rows_of(e, chunk) * e->columns; }

static enum lic_result analyse(struct lic_encoding *e, size_t chunk) {
    ptrdiff_t first = (ptrdiff_t)first_row(chunk), rows = (ptrdiff_t)rows_of(e, chunk);
    struct lic_arrays arrays = {.pixels = e->pixels, .latents_out = e->latents, .first_out = first, .rows_out = rows};
    return lic_stream_run(e->analysis, &arrays, PTRDIFF_MAX, first + rows) < 0 ? LIC_BAD_ARGUMENT : LIC_OK;
}

/* A workspace for a chunk; LIC_BAD_ARGUMENT if it is wider than the coder takes. */
static enum lic_result open_chunk(const struct lic_encoding *e, size_t number, struct lic_chunk *chunk) {
    *chunk = (struct lic_chunk){rows_of(e, number), e->columns, NULL};
    size_t size = lic_workspace_size(&e->rate->tables, &e->rate->contexts, chunk->rows, chunk->columns);
    if (!size) return LIC_BAD_ARGUMENT;
    return (chunk->workspace = malloc(size)) ? LIC_OK : LIC_NO_MEMORY;
}

/* The symbols of a chunk: latents are given until they are complete. */
static enum lic_result round_chunk(struct lic_encoding *e, size_t chunk) {
    ptrdiff_t first = (ptrdiff_t)first_row(chunk), rows = (ptrdiff_t)rows_of(e, chunk);
    for (;;) {
        if (e->given) {
            ptrdiff_t top = (ptrdiff_t)first_row(e->given - 1), height = (ptrdiff_t)rows_of(e, e->given - 1);
            struct lic_arrays arrays = {.latents = e->latents, .first_in = top, .rows_in = height,
                                        .symbols_out = e->symbols, .first_out = first, .rows_out = rows};
            ptrdiff_t done = lic_stream_run(e->rounding, &arrays, top + height, first + rows);
            if (done >= first + rows) return LIC_OK;
            if (done < 0 || e->given == e->chunks) return LIC_BAD_ARGUMENT;
        }
        enum lic_result result = analyse(e, e->given++);
        if (result) return result;
    }
}

enum lic_result lic_encoding_next(struct lic_encoding *e, const uint8_t **data, size_t *size) {
    struct lic_chunk chunk;
    if (e->done == e->chunks) return LIC_BAD_ARGUMENT;
    enum lic_result result = round_chunk(e, e->done);
    if (result) return result;
    result = open_chunk(e, e->done++, &chunk);
    if (!result) result = lic_encode(&e->rate->tables, &e->rate->contexts, &chunk, e->symbols, e->data, e->room, size);
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
    *e = (struct lic_encoding){.rate = rate, .pixels = pixels, .channels = model->channels};
    const struct lic_network *network = model->network; /* whose streams check the sides */
    enum lic_result result = lic_stream_open(LIC_ANALYSE, network, team, NULL, &picture, &rate->point, &e->analysis);
    if (!result) result = lic_stream_open(LIC_CHOOSE, network, team, NULL, &picture, &rate->point, &e->rounding);
    if (!result) {
        e->rows = (size_t)divided_up(height, DOWNSAMPLING), e->columns = (size_t)divided_up(width, DOWNSAMPLING);
        e->chunks = (e->rows + CHUNK_ROWS - 1) / CHUNK_ROWS;
        size_t symbols = e->channels * positions_of(e, 0);
        e->room = lic_encoded_bound(symbols);
        e->data = malloc(e->room);
        e->latents = malloc(symbols * sizeof *e->latents);
        e->symbols = malloc(symbols * sizeof *e->symbols);
        if (!e->data || !e->latents || !e->symbols) result = LIC_NO_MEMORY;
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
    free(e->latents);
    free(e->symbols);
    free(e->data);
    free(e);
}
