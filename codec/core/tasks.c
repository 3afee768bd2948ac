/* What streams are for: the nodes of each task, in order. */

#include <stdlib.h>
#include <string.h>

#include "stream.h"

static int add_source(struct lic_stream *s, node_work *work, ptrdiff_t cell, size_t depth) {
    ptrdiff_t b = s->block, rows = divided_up(s->picture.height, b) * (b / cell);
    ptrdiff_t columns = divided_up(s->picture.width, b) * (b / cell);
    int ring = add_ring(s, rows, columns, depth);
    add_node(s, work, NONE, ring);
    return ring;
}

/* A ring like another one, made from it at the same rows. */
static int add_step(struct lic_stream *s, node_work *work, int input) {
    const struct ring *in = &s->rings[input];
    int output = add_ring(s, in->height, in->width, in->depth);
    add_node(s, work, input, output);
    return output;
}

static int add_analysis(struct lic_stream *s, const struct lic_network *n) {
    size_t f = n->analysis.layers->stride;
    int picture = add_source(s, take_pixels, (ptrdiff_t)f, cell_depth(f, 3, 1));
    int first = add_part(s, picture, &n->analysis, 1, NULL);
    if (s->share == 0) return first;
    int decoded = add_part(s, add_step(s, unscale_latents, first), &n->synthesis, f, NULL);
    int looked;
    if (s->quick_look)
        looked = add_quick_look(s, add_step(s, find_difference, decoded));
    else
        looked = add_part(s, add_step(s, correct_picture, decoded), &n->analysis, 1, NULL);
    int blended = add_step(s, s->quick_look ? add_correction : blend_latents, looked);
    s->nodes[s->nodes_count - 1].base = first;
    return blended;
}

static void add_choices(struct lic_stream *s, const struct lic_network *n, int latents) {
    ptrdiff_t height = s->rings[latents].height, width = s->rings[latents].width;
    int chosen = add_ring(s, height, width, padded(n->latents)), restored = add_ring(s, height, width, padded(n->latents));
    add_node(s, choose_first, latents, restored);
    struct node *first = &s->nodes[s->nodes_count - 1];
    first->kept = chosen;
    first->phase = s->trust ? 0 : PHASES;
    for (size_t k = 0; s->trust && k < n->predictors.count; k++)
        restored = add_choice(s, restored, &n->predictors.layers[k], k + 1, latents, chosen);
    add_node(s, give_symbols, restored, NONE)->other = chosen;
}

static int add_restoration(struct lic_stream *s, const struct lic_network *n) {
    int ring = add_source(s, take_symbols, s->block, padded(n->latents));
    for (size_t k = 0; s->trust && k < n->predictors.count; k++)
        ring = add_predictor(s, ring, &n->predictors.layers[k], k + 1);
    return ring;
}

/* A phase alone. */
static int add_expectation(struct lic_stream *s, const struct lic_network *n) {
    int known = add_source(s, take_latents, DOWNSAMPLING, padded(n->latents));
    return add_predictor(s, known, &n->predictors.layers[s->phase - 1], s->phase);
}

/* The picture as it is shown. */
static int add_filter(struct lic_stream *s, int picture) {
    if (!s->filter) return picture;
    int filtered = add_step(s, filter_pixels, picture);
    s->nodes[s->nodes_count - 1].around = 1;
    return filtered;
}

static void add_slopes(struct lic_stream *s, const struct lic_network *n) {
    struct keeps keeps[MOST_NODES];
    int ring = add_part(s, add_restoration(s, n), &n->synthesis, last_of(&n->synthesis)->r, keeps);
    int slopes = add_step(s, find_error, add_filter(s, ring));
    s->nodes[s->nodes_count - 1].base = ring;
    ring = add_part_back(s, slopes, &n->synthesis, &n->synthesis_back, keeps);
    add_node(s, give_latents, ring, NONE);
}

/* The values of each channel, padded with zeros. */
static float *copied(float **at, const float *values, size_t channels) {
    float *to = *at;
    if (!values) return NULL;
    memcpy(to, values, channels * sizeof *to);
    *at += padded(channels);
    return to;
}

static int is_fine(enum lic_task task, const struct lic_network *n, const struct lic_picture *p,
                   const struct lic_point *point) {
    if (p->width < 1 || p->height < 1 || p->width > MAX_SIDE || p->height > MAX_SIDE) return 0;
    if (p->left < 0 || p->top < 0 || p->left >= p->right || p->top >= p->bottom) return 0;
    if (p->right > p->width || p->bottom > p->height) return 0;
    if (p->reduce != 1 && ((task != LIC_DECODE && task != LIC_PREVIEW) || (p->reduce != 2 && p->reduce != 4 && p->reduce != 8))) return 0;
    if (p->left % p->reduce || p->top % p->reduce) return 0;
    if (task == LIC_ANALYSE && (!n->analysis.count || n->analysis.layers->stride > DOWNSAMPLING)) return 0;
    if (task == LIC_ANALYSE && point->share != 0 && (!point->unscale || last_of(&n->synthesis)->r != n->analysis.layers->stride)) return 0;
    if (task == LIC_ANALYSE && point->share != 0 && point->quick && (!n->quick_look.weights || n->analysis.layers->stride != LOOK_CELL)) return 0;
    if (task == LIC_PREVIEW && (!n->preview.count || p->reduce > (ptrdiff_t)last_of(&n->preview)->r)) return 0;
    if (task == LIC_SLOPES && !n->synthesis_back.count) return 0;
    if (task == LIC_CHOOSE && !point->gain) return 0;
    if (point->trust && !n->predictors.count) return 0;
    if (point->filter && last_of(&n->synthesis)->r != 4) return 0;
    if (task == LIC_FILTER && !point->filter) return 0;
    if (task == LIC_EXPECT && (!point->trust || point->phase < 1 || point->phase > n->predictors.count)) return 0;
    return task == LIC_ANALYSE || point->inverse_gain;
}

