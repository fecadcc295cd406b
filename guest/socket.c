/* SPDX-License-Identifier: MIT */
/*
 * Sockets, inside the guest's world only: the host's network is never touched.
 *
 * A connected stream is two pipes, one each way, so that reading, writing and polling are those of
 * pipes. A connection is made whole by connect: the other side's end waits, as a row without a
 * descriptor, until it is accepted. Datagrams are messages in their receiver's list (sockmsg.c).
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include "guest/socket.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

int32_t socket_get(struct process *p, uint32_t fd, struct guest_open **o, struct guest_socket **s)
{
    *o = fd_open(p, fd);
    if (!*o)
        return -EBADF;
    *s = socket_of(p, *o);
    return *s ? 0 : -ENOTSOCK;
}

void socket_rings(struct process *p, struct guest_socket *s, enum ring what)
{
    s->rang[what]++;
    pipe_changed(p, SOCK_KEY + socket_row(p, s));
}

static struct guest_socket *row_new(struct process *p, uint32_t family, uint32_t type)
{
    for (uint32_t i = 0; i < PROC_SOCKETS; i++) {
        struct guest_socket *s = &p->socket[i];
        if (s->used)
            continue;
        memset(s, 0, sizeof *s);
        s->used = true;
        s->family = (uint8_t)family;
        s->type = (uint8_t)type;
        s->name.family = s->peer_name.family = (uint16_t)family;
        s->pid = p->grp->tgid;
        return s;
    }
    return NULL;
}

static int32_t open_new(struct process *p, struct guest_socket *s, uint32_t flags,
                        struct guest_open **o)
{
    int32_t fd = fd_new(p, (flags & (GO_CLOEXEC | GO_NONBLOCK)) | GO_RDWR, o);

    if (fd < 0)
        return fd;
    (*o)->kind = OPEN_SOCK;
    (*o)->stream = true;
    (*o)->sock = (uint16_t)(socket_row(p, s) + 1);
    s->open = (uint16_t)(*o - p->open + 1);
    return fd;
}

static void becomes_stream(struct guest_open *o, uint32_t in, uint32_t out)
{
    o->kind = OPEN_SOCKET;
    o->pipe = (uint16_t)in;
    o->pipe_out = (uint16_t)out;
}

/* What kind it is to be: 0 or -errno. */
static int32_t kind_ok(const uint32_t *a)
{
    uint32_t type = a[1] & KIND_MASK;

    if (a[1] & ~(uint32_t)(KIND_MASK | GO_CLOEXEC | GO_NONBLOCK))
        return -EINVAL;
    if (a[0] != AF_LOCAL_G && a[0] != AF_INET_G && a[0] != AF_INET6_G)
        return -EAFNOSUPPORT;
    if (type != KIND_STREAM && type != KIND_DGRAM)
        return -ESOCKTNOSUPPORT;
    if (a[0] == AF_LOCAL_G ? a[2] > 1 : a[2] && a[2] != (type == KIND_STREAM ? 6u : 17u))
        return -EPROTONOSUPPORT;
    return 0;
}

CALL(socket)
{
    struct guest_open *o;
    int32_t e = kind_ok(a);

    if (e)
        return e;
    struct guest_socket *s = row_new(p, a[0], a[1] & KIND_MASK);
    if (!s)
        return -ENFILE;
    int32_t fd = open_new(p, s, a[1], &o);
    if (fd < 0)
        s->used = false;
    return fd;
}

/* Two pipes, of which each of two has an end. */
static int32_t two_pipes(struct process *p, int row[2])
{
    row[0] = pipe_new(p);
    row[1] = row[0] < 0 ? row[0] : pipe_new(p);
    if (row[1] < 0 && row[0] >= 0)
        p->pipe[row[0]].used = false;
    return row[1] < 0 ? row[1] : 0;
}

