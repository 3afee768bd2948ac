/* The arrays of a model that the core takes, besides its networks. */

#ifndef LIC_MODEL_H
#define LIC_MODEL_H

#include "constants.h"
#include "core.h"

#define FILTER_SIZE (size_t)(FILTER_CLASSES * FILTER_PLANES * FILTER_TAPS)

/* In the order of CORE_ARRAYS in codec/model/frozen.py: the decoder's, and then the encoder's. Those that a model does not
   have are empty. Without a library there is a table for each channel, from its heights; without these there is none. */
enum array_name {
    HEIGHTS, STEPS, UNIT_OF, RESTORE, TRUST, FILTER, WEIGHTS, THRESHOLDS, INDEX, LIBRARY, LIBRARY_STEPS, EARLIER, SCALES, STATES,
    OF_ENCODER,
    SECOND_LOOK = OF_ENCODER, QUICK_LOOK,
    ARRAYS
};

extern const uint8_t number_sizes[ARRAYS]; /* bytes of a number in each */

struct array {
    size_t count;
    void *values;
};

struct lic_model {
    uint8_t fingerprint[FINGERPRINT_BYTES];
    struct lic_network *network; /* NULL where Python has opened it by itself */
    size_t channels, points;
    int encodes; /* whether the encoder's part is there */
    struct array arrays[ARRAYS];
    struct lic_tables library; /* made from that of densities */
};

/* Complete a model that has its arrays, perhaps those of the encoder, too; LIC_CORRUPT if they do not belong together. What
   it makes is to be freed by `free_frequencies(&library)`. */
enum lic_result model_complete(struct lic_model *);

#endif
