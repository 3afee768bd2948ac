/* The layers, as nodes of a stream: bottlenecks, strided and sub-pixel convolutions, normalisations; and back. */

#include <string.h>

#include "stream.h"

enum { TILES_AT_ONCE = 24, POSITIONS_AT_ONCE = 48, WINDOWS_AT_ONCE = 24, PART = 128 };

/* ---- 3x3 convolutions, and the 1x1 layers that follow at the same position ---- */

struct tiles {
    const struct lic_stream *s;
    const struct node *node;
    ptrdiff_t top, left, columns, count; /* of tiles */
    ptrdiff_t each;                      /* for an item of work */
};

/* How many outputs are computed before the layers that follow: all, if one of those mixes channels. */
static size_t part_of(const struct node *n) {
    const struct layer *l = n->layer;
    if (n->r > 1) return l->main.outputs / (n->r * n->r);
    return l->after.channels || l->is_bottleneck || l->main.outputs < PART ? l->main.outputs : PART;
}

static size_t tiles_scratch(const struct node *n) {
    const struct layer *l = n->layer;
    size_t part = part_of(n), positions = OUTPUTS * TILES_AT_ONCE;
    size_t after = l->after.channels ? 2 * POSITIONS_AT_ONCE * part : 0;
    return TILES_AT_ONCE * POINTS * (l->main.depth + part) + positions * (part + l->expand.outputs) + after;
}

static void transform_tile(const struct lic_stream *s, const struct ring *ring, ptrdiff_t row, ptrdiff_t column,
                           float *points, size_t pitch) {
    const float *patch[POINTS];
    for (int i = 0; i < PATCH; i++)
        for (int j = 0; j < PATCH; j++) {
            ptrdiff_t y = row * TILE + i - 1, x = column * TILE + j - 1;
            int inside = y >= 0 && x >= 0 && y < ring->height && x < ring->width;
            patch[i * PATCH + j] = inside ? ring_cell(ring, y, x) : s->zeros;
        }
    s->kernels->transform(patch, ring->depth, points, pitch);
}

static void normalise(const struct lic_stream *s, const struct normalisation *n, float *x, size_t positions,
                      float *scratch) {
    size_t depth = padded(n->channels);
    for (size_t i = 0; i < positions; i += POSITIONS_AT_ONCE) {
        size_t some = positions - i < POSITIONS_AT_ONCE ? positions - i : POSITIONS_AT_ONCE;
        float *at = x + i * depth, *pool = scratch + POSITIONS_AT_ONCE * depth;
        s->kernels->square(at, scratch, some * depth);
        s->kernels->multiply(scratch, depth, some, depth, n->gamma, depth, n->beta, pool, depth);
        (n->inverse ? s->kernels->scale_up : s->kernels->scale_down)(at, pool, at, some * depth);
    }
}

/* Values of a tile's position in the node's grid: of all channels, or of `first` to first + count. */
struct position {
    ptrdiff_t y, x;     /* of the result, r times finer than the grid */
    size_t within;      /* the first of the position's floats */
};

static struct position position_of(const struct tiles *t, size_t i, size_t first, size_t part) {
    const struct node *n = t->node;
    ptrdiff_t tile = (ptrdiff_t)(i / OUTPUTS), r = (ptrdiff_t)n->r;
    ptrdiff_t y = (t->top + tile / t->columns) * TILE + (ptrdiff_t)(i % OUTPUTS / TILE);
    ptrdiff_t x = (t->left + tile % t->columns) * TILE + (ptrdiff_t)(i % TILE);
    if (n->r == 1) return (struct position){y, x, first};
    ptrdiff_t group = (ptrdiff_t)(first / part);
    return (struct position){y * r + group / r, x * r + group % r, 0};
}

/* The place of a position in the output, or NULL if nobody needs it. */
static float *place_of(const struct lic_stream *s, const struct node *n, struct position p) {
    const struct ring *out = &s->rings[n->output];
    ptrdiff_t f = (ptrdiff_t)n->fold;
    if (!ring_has(out, p.y / f, p.x / f)) return NULL;
    float *cell = ring_cell(out, p.y / f, p.x / f) + p.within;
    return f == 1 ? cell : cell + (size_t)(p.y % f * f + p.x % f) * padded(n->layer->channels);
}

static void keep(const struct lic_stream *s, const struct tiles *t, size_t first, size_t begin, size_t positions,
                 size_t part, const float *values) {
    const struct ring *kept = &s->rings[t->node->kept];
    for (size_t i = 0; i < positions; i++) {
        struct position p = position_of(t, begin * OUTPUTS + i, first, part);
        if (ring_has(kept, p.y, p.x)) memcpy(ring_cell(kept, p.y, p.x), values + i * part, part * sizeof *values);
    }
}