static enum lic_result build(struct lic_stream *s, enum lic_task task, const struct lic_network *n) {
    const struct lic_picture *p = &s->picture;
    const struct part *shown = task == LIC_PREVIEW ? &n->preview : &n->synthesis;
    ptrdiff_t columns = divided_up(p->width, DOWNSAMPLING), f;
    int picture;
    struct area needed = {p->top / DOWNSAMPLING, divided_up(p->bottom, DOWNSAMPLING), 0, columns};
    s->block = task == LIC_PREVIEW ? (ptrdiff_t)last_of(shown)->r : DOWNSAMPLING;
    s->rows_of_result = 1;
    s->rows_of_cell = (ptrdiff_t)last_of(shown)->r;
    switch (task) {
    case LIC_DECODE:
    case LIC_PREVIEW:
        f = s->rows_of_cell;
        picture = add_part(s, add_restoration(s, n), shown, (size_t)f, NULL);
        add_node(s, give_pixels, p->reduce == 1 && task == LIC_DECODE ? add_filter(s, picture) : picture, NONE);
        /* A square of a reduced picture may need several rows of cells. */
        ptrdiff_t unit = larger(f, p->reduce);
        needed = (struct area){p->top / unit * unit / f, divided_up(p->bottom, unit) * unit / f,
                               p->left / unit * unit / f, divided_up(p->right, unit) * unit / f};
        s->nodes[s->nodes_count - 1].at_once = unit / f;
        s->rows_of_result = f;
        break;
    case LIC_FILTER:
        f = s->rows_of_cell;
        picture = add_source(s, take_pixels, f, cell_depth((size_t)f, 3, 1));
        add_node(s, give_pixels, add_filter(s, picture), NONE);
        needed = (struct area){p->top / f, divided_up(p->bottom, f), p->left / f, divided_up(p->right, f)};
        s->rows_of_result = f;
        break;
    case LIC_ANALYSE:
        s->rows_of_cell = (ptrdiff_t)n->analysis.layers->stride;
        add_node(s, give_latents, add_analysis(s, n), NONE);
        break;
    case LIC_CHOOSE:
        add_choices(s, n, add_source(s, take_latents, DOWNSAMPLING, padded(n->latents)));
        break;
    case LIC_RESTORE:
        add_node(s, give_latents, add_restoration(s, n), NONE);
        break;
    case LIC_SLOPES:
        add_slopes(s, n);
        break;
    case LIC_EXPECT:
        add_node(s, give_latents, add_expectation(s, n), NONE);
        break;
    }
    return plan(s, needed);
}

enum lic_result lic_stream_open(enum lic_task task, const struct lic_network *network, struct lic_team *team,
                                const struct lic_kernels *kernels, const struct lic_picture *picture,
                                const struct lic_point *point, struct lic_stream **opened) {
    *opened = NULL;
    if (!is_fine(task, network, picture, point)) return LIC_BAD_ARGUMENT;
    struct lic_stream *s = calloc(1, sizeof *s);
    if (!s) return LIC_NO_MEMORY;
    size_t channels = network->latents, weights = FILTER_CLASSES * FILTER_PLANES * FILTER_TAPS;
    s->rings = calloc(MOST_NODES, sizeof *s->rings);
    s->nodes = calloc(MOST_NODES, sizeof *s->nodes);
    float *block = calloc(4 * padded(channels) + weights, sizeof(float));
    s->values = block;
    enum lic_result result = LIC_NO_MEMORY;
    if (s->rings && s->nodes && block) {
        s->kernels = kernels ? kernels : lic_kernels_named(NULL);
        s->team = team;
        s->picture = *picture;
        s->channels = channels;
        s->share = point->share;
        s->phase = point->phase;
        s->quick_look = point->quick && point->share != 0 ? &network->quick_look : NULL;
        s->gain = copied(&block, point->gain, channels);
        s->inverse_gain = copied(&block, point->inverse_gain, channels);
        s->trust = copied(&block, point->trust, channels);
        s->unscale = copied(&block, point->unscale, channels);
        s->filter = point->filter ? block : NULL;
        for (size_t i = 0; s->filter && i < weights; i++) s->filter[i] = point->filter[i];
        result = build(s, task, network);
    }
    if (result)
        lic_stream_close(s);
    else
        *opened = s;
    return result;
}
