/* SPDX-License-Identifier: MIT */
/*
 * What goes through sockets. The bytes of a stream are a pipe's, and go by the calls of pipes; a
 * datagram is a row of its own in its receiver's list. Descriptors that are sent are references in
 * a row that belongs to a message, or to some bytes of a pipe: a read ends behind them, and has
 * them or closes them.
 */
#include <errno.h>
#include <string.h>
#include "guest/socket.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

enum {
    MSG_PEEK_G = 2,
    MSG_CTRUNC_G = 8,
    MSG_TRUNC_G = 0x20,
    MSG_DONTWAIT_G = 0x40,
    MSG_WAITALL_G = 0x100,
    MSG_NOSIGNAL_G = 0x4000,
    MSG_MORE_G = 0x8000,
    MSG_CLOEXEC_G = 0x40000000,
    CONTROL_HEAD = 12,
    CONTROL_MAX = 2048,
    PARTS = 1024,
    LOCAL_QUEUE = 11, /* as many messages of all wait at a local socket, ... */
    QUEUE = 64        /* ... and at any other, or from the one it is connected to */
};

/* A struct msghdr, or what stands for one. */
struct message_head {
    uint32_t name, name_len, iov, parts, control, control_len, flags;
    bool one; /* `iov` and `parts` are address and length of the only part */
};

/* ---- descriptors on their way ---- */

static void rights_drop(struct process *p, uint32_t row)
{
    struct guest_rights *r = &p->rights[row];

    r->used = false;
    p->nrights--;
    for (uint32_t i = 0; i < r->n; i++)
        open_unref(p, r->open[i]);
}

uint32_t rights_limit(const struct process *p, uint32_t pipe, uint32_t n)
{
    for (uint32_t i = 0; p->nrights && i < PROC_RIGHTS; i++) {
        const struct guest_rights *r = &p->rights[i];
        if (r->used && !r->message && r->pipe == pipe && r->end - p->pipe[pipe].out < n)
            n = (uint32_t)(r->end - p->pipe[pipe].out);
    }
    return n;
}

void rights_passed(struct process *p, uint32_t pipe)
{
    for (uint32_t i = 0; p->nrights && i < PROC_RIGHTS; i++) {
        const struct guest_rights *r = &p->rights[i];
        if (!r->used || r->message || r->pipe != pipe || r->at >= p->pipe[pipe].out)
            continue;
        if (p->want_rights && !p->got_rights)
            p->got_rights = (uint16_t)(i + 1);
        else
            rights_drop(p, i);
    }
}

void rights_drop_pipe(struct process *p, uint32_t pipe)
{
    for (uint32_t i = 0; p->nrights && i < PROC_RIGHTS; i++)
        if (p->rights[i].used && !p->rights[i].message && p->rights[i].pipe == pipe)
            rights_drop(p, i);
}

void messages_drop(struct process *p, struct guest_socket *s)
{
    while (s->first) {
        struct guest_message *m = &p->message[s->first - 1];
        s->first = m->next;
        m->used = false;
        if (m->rights && p->nrights)
            rights_drop(p, m->rights - 1u);
    }
    s->last = 0;
    s->messages = 0;
}

/* The descriptors that a control message names: a row, + 1, or 0, or -errno. */
static int32_t rights_read(struct process *p, const struct message_head *h)
{
    enum { SOL_SOCKET_G = 1, RIGHTS = 1, CREDENTIALS = 2, CREDENTIALS_BYTES = 12 };
    uint8_t text[CONTROL_MAX];
    uint32_t head[3], fd, found = 0;
    struct guest_rights r = {.used = true};

    if (h->control_len > sizeof text)
        return -ENOBUFS;
    if (space_read(p->space, h->control, text, h->control_len))
        return -EFAULT;
    for (uint32_t at = 0; at + CONTROL_HEAD <= h->control_len; at += (head[0] + 3) & ~3u) {
        memcpy(head, text + at, sizeof head);
        if (head[0] < CONTROL_HEAD || head[0] > h->control_len - at)
            return -EINVAL;
        if (head[1] != SOL_SOCKET_G)
            continue;
        if (head[2] == CREDENTIALS && head[0] == CONTROL_HEAD + CREDENTIALS_BYTES)
            continue; /* those that are told are the sender's own */
        if (head[2] != RIGHTS)
            return -EINVAL;
        for (uint32_t i = CONTROL_HEAD; i + 4 <= head[0]; i += 4) {
            memcpy(&fd, text + at + i, 4);
            if (!fd_open(p, fd))
                return -EBADF;
            if (r.n == RIGHTS_MAX)
                return -EINVAL;
            r.open[r.n++] = p->fd[fd].open;
        }
    }
    while (r.n && found < PROC_RIGHTS && p->rights[found].used)
        found++;
    if (!r.n || found == PROC_RIGHTS)
        return r.n ? -ETOOMANYREFS : 0;
    for (uint32_t i = 0; i < r.n; i++)
        p->open[r.open[i]].refs++;
    p->rights[found] = r;
    p->nrights++;
    return (int32_t)found + 1;
}

