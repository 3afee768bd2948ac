/* What the programs that fuzz the core share: numbers from a seed, and claims that name it when they do not hold. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t seed, state;

#define MUST(claim) \
    do { \
        if (!(claim)) { \
            fprintf(stderr, "line %d: not so: %s\nseed %" PRIu64 "\n", __LINE__, #claim, seed); \
            abort(); \
        } \
    } while (0)

/* For the sanitizers, which end the program themselves. */
void __asan_on_error(void);
void __asan_on_error(void) { fprintf(stderr, "seed %" PRIu64 "\n", seed); }

/* splitmix64 */
static uint64_t next(void) {
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint32_t below(uint32_t size) { return (uint32_t)(next() % size); }

/* Signed numbers of up to so many bits, the extremes and small ones among them. */
static inline int64_t wild(int bits) {
    int64_t most = (int64_t)(UINT64_MAX >> (65 - bits)), any = (int64_t)next();
    switch (below(8)) {
        case 0: return most;
        case 1: return -most - 1;
        case 2: return 0;
        default: return any >> (64 - bits + (int)below((uint32_t)bits));
    }
}

static void *room(size_t count, size_t size) {
    void *memory = malloc(count * size + (count == 0));
    MUST(memory);
    return memory;
}

/* Arguments: the first seed, and how many. */
static void fuzz(int count, char **arguments, void (*execute)(void)) {
    uint64_t first = count > 1 ? strtoull(arguments[1], NULL, 10) : 0;
    uint64_t executions = count > 2 ? strtoull(arguments[2], NULL, 10) : 10000;
    for (seed = first; seed < first + executions; seed++) {
        state = seed;
        execute();
    }
    printf("%" PRIu64 " executions\n", executions);
}
