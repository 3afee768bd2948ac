/* Everything that happens to a picture's numbers. First half: integer latents <-> bytes, FORMAT.md's section 2; second
   half: pictures <-> latents, section 4. Plain C11, no global state: calls may run side by side.

   The coder allocates nothing and keeps nothing between calls: the caller gives a workspace. Whatever its arrays hold,
   nothing beyond their stated sizes is read or written. */

#ifndef LIC_CORE_H
#define LIC_CORE_H

#include <stddef.h>
#include <stdint.h>

enum lic_result {
    LIC_OK,
    LIC_CORRUPT,      /* the stream does not decode, or a latent in it is out of range */
    LIC_NO_MEMORY,
    LIC_BAD_ARGUMENT, /* sizes, tables or contexts that contradict themselves, levels of no quantiser, or too little room */
};

/* Each row is the sums of the frequencies before each entry; the last entry is the escape, the total is 2^24. */
struct lic_tables {
    size_t count;
    const int32_t *first;  /* count: the symbol that entry 0 stands for */
    const uint32_t *start; /* count + 1: where each table's entries begin in `below`; the last is the size of `below` */
    const uint32_t *below;
};

enum lic_order {
    LIC_PLAIN,  /* no contexts: table c for channel c */
    LIC_PHASES, /* contexts in four phases */
};

struct lic_contexts {
    enum lic_order order;
    size_t channels;
    /* The rest is not read for LIC_PLAIN. */
    const int32_t *weights; /* channels x 4 phases x 9 */
    size_t thresholds_count;
    const int64_t *thresholds; /* in rising order */
    const uint8_t *index;      /* channels x 4 phases x (thresholds_count + 1) */
    const int16_t *earlier;    /* lic_earlier_size() of them, packed as in FORMAT.md; or NULL */
    /* With states, symbols are the levels of two quantisers, and the second half of the tables is that of quantiser 1. */
    size_t states_count;
    const uint8_t *states; /* states_count x 2: the next one, by the parity of a number; or NULL */
};

/* The size of a chunk, and memory to code it with; `symbols` are channels x rows x columns in all calls. */
struct lic_chunk {
    size_t rows, columns;
    void *workspace; /* of lic_workspace_size() bytes, aligned as malloc does */
};

/* The number of weights of earlier magnitudes of a model with so many channels. */
size_t lic_earlier_size(size_t channels);

/* Zero if a chunk of this size is too large for the core. */
size_t lic_workspace_size(const struct lic_tables *, const struct lic_contexts *, size_t rows, size_t columns);

/* Room that an encoded chunk of so many symbols always fits into. */
size_t lic_encoded_bound(size_t symbols);

enum lic_result lic_encode(const struct lic_tables *, const struct lic_contexts *, const struct lic_chunk *,
                           const int32_t *symbols, uint8_t *data, size_t room, size_t *size);

enum lic_result lic_decode(const struct lic_tables *, const struct lic_contexts *, const struct lic_chunk *,
                           const uint8_t *data, size_t size, int32_t *symbols);

enum { LIC_NO_TABLE = UINT16_MAX };

/* The number of each symbol's table; LIC_NO_TABLE in channels that are not in use. */
enum lic_result lic_find_tables(const struct lic_tables *, const struct lic_contexts *, const struct lic_chunk *,
                                const int32_t *symbols, uint16_t *numbers);

/* The same before it is known which quantiser codes which symbol: tables of quantiser 0, by contexts that count any
   `guessed` numbers. */
enum lic_result lic_guess_tables(const struct lic_tables *, const struct lic_contexts *, const struct lic_chunk *,
                                 const int32_t *guessed, uint16_t *numbers);

/* What a number costs under tables that lic_encode takes, in bits: of each of their entries. */
void lic_prices(const struct lic_tables *, float *prices);

/* The choice of a phase's levels, of a chunk with states, by the least sum of bits and squared distances from targets.
   Arrays are channels x rows x columns. */
