/* Encoding for JavaScript, likewise. */

#include "../../codec/core/core.h"
#include "memory.h"

/* From the bytes of an unpacked encoder's part of a model; not 0 if they are damaged, or there is no room. */
EXPORT(add_encoder) int add_encoder(struct lic_model *model, const uint8_t *data, size_t size) {
    return lic_model_add_encoder(model, data, size);
}

EXPORT(open_encoding) struct lic_encoding *open_encoding(const struct lic_model *model, const struct lic_rate *rate,
                                                        const uint8_t *pixels, int width, int height) {
    struct lic_encoding *encoding;
    if (lic_encoding_open(model, rate, team, pixels, width, height, &encoding)) return NULL;
    lic_team_begin(team);
    return encoding;
}

EXPORT(close_encoding) void close_encoding(struct lic_encoding *encoding) {
    lic_team_end(team);
    lic_encoding_close(encoding);
}

EXPORT(chunks_count) size_t chunks_count(const struct lic_encoding *encoding) { return lic_encoding_chunks(encoding); }

static const uint8_t *chunk; /* the last one */

/* How many bytes the next chunk has; -1 if there is no room. */
EXPORT(encode_chunk) int encode_chunk(struct lic_encoding *encoding) {
    size_t size;
    return lic_encoding_next(encoding, &chunk, &size) ? -1 : (int)size;
}

EXPORT(chunk_data) const uint8_t *chunk_data(void) { return chunk; }

/* R, G, B, any to R, G, B; returns whether all are grey. */
EXPORT(take_colours) int take_colours(const uint8_t *pixels, size_t count, uint8_t *colours) {
    int grey = 1;
    for (size_t i = 0; i < count; i++, pixels += 4, colours += 3) {
        for (int c = 0; c < 3; c++) colours[c] = pixels[c];
        grey &= pixels[0] == pixels[1] && pixels[0] == pixels[2];
    }
    return grey;
}
