/* Contexts: which table codes a latent, by the magnitudes around it. FORMAT.md, section 2; codec/entropy/contexts.py
   computes the same in numpy, under the same names. */

#include "walk.h"

#include <string.h>

/* The hot loops once more for AVX2, chosen when the library is loaded; needs glibc. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define VECTORISED __attribute__((target_clones("avx2", "default")))
#else
#define VECTORISED
#endif

/* These loops read from copies of a line's numbers, and write through `restrict`: otherwise a compiler must assume
   that each store changes the next step's input, and makes no vectors. */

VECTORISED
static void estimate_line(const struct walk *w, const struct line *line, const int32_t *weights) {
    size_t n = line->count;
    int64_t *estimate = w->estimate;
    int64_t constant = (int64_t)UNIT * weights[0];
    for (size_t i = 0; i < n; i++) estimate[i] = constant;
    for (int f = 0; f < 3; f++) {
        const int32_t *at = w->sums[f] + line->at, *up = w->sums[f] + line->up, *down = w->sums[f] + line->down;
        const int32_t *left = w->sums[f] + line->left, *right = w->sums[f] + line->right;
        int32_t here = weights[1 + f], around = weights[4 + f];
        for (size_t i = 0; i < n; i++)
            estimate[i] += (int64_t)here * at[i] + (int64_t)around * (up[i] + down[i] + left[i] + right[i]);
    }
}

/* Magnitudes of neighbours that earlier passes have decoded: those that they have not are 0. */
VECTORISED
static void add_inside(const struct walk *w, const struct line *line, int32_t straight, int32_t diagonal) {
    const uint8_t *m = w->magnitudes;
    const struct line l = *line;
    int64_t *restrict estimate = w->estimate;
    for (size_t i = 0; i < l.count; i++) {
        uint8_t beside = m[l.up + i] + m[l.down + i] + m[l.left + i] + m[l.right + i];
        uint8_t across = m[l.up_left + i] + m[l.up_right + i] + m[l.down_left + i] + m[l.down_right + i];
        estimate[i] += (int64_t)straight * (UNIT * beside) + (int64_t)diagonal * (UNIT * across);
    }
}

VECTORISED
static void add_earlier(const struct walk *w, const struct line *line, size_t lane) {
    const int32_t *earlier = w->earlier + BLOCK * line->at + lane;
    int64_t *restrict estimate = w->estimate;
    size_t n = line->count;
    for (size_t i = 0; i < n; i++) estimate[i] += (int64_t)earlier[BLOCK * i] * UNIT;
}

/* The number of thresholds that are <= each estimate chooses the table. */
static void choose(const struct walk *w, size_t count, const uint8_t *index, uint8_t *restrict chosen) {
    const int64_t *thresholds = w->thresholds, *estimates = w->estimate;
    for (size_t i = 0; i < count; i++) {
        int64_t estimate = estimates[i];
        size_t bucket = w->buckets[key_of(estimate)];
        bucket += thresholds[bucket] <= estimate;
        while (thresholds[bucket] <= estimate) bucket++; /* rarely: more than one lies between two keys */
        chosen[i] = index[bucket];
    }
}

void choose_tables(const struct walk *w, size_t channel, size_t pass, const struct line *line, uint8_t *chosen) {
    const struct lic_contexts *c = w->contexts;
    size_t number = channel * PHASES + pass;
    const int32_t *weights = c->weights + number * FEATURES;
    estimate_line(w, line, weights);
    if (pass) add_inside(w, line, weights[7], weights[8]);
    if (c->earlier && channel >= BLOCK) add_earlier(w, line, channel % BLOCK);
    choose(w, line->count, c->index + number * (c->thresholds_count + 1), chosen);
}

static void add_scaled(int32_t *sums, const int32_t *weights, int32_t magnitude) {
#ifdef __GNUC__ /* as vectors, which it does not find by itself */
    typedef int32_t lanes __attribute__((vector_size(4 * BLOCK), aligned(4), may_alias));
    *(lanes *)sums += *(const lanes *)weights * magnitude;
#else
    for (int lane = 0; lane < BLOCK; lane++) sums[lane] += weights[lane] * magnitude;
#endif
}