CALL(socketpair)
{
    struct guest_open *o[2];
    struct guest_socket *s[2];
    uint32_t fds[2] = {0, 0};
    int row[2], n = 0;
    int32_t e = kind_ok(a);

    if (!e && a[0] != AF_LOCAL_G)
        e = -EOPNOTSUPP;
    if (e)
        return e;
    for (n = 0; !e && n < 2; n++) {
        s[n] = row_new(p, a[0], a[1] & KIND_MASK);
        int32_t fd = s[n] ? open_new(p, s[n], a[1], &o[n]) : -ENFILE;
        if (fd < 0 && s[n])
            s[n]->used = false;
        if (fd < 0)
            e = fd;
        else
            fds[n] = (uint32_t)fd;
    }
    n -= e != 0;
    if (!e && s[0]->type == KIND_STREAM) {
        e = two_pipes(p, row);
        for (int i = 0; !e && i < 2; i++)
            becomes_stream(o[i], (uint32_t)row[i], (uint32_t)row[1 - i]);
    }
    for (int i = 0; !e && i < 2; i++) {
        s[i]->peer = (uint16_t)(socket_row(p, s[1 - i]) + 1);
        s[i]->peer_pid = s[i]->pid;
        s[i]->connected = true;
    }
    if (!e)
        e = space_write(p->space, a[3], fds, sizeof fds);
    for (int i = 0; e && i < n; i++)
        sys_close(p, &fds[i]);
    return e;
}

/* An end that waited to be accepted, and will not be. */
static void refuse(struct process *p, struct guest_socket *s)
{
    struct guest_open end = {.kind = OPEN_SOCKET, .pipe = s->pipe, .pipe_out = s->pipe_out};

    s->used = false;
    pipe_end_closed(p, &end);
}

void socket_closed(struct process *p, struct guest_open *o)
{
    struct guest_socket *s = socket_of(p, o);
    uint32_t row = socket_row(p, s) + 1;

    s->used = false;
    messages_drop(p, s);
    for (uint32_t i = 0; i < PROC_SOCKETS; i++) {
        struct guest_socket *other = &p->socket[i];
        if (other->used && other->listener == row)
            refuse(p, other);
        if (other->used && other->peer == row) {
            other->peer = 0;
            socket_rings(p, other, RING_END);
        }
    }
    pipe_changed(p, SOCK_KEY + row - 1);
}

uint32_t socket_ready(struct process *p, const struct guest_open *o)
{
    const struct guest_socket *s = socket_of(p, o);

    if (s->type == KIND_DGRAM)
        return (s->first || s->error || o->stopped[0] ? POLLIN : 0u) | (s->error ? POLLERR : 0u) |
               (s->peer && p->socket[s->peer - 1].messages >= 64 ? 0u : POLLOUT);
    if (s->listening)
        return s->waiting ? POLLIN : 0u;
    return POLLOUT | POLLHUP | (s->error ? POLLIN | POLLERR | GPOLLRDHUP : 0u);
}

CALL(bind)
{
    struct guest_open *o;
    struct guest_socket *s;
    struct sock_addr at;
    int32_t e = socket_get(p, a[0], &o, &s);

    if (!e && s->bound && s->family != AF_LOCAL_G)
        e = -EINVAL;
    if (!e)
        e = address_read(p, s, a[1], a[2], true, &at);
    if (!e && s->bound)
        e = -EINVAL;
    if (!e && s->family != AF_LOCAL_G && at.port)
        e = address_free(p, s, &at);
    if (!e && s->family == AF_LOCAL_G && at.len)
        e = address_free(p, s, &at);
    if (e)
        return e;
    if (s->family == AF_LOCAL_G && !at.len) { /* a name of the kernel's choice */
        snprintf(at.path, sizeof at.path, "%c%05x", 0, ++p->next_name & 0xfffff);
        at.len = 6;
    }
    s->name = at;
    if (s->family != AF_LOCAL_G && !at.port)
        return address_auto(p, s, NULL);
    s->bound = true;
    return 0;
}

CALL(listen)
{
    enum { SOMAXCONN_G = 4096 };
    struct guest_open *o;
    struct guest_socket *s;
    int32_t e = socket_get(p, a[0], &o, &s);

    if (e)
        return e;
    if (s->type != KIND_STREAM)
        return -EOPNOTSUPP;
    if (o->kind != OPEN_SOCK || (s->family == AF_LOCAL_G && !s->bound))
        return -EINVAL;
    if (!s->bound)
        e = address_auto(p, s, NULL);
    for (uint32_t i = 0; !e && s->family != AF_LOCAL_G && i < PROC_SOCKETS; i++)
        if (p->socket[i].used && p->socket[i].listening && &p->socket[i] != s)
            e = address_free(p, s, &s->name);
    if (e)
        return e;
    s->listening = true;
    s->backlog = a[1] > SOMAXCONN_G ? SOMAXCONN_G : a[1];
    s->pid = p->grp->tgid;
    return 0;
}

