/* Fuzz the networks of the core under sanitizers: random networks, damaged ones, pictures, regions and strips.

       gcc -std=c11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -ffp-contract=off -Icodec/core \
           tests/fuzz/network.c codec/core/{filter,kernels*,layers,network,pictures,stream,tasks,team}.c -lm -o fuzz-network
       ./fuzz-network 0 10000     # the first seed, and how many

   Each seed is one execution. It makes a network, perhaps damaged, and if that can be opened, runs a task on a picture
   in memory of exactly its size: at once and in strips, which must give the same bytes. Where a sanitizer finds
   something, or a claim does not hold, the program ends and says which seed it was. */

#include <string.h>

#include "constants.h"
#include "core.h"
#include "fuzz.h"

enum { MOST_SIZES = 256, MOST_VALUES = 1 << 20, MOST_CHANNELS = 20 };

struct model {
    int32_t sizes[MOST_SIZES];
    size_t sizes_count, values_count;
    int32_t channels; /* of latents */
    int layers_of_analysis, predicts;
};

static void add_size(struct model *m, int32_t size) { m->sizes[m->sizes_count++] = size; }

/* kind, inputs, outputs, kernel, scale, normalisation: as codec/transform/described.py has them. */
static void add_layer(struct model *m, int32_t kind, int32_t inputs, int32_t outputs, int32_t k, int32_t scale, int32_t norm) {
    int32_t layer[] = {kind, inputs, outputs, k, scale, norm};
    for (int i = 0; i < 6; i++) add_size(m, layer[i]);
    size_t in = (size_t)inputs, out = (size_t)outputs, finer = kind == 1 ? (size_t)(scale * scale) : 1;
    if (kind <= 1)
        m->values_count += finer * out * in * (size_t)(k * k) + finer * out + (norm ? out + out * out : 0);
    else
        m->values_count += 2 * out * in + out + in + 9 * out * out + out + (kind == 3 ? 4 * out : 0);
}

/* Factors of 16. */
static int split(int32_t *factors) {
    static const int32_t ways[][4] = {{4, 2, 2}, {2, 2, 4}, {4, 4}, {2, 8}, {16}, {2, 2, 2, 2}};
    int way = (int)below(6), count = 0;
    for (; count < 4 && ways[way][count]; count++) factors[count] = ways[way][count];
    return count;
}

static void make_model(struct model *m) {
    *m = (struct model){.channels = 1 + (int32_t)below(MOST_CHANNELS)};
    int32_t down[4], up[4], width = 1 + (int32_t)below(MOST_CHANNELS);
    int downs = split(down), ups = split(up), residual = (int)below(3);
    if (below(2)) { /* the second look needs equal ends */
        downs = ups;
        for (int i = 0; i < ups; i++) down[i] = up[ups - 1 - i];
    }
    m->layers_of_analysis = below(4) ? downs + residual : 0;
    add_size(m, m->layers_of_analysis);
    for (int i = 0, inputs = 3; m->layers_of_analysis && i < downs; i++) {
        int32_t outputs = i == downs - 1 ? m->channels : width, k = 2 * (int32_t)below((uint32_t)down[i] + 1) + 1;
        add_layer(m, 0, inputs, outputs, k, down[i], below(2) ? 1 : 0);
        inputs = outputs;
    }
    for (int i = 0; m->layers_of_analysis && i < residual; i++)
        add_layer(m, 2, m->channels, 1 + (int32_t)below(MOST_CHANNELS), 3, 1, 0);
    add_size(m, ups + residual);
    for (int i = 0; i < residual; i++) add_layer(m, 2, m->channels, 1 + (int32_t)below(MOST_CHANNELS), 3, 1, 0);
    for (int i = 0, inputs = m->channels; i < ups; i++) {
        int32_t outputs = i == ups - 1 ? 3 : width;
        add_layer(m, 1, inputs, outputs, 1 + 2 * (int32_t)below(2), up[i], i < ups - 1 && below(2) ? 2 : 0);
        inputs = outputs;
    }
    m->predicts = (int)below(2);
    add_size(m, 3 * m->predicts);
    for (int i = 0; i < 3 * m->predicts; i++) add_layer(m, 3, m->channels, 1 + (int32_t)below(MOST_CHANNELS), 3, 1, 0);
    int previews = (int)below(2), looks_quickly = (int)below(2);
    add_size(m, 2 * previews);
    if (previews) add_layer(m, 2, m->channels, 1 + (int32_t)below(MOST_CHANNELS), 3, 1, 0);
    if (previews) add_layer(m, 1, m->channels, 3, 1 + 2 * (int32_t)below(2), below(8) ? 4 : 2, 0);
    add_size(m, looks_quickly);
    if (looks_quickly) add_layer(m, 0, 3, m->channels, 24, 16, 0);
    if (looks_quickly) m->values_count -= (size_t)m->channels; /* without a bias */
}

