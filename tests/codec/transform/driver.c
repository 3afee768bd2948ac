/* Encodes, decodes and finds slopes of a picture by the core alone, for processors that Python does not run on here.

       driver INPUT OUTPUT

   Numbers have the byte order of the processor. INPUT: width, height, channels, counts of sizes and values, whether latents are predicted (int32), then the sizes (int32),
   values (float), gain, inverse gain, trust and unscale (float for each channel), share (float) and pixels. OUTPUT:
   symbols (int32), pixels, slopes (float), errors of blocks (int32), symbols of a quick look, pixels of a preview. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "constants.h"
#include "core.h"

static void *room(size_t size) {
    void *block = calloc(1, size ? size : 1);
    if (!block) exit(3);
    return block;
}

static void *take(FILE *file, size_t count, size_t size) {
    void *block = room(count * size);
    if (fread(block, size, count, file) != count) exit(4);
    return block;
}

static void run(enum lic_task task, const struct lic_network *network, const struct lic_picture *picture,
                const struct lic_point *point, const struct lic_arrays *arrays, ptrdiff_t result_end) {
    struct lic_team *team = lic_team_open(1);
    struct lic_stream *stream;
    if (!team || lic_stream_open(task, network, team, NULL, picture, point, &stream)) exit(5);
    if (lic_stream_run(stream, arrays, 1 << 24, result_end) < result_end) exit(6);
    lic_stream_close(stream);
    lic_team_close(team);
}

int main(int count, char **names) {
    FILE *in = count == 3 ? fopen(names[1], "rb") : NULL, *out = count == 3 ? fopen(names[2], "wb") : NULL;
    if (!in || !out) return 2;
    const int32_t *head = take(in, 6, 4);
    ptrdiff_t width = head[0], height = head[1], rows = (height + 15) / 16, columns = (width + 15) / 16;
    size_t channels = (size_t)head[2], latents = channels * (size_t)(rows * columns);
    const int32_t *sizes = take(in, (size_t)head[3], 4);
    const float *values = take(in, (size_t)head[4], 4);
    const float *of_point[4];
    for (int i = 0; i < 4; i++) of_point[i] = take(in, channels, 4);
    const float *share = take(in, 1, 4);
    const int16_t *filter = take(in, FILTER_CLASSES * FILTER_PLANES * FILTER_TAPS, 2);
    const uint8_t *pixels = take(in, (size_t)(width * height), 3);
    struct lic_network *network;
    if (lic_network_open(sizes, (size_t)head[3], values, (size_t)head[4], 1, &network)) return 7;

    struct lic_picture picture = {width, height, 0, 0, width, height, 1};
    struct lic_point point = {of_point[0], of_point[1], head[5] ? of_point[2] : NULL, of_point[3], *share, filter, 0};
    int32_t *symbols = room(4 * latents), *errors = room(4 * (size_t)(rows * columns));
    uint8_t *decoded = room(3 * (size_t)(width * height));
    float *slopes = room(4 * latents);
    struct lic_arrays arrays = {.pixels = pixels, .latents_out = slopes, .rows_out = rows};
    run(LIC_ANALYSE, network, &picture, &point, &arrays, rows);
    arrays = (struct lic_arrays){.latents = slopes, .rows_in = rows, .symbols_out = symbols, .rows_out = rows};
    run(LIC_CHOOSE, network, &picture, &point, &arrays, rows);
    arrays = (struct lic_arrays){.symbols = symbols, .rows_in = rows, .pixels_out = decoded, .rows_out = height};
    run(LIC_DECODE, network, &picture, &point, &arrays, height);
    arrays = (struct lic_arrays){.symbols = symbols, .rows_in = rows, .pixels = pixels, .latents_out = slopes,
                                 .rows_out = rows, .errors_out = errors};
    run(LIC_SLOPES, network, &picture, &point, &arrays, rows);
    fwrite(symbols, 4, latents, out);
    fwrite(decoded, 3, (size_t)(width * height), out);
    fwrite(slopes, 4, latents, out);
    fwrite(errors, 4, (size_t)(rows * columns), out);
    point.quick = 1;
    arrays = (struct lic_arrays){.pixels = pixels, .latents_out = slopes, .rows_out = rows};
    run(LIC_ANALYSE, network, &picture, &point, &arrays, rows);
    arrays = (struct lic_arrays){.latents = slopes, .rows_in = rows, .symbols_out = symbols, .rows_out = rows};
    run(LIC_CHOOSE, network, &picture, &point, &arrays, rows);
    fwrite(symbols, 4, latents, out);
    width = (width + 3) / 4, height = (height + 3) / 4;
    picture = (struct lic_picture){width, height, 0, 0, width, height, 1};
    arrays = (struct lic_arrays){.symbols = symbols, .rows_in = rows, .pixels_out = decoded, .rows_out = height};
    run(LIC_PREVIEW, network, &picture, &point, &arrays, height);
    fwrite(decoded, 3, (size_t)(width * height), out);
    lic_network_close(network);
    return fclose(out) ? 8 : 0;
}