/* They become descriptors, as many as there is room to tell of. Sets control_len and flags. */
static int32_t rights_write(struct process *p, struct message_head *h, uint32_t row, bool cloexec)
{
    const struct guest_rights r = p->rights[row - 1];
    uint32_t room =
        h->control && h->control_len >= CONTROL_HEAD ? (h->control_len - CONTROL_HEAD) / 4 : 0;
    uint32_t n = 0, out[3 + RIGHTS_MAX];

    for (; n < r.n && n < room; n++) {
        int32_t fd = fd_share(p, r.open[n], cloexec);
        if (fd < 0)
            break;
        out[3 + n] = (uint32_t)fd;
    }
    if (n < r.n)
        h->flags |= MSG_CTRUNC_G;
    rights_drop(p, row - 1);
    out[0] = CONTROL_HEAD + 4 * n;
    out[1] = out[2] = 1;
    h->control_len = n ? out[0] : 0;
    return n ? space_write(p->space, h->control, out, out[0]) : 0;
}

/* ---- datagrams ---- */

/* Between the parts of a message in the guest's memory and a buffer; gives how many bytes. */
static int32_t parts(struct process *p, const struct message_head *h, uint8_t *buf, uint32_t max,
                     bool out)
{
    uint32_t done = 0, v[2] = {h->iov, h->parts};

    for (uint32_t i = 0; i < (h->one ? 1 : h->parts); i++) {
        int32_t e = h->one ? 0 : space_read(p->space, h->iov + 8 * i, v, 8);
        uint32_t n = v[1] < max - done ? v[1] : max - done;
        if (!e && out && n < v[1])
            return -EMSGSIZE;
        if (!e)
            e = out ? space_read(p->space, v[0], buf + done, n)
                    : space_write(p->space, v[0], buf + done, n);
        if (e)
            return e;
        done += n;
        if (n < v[1])
            break;
    }
    return (int32_t)done;
}

static int32_t error_of(struct guest_socket *s)
{
    int32_t e = -s->error;

    s->error = 0;
    return e;
}

static bool takes_from(const struct guest_socket *s, const struct guest_socket *from)
{
    return !s->connected || (s->peer_name.port == from->name.port &&
                             !memcmp(s->peer_name.ip, from->name.ip, sizeof from->name.ip));
}

/* Where it goes: 0 with NULL is into the void. */
static int32_t receiver(struct process *p, struct guest_socket *s, const struct message_head *h,
                        struct guest_socket **to)
{
    struct sock_addr at = s->peer_name;
    bool named = h->name && h->name_len;
    int32_t e = named ? address_read(p, s, h->name, h->name_len, false, &at) : 0;

    *to = NULL;
    if (e)
        return e;
    if (!named && !s->connected)
        return s->family == AF_LOCAL_G ? -ENOTCONN : -EDESTADDRREQ;
    if (s->family != AF_LOCAL_G) {
        e = address_auto(p, s, &at);
        if (e)
            return e;
        *to = address_find(p, s, &at);
        if (*to && !takes_from(*to, s))
            *to = NULL;
        if (!*to && s->connected)
            s->error = ECONNREFUSED; /* as the next call hears */
        return 0;
    }
    *to = named ? address_find(p, s, &at) : s->peer ? &p->socket[s->peer - 1] : NULL;
    if (!*to) {
        if (!named)
            s->connected = false;
        return -ECONNREFUSED;
    }
    return (*to)->connected && (*to)->peer != socket_row(p, s) + 1 ? -EPERM : 0;
}

