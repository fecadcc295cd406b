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
    return 0;
}

CALL(uname)
{
    char u[6][65] = {"Linux", "chrysalis", "6.1.0", "#1 Chrysalis process personality",
                     "i686",  "(none)"};

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

static int32_t put_limit(struct process *p, uint32_t which, uint32_t at, bool wide)
{
    enum { STACK = 3, NOFILE = 7 };
    uint64_t lim[2] = {UINT64_MAX, UINT64_MAX};

    if (which > 15)
        return -EINVAL;
    if (which == STACK)
        lim[0] = (uint64_t)STACK_PAGES * PAGE;
    if (which == NOFILE)
        lim[0] = lim[1] = PROC_FDS;
    uint32_t narrow[2] = {(uint32_t)lim[0], (uint32_t)lim[1]};
    return wide ? space_write(p->space, at, lim, sizeof lim)
                : space_write(p->space, at, narrow, sizeof narrow);
}

CALL(ugetrlimit)
{
    return put_limit(p, a[0], a[1], false);
}
CALL(setrlimit)
{
    return a[0] > 15 ? -EINVAL : 0;
}
CALL(prlimit64)
{
    return a[3] ? put_limit(p, a[1], a[3], true) : 0;
}

CALL(rseq)
{
    return -ENOSYS;
} /* a quiet no: glibc asks at every start and does without */

CALL(getrandom)
{
    uint32_t done = 0;

    while (done < a[1] && done < 1 << 20) {
        uint32_t r = process_random(p), n = a[1] - done < 4 ? a[1] - done : 4;
        int32_t e = space_write(p->space, a[0] + done, &r, n);
        if (e)
            return done ? (int32_t)done : e;
        done += n;
    }
    return (int32_t)done;
}

CALL(prctl)
{
    enum { SET_NAME = 15, GET_NAME = 16, SET_VMA = 0x53564d41 };
    char name[16];

    switch (a[0]) {
    case SET_NAME:
        memset(name, 0, sizeof name);
        if (space_string(p->space, a[1], name, sizeof name) == -EFAULT)
            return -EFAULT;
        name[sizeof name - 1] = 0;
        memcpy(p->cur->comm, name, sizeof name);
        return 0;
    case GET_NAME: return space_write(p->space, a[1], p->cur->comm, COMM);
    case SET_VMA: return -EINVAL;
    default: return -EINVAL;
    }
}

/* No network: a socket cannot be had, so no descriptor is one. */
CALL(socket)
{
    return -EAFNOSUPPORT;
}

static int32_t not_a_socket(struct process *p, uint32_t fd)
{
    return fd_open(p, fd) ? -ENOTSOCK : -EBADF;
}

#define NO_SOCKET(name)                                                                            \
    CALL(name)                                                                                     \
    {                                                                                              \
        return not_a_socket(p, a[0]);                                                              \
    }
NO_SOCKET(bind)
NO_SOCKET(connect)
NO_SOCKET(listen)
NO_SOCKET(setsockopt)
NO_SOCKET(getsockopt)
NO_SOCKET(getsockname)
NO_SOCKET(getpeername)
NO_SOCKET(shutdown)
CALL(socketpair)
{
    return -EAFNOSUPPORT;
}

CALL(socketcall)
{
    uint32_t fd;

    if (!a[0] || a[0] > 20)
        return -EINVAL;
    if (a[0] == 1 || a[0] == 8) /* socket, socketpair */
        return -EAFNOSUPPORT;
    return space_read(p->space, a[1], &fd, 4) ? -EFAULT : not_a_socket(p, fd);
}
