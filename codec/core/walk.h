/* A walk through the latents of a chunk, channel by channel and pass by pass, for coding and contexts.

   A row of a channel is stored as its even columns and then its odd ones, each half with one more cell at both ends
   that mirrors the edge. So the positions of a pass in a row are neighbours in memory, and so are their neighbours of
   one direction: the inner loops run over plain arrays, which a compiler turns into vector instructions. */

#ifndef LIC_WALK_H
#define LIC_WALK_H

#include <stddef.h>
#include <stdint.h>

#include "core.h"
#include "phases.h"
#include "range_coder.h"

enum {
    BLOCK = CONTEXT_BLOCK,
    KEYS = 61 << 3,
};

/* The positions of one pass in one row: `count` cells from `at` on, and where their neighbours begin. */
struct line {
    unsigned parity; /* of its columns */
    size_t count, at, up, down, left, right, up_left, up_right, down_left, down_right;
};

struct walk {
    const struct lic_tables *tables;
    const struct lic_contexts *contexts;
    size_t rows, columns;
    size_t pairs; /* of tables, one for each quantiser; or just tables */
    uint8_t states[PHASES]; /* of each phase */
    size_t odd;   /* where the odd columns' half of a row begins */
    size_t pitch; /* from row to row */

    struct table *all_tables;
    struct line *lines;   /* by row and parity of its columns */
    int64_t *thresholds;  /* and one more that no estimate reaches */
    uint16_t buckets[KEYS]; /* by key: the thresholds that lie below all estimates of this key */
    int64_t *estimate;    /* of the positions of a pass in a row */
    int32_t *values;      /* by cell: the channel's latents */
    int32_t *sums[3];     /* by cell: F0, F1, F2 */
    int32_t *earlier;     /* cell x BLOCK: sums over earlier channels for the present block */
    uint32_t *positions;  /* the cells of a pass, in the order in which they are coded */
    uint32_t *events;     /* cell << 4 | magnitude, of all magnitudes of complete channels that are not 0 */
    size_t *events_end;   /* channel x 4: of even and odd columns of even rows, then of odd rows */
    int16_t *weights;     /* 4 x channel x BLOCK: those of the present block, transposed */
    uint8_t *magnitudes;  /* by cell; 0 if not yet decoded */
    uint8_t *chosen;      /* tables of a pass, row by row; or of a line */
};

/* A number that grows with the estimate, eight to each doubling: where in the thresholds to begin to search. */
static inline size_t key_of(int64_t estimate) {
    if (estimate < 8) return estimate < 0 ? 0 : (size_t)estimate;
    int log2 = log2_of((uint64_t)estimate);
    return (size_t)(log2 - 2) << 3 | (estimate >> (log2 - 3) & 7);
}

static inline const struct line *line_at(const struct walk *w, size_t y, unsigned parity) { return &w->lines[2 * y + parity]; }

/* The level of a quantiser that has a number: codec/entropy/quantisers.py. */
static inline int64_t level_of(int64_t number, unsigned quantiser) {
    return 2 * number - (int64_t)quantiser * ((number > 0) - (number < 0));
}

/* The line of a row that belongs to a pass, or NULL. */
static inline const struct line *line_of_pass(const struct walk *w, size_t channel, size_t pass, size_t y) {
    for (unsigned parity = 0; parity < 2; parity++)
        if (phase_of(y, parity, channel) == pass) return line_at(w, y, parity);
    return NULL;
}

/* Fill the cells at the ends of a row's halves: column -1 is column 1, the one behind the last the last but one. */
#define MIRROR_COLUMNS(row, w) \
    do { \
        size_t last = ((w)->columns - 1) / 2 + 1; /* cell of the last even column */ \
        if ((w)->columns > 1) { \
            (row)[(w)->odd] = (row)[(w)->odd + 1]; \
            if ((w)->columns % 2) \
                (row)[(w)->odd + last] = (row)[(w)->odd + last - 1]; \
            else \
                (row)[last + 1] = (row)[last]; \
        } \
    } while (0)

/* Everything before the first channel; refuses sizes, tables and contexts that contradict themselves. */
enum lic_result walk_start(struct walk *, const struct lic_tables *, const struct lic_contexts *,
                           const struct lic_chunk *);

/* contexts.c: before a channel; the tables of a line of it; after a line's latents are known; after a channel. */
void open_channel(const struct walk *, size_t channel);
void choose_tables(const struct walk *, size_t channel, size_t pass, const struct line *, uint8_t *chosen);
void note_magnitudes(const struct walk *, const struct line *, size_t row);
void add_channel(const struct walk *, size_t channel);

#endif