/* 0 where the kept result of a rectification is 0. */
static void mask(float *values, const float *kept, size_t count) {
    for (size_t i = 0; i < count; i++) values[i] = kept[i] > 0 ? values[i] : 0;
}

static void mask_tiles(const struct lic_stream *s, const struct tiles *t, size_t begin, size_t positions, size_t part,
                       float *values) {
    const struct ring *other = &s->rings[t->node->other];
    for (size_t i = 0; i < positions; i++) {
        struct position p = position_of(t, begin * OUTPUTS + i, 0, part);
        if (ring_has(other, p.y, p.x)) mask(values + i * part, ring_cell(other, p.y, p.x), part);
    }
}

/* The residual that a bottleneck adds to its input at a position. */
static void add_to_base(const struct lic_stream *s, const struct node *n, struct position p, const float *values,
                        float *to) {
    size_t depth = n->layer->expand.outputs, channels = n->layer->channels;
    const float *base = ring_cell(&s->rings[n->base], p.y, p.x);
    if (n->changed != NONE) {
        memcpy(to, base, depth * sizeof *to);
        choose_symbols(s, ring_cell(&s->rings[n->other], p.y, p.x), values, p.y, p.x, n->phase,
                       ring_cell(&s->rings[n->changed], p.y, p.x), to);
    } else if (n->phase) {
        for (size_t c = 0; c < depth; c++)
            to[c] = c < channels && phase_of(p.y, p.x, c) == n->phase ? base[c] + s->trust[c] * values[c] : base[c];
    } else {
        s->kernels->add(base, values, to, depth);
    }
}

static void do_tiles(void *about, size_t item, size_t thread) {
    const struct tiles *t = about;
    const struct lic_stream *s = t->s;
    const struct node *n = t->node;
    const struct layer *l = n->layer;
    size_t begin = item * (size_t)t->each, depth = l->main.depth, part = part_of(n);
    size_t tiles = (size_t)smaller(t->each, t->count - (ptrdiff_t)begin), positions = OUTPUTS * tiles;
    float *points = scratch_of(s, thread), *products = points + POINTS * TILES_AT_ONCE * depth;
    float *values = products + POINTS * TILES_AT_ONCE * part, *more = values + OUTPUTS * TILES_AT_ONCE * part;
    for (size_t i = 0; i < tiles; i++) {
        ptrdiff_t tile = (ptrdiff_t)(begin + i);
        transform_tile(s, &s->rings[n->input], t->top + tile / t->columns, t->left + tile % t->columns,
                       points + i * depth, tiles * depth);
    }
    for (size_t o = 0; o < l->main.outputs; o += part) {
        size_t size = smaller((ptrdiff_t)part, (ptrdiff_t)(l->main.outputs - o));
        for (size_t point = 0; point < POINTS; point++)
            s->kernels->multiply(points + point * tiles * depth, depth, tiles, depth,
                                 l->main.weights + point * depth * l->main.outputs + o * depth, size, NULL,
                                 products + point * tiles * size, size);
        float least = l->is_bottleneck && !n->back ? 0 : -__builtin_inff();
        for (size_t i = 0; i < tiles; i++)
            s->kernels->transform_back(products + i * size, tiles * size, size, l->main.bias + o, least,
                                       values + i * OUTPUTS * size, size);
        if (n->kept != NONE) keep(s, t, o, begin, positions, size, values);
        if (l->after.channels && !n->back) normalise(s, &l->after, values, positions, more);
        if (l->is_bottleneck) {
            if (n->back) mask_tiles(s, t, begin, positions, size, values);
            s->kernels->multiply(values, size, positions, size, l->expand.weights, l->expand.outputs, l->expand.bias, more,
                                 l->expand.outputs);
        }
        for (size_t i = 0; i < positions; i++) {
            struct position p = position_of(t, begin * OUTPUTS + i, o, part);
            float *to = place_of(s, n, p);
            if (!to) continue;
            if (l->is_bottleneck)
                add_to_base(s, n, p, more + i * l->expand.outputs, to);
            else
                memcpy(to, values + i * size, size * sizeof *values);
        }
    }
}

