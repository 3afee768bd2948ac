#include "kernels.h"

static const struct lic_kernels *const all_kernels[] = {
#if defined(__x86_64__)
    &lic_kernels_16, &lic_kernels_8,
#endif
    &lic_kernels_4,
#if !defined(__wasm__)
    &lic_kernels_1, /* for tests */
#endif
};

static int runs(const struct lic_kernels *kernels) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (kernels == &lic_kernels_16) return __builtin_cpu_supports("avx512f");
    if (kernels == &lic_kernels_8) return __builtin_cpu_supports("avx2");
#endif
    return kernels != NULL;
}

/* Processors of AMD add and multiply two vectors of eight at a time each, and take longer for sixteen. */
static int pays(const struct lic_kernels *kernels) {
#if defined(__x86_64__)
    if (kernels == &lic_kernels_16) return !__builtin_cpu_is("amd");
#endif
    return kernels != NULL;
}

static int is_named(const struct lic_kernels *kernels, const char *name) {
    const char *own = kernels->name;
    while (*name && *name == *own) name++, own++;
    return *name == *own;
}

const struct lic_kernels *lic_kernels_named(const char *name) {
    for (size_t i = 0; i < sizeof all_kernels / sizeof *all_kernels; i++) {
        const struct lic_kernels *kernels = all_kernels[i];
        if (runs(kernels) && (name ? is_named(kernels, name) : pays(kernels))) return kernels;
    }
    return NULL;
}
