/* The network for JavaScript: a decoding behind flat functions. */

#include "../../codec/core/core.h"
#include "memory.h"

static struct lic_team *team;

/* Before a network is opened: how many threads there are, of which all but the first call `help` for each picture. */
EXPORT(use_threads) int use_threads(int threads) { return (team = lic_team_open((size_t)threads)) != NULL; }

/* Until the picture is decoded. */
EXPORT(help) void help(int thread) { lic_team_work(team, (size_t)thread); }

/* From the sizes and values of codec/core/network.c; 0 if they do not belong together, or there is no room. */
EXPORT(open_network) struct lic_network *open_network(const int32_t *sizes, size_t sizes_count, const float *values,
                                                       size_t values_count) {
    struct lic_network *network;
    return lic_network_open(sizes, sizes_count, values, values_count, 0, &network) ? NULL : network;
}

/* A picture's decoding, or that of its preview, which has a size of its own; `trust` and `filter` may be 0. */
EXPORT(open_decoding) struct lic_stream *open_decoding(const struct lic_network *network, int is_preview, int width,
                                                        int height, const float *inverse_gain, const float *trust,
                                                        const int16_t *filter) {
    struct lic_picture picture = {width, height, 0, 0, width, height, 1};
    struct lic_point point = {.inverse_gain = inverse_gain, .trust = trust, .filter = filter};
    struct lic_stream *stream;
    if (lic_stream_open(is_preview ? LIC_PREVIEW : LIC_DECODE, network, team, NULL, &picture, &point, &stream)) return NULL;
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
