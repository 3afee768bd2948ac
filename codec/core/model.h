/* The arrays of a packed model, and those at a rate position. */

#ifndef LIC_MODEL_H
#define LIC_MODEL_H

#include "constants.h"
#include "core.h"

#define FILTER_SIZE (size_t)(FILTER_CLASSES * FILTER_PLANES * FILTER_TAPS)

/* In the order of the files: the model's, and then its encoder's. Those that a model does not have are empty. */
enum array_name {
    LAYERS, HEIGHTS, STEPS, UNIT_OF, RESTORE, TRUST, FILTER, WEIGHTS, THRESHOLDS, INDEX, LIBRARY, LIBRARY_STEPS, EARLIER, SCALES,
    OF_ENCODER,
    LAYERS_OF_ENCODER = OF_ENCODER, SECOND_LOOK, QUICK_LOOK,
    ARRAYS
};

struct array {
    size_t count;
    void *values;
};

struct lic_model {
    uint8_t fingerprint[FINGERPRINT_BYTES];
    struct lic_network *network;
    size_t channels, points;
    int encodes; /* whether the encoder's part is there */
    struct array arrays[ARRAYS];
};

#endif
