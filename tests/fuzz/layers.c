/* The browser's layers under gcc's sanitizers: arrays of exactly the sizes that network.js allocates, results compared
   with those of plain loops.

    gcc -std=c11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -Itools/browser \
        tests/fuzz/layers.c -lm -o fuzz-layers
    ./fuzz-layers 0 1000    # the first seed, and how many */

#include "../../tools/browser/layers.c"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t state;

static uint32_t number(uint32_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

static float sample(void) { return (float)number(2001) / 1000 - 1; }

static void *new(size_t size) {
    void *made = aligned_alloc(16, size ? (size + 15) / 16 * 16 : 16);
    if (!made) exit(2);
    return made;
}

static float *activations(size_t positions, size_t channels) {
    return new (4 * rounded(positions, 4) * rounded(channels, 4));
}

static float *samples(size_t count) {
    float *made = malloc(4 * count + 16);
    for (size_t i = 0; i < count; i++) made[i] = sample();
    return made;
}

/* A vector for `groups` of channels, as putVector packs it. */
static float *packed_vector(const float *values, size_t count, size_t groups) {
    size_t depth = count / groups, width = rounded(depth, 4), size = rounded(width * groups, 8);
    float *made = new (4 * size);
    memset(made, 0, 4 * size);
    for (size_t i = 0; i < count; i++) made[i / depth * width + i % depth] = values[i];
    return made;
}

/* A picture of random values, with zeros behind the channels. */
static float *random_picture(size_t positions, size_t channels) {
    float *made = activations(positions, channels);
    size_t width = rounded(channels, 4);
    for (size_t i = 0; i < rounded(positions, 4) * width; i++) made[i] = i % width < channels ? sample() : 0;
    return made;
}

static void check(const char *what, float found, double wanted, double scale) {
    if (fabs(found - wanted) <= 1e-4 * (scale + 1)) return;
    printf("%s: %g instead of %g\n", what, found, wanted);
    exit(1);
}

static void try_1x1(void) {
    size_t positions = 1 + number(70), inputs = 1 + number(20), outputs = 1 + number(20), end = number(3);
    float *x = random_picture(positions, inputs), *kernel = samples(outputs * inputs), *bias = samples(outputs);
    float *packed = new (packed_1x1_size(outputs, inputs)), *biases = packed_vector(bias, outputs, 1);
    float *out = random_picture(positions, outputs), *before = new (4 * rounded(positions, 4) * rounded(outputs, 4));
    memcpy(before, out, 4 * rounded(positions, 4) * rounded(outputs, 4));
    pack_1x1(kernel, outputs, inputs, packed);
    convolve_1x1(x, rounded(positions, 4), inputs, packed, biases, outputs, (int)end, out);
    for (size_t i = 0; i < positions; i++)
        for (size_t o = 0; o < rounded(outputs, 4); o++) {
            double sum = o < outputs ? bias[o] : 0;
            for (size_t c = 0; c < inputs && o < outputs; c++) sum += kernel[o * inputs + c] * x[i * rounded(inputs, 4) + c];
            if (end == RELU && sum < 0) sum = 0;
            if (end == ADD) sum += before[i * rounded(outputs, 4) + o];
            check("convolution 1x1", out[i * rounded(outputs, 4) + o], sum, (double)inputs);
        }
    free(x), free(kernel), free(bias), free(packed), free(biases), free(out), free(before);
}

static void try_3x3(void) {
    size_t rows = 1 + number(14), columns = 1 + number(40), inputs = 1 + number(12), depth = 1 + number(10);
    size_t r = 1u << number(3), outputs = r * r * depth, width = rounded(depth, 4), in_width = rounded(inputs, 4);
    int end = (int)number(2);
    float *x = random_picture(rows * columns, inputs), *kernel = samples(outputs * inputs * 9), *bias = samples(outputs);
    float *packed = new (packed_3x3_size(r, depth, inputs)), *biases = packed_vector(bias, outputs, r * r);
    float *out = activations(rows * columns * r * r, depth), *scratch = new (convolve_3x3_scratch(inputs));
    memset(scratch, 0, convolve_3x3_scratch(inputs)); /* products of tiles that are not there are computed, too */
    pack_3x3(kernel, r, depth, inputs, packed);
    convolve_3x3(x, rows, columns, inputs, packed, biases, r, depth, end, out, scratch);
    for (size_t y = 0; y < rows * r; y++)
        for (size_t z = 0; z < columns * r; z++)
            for (size_t d = 0; d < width; d++) {
                size_t o = (y % r * r + z % r) * depth + d;
                double sum = d < depth ? bias[o] : 0;
                for (size_t k = 0; k < 9 * inputs && d < depth; k++) {
                    size_t c = k / 9, from_y = y / r + k % 9 / 3 - 1, from_x = z / r + k % 3 - 1;
                    if (from_y < rows && from_x < columns)
                        sum += kernel[o * inputs * 9 + k] * x[(from_y * columns + from_x) * in_width + c];
                }
                if (end == RELU && sum < 0) sum = 0;
                check("convolution 3x3", out[(y * columns * r + z) * width + d], sum, 9.0 * (double)inputs);
            }
    free(x), free(kernel), free(bias), free(packed), free(biases), free(out), free(scratch);
}

static void try_normalisation(void) {
    size_t positions = 1 + number(150), channels = 1 + number(20), width = rounded(channels, 4);
    float *x = random_picture(positions, channels), *gamma = samples(channels * channels), *beta = samples(channels);
    float *before = new (4 * rounded(positions, 4) * width), *packed = new (packed_1x1_size(channels, channels));
    for (size_t i = 0; i < channels * channels; i++) gamma[i] = fabsf(gamma[i]);
    for (size_t i = 0; i < channels; i++) beta[i] = fabsf(beta[i]);
    float *betas = packed_vector(beta, channels, 1), *scratch = new (normalise_scratch(channels));
    memcpy(before, x, 4 * rounded(positions, 4) * width);
    pack_1x1(gamma, channels, channels, packed);
    normalise(x, positions, channels, packed, betas, scratch);
    for (size_t i = 0; i < positions; i++)
        for (size_t c = 0; c < channels; c++) {
            double sum = beta[c];
            for (size_t j = 0; j < channels; j++)
                sum += (double)gamma[c * channels + j] * before[i * width + j] * before[i * width + j];
            check("normalisation", x[i * width + c], before[i * width + c] * sqrt(sum), (double)channels);
        }
    free(x), free(gamma), free(beta), free(before), free(packed), free(betas), free(scratch);
}

/* Rectangles of pictures, and pixels of wild values. */
static void try_pixels(void) {
    size_t rows = 1 + number(9), columns = 1 + number(9), channels = 1 + number(9), width = rounded(channels, 4);
    size_t top = number((uint32_t)rows), left = number((uint32_t)columns);
    size_t h = 1 + number((uint32_t)(rows - top)), w = 1 + number((uint32_t)(columns - left));
    float *x = random_picture(rows * columns, channels), *out = activations(h * w, channels);
    cut_out(x, columns, channels, top, left, h, w, out);
    for (size_t i = 0; i < h * w * width; i++) {
        size_t y = i / width / w, column = i / width % w;
        check("rectangle", out[i], x[((top + y) * columns + left + column) * width + i % width], 0);
    }
    float *picture = activations(rows * columns, 3);
    uint8_t *pixels = malloc(4 * h * w);
    for (size_t i = 0; i < rows * columns * 4; i++) picture[i] = ldexpf(sample(), (int)number(140) - 8);
    if (number(2)) picture[number((uint32_t)(rows * columns * 4))] = NAN;
    paint(picture, columns, top, left, h, w, 0, pixels, w);
    for (size_t i = 0; i < h * w * 4; i++) {
        float value = picture[((top + i / 4 / w) * columns + left + i / 4 % w) * 4 + i % 4];
        double level = i % 4 == 3 ? 255 : nearbyint((value + .5f) * 255);
        if (!isnan(level)) check("pixel", pixels[i], fmin(255, fmax(0, level)), 0);
    }
    free(x), free(out), free(picture), free(pixels);
}

/* Symbols to latents, and phases. */
static void try_latents(void) {
    size_t rows = 1 + number(5), columns = 1 + number(7), channels = 1 + number(13), width = rounded(channels, 4);
    size_t count = rows * columns, phase = number(5);
    int32_t *symbols = malloc(4 * count * channels);
    float *scales = samples(channels), *latents = activations(count, channels), *known = activations(count, channels);
    for (size_t i = 0; i < count * channels; i++) symbols[i] = (int32_t)number(2000) - 1000;
    scale_symbols(symbols, count, channels, scales, latents);
    keep_earlier(latents, rows, columns, channels, phase, known);
    add_expected(known, latents, rows, columns, channels, phase, scales);
    static const int places[2][2] = {{0, 2}, {3, 1}};
    for (size_t i = 0; i < count * width; i++) {
        size_t c = i % width, at = i / width, of = (size_t)(places[at / columns % 2][at % columns % 2] + 400 - (int)c) % 4;
        double latent = c < channels ? (double)symbols[c * count + at] * scales[c] : 0;
        check("latent", latents[i], latent, 0);
        check("known latent", known[i], of < phase ? latent : of == phase && c < channels ? latent * scales[c] : 0, 100);
    }
    float *place = samples(4 * width), *turned = new (16 * width);
    memcpy(turned, place, 16 * width);
    add_place(latents, rows, columns, channels, turned);
    free(symbols), free(scales), free(latents), free(known), free(place), free(turned);
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    uint64_t first = strtoull(arguments[1], NULL, 10), many = strtoull(arguments[2], NULL, 10);
    for (uint64_t seed = first; seed < first + many; seed++) {
        state = seed * 2654435761u + 1;
        try_1x1();
        try_3x3();
        try_normalisation();
        try_pixels();
        try_latents();
    }
    printf("%llu executions\n", (unsigned long long)many);
    return 0;
}
