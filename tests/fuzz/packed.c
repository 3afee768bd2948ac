/* Fuzz packed models of the core under sanitizers: damaged files of a model and of its encoder's part, and encodings by
   those that can be opened.

       gcc -std=c11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -ffp-contract=off -Icodec/core \
           tests/fuzz/packed.c codec/core/{[a-l]*,m*l,network,[p-w]*}.c -lm -o fuzz-packed
       gunzip -c < MODEL.licmodel > model; gunzip -c < MODEL.licencoder > encoder
       ./fuzz-packed 0 10000 model encoder     # the first seed, and how many

   Each seed is one execution, which changes or cuts one of the files, or none. Where a sanitizer finds something, the
   program ends and says which seed it was. */

#include <string.h>

#include "core.h"
#include "fuzz.h"

enum { WIDTH = 19, HEIGHT = 17 };

struct file {
    uint8_t *data;
    size_t size;
};

static struct file files[2];
static size_t ends[2][LIC_BAD_ARGUMENT + 1], encoded, failed;

static struct file read_file(const char *name) {
    struct file file = {room(1 << 24, 1), 0};
    FILE *from = fopen(name, "rb");
    MUST(from);
    file.size = fread(file.data, 1, 1 << 24, from);
    MUST(file.size && file.size < 1 << 24 && fclose(from) == 0);
    return file;
}

/* A copy in memory of its size. Most numbers that matter are at the beginning, or are counts of arrays. */
static struct file copied(const struct file *from, int damage) {
    size_t size = damage && below(8) == 0 ? below((uint32_t)from->size + 1) : from->size;
    struct file copy = {room(size, 1), size};
    memcpy(copy.data, from->data, size);
    for (uint32_t times = damage && size ? 1 + below(3) : 0; times; times--) {
        uint32_t at = below(2) ? below((uint32_t)size) : below(size < 400 ? (uint32_t)size : 400);
        copy.data[at] = below(3) ? (uint8_t)next() : (uint8_t)(copy.data[at] ^ 1u << below(8));
    }
    return copy;
}

static enum lic_result encode(const struct lic_model *model) {
    struct lic_rate *rate;
    struct lic_encoding *encoding;
    struct lic_team *team = lic_team_open(1);
    uint8_t *pixels = room(3 * WIDTH * HEIGHT, 1);
    enum lic_result result = LIC_BAD_ARGUMENT;
    MUST(team);
    for (size_t i = 0; i < 3 * WIDTH * HEIGHT; i++) pixels[i] = (uint8_t)next();
    if (lic_rate_open(model, below(3) ? 256 * below(4) : below(1024), &rate) == LIC_OK) {
        if (lic_encoding_open(model, rate, team, pixels, WIDTH, HEIGHT, &encoding) == LIC_OK) {
            const uint8_t *data;
            size_t size;
            result = lic_encoding_next(encoding, &data, &size);
            if (result == LIC_OK) MUST(lic_encoding_next(encoding, &data, &size) == LIC_BAD_ARGUMENT);
            lic_encoding_close(encoding);
        }
        lic_rate_close(rate);
    }
    free(pixels);
    lic_team_close(team);
    return result;
}

static void execute(void) {
    int which = (int)below(3);
    struct file model_file = copied(&files[0], which == 1), encoder_file = copied(&files[1], which == 2);
    struct lic_model *model;
    enum lic_result result = lic_model_open(model_file.data, model_file.size, &model);
    ends[0][result]++;
    free(model_file.data);
    MUST((result == LIC_OK) == (model != NULL) && (which == 1 || model));
    if (model) {
        MUST(encode(model) != LIC_OK); /* without the encoder's part */
        result = lic_model_add_encoder(model, encoder_file.data, encoder_file.size);
        ends[1][result]++;
        MUST(which || result == LIC_OK);
        if (result) MUST(which == 1 || lic_model_add_encoder(model, files[1].data, files[1].size) == LIC_OK);
        *(encode(model) == LIC_OK ? &encoded : &failed) += 1;
        lic_model_close(model);
    }
    free(encoder_file.data);
}

int main(int count, char **arguments) {
    MUST(count == 5);
    for (int i = 0; i < 2; i++) files[i] = read_file(arguments[3 + i]);
    fuzz(count, arguments, execute);
    printf("models opened %zu, refused %zu; encoders opened %zu, refused %zu; pictures encoded %zu, failed %zu\n",
           ends[0][LIC_OK], ends[0][LIC_CORRUPT], ends[1][LIC_OK], ends[1][LIC_CORRUPT] + ends[1][LIC_BAD_ARGUMENT], encoded, failed);
    for (int i = 0; i < 2; i++) free(files[i].data);
    return 0;
}
