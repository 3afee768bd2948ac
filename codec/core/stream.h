/* Rows that stream through layers, each of which keeps the few rows that are still needed.

   A stream computes a rectangle of its result, and of every array before it no more than that depends on. The tiles of
   Winograd's convolutions lie on a grid that begins at the picture's corner, and are computed whole: so no number
   depends on the rectangle that is asked for, on how many rows come at a time, or on the number of threads. */

#ifndef LIC_STREAM_H
#define LIC_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "kernels.h"
#include "network.h"
#include "phases.h"
#include "team.h"

/* Rows from top to bottom - 1, columns from left to right - 1. */
struct area {
    ptrdiff_t top, bottom, left, right;
};

/* An array of cells, of which those rows are in memory that are made and still needed. */
struct ring {
    struct area area;        /* the part of it that is ever needed, in cells */
    ptrdiff_t height, width; /* of the whole picture, in cells: beyond are zeros */
    size_t depth;            /* floats in a cell */
    ptrdiff_t end;           /* the rows before this one are made */
    ptrdiff_t capacity;      /* rows */
    float *cells;
};

static inline float *ring_cell(const struct ring *ring, ptrdiff_t y, ptrdiff_t x) {
    ptrdiff_t columns = ring->area.right - ring->area.left;
    return ring->cells + (size_t)(y % ring->capacity * columns + x - ring->area.left) * ring->depth;
}

static inline int ring_has(const struct ring *ring, ptrdiff_t y, ptrdiff_t x) {
    const struct area *a = &ring->area;
    return y >= a->top && y < a->bottom && x >= a->left && x < a->right;
}

enum { MOST_NODES = 256, NONE = -1 };

struct node;

/* Compute rows `first` to `last` - 1. */
typedef void node_work(struct lic_stream *, const struct node *, ptrdiff_t first, ptrdiff_t last);

/* A step of the computation: from some rings to others. Rows are counted in positions of its own grid, which are cells
   of the input. The output has positions r times finer, of which fold x fold make a cell. */
struct node {
    node_work *work;
    int input;          /* rings; NONE where there is none */
    int base, other;    /* further rings that are read, at just the rows that are computed */
    int output;
    int kept;           /* a further ring that is written; its cells are positions, as of the output without fold */
    int changed;        /* a ring of which some values are changed in place */
    int around;         /* 1 for a 3x3 convolution, which depends on a row on each side, else 0 */
    size_t r, fold;
    ptrdiff_t at_once;  /* rows to be computed together, unless fewer are left */
    ptrdiff_t next, last;
    const struct layer *layer;
    size_t phase;       /* of latents */
    int back;           /* takes slopes back through the layer */
};

struct lic_stream {
    const struct lic_kernels *kernels;
    struct lic_team *team;
    struct ring *rings;
    struct node *nodes;
    int rings_count, nodes_count;
    int planning; /* rows are counted, but nothing is computed */
    int failed;   /* there are more nodes or rings than there is room for */
    ptrdiff_t source_end;
    ptrdiff_t rows_of_result; /* for a row of the last node */
    ptrdiff_t rows_of_cell;   /* pixels to each side, in the cells of pictures */
    ptrdiff_t block;          /* pixels to each side, of a position of latents */
    float *scratch, *zeros;
    size_t scratch_size; /* floats for each thread */
    struct lic_picture picture;
    struct lic_arrays arrays;
    size_t channels; /* of latents */
    float *values, *inverse_gain, *gain, *trust, *unscale; /* of each channel, in the memory of `values` */
    float share;                                  /* of the second look */
    size_t phase; /* that is expected alone */
    float *filter; /* its weights, in the memory of `values`; NULL if there is none */
    const struct convolution *quick_look;         /* or NULL */
};

static inline ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t larger(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
static inline ptrdiff_t divided_up(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }

static inline float *scratch_of(const struct lic_stream *s, size_t thread) {
    return s->scratch + thread * s->scratch_size;
}

/* ---- building ---- */

int add_ring(struct lic_stream *, ptrdiff_t height, ptrdiff_t width, size_t depth);
struct node *add_node(struct lic_stream *, node_work *, int input, int output);

/* Lay out the areas, from those that are needed of the last node's input back to the source, and allocate the rings. */
enum lic_result plan(struct lic_stream *, struct area needed);

/* ---- layers.c ---- */

/* Each adds the nodes of a layer that reads a ring, and returns the ring of its result, in cells of fold x fold. If
   `keeps` is not NULL, it gets the rings that slopes will need. */
struct keeps {
    int between, mixed; /* of bottlenecks: the results of the first and the second convolution */
    int before;         /* of normalisations */
};

int add_layer(struct lic_stream *, int input, const struct layer *, size_t fold, struct keeps *);
int add_part(struct lic_stream *, int input, const struct part *, size_t fold, struct keeps *);
int add_predictor(struct lic_stream *, int input, const struct layer *, size_t phase);

/* A predictor that chooses the symbols of its phase: `latents` is the ring of the picture's, `chosen` that of symbols. */
int add_choice(struct lic_stream *, int input, const struct layer *, size_t phase, int latents, int chosen);

/* Back through the layers of the synthesis, from slopes in cells of its last layer's r. */
int add_part_back(struct lic_stream *, int slopes, const struct part *, const struct part *back, const struct keeps *);

/* The corrections of latents by the quick look at a picture's differences, in cells of LOOK_CELL x LOOK_CELL pixels. */
int add_quick_look(struct lic_stream *, int differences);

size_t scratch_of_node(const struct node *);

/* ---- pictures.c: sources and sinks of rows, and the steps for latents and pixels between networks ---- */

node_work take_symbols, take_latents, take_pixels, unscale_latents, correct_picture, blend_latents, add_correction,
    find_difference, choose_first, find_error, give_pixels, give_latents, give_symbols;

/* ---- filter.c ---- */

node_work filter_pixels; /* from a picture's cells to those of the filtered one */
size_t filter_scratch(void);

/* Choose the symbols of a position in a phase (PHASES: in all), and restore their latents. `predicted` lacks the trust;
   it is NULL if nothing is predicted. */
void choose_symbols(const struct lic_stream *, const float *latents, const float *predicted, ptrdiff_t y, ptrdiff_t x,
                    size_t phase, float *chosen, float *restored);

#endif
