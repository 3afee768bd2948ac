/* Integer latents <-> bytes, as FORMAT.md's section 2 has it: contexts, choice of tables, range coder, escapes.

   Plain C11 on pointers and sizes. Nothing is allocated, nothing is kept between calls: the caller gives a workspace,
   so calls may run side by side. Whatever the arrays hold, nothing beyond their stated sizes is read or written. */

#ifndef LIC_CORE_H
#define LIC_CORE_H

#include <stddef.h>
#include <stdint.h>

enum lic_result {
    LIC_OK,
    LIC_CORRUPT,      /* the stream does not decode, or a latent in it is out of range */
    LIC_UNCODABLE,    /* a latent is too far from its prediction for an escape */
    LIC_BAD_ARGUMENT, /* sizes, tables or contexts that contradict themselves, or too little room */
};

/* Each row is the sums of the frequencies before each entry; the last entry is the escape, the total is 2^24. */
struct lic_tables {
    size_t count;
    const int32_t *first;  /* count: the residual that entry 0 stands for */
    const uint32_t *start; /* count + 1: where each table's entries begin in `below`; the last is the size of `below` */
    const uint32_t *below;
};

enum lic_order {
    LIC_PLAIN,        /* no contexts: table c for channel c */
    LIC_CHECKERBOARD, /* generation 1: 3 x 8 weights for a channel */
    LIC_PHASES,       /* generation 2: 4 x 9 weights for a channel */
};

struct lic_contexts {
    enum lic_order order;
    size_t channels;
    /* The rest is not read for LIC_PLAIN. */
    const int32_t *weights;    /* channels x passes x features */
    const int32_t *prediction; /* LIC_CHECKERBOARD: 8 x 3 x 4, else not read */
    size_t thresholds_count;
    const int64_t *thresholds; /* in rising order */
    const uint8_t *index;      /* channels x passes x (thresholds_count + 1) */
    const int16_t *earlier;    /* lic_earlier_size() of them, packed as in FORMAT.md; or NULL */
};

/* What of a chunk: `symbols` are channels x rows x columns in all calls. */
struct lic_chunk {
    size_t rows, columns;
    void *workspace; /* of lic_workspace_size() bytes, aligned as malloc does */
};

/* The number of weights of earlier magnitudes of a model with so many channels. */
size_t lic_earlier_size(enum lic_order order, size_t channels);

/* Zero if a chunk of this size is beyond what the core takes. */
size_t lic_workspace_size(const struct lic_tables *, const struct lic_contexts *, size_t rows, size_t columns);

/* Room that an encoded chunk of so many symbols always fits into. */
size_t lic_encoded_bound(size_t symbols);

enum lic_result lic_encode(const struct lic_tables *, const struct lic_contexts *, const struct lic_chunk *,
                           const int32_t *symbols, uint8_t *data, size_t room, size_t *size);

enum lic_result lic_decode(const struct lic_tables *, const struct lic_contexts *, const struct lic_chunk *,
                           const uint8_t *data, size_t size, int32_t *symbols);

/* What each symbol costs, and would cost if it alone were larger by a shift; `cost` is that of each entry of
   `below`, `bits` is shifts x the shape of symbols. Channels not in use cost 0, or infinity if shifted. */
enum lic_result lic_price(const struct lic_tables *, const struct lic_contexts *, const struct lic_chunk *,
                          const int32_t *symbols, const double *cost, const int32_t *shifts, size_t shifts_count,
                          float *bits);

#endif
