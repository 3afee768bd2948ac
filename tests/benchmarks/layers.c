/* Nanoseconds of each node of a stream: of layers, and of what happens between them. For layers.py.

       layers MODEL ENCODER POSITION WIDTH HEIGHT decode|analyse RUNS

   MODEL and ENCODER are packed models, uncompressed. A line for each node and run, by tabs: its place, the positions of
   its grid to each side, floats of a position before and behind it, what it does, and the time. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stream.h"

static node_work *works[MOST_NODES];
static long long spent[MOST_NODES];

static long long now(void) {
    struct timespec t;
    timespec_get(&t, TIME_UTC); /* plain C11 */
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void timed(struct lic_stream *s, const struct node *n, ptrdiff_t first, ptrdiff_t last) {
    long long before = now();
    works[n - s->nodes](s, n, first, last);
    spent[n - s->nodes] += now() - before;
}

static uint8_t *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(1 << 26);
    if (!file || !data) exit(1);
    *size = fread(data, 1, 1 << 26, file);
    fclose(file);
    return data;
}

static const char *kind_of(const struct node *n) {
    if (n->work == filter_pixels) return "filter";
    if (!n->layer) return "between";
    if (n->around) return n->phase ? "3x3 of a predictor" : "3x3";
    return n->layer->is_bottleneck ? "1x1" : "normalisation";
}

int main(int count, char **text) {
    if (count != 8) return 2;
    size_t size;
    struct lic_model *model;
    struct lic_rate *rate;
    struct lic_stream *s;
    uint8_t *packed = read_file(text[1], &size);
    if (lic_model_open(packed, size, &model)) return 1;
    packed = read_file(text[2], &size);
    if (lic_model_add_encoder(model, packed, size) || lic_rate_open(model, (unsigned)atoi(text[3]), &rate)) return 1;
    int decode = !strcmp(text[6], "decode"), runs = atoi(text[7]);
    ptrdiff_t width = atol(text[4]), height = atol(text[5]);
    struct lic_picture picture = {width, height, 0, 0, width, height, 1};
    size_t places = (size_t)((width + 15) / 16 * ((height + 15) / 16));
    uint8_t *pixels = malloc((size_t)(width * height) * 3);
    int32_t *symbols = calloc(places * lic_model_channels(model), sizeof *symbols);
    float *latents = malloc(places * lic_model_channels(model) * sizeof *latents);
    for (ptrdiff_t i = 0; i < width * height * 3; i++) pixels[i] = (uint8_t)(i * i / 7);
    for (size_t i = 0; i < places * lic_model_channels(model); i += 7) symbols[i] = (int32_t)(i % 5) - 2;
    struct lic_team *team = lic_team_open(1);
    for (int run = 0; run <= runs; run++) { /* the first to warm up */
        if (lic_stream_open(decode ? LIC_DECODE : LIC_ANALYSE, lic_model_network(model), team, NULL, &picture,
                            &rate->point, &s))
            return 1;
        struct lic_arrays arrays = {.rows_in = (height + 15) / 16};
        if (decode)
            arrays.symbols = symbols, arrays.pixels_out = pixels, arrays.rows_out = height;
        else
            arrays.pixels = pixels, arrays.latents_out = latents, arrays.rows_out = arrays.rows_in;
        for (int i = 0; i < s->nodes_count; i++) works[i] = s->nodes[i].work, s->nodes[i].work = timed, spent[i] = 0;
        lic_stream_run(s, &arrays, height + 16, height + 16);
        for (int i = 0; run && i < s->nodes_count; i++) {
            struct node n = s->nodes[i];
            n.work = works[i];
            const struct ring *in = n.input == NONE ? NULL : &s->rings[n.input];
            const struct ring *out = n.output == NONE ? NULL : &s->rings[n.output];
            printf("%d\t%td\t%zu\t%zu\t%s\t%lld\n", i, in ? in->width : 0, in ? in->depth : 0, out ? out->depth : 0,
                   kind_of(&n), spent[i]);
        }
        lic_stream_close(s);
    }
    return 0;
}