static void convolve(struct lic_stream *s, const struct node *n, ptrdiff_t first, ptrdiff_t last) {
    const struct area *out = &s->rings[n->output].area;
    ptrdiff_t cells = (ptrdiff_t)n->r * TILE, f = (ptrdiff_t)n->fold, top = first / TILE;
    ptrdiff_t left = out->left * f / cells, right = divided_up(out->right * f, cells);
    ptrdiff_t count = (divided_up(last, TILE) - top) * (right - left), threads = (ptrdiff_t)lic_team_size(s->team);
    ptrdiff_t rounds = divided_up(count, TILES_AT_ONCE * threads); /* of items, one for each thread */
    struct tiles t = {s, n, top, left, right - left, count, divided_up(count, rounds * threads)};
    team_run(s->team, do_tiles, &t, (size_t)divided_up(count, t.each));
}

/* ---- 1x1 convolutions before a 3x3 one, and slopes back through a normalisation: position by position ---- */

struct rows {
    const struct lic_stream *s;
    const struct node *node;
    ptrdiff_t first, left, right;
};

/* Each item is a part of a row of positions: its place, and how many there are. */
static ptrdiff_t part_of_row(const struct rows *rows, size_t item, ptrdiff_t *y, ptrdiff_t *x) {
    ptrdiff_t parts = divided_up(rows->right - rows->left, POSITIONS_AT_ONCE);
    *y = rows->first + (ptrdiff_t)item / parts;
    *x = rows->left + (ptrdiff_t)item % parts * POSITIONS_AT_ONCE;
    return smaller(POSITIONS_AT_ONCE, rows->right - *x);
}

static void run_rows(struct lic_stream *s, const struct node *n, team_task *task, ptrdiff_t first, ptrdiff_t last) {
    const struct area *out = &s->rings[n->output].area;
    ptrdiff_t f = (ptrdiff_t)n->fold;
    struct rows rows = {s, n, first, out->left * f, out->right * f};
    size_t parts = (size_t)divided_up(rows.right - rows.left, POSITIONS_AT_ONCE);
    team_run(s->team, task, &rows, (size_t)(last - first) * parts);
}

/* Latents of earlier phases, and zeros for the others. */
static void select_phases(const struct node *n, ptrdiff_t y, ptrdiff_t x, ptrdiff_t count, const float *from, float *to) {
    size_t depth = n->layer->reduce.depth;
    for (ptrdiff_t i = 0; i < count; i++, from += depth, to += depth)
        for (size_t c = 0; c < depth; c++) to[c] = phase_of(y, x + i, c) < n->phase ? from[c] : 0;
}

static void do_reduce(void *about, size_t item, size_t thread) {
    const struct rows *rows = about;
    const struct lic_stream *s = rows->s;
    const struct node *n = rows->node;
    const struct convolution *c = &n->layer->reduce;
    ptrdiff_t y, x, count = part_of_row(rows, item, &y, &x);
    const float *from = ring_cell(&s->rings[n->input], y, x), *place = n->layer->place;
    float *to = ring_cell(&s->rings[n->output], y, x);
    if (n->phase) {
        select_phases(n, y, x, count, from, scratch_of(s, thread));
        from = scratch_of(s, thread);
    }
    s->kernels->multiply(from, c->depth, (size_t)count, c->depth, c->weights, c->outputs, c->bias, to, c->outputs);
    for (ptrdiff_t i = 0; place && i < count; i++) {
        float *cell = to + (size_t)i * c->outputs;
        s->kernels->add(cell, place + (size_t)(y % 2 * 2 + (x + i) % 2) * c->outputs, cell, c->outputs);
    }
    if (n->back)
        mask(to, ring_cell(&s->rings[n->other], y, x), (size_t)count * c->outputs);
    else
        s->kernels->rectify(to, (size_t)count * c->outputs);
}

static void reduce(struct lic_stream *s, const struct node *n, ptrdiff_t first, ptrdiff_t last) {
    run_rows(s, n, do_reduce, first, last);
}

/* y_i = x_i s_i with s_i^2 = beta_i + sum_j gamma_ij x_j^2, so ds_i/dx_j = gamma_ij x_j / s_i. The slopes g by y become
   g s + x (gamma' (g x / s)). */