struct lic_choice {
    size_t phase;
    float weight;            /* the bits of a squared distance of one step */
    float kept;              /* by so many bits a level is cheaper that stays as it is */
    const float *targets;    /* in steps */
    const uint16_t *numbers; /* of quantiser 0's tables, as by lic_find_tables; LIC_NO_TABLE in channels not in use */
    int32_t *levels;         /* those of the phase are replaced, others are not read */
};

enum lic_result lic_choose_levels(const struct lic_tables *, const struct lic_contexts *, const float *prices, size_t rows,
                                  size_t columns, const struct lic_choice *);

/* ---- pictures and latents ----

   float32, rounded to nearest, sums in a fixed order, nothing fused: the same bits on every machine. */

struct lic_network;
struct lic_team;
struct lic_stream;
struct lic_kernels;

/* From the layers' sizes and tensors, as codec/transform/described.py lists them. With slopes, twice the memory. */
enum lic_result lic_network_open(const int32_t *sizes, size_t sizes_count, const float *values, size_t values_count,
                                 int with_slopes, struct lic_network **);
void lic_network_close(struct lic_network *);
size_t lic_network_channels(const struct lic_network *); /* of latents */

/* Threads that share the work of one stream at a time. The core starts none: a caller who wants more than its own lends
   them after `lic_team_begin`, each by a call of `lic_team_work`, which returns after `lic_team_end`. They are numbered
   from 1 on. */
struct lic_team *lic_team_open(size_t threads);
void lic_team_begin(struct lic_team *);
void lic_team_work(struct lic_team *, size_t thread);
void lic_team_end(struct lic_team *);
void lic_team_close(struct lic_team *);
size_t lic_team_size(const struct lic_team *);

/* Vectors of so many floats ("1", "4", "8", "16"); NULL for the best. NULL if this processor has none such. */
const struct lic_kernels *lic_kernels_named(const char *name);

/* A picture, and the part of it to be computed, in pixels. The result has a pixel for reduce x reduce of these. */
struct lic_picture {
    ptrdiff_t width, height;
    ptrdiff_t left, top, right, bottom;
    ptrdiff_t reduce; /* 1, 2, 4 or 8; other than 1 only for decoding and previews */
};

/* Of each channel, copied. What a stream does not need may be NULL; trust is NULL if nothing is predicted. */
struct lic_point {
    const float *gain, *inverse_gain, *trust;
    const float *unscale; /* factors of latents before the second look's synthesis */
    float share;          /* of the second look; 0 for none */
    const int16_t *filter; /* 25 classes x 3 planes x 12 weights; NULL for none */
    int quick;            /* whether that is the quick one: models/second_look.py */
    size_t phase;         /* from 1 on, whose latents are expected */
};

/* The arrays that a stream reads and writes, NULL if it does not. Those with a first row hold rows from there on, of
   latents or of the result's pixels. Symbols, latents and slopes are channels x rows x columns. Latents may be written where
   they are read, since each row is read before. */
struct lic_arrays {
    const uint8_t *pixels; /* the whole picture: height x width x 3 */
    const int32_t *symbols;
    const float *latents;
    ptrdiff_t first_in, rows_in;

    uint8_t *pixels_out; /* rows x the region's width x 3 */
    float *latents_out;  /* or slopes */
    int32_t *symbols_out;
    ptrdiff_t first_out, rows_out;
    int32_t *errors_out; /* of all blocks: the sum of squared differences of grey levels */
};

enum lic_task {
    LIC_DECODE,  /* symbols -> pixels of the region */
    LIC_ANALYSE, /* pixels -> latents, of one look or blended with those of a second one */
    LIC_CHOOSE,  /* latents -> symbols */
    LIC_SLOPES,  /* symbols, pixels -> slopes of half the sum of squared errors by latents; errors of blocks */
    LIC_RESTORE, /* symbols -> latents */
    LIC_PREVIEW, /* symbols -> pixels of the preview, of which sizes and region are those of a picture by itself */
    LIC_FILTER,  /* pixels of whole blocks -> the same ones filtered */
    LIC_EXPECT,  /* latents of earlier phases and 0 for others -> the same ones, and what is expected of the point's phase */
};

enum lic_result lic_stream_open(enum lic_task, const struct lic_network *, struct lic_team *, const struct lic_kernels *,
                                const struct lic_picture *, const struct lic_point *, struct lic_stream **);
