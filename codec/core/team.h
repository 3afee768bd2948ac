/* Loops whose items are shared among threads; see core.h. */

#ifndef LIC_TEAM_H
#define LIC_TEAM_H

#include <stddef.h>

#include "core.h"

/* One item of a loop, done by one of the threads, numbered from 0. */
typedef void team_task(void *about, size_t item, size_t thread);

/* Do items 0 to count - 1, in any order. */
void team_run(struct lic_team *, team_task *, void *about, size_t count);

/* Round to nearest and keep small numbers, whatever the process has set, in all that computes floats; returns the
   setting to restore. */
unsigned lic_round_to_nearest(void);
void lic_restore_rounding(unsigned mode);

#endif