static void do_normalise_back(void *about, size_t item, size_t thread) {
    const struct rows *rows = about;
    const struct lic_stream *s = rows->s;
    const struct node *n = rows->node;
    const struct normalisation *norm = &n->layer->after;
    size_t depth = padded(norm->channels);
    ptrdiff_t y, x, count = part_of_row(rows, item, &y, &x), f = (ptrdiff_t)n->fold;
    const float *slopes = ring_cell(&s->rings[n->input], y, x), *before = ring_cell(&s->rings[n->base], y, x);
    float *scale = scratch_of(s, thread), *by_scale = scale + POSITIONS_AT_ONCE * depth;
    float *through = by_scale + POSITIONS_AT_ONCE * depth;
    size_t floats = (size_t)count * depth;
    s->kernels->square(before, by_scale, floats);
    s->kernels->multiply(by_scale, depth, (size_t)count, depth, norm->gamma, depth, norm->beta, scale, depth);
    for (size_t i = 0; i < floats; i++) scale[i] = __builtin_sqrtf(scale[i]);
    for (size_t i = 0; i < floats; i++) by_scale[i] = slopes[i] * before[i] / scale[i];
    s->kernels->multiply(by_scale, depth, (size_t)count, depth, norm->transposed, depth, NULL, through, depth);
    for (size_t i = 0; i < floats; i++) through[i] = slopes[i] * scale[i] + before[i] * through[i];
    for (ptrdiff_t i = 0; i < count; i++) {
        const struct ring *out = &s->rings[n->output];
        if (!ring_has(out, y / f, (x + i) / f)) continue;
        float *cell = ring_cell(out, y / f, (x + i) / f) + (size_t)(y % f * f + (x + i) % f) * depth;
        memcpy(cell, through + (size_t)i * depth, depth * sizeof *cell);
    }
}

static void normalise_back(struct lic_stream *s, const struct node *n, ptrdiff_t first, ptrdiff_t last) {
    run_rows(s, n, do_normalise_back, first, last);
}

/* ---- the quick look: products of windows of cells with a kernel, row by row of latents ---- */

static void do_look(void *about, size_t item, size_t thread) {
    const struct rows *rows = about;
    const struct lic_stream *s = rows->s;
    const struct node *n = rows->node;
    const struct ring *in = &s->rings[n->input];
    const struct convolution *look = s->quick_look;
    ptrdiff_t parts = divided_up(rows->right - rows->left, WINDOWS_AT_ONCE), cells = (ptrdiff_t)n->fold;
    ptrdiff_t y = rows->first + (ptrdiff_t)item / parts, x = rows->left + (ptrdiff_t)item % parts * WINDOWS_AT_ONCE;
    ptrdiff_t count = smaller(WINDOWS_AT_ONCE, rows->right - x);
    float *windows = scratch_of(s, thread), *to = windows;
    for (ptrdiff_t i = 0; i < count; i++)
        for (ptrdiff_t k = 0; k < WINDOW * WINDOW; k++, to += 3 * LOOK_CELL * LOOK_CELL) {
            ptrdiff_t row = y * cells - 1 + k / WINDOW, column = (x + i) * cells - 1 + k % WINDOW;
            int inside = row >= 0 && column >= 0 && row < in->height && column < in->width;
            memcpy(to, inside ? ring_cell(in, row, column) : s->zeros, 3 * LOOK_CELL * LOOK_CELL * sizeof *to);
        }
    s->kernels->multiply(windows, look->depth, (size_t)count, look->depth, look->weights, look->outputs, NULL,
                         ring_cell(&s->rings[n->output], y, x), look->outputs);
}

static void look_quickly(struct lic_stream *s, const struct node *n, ptrdiff_t first, ptrdiff_t last) {
    const struct area *out = &s->rings[n->output].area;
    ptrdiff_t cells = (ptrdiff_t)n->fold;
    struct rows rows = {s, n, first / cells, out->left, out->right};
    ptrdiff_t parts = divided_up(rows.right - rows.left, WINDOWS_AT_ONCE);
    team_run(s->team, do_look, &rows, (size_t)((divided_up(last, cells) - rows.first) * parts));
}

size_t scratch_of_node(const struct node *n) {
    if (n->work == look_quickly) return WINDOWS_AT_ONCE * WINDOW * WINDOW * 3 * LOOK_CELL * LOOK_CELL;
    if (n->work == convolve) return tiles_scratch(n);
    if (n->work == filter_pixels) return filter_scratch();
    if (n->work == reduce && n->phase) return POSITIONS_AT_ONCE * n->layer->reduce.depth;
    if (n->work == normalise_back) return 3 * POSITIONS_AT_ONCE * padded(n->layer->after.channels);
    return 0;
}

/* ---- layers as nodes ---- */