/* Floats of any size, mostly sensible ones. */
static float *make_floats(size_t count, int absurd) {
    float *values = room(count, sizeof *values);
    for (size_t i = 0; i < count; i++) {
        values[i] = ((float)below(2001) - 1000) / 4000;
        uint32_t bits = (uint32_t)next();
        if (absurd && below(50) == 0) memcpy(&values[i], &bits, sizeof bits);
    }
    return values;
}

static struct lic_network *make_network(struct model *m, int absurd) {
    make_model(m);
    if (below(4) == 0) m->sizes[below((uint32_t)m->sizes_count)] = (int32_t)wild(below(2) ? 32 : 6);
    if (below(16) == 0) m->sizes_count = below((uint32_t)m->sizes_count + 1);
    if (below(16) == 0) m->values_count = below((uint32_t)m->values_count + 1);
    MUST(m->sizes_count <= MOST_SIZES && m->values_count <= MOST_VALUES);
    int32_t *sizes = room(m->sizes_count, sizeof *sizes);
    memcpy(sizes, m->sizes, m->sizes_count * sizeof *sizes);
    float *values = make_floats(m->values_count, absurd);
    struct lic_network *network;
    enum lic_result result = lic_network_open(sizes, m->sizes_count, values, m->values_count, (int)below(2), &network);
    MUST((result == LIC_OK) == (network != NULL));
    free(sizes);
    free(values);
    return network;
}

struct run {
    enum lic_task task;
    struct lic_picture picture;
    struct lic_arrays arrays;
    size_t channels, columns, block_rows;
    uint8_t *pixels;
    float *latents;
    int32_t *symbols;
};

static int gives_pixels(enum lic_task task) { return task == LIC_DECODE || task == LIC_PREVIEW || task == LIC_FILTER; }

static struct lic_picture make_picture(enum lic_task task) {
    ptrdiff_t width = 1 + below(below(8) ? 60 : 300), height = 1 + below(60);
    struct lic_picture p = {width, height, 0, 0, width, height, 1};
    if (gives_pixels(task)) {
        p.left = below((uint32_t)width), p.top = below((uint32_t)height);
        p.right = p.left + 1 + below((uint32_t)(width - p.left)), p.bottom = p.top + 1 + below((uint32_t)(height - p.top));
        p.reduce = (ptrdiff_t)1 << below(4);
        p.left -= p.left % p.reduce, p.top -= p.top % p.reduce;
    }
    return p;
}

static size_t size_of_result(const struct run *r, size_t *size_of_item) {
    const struct lic_picture *p = &r->picture;
    *size_of_item = gives_pixels(r->task) ? 1 : 4;
    if (!gives_pixels(r->task)) return r->channels * r->block_rows * r->columns;
    size_t rows = (size_t)((p->bottom + p->reduce - 1) / p->reduce - p->top / p->reduce);
    return rows * (size_t)((p->right + p->reduce - 1) / p->reduce - p->left / p->reduce) * 3;
}

/* The whole result, in memory of its size; strips: how many rows of the source and of the result come at a time. */
static void *run_all(const struct run *r, const struct lic_network *network, const struct lic_point *point,
                     const char *kernels, ptrdiff_t strips) {
    struct lic_team *team = lic_team_open(1);
    struct lic_stream *stream;
    MUST(team);
    size_t item, count = size_of_result(r, &item);
    void *result = NULL;
    if (lic_stream_open(r->task, network, team, lic_kernels_named(kernels), &r->picture, point, &stream) == LIC_OK) {
        struct lic_arrays arrays = r->arrays;
        const struct lic_picture *p = &r->picture;
        result = room(count, item);
        memset(result, 0, count * item);
        int32_t *errors = room(r->block_rows * r->columns, sizeof *errors);
        memset(errors, 0, r->block_rows * r->columns * sizeof *errors);
        arrays.first_out = 0, arrays.rows_out = (ptrdiff_t)r->block_rows;
        if (gives_pixels(r->task)) {
            arrays.pixels_out = result;
            arrays.first_out = p->top / p->reduce, arrays.rows_out = (p->bottom + p->reduce - 1) / p->reduce - arrays.first_out;
        } else if (r->task == LIC_CHOOSE)
            arrays.symbols_out = result;
        else
            arrays.latents_out = result;
        if (r->task == LIC_SLOPES) arrays.errors_out = errors;
        ptrdiff_t source[2], rows[2], done = 0, to = 0;
        lic_stream_rows(stream, source, rows);
        MUST(source[0] <= source[1] && rows[0] <= rows[1]);
        for (int turn = 0; done < rows[1]; turn++) {
            MUST(turn < 1000);
            to = strips ? to + strips : source[1];
            ptrdiff_t now = lic_stream_run(stream, &arrays, to < source[1] ? to : source[1], rows[1]);
            MUST(now >= done && now <= rows[1]);
            done = now;
        }
        free(errors);
        lic_stream_close(stream);
    }
    lic_team_close(team);
    return result;
}

