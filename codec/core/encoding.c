/* Pictures to the chunks of their files, as codec/encode/pipeline.py encodes them at effort 0: core.h.

   Latents of the picture are rounded, or those chosen by cost in a second stage, which needs to know the tables and the
   activity that the rounded symbols lead to. The symbols of a chunk depend on the first rows of the next one. */

#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "stream.h"

/* The latents of a chunk, and the second stage's knowledge; freed when the last stage has taken them. */
struct piece {
    float *latents;
    uint16_t *numbers;
    uint8_t *activity;
};

struct stage {
    struct lic_stream *stream; /* from latents to symbols; NULL if there is no such stage */
    size_t given;              /* pieces; the last one may not be used up */
    int32_t *symbols;          /* of a chunk */
};

struct lic_encoding {
    const struct lic_rate *rate;
    struct lic_stream *analysis;
    struct stage rounding, choosing;
    const uint8_t *pixels;
    size_t channels, rows, columns, chunks, done;
    struct piece *pieces;
    uint8_t *data;
    size_t room;
};

static size_t first_row(size_t chunk) { return chunk * CHUNK_ROWS; }

static size_t rows_of(const struct lic_encoding *e, size_t chunk) {
    size_t left = e->rows - first_row(chunk);
    return left < CHUNK_ROWS ? left : CHUNK_ROWS;
}

static size_t positions_of(const struct lic_encoding *e, size_t chunk) { return rows_of(e, chunk) * e->columns; }

static struct stage *last_stage(struct lic_encoding *e) { return e->choosing.stream ? &e->choosing : &e->rounding; }

static void free_piece(struct piece *piece) {
    free(piece->latents);
    free(piece->numbers);
    free(piece->activity);
    *piece = (struct piece){0};
}

static enum lic_result analyse(struct lic_encoding *e, size_t chunk) {
    struct piece *piece = &e->pieces[chunk];
    if (!(piece->latents = malloc(e->channels * positions_of(e, chunk) * sizeof *piece->latents))) return LIC_NO_MEMORY;
    ptrdiff_t first = (ptrdiff_t)first_row(chunk), rows = (ptrdiff_t)rows_of(e, chunk);
    struct lic_arrays arrays = {.pixels = e->pixels, .latents_out = piece->latents, .first_out = first, .rows_out = rows};
    return lic_stream_run(e->analysis, &arrays, PTRDIFF_MAX, first + rows) < 0 ? LIC_BAD_ARGUMENT : LIC_OK;
}

/* How busy each place is: the number of binary digits of the sum of its symbols' magnitudes. */
static void find_activity(const struct lic_encoding *e, size_t positions, uint8_t *activity) {
    for (size_t at = 0; at < positions; at++) {
        uint64_t sum = 0;
        uint8_t digits = 0;
        for (size_t c = 0; c < e->channels; c++) {
            int64_t symbol = e->rounding.symbols[c * positions + at];
            sum += (uint64_t)(symbol < 0 ? -symbol : symbol);
        }
        while (digits < ACTIVITIES - 1 && sum >> digits) digits++;
        activity[at] = digits;
    }
}

/* A workspace for a chunk; LIC_BAD_ARGUMENT if it is wider than the coder takes. */
static enum lic_result open_chunk(const struct lic_encoding *e, size_t number, struct lic_chunk *chunk) {
    *chunk = (struct lic_chunk){rows_of(e, number), e->columns, NULL};
    size_t size = lic_workspace_size(&e->rate->tables, &e->rate->contexts, chunk->rows, chunk->columns);
    if (!size) return LIC_BAD_ARGUMENT;
    return (chunk->workspace = malloc(size)) ? LIC_OK : LIC_NO_MEMORY;
}

/* From the rounded symbols of a chunk. */
static enum lic_result look_around(struct lic_encoding *e, size_t number) {
    struct piece *piece = &e->pieces[number];
    struct lic_chunk chunk;
    size_t positions = positions_of(e, number);
    piece->numbers = malloc(e->channels * positions * sizeof *piece->numbers);
    piece->activity = malloc(positions);
    if (!piece->numbers || !piece->activity) return LIC_NO_MEMORY;
    enum lic_result result = open_chunk(e, number, &chunk);
    if (!result) result = lic_find_tables(&e->rate->tables, &e->rate->contexts, &chunk, e->rounding.symbols, piece->numbers);
    free(chunk.workspace);
    find_activity(e, positions, piece->activity);
    return result;
}

