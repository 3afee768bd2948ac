#include "team.h"

#include <stdatomic.h>
#include <stdlib.h>

#ifdef _WIN32
#include <windows.h>
#define LET_OTHERS_RUN() SwitchToThread()
#elif defined(__wasm_atomics__)
#define LET_OTHERS_RUN() __builtin_wasm_memory_atomic_wait32(&(int){0}, 0, 50000) /* nanoseconds */
#elif defined(__wasm__)
#define LET_OTHERS_RUN() ((void)0)
#else
#include <sched.h>
#define LET_OTHERS_RUN() sched_yield()
#endif
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

enum { PATIENCE = 4000 }; /* looks for new work before others may run: some tenths of a millisecond */

/* `ticket` counts loops in its upper half and items taken in its lower half: so nobody takes an item of a loop that is
   over. A loop is done when all its items are. */
struct lic_team {
    size_t threads;
    team_task *task;
    void *about;
    _Atomic size_t count, done;
    _Atomic unsigned long long ticket;
    _Atomic int ended;
};

struct lic_team *lic_team_open(size_t threads) {
    struct lic_team *team = calloc(1, sizeof *team);
    if (team) team->threads = threads ? threads : 1;
    return team;
}

void lic_team_close(struct lic_team *team) { free(team); }

size_t lic_team_size(const struct lic_team *team) { return team->threads; }

static void wait_a_moment(unsigned *looks) {
    if (++*looks < PATIENCE) {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#endif
        return;
    }
    *looks = PATIENCE;
    LET_OTHERS_RUN();
}

/* Take items of the loop that is going on, if there are any left. */
static void take_items(struct lic_team *team, size_t thread) {
    for (;;) {
        unsigned long long ticket = atomic_load(&team->ticket);
        size_t item = (size_t)(ticket & 0xffffffff);
        if (item >= atomic_load(&team->count)) return;
        if (!atomic_compare_exchange_weak(&team->ticket, &ticket, ticket + 1)) continue;
        team->task(team->about, item, thread);
        atomic_fetch_add(&team->done, 1);
    }
}

void lic_team_work(struct lic_team *team, size_t thread) {
    unsigned looks = 0, mode = lic_round_to_nearest();
    while (!atomic_load(&team->ended)) {
        unsigned long long before = atomic_load(&team->ticket);
        take_items(team, thread);
        if (atomic_load(&team->ticket) != before) looks = 0;
        wait_a_moment(&looks);
    }
    lic_restore_rounding(mode);
}

void lic_team_begin(struct lic_team *team) { atomic_store(&team->ended, 0); }

void lic_team_end(struct lic_team *team) { atomic_store(&team->ended, 1); }

void team_run(struct lic_team *team, team_task *task, void *about, size_t count) {
    if (team->threads == 1 || count < 2) {
        for (size_t item = 0; item < count; item++) task(about, item, 0);
        return;
    }
    unsigned looks = 0;
    atomic_store(&team->count, 0);
    unsigned long long loop = (atomic_load(&team->ticket) >> 32) + 1;
    atomic_store(&team->ticket, loop << 32);
    team->task = task;
    team->about = about;
    atomic_store(&team->done, 0);
    atomic_store(&team->count, count);
    take_items(team, 0);
    while (atomic_load(&team->done) < count) wait_a_moment(&looks);
}

unsigned lic_round_to_nearest(void) {
#if defined(__SSE2__)
    unsigned mode = _mm_getcsr();
    _mm_setcsr(0x1f80); /* as a process begins: exceptions masked, to nearest, no flushing to zero */
    return mode;
#elif defined(__aarch64__)
    unsigned long long mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    __asm__ volatile("msr fpcr, %0" : : "r"(0ull));
    return (unsigned)mode;
#elif defined(__arm__) && defined(__ARM_FP)
    unsigned mode;
    __asm__ volatile("vmrs %0, fpscr" : "=r"(mode));
    __asm__ volatile("vmsr fpscr, %0" : : "r"(0));
    return mode;
#else
    return 0;
#endif
}

void lic_restore_rounding(unsigned mode) {
#if defined(__SSE2__)
    _mm_setcsr(mode);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"((unsigned long long)mode));
#elif defined(__arm__) && defined(__ARM_FP)
    __asm__ volatile("vmsr fpscr, %0" : : "r"(mode));
#else
    (void)mode;
#endif
}