static int add_bottleneck(struct lic_stream *s, int input, const struct layer *layer, size_t fold, size_t phase,
                          struct keeps *keeps) {
    ptrdiff_t height = s->rings[input].height, width = s->rings[input].width, f = (ptrdiff_t)fold;
    int between = add_ring(s, height, width, layer->reduce.outputs);
    struct node *n = add_node(s, reduce, input, between);
    n->layer = layer, n->phase = phase;
    int output = add_ring(s, height / f, width / f, cell_depth(fold, layer->channels, 0));
    n = add_node(s, convolve, between, output);
    n->layer = layer, n->phase = phase, n->base = input, n->fold = fold, n->around = 1;
    if (keeps) {
        keeps->between = between;
        keeps->mixed = n->kept = add_ring(s, height, width, layer->main.outputs);
    }
    return output;
}

int add_predictor(struct lic_stream *s, int input, const struct layer *layer, size_t phase) {
    return add_bottleneck(s, input, layer, 1, phase, NULL);
}

int add_choice(struct lic_stream *s, int input, const struct layer *layer, size_t phase, int latents, int chosen) {
    int output = add_bottleneck(s, input, layer, 1, phase, NULL);
    struct node *n = &s->nodes[s->nodes_count - 1];
    n->other = latents, n->changed = chosen;
    return output;
}

int add_layer(struct lic_stream *s, int input, const struct layer *layer, size_t fold, struct keeps *keeps) {
    if (layer->is_bottleneck) return add_bottleneck(s, input, layer, fold, 0, keeps);
    ptrdiff_t r = (ptrdiff_t)layer->r, f = (ptrdiff_t)fold;
    ptrdiff_t height = s->rings[input].height * r, width = s->rings[input].width * r;
    int output = add_ring(s, height / f, width / f, cell_depth(fold, layer->channels, layer->gives_pixels));
    struct node *n = add_node(s, convolve, input, output);
    n->layer = layer, n->around = 1;
    if (layer->r != fold) n->r = layer->r, n->fold = fold; /* else the outputs at a place are a cell as they are */
    if (keeps && layer->after.channels) keeps->before = n->kept = add_ring(s, height, width, padded(layer->channels));
    return output;
}

int add_quick_look(struct lic_stream *s, int differences) {
    const struct ring *in = &s->rings[differences];
    ptrdiff_t cells = DOWNSAMPLING / LOOK_CELL;
    int output = add_ring(s, in->height / cells, in->width / cells, s->quick_look->outputs);
    struct node *n = add_node(s, look_quickly, differences, output);
    n->around = 1, n->fold = (size_t)cells;
    return output;
}

int add_part(struct lic_stream *s, int input, const struct part *part, size_t fold, struct keeps *keeps) {
    for (size_t i = 0; i < part->count; i++) {
        size_t next = i + 1 < part->count ? part->layers[i + 1].stride : fold;
        input = add_layer(s, input, &part->layers[i], next, keeps ? keeps + i : NULL);
    }
    return input;
}

static int add_bottleneck_back(struct lic_stream *s, int slopes, const struct layer *back, size_t fold,
                               const struct keeps *keeps) {
    int output = add_bottleneck(s, slopes, back, fold, 0, NULL);
    struct node *reduced = &s->nodes[s->nodes_count - 2], *mixed = &s->nodes[s->nodes_count - 1];
    reduced->back = mixed->back = 1;
    reduced->other = keeps->mixed, mixed->other = keeps->between;
    return output;
}

int add_part_back(struct lic_stream *s, int slopes, const struct part *part, const struct part *back,
                  const struct keeps *keeps) {
    for (size_t i = 0; i < back->count; i++) {
        const struct layer *forward = &part->layers[part->count - 1 - i], *layer = &back->layers[i];
        const struct keeps *kept = &keeps[part->count - 1 - i];
        if (forward->after.channels) {
            ptrdiff_t f = (ptrdiff_t)layer->stride;
            int folded = add_ring(s, s->rings[slopes].height / f, s->rings[slopes].width / f,
                                  cell_depth(layer->stride, forward->channels, 0));
            struct node *n = add_node(s, normalise_back, slopes, folded);
            n->layer = forward, n->base = kept->before, n->fold = layer->stride, n->at_once = f, n->back = 1;
            slopes = folded;
        }
        /* The next layer takes cells as they are, but for one without normalisation, which folds them. */
        const struct layer *next = i + 1 < back->count ? &back->layers[i + 1] : NULL;
        size_t fold = next && !part->layers[part->count - 2 - i].after.channels ? next->stride : 1;
        if (layer->is_bottleneck) {
            slopes = add_bottleneck_back(s, slopes, layer, fold, kept);
        } else {
            slopes = add_layer(s, slopes, layer, fold, NULL);
            s->nodes[s->nodes_count - 1].back = 1;
        }
    }
    return slopes;
}
