/* Decodes a .lic file to a PPM file (or PGM, if it is grey), by the core alone.

       gcc -std=c11 -O3 -ffp-contract=off -fno-math-errno -Icodec/core -o lic2ppm codec/core/examples/lic2ppm.c CORE -lz -lm
       lic2ppm MODEL.licmodel PICTURE.lic PICTURE.ppm

   CORE are the files codec/core/[a-z]*.c without module.c and network_module.c, which are for Python. zlib unpacks the
   model, which `lic export photo -o photo.licmodel` writes. The container is read as FORMAT.md's section 1 describes it; transparency and metadata are left out. */

#include <string.h>

#include "core.h"
#include "files.h"

enum { HEAD = 5, CHUNK_ROWS = 64, BLOCK_SIDE = 16 };

/* ---- container ---- */

struct part {
    const uint8_t *at, *end;
};

static struct part take(struct part *from, size_t size) {
    if (size > (size_t)(from->end - from->at)) fail("the file is cut");
    struct part taken = {from->at, from->at + size};
    from->at += size;
    return taken;
}

static size_t take_varint(struct part *from) {
    size_t value = 0;
    for (int shift = 0; shift < 35; shift += 7) {
        uint8_t byte = *take(from, 1).at;
        value |= (size_t)(byte & 127) << shift;
        if (byte < 128) return value;
    }
    fail("the file is damaged");
    return 0;
}

struct picture {
    size_t width, height, rows, columns;
    unsigned mode; /* 0: grey, 1: colour, 2: grey in three equal channels */
    unsigned position;
    const uint8_t *fingerprint;
    struct part adjustment, latents;
};

static struct picture parse(const uint8_t *data, size_t size) {
    struct part file = {data, data + size};
    if (size < HEAD + 4 || memcmp(data, "LIC\1", 4)) fail("this is no .lic file of version 1");
    file.end -= 4;
    const uint8_t *sum = file.end;
    if (crc32(0, data, (uInt)(size - 4)) != (sum[0] | sum[1] << 8 | sum[2] << 16 | (uLong)sum[3] << 24)) fail("the file is damaged");
    struct picture p = {.mode = take(&file, HEAD).at[4]};
    p.width = take_varint(&file), p.height = take_varint(&file);
    if (p.mode > 2 || !p.width || !p.height || p.width >> 24 || p.height >> 24) fail("the file is damaged, or newer");
    p.rows = (p.height + BLOCK_SIDE - 1) / BLOCK_SIDE, p.columns = (p.width + BLOCK_SIDE - 1) / BLOCK_SIDE;
    const uint8_t *position = take(&file, 2).at;
    p.position = position[0] | position[1] << 8;
    p.fingerprint = take(&file, 4).at;
    for (uint8_t tag = 0; tag != 'L';) {
        tag = *take(&file, 1).at;
        p.latents = take(&file, take_varint(&file));
        if (tag == 'F') p.adjustment = p.latents;
        if (tag == 'S' || tag == 'W') fail("the picture is kept without loss, which this example does not read");
        if (tag != 'L' && tag != 'A' && tag != 'F' && tag < 'a') fail("the file is newer");
    }
    if (file.at != file.end) fail("the file is damaged");
    return p;
}

/* ---- pixels ---- */

/* The symbols of all chunks, channels x rows x columns of each, decoded row by row into pixels of R, G and B. */
static uint8_t *decode(const struct lic_model *model, const struct picture *p) {
    struct lic_rate *rate;
    struct lic_stream *stream;
    struct lic_picture whole = {(ptrdiff_t)p->width, (ptrdiff_t)p->height, 0, 0, (ptrdiff_t)p->width, (ptrdiff_t)p->height, 1};
    struct lic_team *team = lic_team_open(1);
    if (!team) fail("out of memory");
    if (lic_rate_open(model, p->position, &rate)) fail("the model does not have this rate");
    const struct part *added = &p->adjustment;
    if (added->at && lic_rate_adjust(rate, added->at, (size_t)(added->end - added->at))) fail("the filter's adjustment is damaged");
    if (lic_stream_open(LIC_DECODE, lic_model_network(model), team, NULL, &whole, &rate->point, &stream)) fail("out of memory");
    uint8_t *pixels = room(p->width * p->height, 3);
    int32_t *symbols = room(lic_model_channels(model) * CHUNK_ROWS * p->columns, sizeof *symbols);
    struct part latents = p->latents;
    size_t chunks = (p->rows + CHUNK_ROWS - 1) / CHUNK_ROWS, *lengths = room(chunks, sizeof *lengths);
    for (size_t i = 0; i + 1 < chunks; i++) lengths[i] = take_varint(&latents);
    for (size_t i = 0; i < chunks; i++) {
        size_t first = i * CHUNK_ROWS, rows = p->rows - first < CHUNK_ROWS ? p->rows - first : CHUNK_ROWS;
        struct part data = take(&latents, i + 1 < chunks ? lengths[i] : (size_t)(latents.end - latents.at));
        size_t needed = lic_workspace_size(&rate->tables, &rate->contexts, rows, p->columns);
        if (!needed) fail("the picture is too wide");
        struct lic_chunk chunk = {rows, p->columns, room(needed, 1)};
        if (lic_decode(&rate->tables, &rate->contexts, &chunk, data.at, (size_t)(data.end - data.at), symbols))
            fail("the latents do not decode");
        struct lic_arrays arrays = {
            .symbols = symbols, .first_in = (ptrdiff_t)first, .rows_in = (ptrdiff_t)rows,
            .pixels_out = pixels, .rows_out = whole.height,
        };
        if (lic_stream_run(stream, &arrays, (ptrdiff_t)(first + rows), whole.height) < 0) fail("the latents do not decode");
        free(chunk.workspace);
    }
    free(lengths);
    free(symbols);
    lic_stream_close(stream);
    lic_rate_close(rate);
    lic_team_close(team);
    return pixels;
}

int main(int count, char **names) {
    if (count != 4) fail("give a model, a .lic file and the name of a PPM file");
    size_t size;
    struct lic_model *model;
    uint8_t *data = read_file(names[1], &size);
    if (lic_model_open(data, size, &model)) fail("this is no model, or it is damaged");
    free(data);
    data = read_file(names[2], &size);
    struct picture p = parse(data, size);
    if (memcmp(p.fingerprint, lic_model_fingerprint(model), 4)) fail("the picture needs another model");
    uint8_t *pixels = decode(model, &p);
    FILE *out = fopen(names[3], "wb");
    if (!out) fail("the result cannot be written");
    fprintf(out, "P%d\n%zu %zu\n255\n", p.mode == 0 ? 5 : 6, p.width, p.height);
    for (size_t i = 0; i < p.width * p.height; i++) {
        uint8_t *rgb = pixels + 3 * i;
        if (p.mode != 1) rgb[0] = rgb[1] = rgb[2] = (uint8_t)((19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 32768) >> 16);
        fwrite(rgb, 1, p.mode == 0 ? 1 : 3, out);
    }
    if (fclose(out)) fail("the result cannot be written");
    free(pixels);
    free(data);
    lic_model_close(model);
    return 0;
}
