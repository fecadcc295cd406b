/* SPDX-License-Identifier: MIT */
/*
 * eventfd and epoll. An epoll is a list of what to ask open_ready about; nothing is kept of the
 * answers, but for edges: how often those who poll had been woken (rings) when one was last
 * reported. What is ready is an edge if it has rung since for something that was asked for. Epolls
 * nest: one rings when something in it does.
 */
#define _GNU_SOURCE /* POLLRDNORM */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

enum { EVENT_KEY = 1 << 20 /* keys of waits behind those of pipes */ };
enum { EP_ADD = 1, EP_DEL, EP_MOD };
enum { EP_EXCLUSIVE = 1 << 28, EP_WAKEUP = 1 << 29, EP_ONESHOT = 1 << 30, EP_ANY = 0x3fff };
#define EP_EDGE (1u << 31)

/* ---- eventfd ---- */

static uint64_t key_of(const struct process *p, const struct guest_open *o)
{
    return EVENT_KEY + (uint64_t)(o - p->open);
}

static int32_t event_new(struct process *p, uint32_t value, uint32_t flags)
{
    struct guest_open *o;

    if (flags & ~(uint32_t)(GO_CLOEXEC | GO_NONBLOCK | 1))
        return -EINVAL;
    int32_t fd = fd_new(p, (flags & ~1u) | GO_RDWR, &o);
    if (fd < 0)
        return fd;
    o->kind = OPEN_EVENT;
    o->stream = true;
    o->offset = value;
    o->semaphore = flags & 1;
    return fd;
}

CALL(eventfd)
{
    return event_new(p, a[0], 0);
}
CALL(eventfd2)
{
    return event_new(p, a[0], a[1]);
}

int32_t event_read(struct process *p, struct guest_open *o, uint32_t addr, uint32_t len)
{
    uint64_t v = o->semaphore ? o->offset != 0 : o->offset;

    if (len < sizeof v)
        return -EINVAL;
    if (!v)
        return o->flags & GO_NONBLOCK
                   ? -EAGAIN
                   : task_block(p, WAIT_PIPE, key_of(p, o), UINT64_MAX, RESTART_SYS);
    int e = space_write(p->space, addr, &v, sizeof v);
    if (e)
        return e;
    o->offset -= v;
    o->rang[RING_OUT]++;
    pipe_changed(p, key_of(p, o));
    return sizeof v;
}

int32_t event_write(struct process *p, struct guest_open *o, uint32_t addr, uint32_t len)
{
    uint64_t v;

    if (len < sizeof v)
        return -EINVAL;
    int e = space_read(p->space, addr, &v, sizeof v);
    if (e || v == UINT64_MAX)
        return e ? e : -EINVAL;
    if (v > EVENT_MAX - o->offset)
        return o->flags & GO_NONBLOCK
                   ? -EAGAIN
                   : task_block(p, WAIT_PIPE, key_of(p, o), UINT64_MAX, RESTART_SYS);
    o->offset += v;
    o->rang[RING_IN]++;
    pipe_changed(p, key_of(p, o));
    return sizeof v;
}

/* ---- epoll ---- */

static int32_t epoll_new(struct process *p, uint32_t flags)
{
    struct guest_open *o;
    uint32_t row = 0;

    if (flags & ~(uint32_t)GO_CLOEXEC)
        return -EINVAL;
    while (row < PROC_EPOLLS && p->epoll[row].used)
        row++;
    if (row == PROC_EPOLLS)
        return -ENFILE;
    int32_t fd = fd_new(p, flags | GO_RDWR, &o);
    if (fd < 0)
        return fd;
    memset(&p->epoll[row], 0, sizeof p->epoll[row]);
    p->epoll[row].used = true;
    o->kind = OPEN_EPOLL;
    o->stream = true;
    o->pipe = (uint16_t)row;
    return fd;
}

CALL(epoll_create)
{
    return (int32_t)a[0] <= 0 ? -EINVAL : epoll_new(p, 0);
}
CALL(epoll_create1)
{
    return epoll_new(p, a[0]);
}