static int32_t send_datagram(struct process *p, struct guest_open *o, struct guest_socket *s,
                             const struct message_head *h, bool wait)
{
    static uint8_t buf[MESSAGE_BYTES];
    struct guest_socket *to = NULL;
    uint32_t row = 0;
    int32_t e = s->error ? error_of(s) : 0;

    if (!e && o->stopped[1])
        return -EPIPE;
    if (!e)
        e = receiver(p, s, h, &to);
    int32_t n = e ? e : parts(p, h, buf, s->family == AF_INET_G ? 65507 : sizeof buf, true);
    if (n < 0 || !to)
        return n;
    bool pair = s->peer && to->peer == socket_row(p, s) + 1;
    if (to->messages >= (s->family == AF_LOCAL_G && !pair ? LOCAL_QUEUE : QUEUE)) {
        if (s->family != AF_LOCAL_G)
            return n; /* lost, as datagrams are */
        return wait
                   ? task_block(p, WAIT_PIPE, SOCK_KEY + socket_row(p, to), UINT64_MAX, RESTART_SYS)
                   : -EAGAIN;
    }
    while (row < PROC_MESSAGES && p->message[row].used)
        row++;
    if (row == PROC_MESSAGES)
        return s->family == AF_LOCAL_G ? -ENOBUFS : n;
    int32_t rights = s->family == AF_LOCAL_G && h->control_len ? rights_read(p, h) : 0;
    if (rights < 0)
        return rights;
    struct guest_message *m = &p->message[row];
    m->used = true;
    m->next = 0;
    m->rights = (uint16_t)rights;
    m->len = (uint32_t)n;
    m->from_family = to->family;
    m->from = s->name;
    memcpy(m->bytes, buf, (size_t)n);
    if (rights)
        p->rights[rights - 1].message = true;
    if (to->last)
        p->message[to->last - 1].next = (uint16_t)(row + 1);
    else
        to->first = (uint16_t)(row + 1);
    to->last = (uint16_t)(row + 1);
    to->messages++;
    socket_rings(p, to, RING_IN);
    return n;
}

/* Sets name_len (of `from`), control_len and flags. */
static int32_t receive_datagram(struct process *p, struct guest_open *o, struct guest_socket *s,
                                struct message_head *h, uint32_t flags, bool wait,
                                struct sock_addr *from)
{
    if (s->error)
        return error_of(s);
    if (!s->first && o->stopped[0])
        return 0;
    if (!s->first)
        return wait ? task_block(p, WAIT_PIPE, SOCK_KEY + socket_row(p, s), UINT64_MAX, RESTART_SYS)
                    : -EAGAIN;
    struct guest_message *m = &p->message[s->first - 1];
    int32_t n = parts(p, h, m->bytes, m->len, false);
    if (n < 0)
        return n;
    *from = m->from;
    h->flags = (uint32_t)n < m->len ? MSG_TRUNC_G : 0;
    uint32_t rights = m->rights, len = m->len;
    if (!(flags & MSG_PEEK_G)) {
        s->first = m->next;
        if (!s->first)
            s->last = 0;
        s->messages--;
        m->used = false;
        socket_rings(p, s, RING_OUT);
        if (s->peer)
            p->socket[s->peer - 1].rang[RING_OUT]++;
    }
    if (rights && !(flags & MSG_PEEK_G)) {
        int32_t e = rights_write(p, h, rights, flags & MSG_CLOEXEC_G);
        if (e)
            return e;
    } else {
        h->control_len = 0;
    }
    return flags & MSG_TRUNC_G ? (int32_t)len : n;
}

static int32_t unconnected(struct process *p, struct guest_socket *s, bool out)
{
    struct siginfo_guest info = {.code = GSI_USER, .field = {p->grp->tgid, GUEST_UID}};

    if (s->error)
        return error_of(s);
    if (out && s->family != AF_LOCAL_G && !s->listening) {
        if (!p->quiet)
            signal_to_task(p, p->cur, GSIGPIPE, &info);
        return -EPIPE;
    }
    return !out && s->family == AF_LOCAL_G ? -EINVAL : -ENOTCONN;
}

/* One part, of no name. */
static struct message_head plain(uint32_t addr, uint32_t len)
{
    return (struct message_head){.iov = addr, .parts = len, .one = true};
}

int32_t socket_read(struct process *p, struct guest_open *o, uint32_t addr, uint32_t len)
{
    struct guest_socket *s = socket_of(p, o);
    struct message_head h = plain(addr, len);
    struct sock_addr from;

    if (s->type != KIND_DGRAM)
        return unconnected(p, s, false);
    return receive_datagram(p, o, s, &h, 0, !(o->flags & GO_NONBLOCK), &from);
}

