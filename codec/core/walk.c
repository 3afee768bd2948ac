/* See walk.h: the workspace and its layout. */

#include "walk.h"

#include <string.h>

#define MAX_CELLS (UINT64_C(1) << 27) /* an event holds a cell's number and a magnitude */

/* Refuses tables that the range coder cannot use; finds the likeliest entry of each. */
static enum lic_result make_tables(const struct lic_tables *from, struct table *tables) {
    for (size_t i = 0; i < from->count; i++) {
        uint32_t start = from->start[i], end = from->start[i + 1];
        if (end <= start || end > from->start[from->count] || from->below[start] != 0) return LIC_BAD_ARGUMENT;
        struct table t = {.first = from->first[i], .below = from->below + start, .escape = end - start - 1};
        for (uint32_t entry = 0; entry <= t.escape; entry++) {
            uint32_t below = t.below[entry], next = end_of(&t, entry);
            if (next <= below || next > TOTAL) return LIC_BAD_ARGUMENT;
            if (next - below > t.likeliest_frequency) {
                t.likeliest = entry;
                t.likeliest_below = below;
                t.likeliest_frequency = next - below;
            }
        }
        tables[i] = t;
    }
    return LIC_OK;
}
/* The arrays within the workspace, or just its size. The largest items come first, so each array is aligned. */
static uint64_t lay_out(struct walk *w, uint8_t *workspace) {
    uint64_t at = 0, channels = w->contexts->channels, thresholds = w->contexts->thresholds_count;
    uint64_t half = w->columns / 2 + 3, cells, positions = (uint64_t)w->rows * w->columns;
    w->odd = (size_t)half;
    w->pitch = (size_t)(2 * half);
    cells = (w->rows + 1) * 2 * half; /* with a row of zeros, for neighbours beyond the edge */
#define ARRAY(name, count) \
    do { \
        if (workspace) name = (void *)(workspace + at); \
        at += (uint64_t)(count) * sizeof *name; \
    } while (0)
    int plain = w->contexts->order == LIC_PLAIN, back = !plain && w->contexts->earlier;
    ARRAY(w->all_tables, w->tables->count);
    ARRAY(w->lines, 2 * (uint64_t)w->rows);
    ARRAY(w->thresholds, thresholds + 1);
    ARRAY(w->estimate, half);
    ARRAY(w->events_end, back ? 4 * channels : 0);
    ARRAY(w->values, cells);
    for (int i = 0; i < 3; i++) ARRAY(w->sums[i], plain ? 0 : cells);
    ARRAY(w->earlier, back ? BLOCK * cells : 0);
    ARRAY(w->positions, positions);
    ARRAY(w->events, back ? channels * positions : 0);
    ARRAY(w->weights, back ? 4 * BLOCK * channels : 0);
    ARRAY(w->magnitudes, cells + 8);
    ARRAY(w->chosen, plain ? 0 : positions);
#undef ARRAY
    return at;
}

static size_t pairs_of(const struct lic_tables *t, const struct lic_contexts *c) {
    return c->order == LIC_PHASES && c->states ? t->count / QUANTISERS : t->count;
}

static int sizes_are_fine(const struct lic_tables *t, const struct lic_contexts *c, size_t rows, size_t columns) {
    if (c->channels < 1 || c->channels > MAX_CHANNELS || t->count < 1 || t->count > UINT32_MAX) return 0;
    if (rows < 1 || columns < 1 || rows > MAX_CELLS || columns > MAX_CELLS) return 0;
    if ((uint64_t)(rows + 1) * (columns + 6) > MAX_CELLS) return 0;
    if (c->order == LIC_PLAIN) return t->count == c->channels;
    if (c->states && (c->states_count < 2 || c->states_count > MAX_STATES || t->count % QUANTISERS)) return 0;
    return pairs_of(t, c) <= MAX_TABLES && c->thresholds_count < MAX_TABLES;
}

size_t lic_earlier_size(size_t channels) {
    size_t sum = 0;
    for (size_t start = BLOCK; start < channels; start += BLOCK)
        sum += PHASES * (channels - start < BLOCK ? channels - start : BLOCK) * start;
    return sum;
}

size_t lic_workspace_size(const struct lic_tables *tables, const struct lic_contexts *contexts, size_t rows,
                          size_t columns) {
    struct walk w = {.tables = tables, .contexts = contexts, .rows = rows, .columns = columns};
    if (!sizes_are_fine(tables, contexts, rows, columns)) return 0;
    uint64_t size = lay_out(&w, NULL);
    return size <= SIZE_MAX / 2 ? (size_t)size : 0;
}

size_t lic_encoded_bound(size_t symbols) { return 8 * symbols + 64; }

static size_t mirrored(const struct walk *w, size_t y, int step) {
    size_t zeros = w->rows;
    if (step < 0) return y > 0 ? y - 1 : w->rows > 1 ? 1 : zeros;
    return y + 1 < w->rows ? y + 1 : w->rows > 1 ? w->rows - 2 : zeros;
}

static struct line make_line(const struct walk *w, size_t y, unsigned parity) {
    size_t here = parity ? w->odd + 1 : 1;
    size_t beside = parity ? 1 : w->odd; /* the column to the left; the one to the right follows it */
    size_t row = y * w->pitch, up = mirrored(w, y, -1) * w->pitch, down = mirrored(w, y, 1) * w->pitch;
    return (struct line){
        parity, (w->columns + 1 - parity) / 2, row + here, up + here, down + here, row + beside, row + beside + 1,
        up + beside, up + beside + 1, down + beside, down + beside + 1,
    };
}

static void lay_lines(const struct walk *w) {
    for (size_t y = 0; y < w->rows; y++)
        for (unsigned parity = 0; parity < 2; parity++) w->lines[2 * y + parity] = make_line(w, y, parity);
}

enum lic_result walk_start(struct walk *w, const struct lic_tables *tables, const struct lic_contexts *contexts,
                           const struct lic_chunk *chunk) {
    *w = (struct walk){.tables = tables, .contexts = contexts, .rows = chunk->rows, .columns = chunk->columns};
    if (!lic_workspace_size(tables, contexts, chunk->rows, chunk->columns)) return LIC_BAD_ARGUMENT;
    w->pairs = pairs_of(tables, contexts);
    lay_out(w, chunk->workspace);
    if (make_tables(tables, w->all_tables)) return LIC_BAD_ARGUMENT;
    lay_lines(w);
    size_t cells = (w->rows + 1) * w->pitch;
    memset(w->values, 0, cells * sizeof *w->values);
    memset(w->magnitudes, 0, cells + 8);
    if (contexts->order == LIC_PLAIN) return LIC_OK;
    size_t buckets = contexts->thresholds_count + 1;
    for (size_t i = 0; i < contexts->channels * PHASES * buckets; i++)
        if (contexts->index[i] >= w->pairs) return LIC_BAD_ARGUMENT;
    for (size_t i = 0; contexts->states && i < 2 * contexts->states_count; i++)
        if (contexts->states[i] >= contexts->states_count) return LIC_BAD_ARGUMENT;
    for (size_t i = 0; i < buckets; i++) w->thresholds[i] = i + 1 < buckets ? contexts->thresholds[i] : INT64_MAX;
    for (size_t key = 0, bucket = 0; key < KEYS; key++) {
        while (w->thresholds[bucket] < INT64_MAX && key_of(w->thresholds[bucket]) < key) bucket++;
        w->buckets[key] = (uint16_t)bucket;
    }
    for (int i = 0; i < 3; i++) memset(w->sums[i], 0, cells * sizeof *w->sums[i]);
    return LIC_OK;
}