/* How often what was asked for may have happened. */
static uint64_t rings(const struct process *p, const struct guest_open *o, uint32_t events)
{
    enum { IN = POLLIN | POLLPRI | POLLRDNORM | POLLRDBAND | GPOLLRDHUP };
    enum { OUT = POLLOUT | POLLWRNORM | POLLWRBAND };
    const struct guest_pipe *in = &p->pipe[o->pipe], *out = &p->pipe[pipe_row_out(o)];
    uint64_t n = 0;

    if (o->kind == OPEN_EPOLL) {
        const struct guest_epoll *ep = &p->epoll[o->pipe];
        n = ep->rang;
        for (uint32_t k = 0; k < EPOLL_ITEMS; k++)
            if (ep->item[k].used)
                n += rings(p, &p->open[ep->item[k].open], ep->item[k].events);
        return n;
    }
    if (o->kind == OPEN_TIMERFD)
        return p->timerfd[o->pipe].rang;
    if (o->kind == OPEN_SIGNALFD)
        return p->signals_rang;
    if (o->kind == OPEN_EVENT)
        return (events & IN ? o->rang[RING_IN] : 0) + (events & OUT ? o->rang[RING_OUT] : 0);
    if (o->kind == OPEN_PIDFD)
        return pidfd_ended(p, o);
    if (o->sock) {
        const struct guest_socket *s = &p->socket[o->sock - 1];
        n += s->rang[RING_END] + (events & IN ? s->rang[RING_IN] : 0) +
             (events & OUT ? s->rang[RING_OUT] : 0);
        if (o->kind == OPEN_SOCK)
            return n;
    }
    if (!open_reads_pipe(o) && !open_writes_pipe(o))
        return p->activity; /* of the host's streams nothing is known */
    if (open_reads_pipe(o))
        n += in->rang[RING_END] + (events & IN ? in->rang[RING_IN] : 0);
    if (open_writes_pipe(o))
        n += out->rang[RING_END] + (events & OUT ? out->rang[RING_OUT] : 0);
    return n;
}

/* What an item has rung stays part of its epoll's sum, which never falls. */
static void item_drop(struct process *p, struct guest_epoll *ep, struct epoll_item *i)
{
    ep->rang += rings(p, &p->open[i->open], i->events);
    i->used = false;
}

void epoll_forget(struct process *p, uint32_t open)
{
    for (uint32_t i = 0; i < PROC_EPOLLS; i++)
        for (uint32_t k = 0; p->epoll[i].used && k < EPOLL_ITEMS; k++)
            if (p->epoll[i].item[k].used && p->epoll[i].item[k].open == open)
                item_drop(p, &p->epoll[i], &p->epoll[i].item[k]);
}

/* Is `ep` in what is open as `o`, at whatever depth, or that deeper than Linux goes? */
static bool contains(const struct process *p, const struct guest_open *o,
                     const struct guest_open *ep, uint32_t depth)
{
    enum { DEPTH = 4 };

    if (o->kind != OPEN_EPOLL)
        return false;
    if (o->pipe == ep->pipe || depth > DEPTH)
        return true;
    for (uint32_t k = 0; k < EPOLL_ITEMS; k++) {
        const struct epoll_item *i = &p->epoll[o->pipe].item[k];
        if (i->used && contains(p, &p->open[i->open], ep, depth + 1))
            return true;
    }
    return false;
}

static uint32_t item_ready(struct process *p, const struct epoll_item *i)
{
    const struct guest_open *o = &p->open[i->open];

    if (!i->used || i->off)
        return 0;
    uint32_t ready = open_ready(p, o) & i->events & EP_ANY;
    return (i->events & EP_EDGE) && i->seen == rings(p, o, i->events) ? 0 : ready;
}

