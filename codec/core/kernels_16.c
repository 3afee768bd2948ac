#if defined(__x86_64__)
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)
#else
#pragma GCC target("avx512f")
#endif
#define LANES 16
#define KERNELS lic_kernels_16
#define NAME "16"
#include "kernels_of_lanes.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