/* The sums over earlier channels for the block that begins with a channel. */
VECTORISED
static void look_back(const struct walk *w, size_t start) {
    size_t left = w->contexts->channels - start, size = left < BLOCK ? left : BLOCK;
    const int16_t *packed = w->contexts->earlier + PHASES * start * (start - BLOCK) / 2;
    for (size_t corner = 0; corner < 4; corner++)
        for (size_t lane = 0; lane < BLOCK; lane++) {
            size_t pass = phase_of(corner / 2, corner % 2, start + lane);
            const int16_t *row = packed + (pass * size + lane) * start;
            int16_t *out = w->weights + corner * start * BLOCK + lane;
            for (size_t d = 0; d < start; d++) out[BLOCK * d] = lane < size ? row[d] : 0;
        }
    memset(w->earlier, 0, w->rows * w->pitch * BLOCK * sizeof *w->earlier);
    const uint32_t *event = w->events;
    int32_t *earlier = w->earlier;
    for (size_t d = 0; d < start; d++)
        for (size_t corner = 0; corner < 4; corner++) {
            const uint32_t *end = w->events + w->events_end[4 * d + corner];
            int32_t weights[BLOCK];
            for (int lane = 0; lane < BLOCK; lane++) weights[lane] = w->weights[(corner * start + d) * BLOCK + lane];
            for (; event < end; event++) add_scaled(earlier + BLOCK * (size_t)(*event >> 4), weights, *event & 15);
        }
}

/* Keep of a complete channel where its magnitudes are not 0. */
static void note_events(const struct walk *w, size_t channel) {
    size_t end = channel ? w->events_end[4 * channel - 1] : 0;
    for (unsigned corner = 0; corner < 4; corner++) {
        for (size_t y = corner / 2; y < w->rows; y += 2) {
            const struct line *line = line_at(w, y, corner % 2);
            for (size_t i = 0; i < line->count; i += 8) {
                uint64_t eight;
                memcpy(&eight, w->magnitudes + line->at + i, sizeof eight);
                if (!eight) continue;
                for (size_t cell = line->at + i; cell < line->at + line->count && cell < line->at + i + 8; cell++)
                    if (w->magnitudes[cell]) w->events[end++] = (uint32_t)(cell << 4 | w->magnitudes[cell]);
            }
        }
        w->events_end[4 * channel + corner] = end;
    }
}

VECTORISED
static void line_magnitudes(const struct walk *w, const struct line *line) {
    const int32_t *values = w->values + line->at;
    uint8_t *restrict magnitudes = w->magnitudes + line->at;
    size_t n = line->count;
    for (size_t i = 0; i < n; i++) {
        uint32_t size = values[i] < 0 ? 0 - (uint32_t)values[i] : (uint32_t)values[i];
        magnitudes[i] = (uint8_t)(size < MAGNITUDE_CAP ? size : MAGNITUDE_CAP);
    }
}

void note_magnitudes(const struct walk *w, const struct line *line, size_t row) {
    line_magnitudes(w, line);
    MIRROR_COLUMNS(w->magnitudes + row * w->pitch, w);
}

/* In the first channels pass 0 holds levels, which say nothing about detail: there the neighbours' magnitudes count. */
static void level_magnitudes(const struct walk *w, size_t channel) {
    uint8_t *m = w->magnitudes;
    for (size_t y = 0; y < w->rows; y++) {
        const struct line *l = line_of_pass(w, channel, 0, y);
        if (!l) continue;
        for (size_t i = 0; i < l->count; i++)
            m[l->at + i] = (uint8_t)((m[l->up + i] + m[l->down + i] + m[l->left + i] + m[l->right + i]) >> 2);
    }
    for (size_t y = 0; y < w->rows; y++) MIRROR_COLUMNS(m + y * w->pitch, w);
}

VECTORISED
static void add_to_sums(const struct walk *w) {
    int32_t *f0 = w->sums[0], *f1 = w->sums[1], *f2 = w->sums[2];
    for (size_t i = 0; i < w->rows * w->pitch; i++) {
        int32_t m = UNIT * w->magnitudes[i];
        f0[i] += m - (f0[i] >> 1);
        f1[i] += m - (f1[i] >> 3);
        f2[i] += m;
    }
}

/* Let a complete channel count in the contexts of those behind it. */
void add_channel(const struct walk *w, size_t channel) {
    if (channel < LEVEL_CHANNELS) level_magnitudes(w, channel);
    add_to_sums(w);
    if (w->contexts->earlier) note_events(w, channel);
}

void open_channel(const struct walk *w, size_t channel) {
    memset(w->magnitudes, 0, w->rows * w->pitch);
    if (w->contexts->earlier && channel && channel % BLOCK == 0) look_back(w, channel);
}