static int32_t connect_datagrams(struct process *p, struct guest_socket *s, uint32_t at,
                                 uint32_t len)
{
    struct sock_addr to;
    uint16_t family = 0;

    if (len >= 2 && space_read(p->space, at, &family, 2))
        return -EFAULT;
    if (len >= 2 && !family) { /* nobody any more */
        s->peer = 0;
        s->connected = false;
        return 0;
    }
    int32_t e = address_read(p, s, at, len, false, &to);
    struct guest_socket *other = e ? NULL : address_find(p, s, &to);
    if (!e && !other && s->family == AF_LOCAL_G)
        e = -ECONNREFUSED;
    if (!e && other && other->connected && s->family == AF_LOCAL_G &&
        other->peer != socket_row(p, s) + 1)
        e = -EPERM;
    if (!e && s->family != AF_LOCAL_G)
        e = address_auto(p, s, &to);
    if (e)
        return e;
    s->peer = s->family == AF_LOCAL_G ? (uint16_t)(socket_row(p, other) + 1) : 0;
    s->peer_name = to;
    s->connected = true;
    return 0;
}

/* Both ends: the other waits at the listener. */
static int32_t join(struct process *p, struct guest_open *o, struct guest_socket *s,
                    struct guest_socket *to)
{
    int row[2];
    struct guest_socket *end = row_new(p, to->family, KIND_STREAM);
    int32_t e = end ? two_pipes(p, row) : -ENFILE;

    if (e) {
        if (end)
            end->used = false;
        return e;
    }
    becomes_stream(o, (uint32_t)row[0], (uint32_t)row[1]);
    s->connected = true;
    s->peer_pid = to->pid;
    end->pipe = (uint16_t)row[1];
    end->pipe_out = (uint16_t)row[0];
    end->listener = (uint16_t)(socket_row(p, to) + 1);
    end->order = p->order++;
    end->connected = true;
    end->pid = to->pid;
    end->peer_pid = p->grp->tgid;
    end->name = to->family == AF_LOCAL_G ? to->name : s->peer_name;
    end->peer_name = s->name;
    to->waiting++;
    socket_rings(p, to, RING_IN);
    socket_rings(p, s, RING_OUT);
    return 0;
}

CALL(connect)
{
    struct guest_open *o;
    struct guest_socket *s;
    struct sock_addr to;
    int32_t e = socket_get(p, a[0], &o, &s);

    if (e)
        return e;
    if (s->type == KIND_DGRAM)
        return connect_datagrams(p, s, a[1], a[2]);
    if (s->connecting) {
        e = s->error;
        s->connecting = false;
        s->error = 0;
        return -e;
    }
    if (s->connected)
        return -EISCONN;
    if (s->listening)
        return s->family == AF_LOCAL_G ? -EINVAL : -EISCONN;
    e = address_read(p, s, a[1], a[2], false, &to);
    if (e)
        return e;
    struct guest_socket *l = address_find(p, s, &to);
    bool full = l && l->waiting > l->backlog;
    if (full && (s->family != AF_LOCAL_G || !(o->flags & GO_NONBLOCK)))
        return o->flags & GO_NONBLOCK
                   ? -EINPROGRESS
                   : task_block(p, WAIT_PIPE, SOCK_KEY + socket_row(p, l), UINT64_MAX, RESTART_SYS);
    if (full)
        return -EAGAIN;
    e = l ? 0 : -ECONNREFUSED;
    if (!e)
        e = address_auto(p, s, &to);
    if (!e) {
        s->peer_name = to;
        e = join(p, o, s, l);
    }
    /* What does not wait hears of it later, even from this machine. */
    if ((o->flags & GO_NONBLOCK) && s->family != AF_LOCAL_G && (!e || e == -ECONNREFUSED)) {
        s->connecting = true;
        s->error = -e;
        if (e)
            socket_rings(p, s, RING_END);
        return -EINPROGRESS;
    }
    return e;
}

