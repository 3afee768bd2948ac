/* Encodes a PPM or PGM file to a .lic file, by the core alone, as `lic encode --no-lossless` does at effort 0.

       gcc -std=c11 -O3 -ffp-contract=off -fno-math-errno -Icodec/core -o ppm2lic codec/core/examples/ppm2lic.c CORE -lz -lm
       ppm2lic MODEL.licmodel MODEL.licencoder POSITION PICTURE.ppm PICTURE.lic

   CORE and MODEL are those of lic2ppm.c; `lic export photo -o photo.licencoder` writes the encoder's part. POSITION is a
   rate position of FORMAT.md: 256 for each lambda point. */

#include <string.h>

#include "core.h"
#include "files.h"

/* ---- the picture ---- */

struct picture {
    size_t width, height;
    unsigned mode; /* as in the file: 0 for grey, 1 for colour, 2 for grey in three equal channels */
    uint8_t *pixels; /* R, G, B */
};

/* A number in the head of the picture, behind white space. */
static size_t next_number(const uint8_t **at, const uint8_t *end) {
    size_t value = 0;
    while (*at < end && (**at == ' ' || **at == '\n')) ++*at;
    for (; *at < end && **at >= '0' && **at <= '9' && value < 1 << 24; ++*at) value = 10 * value + (size_t)(**at - '0');
    return value;
}

static struct picture parse(const uint8_t *data, size_t size) {
    if (size < 2 || data[0] != 'P' || (data[1] != '5' && data[1] != '6')) fail("this is no PPM or PGM file");
    size_t channels = data[1] == '6' ? 3 : 1;
    const uint8_t *at = data + 2, *end = data + size;
    struct picture p = {.mode = 0};
    p.width = next_number(&at, end), p.height = next_number(&at, end);
    size_t most = next_number(&at, end);
    if (most != 255 || !p.width || !p.height || at++ == end) fail("this is no plain PPM or PGM file of 8 bits");
    if ((size_t)(end - at) / channels / p.width < p.height) fail("the picture is cut");
    p.pixels = room(p.width * p.height, 3);
    for (size_t i = 0; i < p.width * p.height; i++, at += channels)
        for (size_t c = 0; c < 3; c++) p.pixels[3 * i + c] = at[channels == 3 ? c : 0];
    if (channels == 1) return p;
    p.mode = 2;
    for (size_t i = 0; i < p.width * p.height; i++)
        if (p.pixels[3 * i] != p.pixels[3 * i + 1] || p.pixels[3 * i] != p.pixels[3 * i + 2]) p.mode = 1;
    return p;
}

/* ---- the container ---- */

struct buffer {
    uint8_t *data;
    size_t size, room;
};

static void put(struct buffer *to, const void *from, size_t size) {
    if (to->size + size > to->room && !(to->data = realloc(to->data, to->room = 2 * (to->size + size)))) fail("out of memory");
    memcpy(to->data + to->size, from, size);
    to->size += size;
}

static void put_byte(struct buffer *to, size_t byte) { put(to, &(uint8_t){(uint8_t)byte}, 1); }

static void put_varint(struct buffer *to, size_t value) {
    for (; value > 127; value >>= 7) put_byte(to, value | 128);
    put_byte(to, value);
}

/* The chunks, all but the last one behind its length. Where few pixels occupy many blocks, the pixels may be fewer bytes. */
static struct buffer encode(const struct lic_model *model, unsigned position, const struct picture *p) {
    struct lic_rate *rate;
    struct lic_encoding *encoding;
    struct lic_team *team = lic_team_open(1);
    struct buffer lengths = {0}, chunks = {0};
    if (!team) fail("out of memory");
    if (lic_rate_open(model, position, &rate)) fail("the model does not have this rate");
    if (lic_encoding_open(model, rate, team, p->pixels, (ptrdiff_t)p->width, (ptrdiff_t)p->height, &encoding))
        fail("the picture is too large, or there is no memory");
    for (size_t i = lic_encoding_chunks(encoding); i; i--) {
        const uint8_t *data;
        size_t size;
        if (lic_encoding_next(encoding, &data, &size)) fail("the picture is too wide, or there is no memory");
        if (i > 1) put_varint(&lengths, size);
        put(&chunks, data, size);
    }
    put(&lengths, chunks.data, chunks.size);
    free(chunks.data);
    lic_encoding_close(encoding);
    lic_rate_close(rate);
    lic_team_close(team);
    return lengths;
}

static struct buffer build(const struct picture *p, unsigned position, const uint8_t *fingerprint, const struct buffer *latents) {
    struct buffer file = {0};
    size_t samples = p->mode == 1 ? 3 : 1, raw = samples * p->width * p->height;
    int stored = latents->size > raw;
    put(&file, "LIC\1", 4);
    put_byte(&file, p->mode);
    put_varint(&file, p->width);
    put_varint(&file, p->height);
    put_byte(&file, position & 255);
    put_byte(&file, position >> 8);
    put(&file, fingerprint, 4);
    if (stored) {
        put_byte(&file, 'S');
        put_varint(&file, raw);
        for (size_t i = 0; i < p->width * p->height; i++) put(&file, p->pixels + 3 * i, samples);
    }
    put_byte(&file, 'L');
    put_varint(&file, stored ? 0 : latents->size);
    if (!stored) put(&file, latents->data, latents->size);
    uLong sum = crc32(0, file.data, (uInt)file.size);
    for (int shift = 0; shift < 32; shift += 8) put_byte(&file, sum >> shift);
    return file;
}

int main(int count, char **given) {
    if (count != 6) fail("give a model, its encoder's part, a rate position, a PPM file and the name of a .lic file");
    size_t size;
    struct lic_model *model;
    uint8_t *data = read_file(given[1], &size);
    if (lic_model_open(data, size, &model)) fail("this is no model, or it is damaged");
    free(data);
    data = read_file(given[2], &size);
    if (lic_model_add_encoder(model, data, size)) fail("this is no encoder's part of that model, or it is damaged");
    free(data);
    data = read_file(given[4], &size);
    unsigned position = (unsigned)strtoul(given[3], NULL, 10);
    struct picture p = parse(data, size);
    free(data);
    struct buffer latents = encode(model, position, &p), file = build(&p, position, lic_model_fingerprint(model), &latents);
    FILE *out = fopen(given[5], "wb");
    if (!out || fwrite(file.data, 1, file.size, out) != file.size || fclose(out)) fail("the result cannot be written");
    free(file.data);
    free(latents.data);
    free(p.pixels);
    lic_model_close(model);
    return 0;
}
