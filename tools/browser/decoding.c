/* Decoding for JavaScript: the core behind flat functions. */

#include "../../codec/core/constants.h"
#include "../../codec/core/core.h"
#include "memory.h"

struct lic_team *team;

/* Before a model is opened: how many threads there are, of which all but the first call `help` for each picture. */
EXPORT(use_threads) int use_threads(int threads) { return (team = lic_team_open((size_t)threads)) != NULL; }

/* Until the picture is decoded. */
EXPORT(help) void help(int thread) { lic_team_work(team, (size_t)thread); }

/* From the bytes of an unpacked model; 0 if they are damaged, or there is no room. */
EXPORT(open_model) struct lic_model *open_model(const uint8_t *data, size_t size) {
    struct lic_model *model;
    return lic_model_open(data, size, &model) ? NULL : model;
}

EXPORT(open_rate) struct lic_rate *open_rate(const struct lic_model *model, unsigned position) {
    struct lic_rate *rate;
    return lic_rate_open(model, position, &rate) ? NULL : rate;
}

/* By the section F of a file; 0 if it is fine. */
EXPORT(adjust_filter) int adjust_filter(struct lic_rate *rate, const uint8_t *data, size_t size) {
    return lic_rate_adjust(rate, data, size);
}

EXPORT(close_rate) void close_rate(struct lic_rate *rate) { lic_rate_close(rate); }

/* ---- latents ---- */

EXPORT(workspace_size) size_t workspace_size(const struct lic_rate *rate, size_t rows, size_t columns) {
    return lic_workspace_size(&rate->tables, &rate->contexts, rows, columns);
}

EXPORT(decode_chunk) int decode_chunk(const struct lic_rate *rate, size_t rows, size_t columns, void *workspace,
                                      const uint8_t *data, size_t size, int32_t *symbols) {
    struct lic_chunk chunk = {rows, columns, workspace};
    return lic_decode(&rate->tables, &rate->contexts, &chunk, data, size, symbols);
}

EXPORT(tables_count) size_t tables_count(const struct lic_rate *rate) { return rate->tables.count; }
EXPORT(tables_first) const int32_t *tables_first(const struct lic_rate *rate) { return rate->tables.first; }
EXPORT(tables_start) const uint32_t *tables_start(const struct lic_rate *rate) { return rate->tables.start; }
EXPORT(tables_below) const uint32_t *tables_below(const struct lic_rate *rate) { return rate->tables.below; }

/* How many tables each of two quantisers has; 0 if there is one quantiser. */
EXPORT(tables_of_quantiser) size_t tables_of_quantiser(const struct lic_rate *rate) {
    return rate->contexts.states ? rate->tables.count / QUANTISERS : 0;
}

/* The number of each symbol's table. */
EXPORT(find_tables) int find_tables(const struct lic_rate *rate, size_t rows, size_t columns, void *workspace,
                                    const int32_t *symbols, uint16_t *numbers) {
    struct lic_chunk chunk = {rows, columns, workspace};
    return lic_find_tables(&rate->tables, &rate->contexts, &chunk, symbols, numbers);
}

/* ---- pixels ---- */

/* A picture's decoding, or that of its preview, which has a size of its own. */
EXPORT(open_decoding) struct lic_stream *open_decoding(const struct lic_model *model, const struct lic_rate *rate,
                                                        int is_preview, int width, int height) {
    struct lic_picture picture = {width, height, 0, 0, width, height, 1};
    struct lic_stream *stream;
    enum lic_result result =
        lic_stream_open(is_preview ? LIC_PREVIEW : LIC_DECODE, lic_model_network(model), team, NULL, &picture,
                        &rate->point, &stream);
    if (result) return NULL;
    lic_team_begin(team);
    return stream;
}

EXPORT(close_decoding) void close_decoding(struct lic_stream *stream) {
    lic_team_end(team);
    lic_stream_close(stream);
}

/* Rows of pixels up to `end`, if a chunk's symbols suffice, into a picture of R, G and B; returns how many are done. */
EXPORT(decode_rows) int decode_rows(struct lic_stream *stream, const int32_t *symbols, int first, int rows,
                                     uint8_t *pixels, int height, int end) {
    struct lic_arrays arrays = {
        .symbols = symbols, .first_in = first, .rows_in = rows, .pixels_out = pixels, .rows_out = height,
    };
    return (int)lic_stream_run(stream, &arrays, first + rows, end);
}

/* R, G, B to R, G, B, 255, or their grey level three times. */
EXPORT(paint) void paint(const uint8_t *colours, size_t count, int grey, uint8_t *pixels) {
    for (size_t i = 0; i < count; i++, colours += 3, pixels += 4) {
        for (int c = 0; c < 3; c++) pixels[c] = colours[c];
        if (grey)
            pixels[0] = pixels[1] = pixels[2] =
                (uint8_t)((19595 * colours[0] + 38470 * colours[1] + 7471 * colours[2] + 32768) >> 16);
        pixels[3] = 255;
    }
}