CALL(accept4)
{
    struct guest_open *o, *made;
    struct guest_socket *s, *first = NULL;
    int32_t e = socket_get(p, a[0], &o, &s);

    if (e)
        return e;
    if (a[3] & ~(uint32_t)(GO_CLOEXEC | GO_NONBLOCK))
        return -EINVAL;
    if (s->type != KIND_STREAM)
        return -EOPNOTSUPP;
    if (!s->listening)
        return -EINVAL;
    for (uint32_t i = 0; i < PROC_SOCKETS; i++) {
        struct guest_socket *w = &p->socket[i];
        if (w->used && w->listener == socket_row(p, s) + 1 && (!first || w->order < first->order))
            first = w;
    }
    if (!first)
        return o->flags & GO_NONBLOCK
                   ? -EAGAIN
                   : task_block(p, WAIT_PIPE, SOCK_KEY + socket_row(p, s), UINT64_MAX, RESTART_SYS);
    int32_t fd = open_new(p, first, a[3], &made);
    if (fd < 0)
        return fd;
    becomes_stream(made, first->pipe, first->pipe_out);
    first->listener = 0;
    s->waiting--;
    pipe_changed(p, SOCK_KEY + socket_row(p, s)); /* there is room for another */
    e = address_write(p, first->family, &first->peer_name, a[1], a[2]);
    if (e)
        sys_close(p, (const uint32_t *)&fd);
    return e ? e : fd;
}

/* ---- what is known of them ---- */

CALL(getsockname)
{
    struct guest_open *o;
    struct guest_socket *s;
    int32_t e = socket_get(p, a[0], &o, &s);

    return e ? e : a[1] ? address_write(p, s->family, &s->name, a[1], a[2]) : -EFAULT;
}

CALL(getpeername)
{
    struct guest_open *o;
    struct guest_socket *s;
    int32_t e = socket_get(p, a[0], &o, &s);

    if (!e && !s->connected)
        e = -ENOTCONN;
    return e ? e : a[1] ? address_write(p, s->family, &s->peer_name, a[1], a[2]) : -EFAULT;
}

enum { SOL_SOCKET_G = 1, IPPROTO_TCP_G = 6, IPPROTO_IPV6_G = 41 };
enum {
    O_REUSE = 2,
    O_TYPE = 3,
    O_ERROR = 4,
    O_SNDBUF = 7,
    O_RCVBUF = 8,
    O_LINGER = 13,
    O_PEERCRED = 17,
    O_ACCEPTCONN = 30,
    O_PROTOCOL = 38,
    O_DOMAIN = 39
};
enum { V6ONLY = 26 };

CALL(setsockopt)
{
    /* Accepted and without effect here: keepalive, broadcast, dontroute, buffers, priority, linger,
     * reuseport, times. */
    static const uint8_t idle[] = {5, 6, 7, 8, 9, 12, 13, 15, 20, 21, 66, 67};
    struct guest_open *o;
    struct guest_socket *s;
    uint32_t v = 0;
    int32_t e = socket_get(p, a[0], &o, &s);

    if (e)
        return e;
    if (a[1] == SOL_SOCKET_G || a[1] == IPPROTO_IPV6_G || a[1] == IPPROTO_TCP_G) {
        if (a[4] < 4)
            return -EINVAL;
        if (space_read(p->space, a[3], &v, 4))
            return -EFAULT;
    }
    if (a[1] == SOL_SOCKET_G && a[2] == O_REUSE) {
        s->reuse = v != 0;
        return 0;
    }
    for (size_t i = 0; a[1] == SOL_SOCKET_G && i < sizeof idle; i++)
        if (a[2] == idle[i])
            return 0;
    if (a[1] == IPPROTO_IPV6_G && s->family == AF_INET6_G && a[2] == V6ONLY) {
        if (s->bound)
            return -EINVAL;
        s->v6only = v != 0;
        return 0;
    }
    if (a[1] == IPPROTO_TCP_G && s->family != AF_LOCAL_G && s->type == KIND_STREAM && a[2] &&
        a[2] <= 18)
        return 0; /* when what is sent goes, and how long an idle stream lives */
    if (!a[1] && s->family == AF_INET_G && a[2] <= 2)
        return 0; /* the kind of service */
    return s->family == AF_LOCAL_G && a[1] != SOL_SOCKET_G ? -EOPNOTSUPP : -ENOPROTOOPT;
}