void lic_stream_close(struct lic_stream *);

/* Take input up to the row `source_end` of latents, as far as that is needed to complete the rows of the result before
   `result_end`, and write those. Returns the first row that is not complete; or -1 if the arrays lack rows. */
ptrdiff_t lic_stream_run(struct lic_stream *, const struct lic_arrays *, ptrdiff_t source_end, ptrdiff_t result_end);

/* The rows of latents that are read, and those of the result. */
void lic_stream_rows(const struct lic_stream *, ptrdiff_t source[2], ptrdiff_t result[2]);

/* ---- models ----

   What decoding needs of a model, in a file that codec/model/packed.py writes and gzip compresses. What encoding needs in
   addition is in a second file. */

struct lic_model;

/* From an uncompressed file, which is not needed any more then. LIC_CORRUPT if it is none, or damaged. */
enum lic_result lic_model_open(const uint8_t *data, size_t size, struct lic_model **);
void lic_model_close(struct lic_model *);

/* Add the encoder's file, once, and before others use the model. LIC_CORRUPT if it is none, or damaged; LIC_BAD_ARGUMENT
   if it belongs to another model, or the model has one. */
enum lic_result lic_model_add_encoder(struct lic_model *, const uint8_t *data, size_t size);
const uint8_t *lic_model_fingerprint(const struct lic_model *); /* four bytes, as in the files that need it */
size_t lic_model_channels(const struct lic_model *);
const struct lic_network *lic_model_network(const struct lic_model *);

/* A model at a rate position of FORMAT.md, for `lic_decode` and for the stream of a decoding; if the encoder's part has
   been added before, also for an encoding. It refers to the model, which must live as long. */
struct lic_rate {
    struct lic_tables tables;
    struct lic_contexts contexts;
    struct lic_point point;
};

enum lic_result lic_rate_open(const struct lic_model *, unsigned position, struct lic_rate **);
void lic_rate_close(struct lic_rate *);

/* Adjust the filter to a picture: `data` is the section F of its file. LIC_CORRUPT if it is none, or there is no filter. */
enum lic_result lic_rate_adjust(struct lic_rate *, const uint8_t *data, size_t size);

/* ---- dependent quantisation ----

   A picture's latents to levels, chunk by chunk; at effort 0, and as codec/transform/dependent.py explains it. */

struct lic_levels;

/* For chunks of at most so many rows. All else must live as long. LIC_BAD_ARGUMENT if the rate has one quantiser. */
enum lic_result lic_levels_open(const struct lic_network *, struct lic_team *, const struct lic_kernels *,
                                const struct lic_rate *, size_t rows, size_t columns, struct lic_levels **);
void lic_levels_close(struct lic_levels *);

/* Levels of the next chunk in the place of its symbols as LIC_CHOOSE rounds them; its latents are used up. `below` are the
   rounded symbols of the rows after it, so many in their array, of which the first four are needed; NULL and 0 after the last
   chunk. */
enum lic_result lic_levels_next(struct lic_levels *, const struct lic_chunk *, float *latents, int32_t *symbols,
                                const int32_t *below, size_t rows_below);

/* ---- encoding ----

   Pixels to the chunks of a file's latents, the bytes that `lic encode` writes at effort 0. */

struct lic_encoding;

/* The pixels, height x width x 3, and all else must live as long as the encoding. LIC_BAD_ARGUMENT if the model, or the
   rate, lacks the encoder's part, or a side is not 1 to 2^24 - 1. */
enum lic_result lic_encoding_open(const struct lic_model *, const struct lic_rate *, struct lic_team *,
                                  const uint8_t *pixels, ptrdiff_t width, ptrdiff_t height, struct lic_encoding **);
void lic_encoding_close(struct lic_encoding *);

/* How many chunks there are. */
size_t lic_encoding_chunks(const struct lic_encoding *);

/* The bytes of the next one, valid until the next call. After an error the encoding can only be closed. */
enum lic_result lic_encoding_next(struct lic_encoding *, const uint8_t **data, size_t *size);

#endif