/* A stage's symbols of a chunk: it is given pieces until they are complete. */
static enum lic_result choose(struct lic_encoding *e, struct stage *stage, size_t chunk) {
    ptrdiff_t first = (ptrdiff_t)first_row(chunk), rows = (ptrdiff_t)rows_of(e, chunk);
    for (;;) {
        if (stage->given) {
            size_t last = stage->given - 1;
            const struct piece *piece = &e->pieces[last];
            ptrdiff_t top = (ptrdiff_t)first_row(last), height = (ptrdiff_t)rows_of(e, last);
            struct lic_arrays arrays = {
                .latents = piece->latents, .numbers = piece->numbers, .activity = piece->activity, .first_in = top,
                .rows_in = height, .symbols_out = stage->symbols, .first_out = first, .rows_out = rows,
            };
            ptrdiff_t done = lic_stream_run(stage->stream, &arrays, top + height, first + rows);
            if (done >= first + rows) return LIC_OK;
            if (done < 0 || stage->given == e->chunks) return LIC_BAD_ARGUMENT;
            if (stage == last_stage(e)) free_piece(&e->pieces[last]);
        }
        size_t next = stage->given++;
        enum lic_result result = stage == &e->rounding ? analyse(e, next) : choose(e, &e->rounding, next);
        if (!result && stage == &e->choosing) result = look_around(e, next);
        if (result) return result;
    }
}

enum lic_result lic_encoding_next(struct lic_encoding *e, const uint8_t **data, size_t *size) {
    struct stage *stage = last_stage(e);
    struct lic_chunk chunk;
    if (e->done == e->chunks) return LIC_BAD_ARGUMENT;
    enum lic_result result = choose(e, stage, e->done);
    if (result) return result;
    result = open_chunk(e, e->done++, &chunk);
    if (!result) result = lic_encode(&e->rate->tables, &e->rate->contexts, &chunk, stage->symbols, e->data, e->room, size);
    free(chunk.workspace);
    *data = e->data;
    return result;
}

size_t lic_encoding_chunks(const struct lic_encoding *e) { return e->chunks; }

static enum lic_result open_streams(struct lic_encoding *e, const struct lic_network *network, struct lic_team *team,
                                    const struct lic_picture *picture) {
    struct lic_point point = e->rate->point;
    point.choice = NULL;
    enum lic_result result = lic_stream_open(LIC_ANALYSE, network, team, NULL, picture, &point, &e->analysis);
    if (!result) result = lic_stream_open(LIC_CHOOSE, network, team, NULL, picture, &point, &e->rounding.stream);
    point.choice = e->rate->point.choice;
    if (!result && point.choice) result = lic_stream_open(LIC_CHOOSE, network, team, NULL, picture, &point, &e->choosing.stream);
    return result;
}

enum lic_result lic_encoding_open(const struct lic_model *model, const struct lic_rate *rate, struct lic_team *team,
                                  const uint8_t *pixels, ptrdiff_t width, ptrdiff_t height, struct lic_encoding **opened) {
    struct lic_picture picture = {width, height, 0, 0, width, height, 1};
    *opened = NULL;
    struct lic_encoding *e = calloc(1, sizeof *e);
    if (!e) return LIC_NO_MEMORY;
    *e = (struct lic_encoding){.rate = rate, .pixels = pixels, .channels = model->channels};
    enum lic_result result = open_streams(e, model->network, team, &picture); /* which checks the sides */
    if (!result) {
        e->rows = (size_t)divided_up(height, 16), e->columns = (size_t)divided_up(width, 16);
        e->chunks = (e->rows + CHUNK_ROWS - 1) / CHUNK_ROWS;
        size_t symbols = e->channels * positions_of(e, 0);
        e->room = lic_encoded_bound(symbols);
        e->pieces = calloc(e->chunks, sizeof *e->pieces);
        e->data = malloc(e->room);
        e->rounding.symbols = malloc(symbols * sizeof(int32_t));
        if (e->choosing.stream) e->choosing.symbols = malloc(symbols * sizeof(int32_t));
        if (!e->pieces || !e->data || !e->rounding.symbols || (e->choosing.stream && !e->choosing.symbols)) result = LIC_NO_MEMORY;
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
    lic_stream_close(e->rounding.stream);
    lic_stream_close(e->choosing.stream);
    for (size_t i = 0; e->pieces && i < e->chunks; i++) free_piece(&e->pieces[i]);
    free(e->pieces);
    free(e->rounding.symbols);
    free(e->choosing.symbols);
    free(e->data);
    free(e);
}