int32_t socket_write(struct process *p, struct guest_open *o, uint32_t addr, uint32_t len)
{
    struct guest_socket *s = socket_of(p, o);
    struct message_head h = plain(addr, len);

    if (s->type != KIND_DGRAM)
        return unconnected(p, s, true);
    return send_datagram(p, o, s, &h, !(o->flags & GO_NONBLOCK));
}

/* ---- the calls ---- */

/* A call on a stream, as its flags have it: `a` is of write and read, or of writev and readv. */
static int32_t stream_call(struct process *p, struct guest_open *o, const uint32_t *a,
                           uint32_t flags, bool many, bool out)
{
    uint32_t was = o->flags;

    if (flags & MSG_DONTWAIT_G)
        o->flags |= GO_NONBLOCK;
    p->quiet = flags & MSG_NOSIGNAL_G;
    p->peek = !out && (flags & MSG_PEEK_G);
    int32_t e = many ? io_vectored(p, a, NULL, out) : out ? sys_write(p, a) : sys_read(p, a);
    p->quiet = p->peek = false;
    o->flags = was;
    return e;
}

/* With MSG_WAITALL a read begins when all it wants is there: 0, or it waits. */
static int32_t all_there(struct process *p, const struct guest_open *o, uint32_t want,
                         uint32_t flags)
{
    const struct guest_pipe *q = &p->pipe[o->pipe];

    if (!(flags & MSG_WAITALL_G) || o->kind != OPEN_SOCKET || (o->flags & GO_NONBLOCK) ||
        (flags & (MSG_DONTWAIT_G | MSG_PEEK_G)) || !q->writers || o->stopped[0])
        return 0;
    want = want < PIPE_BYTES ? want : PIPE_BYTES;
    if (q->count >= want || rights_limit(p, o->pipe, want) < want)
        return 0;
    return task_block(p, WAIT_PIPE, o->pipe, UINT64_MAX, RESTART_SYS);
}

enum { KNOWN_OUT = MSG_DONTWAIT_G | MSG_NOSIGNAL_G | MSG_MORE_G | 0x80 | 0x800 };
enum {
    KNOWN_IN =
        MSG_PEEK_G | MSG_TRUNC_G | MSG_DONTWAIT_G | MSG_WAITALL_G | MSG_NOSIGNAL_G | MSG_CLOEXEC_G
};

CALL(sendto)
{
    struct guest_open *o;
    struct guest_socket *s;
    int32_t e = socket_get(p, a[0], &o, &s);
    struct message_head h = plain(a[1], a[2]);

    if (e)
        return e;
    if (a[3] & ~(uint32_t)KNOWN_OUT)
        return -EOPNOTSUPP;
    h.name = a[5] ? a[4] : 0;
    h.name_len = a[5];
    if (s->type == KIND_STREAM) {
        if (h.name && s->family == AF_LOCAL_G)
            return s->connected ? -EISCONN : -EOPNOTSUPP;
        return stream_call(p, o, a, a[3], false, true);
    }
    return send_datagram(p, o, s, &h, !((o->flags & GO_NONBLOCK) || (a[3] & MSG_DONTWAIT_G)));
}

/* A datagram's sender, if it has a name. */
static int32_t tell_sender(struct process *p, const struct guest_socket *s,
                           const struct sock_addr *from, uint32_t at, uint32_t size)
{
    uint32_t none = 0;

    if (!at)
        return 0;
    if (s->family == AF_LOCAL_G && !from->len)
        return space_write(p->space, size, &none, 4);
    return address_write(p, s->family, from, at, size);
}

CALL(recvfrom)
{
    struct guest_open *o;
    struct guest_socket *s;
    struct sock_addr from = {0};
    int32_t e = socket_get(p, a[0], &o, &s);
    struct message_head h = plain(a[1], a[2]);

    if (e)
        return e;
    if (a[3] & ~(uint32_t)KNOWN_IN)
        return -EOPNOTSUPP;
    if (s->type == KIND_STREAM) {
        e = all_there(p, o, a[2], a[3]);
        return e ? e : stream_call(p, o, a, a[3], false, false);
    }
    int32_t n = receive_datagram(p, o, s, &h, a[3],
                                 !((o->flags & GO_NONBLOCK) || (a[3] & MSG_DONTWAIT_G)), &from);
    if (n >= 0)
        e = tell_sender(p, s, &from, a[4], a[5]);
    return e ? e : n;
}