static struct run make_run(size_t channels) {
    struct run r = {.task = (enum lic_task)below(LIC_FILTER + 1), .channels = channels};
    r.picture = make_picture(r.task);
    ptrdiff_t block = r.task == LIC_PREVIEW ? 4 : 16;
    r.block_rows = (size_t)((r.picture.height + block - 1) / block);
    r.columns = (size_t)((r.picture.width + block - 1) / block);
    size_t samples = (size_t)(r.picture.width * r.picture.height) * 3, latents = channels * r.block_rows * r.columns;
    r.pixels = room(samples, 1);
    for (size_t i = 0; i < samples; i++) r.pixels[i] = (uint8_t)next();
    r.latents = make_floats(latents, below(4) == 0);
    r.symbols = room(latents, sizeof *r.symbols);
    for (size_t i = 0; i < latents; i++) r.symbols[i] = below(20) ? (int32_t)below(5) - 2 : (int32_t)wild(31);
    struct lic_arrays *a = &r.arrays;
    int looks = r.task == LIC_ANALYSE || r.task == LIC_SLOPES || r.task == LIC_FILTER;
    a->pixels = looks ? r.pixels : NULL;
    a->symbols = r.task == LIC_DECODE || r.task == LIC_PREVIEW || r.task == LIC_SLOPES || r.task == LIC_RESTORE ? r.symbols : NULL;
    a->latents = r.task == LIC_CHOOSE ? r.latents : NULL;
    a->rows_in = (ptrdiff_t)r.block_rows;
    return r;
}

/* Adjust a filter as a file says it, of which most are damaged: what is added is within bounds. */
static void adjust(int16_t *filter, size_t count) {
    int16_t before[FILTER_CLASSES * FILTER_PLANES * FILTER_TAPS];
    memcpy(before, filter, sizeof before);
    size_t size = below(50);
    uint8_t *data = room(size, 1);
    for (size_t i = 0; i < size; i++) data[i] = below(3) ? 0x92 : (uint8_t)next(); /* codes of 3 bits, and others */
    if (below(2) && size) data[size - 1] = 0;
    struct lic_rate rate = {.point = {.filter = below(50) ? filter : NULL}};
    if (lic_rate_adjust(&rate, data, size) == LIC_OK)
        for (size_t i = 0; i < count; i += FILTER_TAPS) {
            int sum = 0;
            for (size_t tap = i; tap < i + FILTER_TAPS; tap++) sum += abs((int16_t)(filter[tap] - before[tap]));
            MUST(sum <= ADJUSTED_UNIT * ADJUSTED_MOST);
        }
    free(data);
}

static size_t opened, run;

static void execute(void) {
    static const char *const widths[] = {"1", "4", "8", "16"};
    struct model m;
    struct lic_network *network = make_network(&m, below(8) == 0);
    if (!network) return;
    opened++;
    size_t channels = lic_network_channels(network);
    struct run r = make_run(channels);
    float *of_point[4];
    for (int i = 0; i < 4; i++) of_point[i] = make_floats(channels, below(16) == 0);
    int16_t filter[FILTER_CLASSES * FILTER_PLANES * FILTER_TAPS];
    uint64_t most = below(8) ? 200 : 32767;
    for (size_t i = 0; i < sizeof filter / sizeof *filter; i++) filter[i] = (int16_t)((int)below(2 * most + 1) - (int)most);
    adjust(filter, sizeof filter / sizeof *filter);
    struct lic_point point = {
        below(16) ? of_point[0] : NULL, below(16) ? of_point[1] : NULL, below(2) ? of_point[2] : NULL,
        below(4) ? of_point[3] : NULL, below(2) ? 0 : .5f, below(2) ? filter : NULL, (int)below(2),
    };
    void *whole = run_all(&r, network, &point, NULL, 0);
    run += whole != NULL;
    const char *width = widths[below(4)];
    if (whole && lic_kernels_named(width)) {
        size_t item, count = size_of_result(&r, &item);
        void *again = run_all(&r, network, &point, width, 1 + below(3));
        MUST(again && memcmp(whole, again, count * item) == 0);
        free(again);
    }
    free(whole);
    for (int i = 0; i < 4; i++) free(of_point[i]);
    free(r.pixels);
    free(r.latents);
    free(r.symbols);
    lic_network_close(network);
}

int main(int count, char **arguments) {
    fuzz(count, arguments, execute);
    printf("networks opened %zu, tasks run %zu\n", opened, run);
    return 0;
}
