#define LANES 1
#define KERNELS lic_kernels_1
#define NAME "1"
#include "kernels_of_lanes.h"