static int32_t read_head(struct process *p, uint32_t at, struct message_head *h)
{
    uint32_t w[7];

    if (space_read(p->space, at, w, sizeof w))
        return -EFAULT;
    *h = (struct message_head){.name = w[0],
                               .name_len = w[0] ? w[1] : 0,
                               .iov = w[2],
                               .parts = w[3],
                               .control = w[4],
                               .control_len = w[5]};
    return h->parts > PARTS ? -EMSGSIZE : 0;
}

/* Rights go with the first bytes that a stream takes. */
static int32_t send_stream(struct process *p, struct guest_open *o, struct guest_socket *s,
                           uint32_t fd, const struct message_head *h, uint32_t flags)
{
    const uint32_t call[3] = {fd, h->iov, h->parts};
    bool first = !p->cur->restarting || !p->cur->io_done;
    struct guest_pipe *q = o->kind == OPEN_SOCKET ? &p->pipe[o->pipe_out] : NULL;
    uint64_t at = q ? q->in : 0;
    int32_t rights =
        first && q && s->family == AF_LOCAL_G && h->control_len ? rights_read(p, h) : 0;

    if (rights < 0)
        return rights;
    int32_t n = stream_call(p, o, call, flags, true, true);
    if (rights && (!q->used || q->in == at)) {
        rights_drop(p, (uint32_t)rights - 1); /* nothing went: they will be sent again */
    } else if (rights) {
        struct guest_rights *r = &p->rights[rights - 1];
        r->pipe = o->pipe_out;
        r->at = at;
        r->end = q->in;
    }
    return n;
}

CALL(sendmsg)
{
    struct guest_open *o;
    struct guest_socket *s;
    struct message_head h;
    int32_t e = socket_get(p, a[0], &o, &s);

    if (!e)
        e = read_head(p, a[1], &h);
    if (e)
        return e;
    if (a[2] & ~(uint32_t)KNOWN_OUT)
        return -EOPNOTSUPP;
    if (s->type == KIND_STREAM) {
        if (h.name && s->family == AF_LOCAL_G)
            return s->connected ? -EISCONN : -EOPNOTSUPP;
        return send_stream(p, o, s, a[0], &h, a[2]);
    }
    return send_datagram(p, o, s, &h, !((o->flags & GO_NONBLOCK) || (a[2] & MSG_DONTWAIT_G)));
}

static int32_t receive_stream(struct process *p, struct guest_open *o, uint32_t fd,
                              struct message_head *h, uint32_t flags)
{
    const uint32_t call[3] = {fd, h->iov, h->parts};
    uint32_t want = 0, v[2];

    for (uint32_t i = 0; (flags & MSG_WAITALL_G) && i < h->parts; i++)
        if (!space_read(p->space, h->iov + 8 * i, v, 8))
            want += v[1];
    int32_t n = all_there(p, o, want, flags);
    if (n)
        return n;
    p->want_rights = true;
    n = stream_call(p, o, call, flags, true, false);
    uint32_t rights = p->got_rights;
    p->want_rights = false;
    p->got_rights = 0;
    h->flags = 0;
    if (!rights) {
        h->control_len = 0;
        return n;
    }
    int32_t e = rights_write(p, h, rights, flags & MSG_CLOEXEC_G);
    return e ? e : n;
}

CALL(recvmsg)
{
    struct guest_open *o;
    struct guest_socket *s;
    struct message_head h;
    struct sock_addr from = {0};
    int32_t e = socket_get(p, a[0], &o, &s), n;

    if (!e)
        e = read_head(p, a[1], &h);
    if (e)
        return e;
    if (a[2] & ~(uint32_t)KNOWN_IN)
        return -EOPNOTSUPP;
    if (s->type == KIND_STREAM)
        n = receive_stream(p, o, a[0], &h, a[2]);
    else
        n = receive_datagram(p, o, s, &h, a[2],
                             !((o->flags & GO_NONBLOCK) || (a[2] & MSG_DONTWAIT_G)), &from);
    if (n < 0)
        return n;
    if (s->type == KIND_STREAM && h.name) {
        const uint32_t none = 0;
        e = space_write(p->space, a[1] + 4, &none, 4);
    } else if (h.name) {
        e = tell_sender(p, s, &from, h.name, a[1] + 4);
    }
    if (!e)
        e = space_write(p->space, a[1] + 20, &h.control_len, 4);
    if (!e)
        e = space_write(p->space, a[1] + 24, &h.flags, 4);
    return e ? e : n;
}
