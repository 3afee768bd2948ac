/* Which rows are computed when, and how many are kept. See stream.h. */

#include "stream.h"

#include <stdlib.h>
#include <string.h>

enum { STEP = 4 }; /* rows that the source takes at a time */

/* ---- building ---- */

int add_ring(struct lic_stream *s, ptrdiff_t height, ptrdiff_t width, size_t depth) {
    if (s->rings_count == MOST_NODES) {
        s->failed = 1;
        return 0;
    }
    s->rings[s->rings_count] =
        (struct ring){.area = {height, 0, width, 0}, .height = height, .width = width, .depth = depth, .capacity = 1};
    return s->rings_count++;
}

struct node *add_node(struct lic_stream *s, node_work *work, int input, int output) {
    if (s->nodes_count == MOST_NODES - 1) s->failed = 1;
    struct node *n = &s->nodes[s->failed ? MOST_NODES - 1 : s->nodes_count++];
    *n = (struct node){.work = work, .input = input, .base = NONE, .other = NONE, .output = output, .kept = NONE,
                       .changed = NONE, .r = 1, .fold = 1, .at_once = 1};
    return n;
}

static ptrdiff_t clipped(ptrdiff_t value, ptrdiff_t limit) { return smaller(larger(value, 0), limit); }

static void widen(struct lic_stream *s, int ring, struct area by) {
    if (ring == NONE) return;
    struct area *a = &s->rings[ring].area;
    ptrdiff_t height = s->rings[ring].height, width = s->rings[ring].width;
    a->top = smaller(a->top, clipped(by.top, height));
    a->bottom = larger(a->bottom, clipped(by.bottom, height));
    a->left = smaller(a->left, clipped(by.left, width));
    a->right = larger(a->right, clipped(by.right, width));
}

/* The rows that a node has to compute, given the part of its result that is needed, and the part of its input that they
   depend on. */
static void need(struct lic_stream *s, struct node *n) {
    struct area a = s->rings[n->output].area;
    ptrdiff_t f = (ptrdiff_t)n->fold, r = (ptrdiff_t)n->r, tile = n->around ? TILE : 1, cells = r * tile;
    if (n->kept != NONE) { /* slopes depend on more than pixels */
        struct area k = s->rings[n->kept].area;
        widen(s, n->output, (struct area){k.top / f, divided_up(k.bottom, f), k.left / f, divided_up(k.right, f)});
        a = s->rings[n->output].area;
    }
    a = (struct area){a.top * f / cells * tile, divided_up(a.bottom * f, cells) * tile, a.left * f / cells * tile,
                      divided_up(a.right * f, cells) * tile};
    n->next = a.top, n->last = a.bottom;
    widen(s, n->kept, (struct area){a.top * r, a.bottom * r, a.left * r, a.right * r});
    widen(s, n->base, a);
    widen(s, n->other, a);
    widen(s, n->changed, a);
    if (n->around) {
        /* Few columns make few tiles in a row: several rows of them share the weights. */
        ptrdiff_t tiles = (a.right - a.left) / TILE, wanted = 24 * (ptrdiff_t)lic_team_size(s->team);
        n->at_once = TILE * larger(1, smaller(divided_up(wanted, tiles), 16));
        a.top--, a.bottom++, a.left--, a.right++;
    }
    widen(s, n->input, a);
}

static int allocate(struct lic_stream *s) {
    size_t depth = 0;
    for (int i = 0; i < s->nodes_count; i++) {
        size_t size = scratch_of_node(&s->nodes[i]);
        if (size > s->scratch_size) s->scratch_size = size;
    }
    for (int i = 0; i < s->rings_count; i++) {
        struct ring *ring = &s->rings[i];
        size_t columns = (size_t)larger(0, ring->area.right - ring->area.left), rows = (size_t)ring->capacity;
        if (ring->depth > depth) depth = ring->depth;
        if (columns && rows > SIZE_MAX / 64 / columns / ring->depth) return 0;
        if (!(ring->cells = malloc((rows * columns * ring->depth + BLOCK) * sizeof(float)))) return 0;
    }
    s->zeros = calloc(depth + BLOCK, sizeof(float));
    s->scratch = malloc((lic_team_size(s->team) * s->scratch_size + BLOCK) * sizeof(float));
    return s->zeros && s->scratch;
}

/* ---- the order of work ---- */

/* The first row of a ring that somebody still needs. */
static ptrdiff_t first_needed(const struct lic_stream *s, int ring) {
    ptrdiff_t first = s->rings[ring].area.bottom;
    for (int i = 0; i < s->nodes_count; i++) {
        const struct node *n = &s->nodes[i];
        if (n->next >= n->last) continue;
        if (n->input == ring) first = smaller(first, n->next - n->around);
        if (n->base == ring || n->other == ring || n->changed == ring) first = smaller(first, n->next);
    }
    return larger(first, s->rings[ring].area.top);
}

/* How many rows a node can compute now. */
static ptrdiff_t ready(const struct lic_stream *s, const struct node *n) {
    ptrdiff_t left = n->last - n->next, end = s->source_end, bottom = n->last;
    if (n->input != NONE) end = s->rings[n->input].end, bottom = s->rings[n->input].area.bottom;
    if (end < bottom) left = smaller(left, end - n->around - n->next);
    if (left >= n->at_once) return n->at_once;
    return end >= bottom ? larger(left, 0) : 0;
}