CALL(epoll_ctl)
{
    struct guest_open *ep = fd_open(p, a[0]), *o = fd_open(p, a[2]);
    struct epoll_item *found = NULL, *empty = NULL;
    uint32_t event[3] = {0};
    int32_t e = a[1] == EP_DEL ? 0 : space_read(p->space, a[3], event, sizeof event);

    if (e)
        return e;
    if (!ep || !o)
        return -EBADF;
    if (o->kind == OPEN_HOST && !o->stream)
        return -EPERM; /* files are always ready, and Linux will not say so here */
    if (ep->kind != OPEN_EPOLL || ep == o)
        return -EINVAL;
    bool alone = event[0] & EP_EXCLUSIVE;
    if (alone && a[1] != EP_DEL &&
        (a[1] == EP_MOD || o->kind == OPEN_EPOLL ||
         (event[0] & ~(POLLIN | POLLOUT | POLLERR | POLLHUP | EP_WAKEUP | EP_EDGE | EP_EXCLUSIVE))))
        return -EINVAL;
    if (a[1] == EP_ADD && contains(p, o, ep, 0))
        return -ELOOP;
    for (uint32_t k = 0; k < EPOLL_ITEMS; k++) {
        struct epoll_item *i = &p->epoll[ep->pipe].item[k];
        if (!i->used)
            empty = empty ? empty : i;
        else if (i->fd == a[2] && i->open == p->fd[a[2]].open)
            found = i;
    }
    switch (a[1]) {
    case EP_ADD:
        if (found || !empty)
            return found ? -EEXIST : -ENOSPC;
        found = empty;
        break;
    case EP_MOD:
    case EP_DEL:
        if (!found)
            return -ENOENT;
        if (a[1] == EP_MOD && (found->events & EP_EXCLUSIVE))
            return -EINVAL;
        item_drop(p, &p->epoll[ep->pipe], found);
        break;
    default: return -EINVAL;
    }
    *found = (struct epoll_item){.fd = (uint16_t)a[2],
                                 .open = p->fd[a[2]].open,
                                 .used = a[1] != EP_DEL,
                                 .events = event[0] | POLLERR | POLLHUP,
                                 .data = event[1] | (uint64_t)event[2] << 32,
                                 .seen = UINT64_MAX};
    if (item_ready(p, found))
        p->epoll[ep->pipe].rang++;
    pipe_changed(p, EVENT_KEY - 1); /* whoever waits there looks again */
    return 0;
}

bool epoll_any(struct process *p, const struct guest_open *o)
{
    for (uint32_t k = 0; k < EPOLL_ITEMS; k++)
        if (item_ready(p, &p->epoll[o->pipe].item[k]))
            return true;
    return false;
}

static int32_t epoll_look(struct process *p, const uint32_t *a, const struct patience *w)
{
    struct guest_open *o = fd_open(p, a[0]);
    int32_t n = 0, max = (int32_t)a[2];

    if (max <= 0 || max > INT32_MAX / 12)
        return -EINVAL;
    if (!o || o->kind != OPEN_EPOLL)
        return o ? -EINVAL : -EBADF;
    struct guest_epoll *ep = &p->epoll[o->pipe];
    for (uint32_t k = 0, at = ep->turn; k < EPOLL_ITEMS && n < max; k++, at++) {
        struct epoll_item *i = &ep->item[at % EPOLL_ITEMS];
        uint32_t got = item_ready(p, i);
        if (!got)
            continue;
        const uint32_t out[3] = {got, (uint32_t)i->data, (uint32_t)(i->data >> 32)};
        int e = space_write(p->space, a[1] + 12 * (uint32_t)n, out, sizeof out);
        if (e)
            return n ? n : e;
        i->seen = rings(p, &p->open[i->open], i->events);
        i->off = i->events & EP_ONESHOT;
        n++;
        if (n == max)
            ep->turn = (at + 1) % EPOLL_ITEMS;
    }
    return n ? n : none_ready(p, w);
}

static struct patience for_ms(struct process *p, uint32_t ms)
{
    return (int32_t)ms < 0 ? endless : patience(p, ms * 1000000ull, (struct time_left){0});
}

CALL(epoll_wait)
{
    struct patience w = for_ms(p, a[3]);

    return epoll_look(p, a, &w);
}

CALL(epoll_pwait)
{
    int32_t e = borrow_mask(p, a[4], a[5]);
    struct patience w = for_ms(p, a[3]);

    return e ? e : epoll_look(p, a, &w);
}

CALL(epoll_pwait2)
{
    uint64_t ns = 0;
    int32_t e = a[3] ? read_timespec(p, a[3], true, &ns) : 0;

    if (!e)
        e = borrow_mask(p, a[4], a[5]);
    struct patience w = a[3] ? patience(p, ns, (struct time_left){0}) : endless;
    return e ? e : epoll_look(p, a, &w);
}
