/* The phases of latents, in which they are coded and predicted: models/expectation.py. */

#ifndef LIC_PHASES_H
#define LIC_PHASES_H

#include <stddef.h>

#include "constants.h"

static inline size_t phase_of(size_t y, size_t x, size_t channel) {
    static const size_t places[2][2] = PLACES;
    return (places[y % 2][x % 2] - channel) % PHASES; /* unsigned: wraps around to the right one */
}

#endif