static void make(struct lic_stream *s, int ring, ptrdiff_t end) {
    if (ring == NONE) return;
    struct ring *made = &s->rings[ring];
    made->end = smaller(end, made->area.bottom);
    if (s->planning) made->capacity = larger(made->capacity, made->end - first_needed(s, ring));
}

/* Compute all rows that can be computed from node i on. New rows pass through all later nodes at once, so few wait. */
static void advance(struct lic_stream *s, int i, ptrdiff_t result_end) {
    if (i == s->nodes_count) return;
    struct node *n = &s->nodes[i];
    ptrdiff_t rows;
    while ((rows = ready(s, n)) > 0) {
        if (i == s->nodes_count - 1) { /* the last one gives its rows away, as many as are asked for */
            if (s->planning) return;
            rows = smaller(rows, result_end - n->next);
            if (rows <= 0) return;
        }
        if (!s->planning) n->work(s, n, n->next, n->next + rows);
        make(s, n->output, (n->next + rows) * (ptrdiff_t)n->r / (ptrdiff_t)n->fold);
        make(s, n->kept, (n->next + rows) * (ptrdiff_t)n->r);
        n->next += rows;
        advance(s, i + 1, result_end);
    }
}

enum lic_result plan(struct lic_stream *s, struct area needed) {
    if (s->failed) return LIC_BAD_ARGUMENT;
    struct node *last = &s->nodes[s->nodes_count - 1];
    last->next = needed.top, last->last = needed.bottom;
    widen(s, last->input, needed);
    widen(s, last->other, needed);
    for (int i = s->nodes_count - 2; i >= 0; i--) need(s, &s->nodes[i]);
    /* Count the rows of a whole run without computing any. Rows of the result leave after each step of the
       source. */
    struct lic_stream counted = *s;
    counted.planning = 1;
    counted.nodes = malloc((size_t)s->nodes_count * sizeof *s->nodes);
    if (!counted.nodes) return LIC_NO_MEMORY;
    memcpy(counted.nodes, s->nodes, (size_t)s->nodes_count * sizeof *s->nodes);
    struct node *giving = &counted.nodes[s->nodes_count - 1];
    for (ptrdiff_t end = s->nodes[0].last; counted.source_end < end;) {
        counted.source_end = smaller(counted.source_end + STEP, end);
        advance(&counted, 0, 0);
        for (ptrdiff_t rows; (rows = ready(&counted, giving)) > 0;) giving->next += rows;
    }
    free(counted.nodes);
    for (int i = 0; i < s->rings_count; i++) s->rings[i].end = 0;
    return allocate(s) ? LIC_OK : LIC_NO_MEMORY;
}

void lic_stream_close(struct lic_stream *s) {
    if (!s) return;
    for (int i = 0; s->rings && i < s->rings_count; i++) free(s->rings[i].cells);
    free(s->rings);
    free(s->nodes);
    free(s->zeros);
    free(s->scratch);
    free(s->values);
    free(s);
}

/* Whether the arrays have the rows that will be read and written. */
static int fits(const struct lic_stream *s, ptrdiff_t source_end, ptrdiff_t result_end) {
    const struct lic_arrays *a = &s->arrays;
    ptrdiff_t source[2], result[2], unit = s->picture.reduce;
    lic_stream_rows(s, source, result);
    source_end = smaller(source_end, source[1]);
    if (a->symbols || a->latents) {
        ptrdiff_t next = larger(s->source_end, source[0]);
        if (next < source_end && (next < a->first_in || source_end > a->first_in + a->rows_in)) return 0;
    }
    if (s->rows_of_result > 1) { /* pixels: those of the region's rows alone are written */
        result[0] = larger(result[0], s->picture.top), result[1] = s->picture.bottom;
        result_end = divided_up(result_end, larger(s->rows_of_result, unit)) * larger(s->rows_of_result, unit);
    }
    result_end = smaller(result_end, result[1]);
    if (result[0] >= result_end) return 1;
    return result[0] / unit >= a->first_out && divided_up(result_end, unit) <= a->first_out + a->rows_out;
}

ptrdiff_t lic_stream_run(struct lic_stream *s, const struct lic_arrays *arrays, ptrdiff_t source_end,
                         ptrdiff_t result_end) {
    struct node *last = &s->nodes[s->nodes_count - 1];
    s->arrays = *arrays;
    if (!fits(s, source_end, result_end)) return -1;
    source_end = smaller(source_end, s->nodes[0].last);
    result_end = smaller(divided_up(result_end, s->rows_of_result), last->last);
    unsigned mode = lic_round_to_nearest();
    advance(s, s->nodes_count - 1, result_end);
    while (s->source_end < source_end && last->next < result_end) {
        s->source_end = smaller(s->source_end + STEP, source_end);
        advance(s, 0, result_end);
    }
    lic_restore_rounding(mode);
    return last->next * s->rows_of_result;
}

void lic_stream_rows(const struct lic_stream *s, ptrdiff_t source[2], ptrdiff_t result[2]) {
    const struct node *last = &s->nodes[s->nodes_count - 1];
    source[0] = s->nodes[0].next, source[1] = s->nodes[0].last;
    result[0] = last->next * s->rows_of_result, result[1] = last->last * s->rows_of_result;
}