CALL(getsockopt)
{
    enum { BUFFER = 212992, NOBODY = -1 };
    struct guest_open *o;
    struct guest_socket *s;
    int32_t e = socket_get(p, a[0], &o, &s);
    uint32_t size, v[3] = {0}, n = 4;

    if (e)
        return e;
    if (space_read(p->space, a[4], &size, 4))
        return -EFAULT;
    if ((int32_t)size < 0)
        return -EINVAL;
    if (a[1] == IPPROTO_TCP_G && s->family != AF_LOCAL_G && s->type == KIND_STREAM && a[2] == 1) {
        v[0] = 0;
    } else if (a[1] == IPPROTO_IPV6_G && s->family == AF_INET6_G && a[2] == V6ONLY) {
        v[0] = s->v6only;
    } else if (a[1] != SOL_SOCKET_G) {
        return s->family == AF_LOCAL_G ? -EOPNOTSUPP : -ENOPROTOOPT;
    } else {
        switch (a[2]) {
        case O_REUSE: v[0] = s->reuse; break;
        case O_TYPE: v[0] = s->type; break;
        case O_ERROR:
            s->connecting &= !s->error;
            v[0] = (uint32_t)s->error;
            s->error = 0;
            break;
        case O_SNDBUF:
        case O_RCVBUF: v[0] = BUFFER; break;
        case 5: /* dontroute, broadcast, keepalive, reuseport */
        case 6:
        case 9:
        case 15: break;
        case O_LINGER: n = 8; break;
        case O_PEERCRED:
            n = 12;
            v[0] = s->peer_pid;
            v[1] = v[2] = s->peer_pid ? (uint32_t)GUEST_UID : (uint32_t)NOBODY;
            break;
        case O_ACCEPTCONN: v[0] = s->listening; break;
        case O_PROTOCOL:
            v[0] = s->family == AF_LOCAL_G ? 0 : s->type == KIND_STREAM ? IPPROTO_TCP_G : 17;
            break;
        case O_DOMAIN: v[0] = s->family; break;
        default: return -ENOPROTOOPT;
        }
    }
    n = size < n ? size : n;
    if (space_write(p->space, a[3], v, n) || space_write(p->space, a[4], &n, 4))
        return -EFAULT;
    return 0;
}

CALL(shutdown)
{
    struct guest_open *o;
    struct guest_socket *s;
    int32_t e = socket_get(p, a[0], &o, &s);

    if (e)
        return e;
    if (a[1] > 2)
        return -EINVAL;
    if (o->kind == OPEN_SOCKET) {
        pipe_stop(p, o, a[1] != 1, a[1] != 0);
        return 0;
    }
    if (!s->connected && s->family != AF_LOCAL_G)
        return -ENOTCONN;
    o->stopped[0] |= a[1] != 1;
    o->stopped[1] |= a[1] != 0;
    socket_rings(p, s, RING_END);
    return 0;
}

CALL(socketcall)
{
    /* How many arguments each has; 0: none such. */
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
    case 5: b[3] = 0; return sys_accept4(p, b);
    case 18: return sys_accept4(p, b);
    case 6: return sys_getsockname(p, b);
    case 7: return sys_getpeername(p, b);
    case 8: return sys_socketpair(p, b);
    case 9: /* send and recv: to and from nobody in particular */
    case 11: return sys_sendto(p, b);
    case 10:
    case 12: return sys_recvfrom(p, b);
    case 13: return sys_shutdown(p, b);
    case 14: return sys_setsockopt(p, b);
    case 15: return sys_getsockopt(p, b);
    case 16: return sys_sendmsg(p, b);
    case 17: return sys_recvmsg(p, b);
    default: return -ENOSYS; /* several messages at once */
    }
}
