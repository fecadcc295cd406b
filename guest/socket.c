/* SPDX-License-Identifier: MIT */
/*
 * Sockets: connected pairs of the local kind, which are two pipes, for programs that wake
 * themselves or speak with their children. There is no network and no name to bind: any other
 * socket cannot be had. Descriptors are not sent.
 */
#include <errno.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

enum { AF_LOCAL = 1, KIND_STREAM = 1, KIND_MASK = 15 };
enum { MSG_DONTWAIT = 0x40, MSG_NOSIGNAL = 0x4000 };

CALL(socket)
{
    return -EAFNOSUPPORT;
}

CALL(socketpair)
{
    struct guest_open *o[2];
    uint32_t fds[2] = {0, 0};
    int row[2], n = 0;

    if (a[0] != AF_LOCAL)
        return -EAFNOSUPPORT;
    if (a[1] & ~(uint32_t)(KIND_MASK | GO_CLOEXEC | GO_NONBLOCK))
        return -EINVAL;
    if ((a[1] & KIND_MASK) != KIND_STREAM)
        return -ESOCKTNOSUPPORT;
    if (a[2] && a[2] != AF_LOCAL)
        return -EPROTONOSUPPORT;
    row[0] = pipe_new(p);
    row[1] = row[0] < 0 ? row[0] : pipe_new(p);
    if (row[1] < 0) {
        if (row[0] >= 0)
            p->pipe[row[0]].used = false;
        return row[1];
    }
    for (; n < 2; n++) {
        int32_t fd = fd_new(p, (a[1] & (GO_CLOEXEC | GO_NONBLOCK)) | GO_RDWR, &o[n]);
        if (fd < 0) {
            if (n)
                sys_close(p, &fds[0]);
            p->pipe[row[0]].used = p->pipe[row[1]].used = false;
            return fd;
        }
        fds[n] = (uint32_t)fd;
        o[n]->kind = OPEN_SOCKET;
        o[n]->stream = true;
        o[n]->pipe = (uint16_t)row[n];
        o[n]->pipe_out = (uint16_t)row[1 - n];
    }
    int32_t e = space_write(p->space, a[3], fds, sizeof fds);
    for (n = 0; e && n < 2; n++)
        sys_close(p, &fds[n]);
    return e;
}

/* A call of a descriptor that must be a socket. */
static int32_t not_a_socket(struct process *p, uint32_t fd)
{
    struct guest_open *o = fd_open(p, fd);

    return !o ? -EBADF : o->kind == OPEN_SOCKET ? 0 : -ENOTSOCK;
}

#define ONLY_PAIRS(name, answer)                                                                   \
    CALL(name)                                                                                     \
    {                                                                                              \
        int32_t e = not_a_socket(p, a[0]);                                                         \
        return e ? e : (answer);                                                                   \
    }
ONLY_PAIRS(bind, -EINVAL)
ONLY_PAIRS(connect, -EISCONN)
ONLY_PAIRS(listen, -EINVAL)
ONLY_PAIRS(accept4, -EINVAL)
ONLY_PAIRS(setsockopt, 0)
ONLY_PAIRS(sendmsg, -EOPNOTSUPP)
ONLY_PAIRS(recvmsg, -EOPNOTSUPP)

CALL(getsockopt)
{
    enum { SOL_SOCKET = 1, SO_TYPE = 3, SO_ERROR = 4, SO_DOMAIN = 39 };
    int32_t e = not_a_socket(p, a[0]);
    uint32_t size, v;

    if (!e)
        e = space_read(p->space, a[4], &size, 4);
    if (e)
        return e;
    if (a[1] != SOL_SOCKET || (a[2] != SO_TYPE && a[2] != SO_ERROR && a[2] != SO_DOMAIN))
        return -ENOPROTOOPT;
    v = a[2] == SO_TYPE ? KIND_STREAM : a[2] == SO_DOMAIN ? AF_LOCAL : 0;
    size = size < 4 ? size : 4;
    e = space_write(p->space, a[3], &v, size);
    return e ? e : space_write(p->space, a[4], &size, 4);
}

/* Without a name: the family alone. */
static int32_t put_name(struct process *p, const uint32_t *a)
{
    int32_t e = not_a_socket(p, a[0]);
    uint32_t room, size = 2;
    uint16_t family = AF_LOCAL;

    if (!e)
        e = space_read(p->space, a[2], &room, 4);
    if (!e)
        e = space_write(p->space, a[1], &family, room < size ? room : size);
    return e ? e : space_write(p->space, a[2], &size, 4);
}

CALL(getsockname)
{
    return put_name(p, a);
}
CALL(getpeername)
{
    return put_name(p, a);
}

CALL(shutdown)
{
    int32_t e = not_a_socket(p, a[0]);

    if (e || a[1] > 2)
        return e ? e : -EINVAL;
    pipe_stop(p, fd_open(p, a[0]), a[1] != 1, a[1] != 0);
    return 0;
}

static int32_t once(struct process *p, const uint32_t *a, uint32_t known, bool out)
{
    struct guest_open *o = fd_open(p, a[0]);
    int32_t e = not_a_socket(p, a[0]);
    uint32_t flags;

    if (e || a[3] & ~known)
        return e ? e : -EOPNOTSUPP;
    flags = o->flags;
    if (a[3] & MSG_DONTWAIT)
        o->flags |= GO_NONBLOCK;
    e = out ? sys_write(p, a) : sys_read(p, a);
    o->flags = flags;
    return e;
}

CALL(sendto)
{
    int32_t r = not_a_socket(p, a[0]);

    if (!r && a[4])
        return -EISCONN;
    p->quiet = a[3] & MSG_NOSIGNAL;
    r = once(p, a, MSG_DONTWAIT | MSG_NOSIGNAL, true);
    p->quiet = false;
    return r;
}

CALL(recvfrom)
{
    return once(p, a, MSG_DONTWAIT, false);
}

CALL(socketcall)
{
    /* How many arguments each has; 0: none such, or one of those that are not there. */
    static const uint8_t args[21] = {0, 3, 3, 3, 2, 3, 3, 3, 4, 4, 4, 6, 6, 2, 5, 5, 3, 3, 4, 5, 4};
    uint32_t b[6] = {0};

    if (!a[0] || a[0] > 20)
        return -EINVAL;
    int32_t e = space_read(p->space, a[1], b, args[a[0]] * 4u);
    if (e)
        return e;
    switch (a[0]) {
    case 1: return sys_socket(p, b);
    case 2: return sys_bind(p, b);
    case 3: return sys_connect(p, b);
    case 4: return sys_listen(p, b);
    case 5:
    case 18: return sys_accept4(p, b);
    case 6: return sys_getsockname(p, b);
    case 7: return sys_getpeername(p, b);
    case 8: return sys_socketpair(p, b);
    case 9:
    case 11: return sys_sendto(p, b);
    case 10:
    case 12: return sys_recvfrom(p, b);
    case 13: return sys_shutdown(p, b);
    case 14: return sys_setsockopt(p, b);
    case 15: return sys_getsockopt(p, b);
    default: return sys_sendmsg(p, b);
    }
}
