/* SPDX-License-Identifier: MIT */
/*
 * What tasks and processes have used: processor time by the guest's clock while they ran, pages
 * that were faulted in, turns at the processor. All time is a user's: nothing here tells it from a
 * system's. A process's figures are its tasks', those that have ended included; when its parent has
 * heard of its end they become the parent's children's.
 *
 * Time is charged to the task that runs whenever another comes in its place, it ends, or somebody
 * asks: it goes on from what the clock said last (`charged`).
 */
#include <errno.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

#define NS 1000000000u
enum { TICK = 10000000 /* ns of a clock tick: USER_HZ is 100 */ };

void usage_charge(struct process *p)
{
    uint64_t now = vm_clock_ns(p->vm);

    if (p->cur->state != TASK_FREE) {
        p->cur->usage.cpu += now - p->charged;
        p->grp->own.cpu += now - p->charged;
    }
    p->charged = now;
}

void usage_fault(struct process *p)
{
    p->cur->usage.minflt++;
    p->grp->own.minflt++;
}

void usage_switch(struct process *p, struct task *t, bool waits)
{
    struct group *g = &p->group[t->group];

    *(waits ? &t->usage.waited : &t->usage.preempted) += 1;
    *(waits ? &g->own.waited : &g->own.preempted) += 1;
}

void usage_memory(struct group *g, const struct space *s)
{
    if (g->own.maxrss < s->peak)
        g->own.maxrss = s->peak;
}

static struct usage sum(struct usage a, const struct usage *b)
{
    a.cpu += b->cpu;
    a.minflt += b->minflt;
    a.waited += b->waited;
    a.preempted += b->preempted;
    a.maxrss = a.maxrss > b->maxrss ? a.maxrss : b->maxrss;
    return a;
}

/* With what the space it lives in has come to. */
static struct usage own(struct process *p, struct group *g)
{
    usage_charge(p);
    for (uint32_t i = 0; i < p->rows; i++)
        if (p->task[i].state != TASK_FREE && p->task[i].group == group_row(p, g))
            usage_memory(g, &p->spaces[p->task[i].space]);
    return g->own;
}

void usage_reaped(struct group *parent, const struct group *child)
{
    parent->children = sum(sum(parent->children, &child->own), &child->children);
}

static int32_t put(struct process *p, uint32_t at, const struct usage *u)
{
    uint32_t r[18] = {(uint32_t)(u->cpu / NS), (uint32_t)(u->cpu % NS / 1000)};

    r[4] = u->maxrss * (PAGE / 1024);
    r[8] = u->minflt;
    r[16] = u->waited;
    r[17] = u->preempted;
    return space_write(p->space, at, r, sizeof r);
}

int32_t usage_put(struct process *p, uint32_t at, struct group *g)
{
    const struct usage all = sum(own(p, g), &g->children);

    return at ? put(p, at, &all) : 0;
}

CALL(getrusage)
{
    enum { SELF, THREAD };
    struct usage u = own(p, p->grp);

    if (a[0] == UINT32_MAX)
        u = p->grp->children;
    else if (a[0] == THREAD) {
        u = p->cur->usage;
        u.maxrss = p->grp->own.maxrss;
    } else if (a[0] != SELF)
        return -EINVAL;
    return put(p, a[1], &u);
}

CALL(times)
{
    const struct usage u = own(p, p->grp);
    uint32_t t[4] = {(uint32_t)(u.cpu / TICK), 0, (uint32_t)(p->grp->children.cpu / TICK), 0};
    int32_t e = a[0] ? space_write(p->space, a[0], t, sizeof t) : 0;

    return e ? e : (int32_t)(process_now_ns(p) / TICK & 0x7fffffff);
}

/* ---- clocks of processor time ---- */

bool cpu_clock(struct process *p, uint32_t id, struct cpu_clock *c)
{
    uint32_t pid = ~(uint32_t)((int32_t)id >> 3);

    if (id == 2 || id == 3)
        *c = (struct cpu_clock){.kind = id == 2 ? CPU_PROCESS : CPU_THREAD};
    else if ((int32_t)id < 0)
        *c = (struct cpu_clock){.kind = id & 4 ? CPU_THREAD : CPU_PROCESS, .of = pid};
    else
        return false;
    if (!c->of)
        c->of = c->kind == CPU_THREAD ? p->cur->tid : p->grp->tgid;
    return true;
}

uint64_t cpu_clock_ns(struct process *p, const struct cpu_clock *c)
{
    const struct task *t = c->kind == CPU_THREAD ? task_by_tid(p, c->of) : NULL;
    const struct group *g = c->kind == CPU_PROCESS ? group_by_pid(p, c->of) : NULL;

    usage_charge(p);
    return t ? t->usage.cpu : g ? g->own.cpu : 0;
}

bool cpu_clock_runs(const struct process *p, const struct cpu_clock *c)
{
    return p->cur->state == TASK_RUN && !p->grp->stopped &&
           (c->kind == CPU_THREAD ? p->cur->tid == c->of : p->grp->tgid == c->of);
}
