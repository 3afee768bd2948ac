#define LANES 4
#define KERNELS lic_kernels_4
#define NAME "4"
#include "kernels_of_lanes.h"
