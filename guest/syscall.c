/* SPDX-License-Identifier: MIT */
/*
 * Dispatch of system calls, and the calls about the process itself: identity, limits, thread
 * storage. To add a call: a row in syscalls.def and a handler in the file of its family.
 */
#include <errno.h>
#include <string.h>
#include "guest/syscall.h"
#include "vliw-model/isa.h"
#include "concealed-mem/abi.h"
#include "isa-frontend/cpuid.h"

static void complain(struct process *p, uint32_t nr)
{
    uint32_t n = nr < 512 ? nr : 511;

    if (p->loud[n / 8] & 1u << n % 8)
        return;
    p->loud[n / 8] |= (uint8_t)(1u << n % 8);
    fprintf(p->log, "chrysalis: system call %u is not implemented: ENOSYS\n", nr);
}

int32_t process_syscall(struct process *p, uint32_t nr, const uint32_t a[6])
{
    switch (nr) {
#define SYS(nr, name)                                                                              \
    case nr:                                                                                       \
        return sys_##name(p, a);
#include "guest/syscalls.def"
#undef SYS
    default: break;
    }
    complain(p, nr);
    return -ENOSYS;
}

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

/* One user, always the same. */
CALL(getuid32)
{
    return GUEST_UID;
}
CALL(getgid32)
{
    return GUEST_UID;
}
CALL(geteuid32)
{
    return GUEST_UID;
}
CALL(getegid32)
{
    return GUEST_UID;
}
CALL(getuid)
{
    return GUEST_UID;
}
CALL(getgid)
{
    return GUEST_UID;
}
CALL(geteuid)
{
    return GUEST_UID;
}
CALL(getegid)
{
    return GUEST_UID;
}
CALL(getgroups32)
{
    return (int32_t)a[0] < 0 ? -EINVAL : 0;
}
CALL(getgroups)
{
    return (int32_t)a[0] < 0 ? -EINVAL : 0;
}

void process_cpuid(const struct process *p, uint32_t leaf, uint32_t r[4])
{
    ia32_cpuid_of(vm_mdesc(p->vm)->guest_identity, vm_mdesc(p->vm)->core_mhz, leaf, r);
}

const char *process_machine(const struct process *p)
{
    uint32_t r[4];

    process_cpuid(p, 1, r);
    return (r[0] >> 8 & 15) >= 6 ? "i686" : "i586";
}

CALL(uname)
{
    char u[6][65] = {"Linux", "chrysalis", UNAME_RELEASE, UNAME_VERSION, "", "(none)"};

    strcpy(u[4], process_machine(p));
    return space_write(p->space, a[0], u, sizeof u);
}

CALL(sysinfo)
{
    uint32_t s[16] = {0};

    s[0] = (uint32_t)(process_now_ns(p) / 1000000000u);
    s[4] = p->frames.nframes * PAGE;
    s[5] = (p->frames.nframes - p->frames.used) * PAGE;
    s[10] = 1; /* processes, in the low half */
    s[13] = 1; /* unit of memory figures */
    return space_write(p->space, a[0], s, sizeof s);
}

void limits_init(struct group *g)
{
    memset(g->limit, 0xff, sizeof g->limit);
    g->limit[LIMIT_STACK][0] = (uint64_t)STACK_PAGES * PAGE;
    g->limit[LIMIT_NOFILE][0] = SOFT_FDS;
    g->limit[LIMIT_NOFILE][1] = PROC_FDS;
    g->limit[LIMIT_SIGPENDING][0] = g->limit[LIMIT_SIGPENDING][1] = SIGNALS_QUEUED;
}

/* Kept and inherited; those on descriptors and queued signals are enforced. */
static int32_t set_limit(struct group *g, uint32_t which, const uint64_t lim[2])
{
    if (lim[0] > lim[1])
        return -EINVAL;
    if (which == LIMIT_NOFILE && lim[1] > PROC_FDS)
        return -EPERM;
    memcpy(g->limit[which], lim, sizeof g->limit[which]);
    return 0;
}

CALL(ugetrlimit)
{
    uint32_t w[2];

    if (a[0] >= GUEST_LIMITS)
        return -EINVAL;
    for (int i = 0; i < 2; i++)
        w[i] = p->grp->limit[a[0]][i] > UINT32_MAX ? UINT32_MAX : (uint32_t)p->grp->limit[a[0]][i];
    return space_write(p->space, a[1], w, sizeof w);
}

/* The first of its kind: no limit is more than a signed number. */
CALL(getrlimit)
{
    uint32_t w[2];

    if (a[0] >= GUEST_LIMITS)
        return -EINVAL;
    for (int i = 0; i < 2; i++)
        w[i] = p->grp->limit[a[0]][i] > INT32_MAX ? INT32_MAX : (uint32_t)p->grp->limit[a[0]][i];
    return space_write(p->space, a[1], w, sizeof w);
}

CALL(setrlimit)
{
    uint32_t w[2];
    uint64_t lim[2];

    int32_t e = space_read(p->space, a[1], w, sizeof w);
    if (e)
        return e;
    for (int i = 0; i < 2; i++)
        lim[i] = w[i] == UINT32_MAX ? UINT64_MAX : w[i];
    return a[0] >= GUEST_LIMITS ? -EINVAL : set_limit(p->grp, a[0], lim);
}

CALL(prlimit64)
{
    struct group *g = a[0] ? group_by_pid(p, a[0]) : p->grp;
    uint64_t lim[2], old[2];

    if (a[1] >= GUEST_LIMITS)
        return -EINVAL;
    int32_t e = a[2] ? space_read(p->space, a[2], lim, sizeof lim) : 0;
    if (!e && !g)
        e = -ESRCH;
    if (e)
        return e;
    memcpy(old, g->limit[a[1]], sizeof old);
    e = a[2] ? set_limit(g, a[1], lim) : 0;
    return e || !a[3] ? e : space_write(p->space, a[3], old, sizeof old);
}

CALL(rseq)
{
    return -ENOSYS;
} /* a quiet no: glibc asks at every start and does without */

/* As quiet: programs look at files from time to time instead. */
CALL(inotify_init)
{
    return -ENOSYS;
}
CALL(inotify_init1)
{
    return -ENOSYS;
}

CALL(getrandom)
{
    enum { NONBLOCK = 1, RANDOM = 2, INSECURE = 4, MOST = 0x7ffff000 };
    uint32_t done = 0, len = a[1] < MOST ? a[1] : MOST;

    if (a[2] & ~(uint32_t)(NONBLOCK | RANDOM | INSECURE) ||
        (a[2] & (RANDOM | INSECURE)) == (RANDOM | INSECURE))
        return -EINVAL;
    len = len ? space_fit(p->space, a[0], len, true) : 0;
    if (!len)
        return a[1] ? -EFAULT : 0;
    while (done < len) {
        uint32_t r = process_random(p), n = len - done < 4 ? len - done : 4;
        int32_t e = space_write(p->space, a[0] + done, &r, n);
        if (e)
            return done ? (int32_t)done : e;
        done += n;
    }
    return (int32_t)done;
}
