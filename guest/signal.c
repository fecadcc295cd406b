/* SPDX-License-Identifier: MIT */
/*
 * Signals: default actions. A process that installs a handler is told it is installed; when the
 * signal comes, the handler cannot be entered yet, so the default action is taken and a loud line
 * says so. (See quirks.)
 */
#include <errno.h>
#include <string.h>
#include "guest/syscall.h"
#include "concealed-mem/abi.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

enum { SIG_DFL_ = 0, SIG_IGN_ = 1 };

static bool ignored_by_default(int signal)
{
    return signal == 17 || signal == 18 || signal == 23 || signal == 28; /* CHLD CONT URG WINCH */
}

static void deliver(struct process *p, int signal, bool forced)
{
    uint32_t h = p->act[signal].handler;

    if (h > SIG_IGN_) {
        fprintf(
            p->log,
            "chrysalis: signal handlers are not implemented: signal %d takes its default action\n",
            signal);
        h = SIG_DFL_;
    }
    if (!forced && (h == SIG_IGN_ || (h == SIG_DFL_ && ignored_by_default(signal))))
        return;
    process_kill(p, signal);
}

void process_signal(struct process *p, int signal)
{
    if (!(p->sigmask >> (signal - 1) & 1) || signal == 9)
        deliver(p, signal, false);
}

void process_signal_fault(struct process *p, int signal, const struct hc_fault *f)
{
    fprintf(p->log,
            "chrysalis: guest exception %u (error %x, address %08x) at eip %08x: signal %d\n",
            f->vector, f->error, f->addr, f->eip, signal);
    deliver(p, signal, true);
}

CALL(rt_sigaction)
{
    uint32_t w[5], sig = a[0];
    int32_t e;

    if (!sig || sig >= NSIG_GUEST || a[3] != 8)
        return -EINVAL;
    if ((sig == 9 || sig == 19) && a[1])
        return -EINVAL;
    struct sigaction_guest *act = &p->act[sig], old = *act;
    if (a[1]) {
        e = space_read(&p->space, a[1], w, sizeof w);
        if (e)
            return e;
        *act = (struct sigaction_guest){w[0], w[1], w[2], w[3] | (uint64_t)w[4] << 32};
    }
    if (!a[2])
        return 0;
    w[0] = old.handler;
    w[1] = old.flags;
    w[2] = old.restorer;
    w[3] = (uint32_t)old.mask;
    w[4] = (uint32_t)(old.mask >> 32);
    return space_write(&p->space, a[2], w, sizeof w);
}

CALL(rt_sigprocmask)
{
    uint64_t set, old = p->sigmask;
    int32_t e;

    if (a[3] != 8)
        return -EINVAL;
    if (a[1]) {
        e = space_read(&p->space, a[1], &set, 8);
        if (e)
            return e;
        switch (a[0]) {
        case 0: p->sigmask |= set; break;
        case 1: p->sigmask &= ~set; break;
        case 2: p->sigmask = set; break;
        default: return -EINVAL;
        }
        p->sigmask &= ~(1ull << 8 | 1ull << 18); /* KILL and STOP cannot be blocked */
    }
    return a[2] ? space_write(&p->space, a[2], &old, 8) : 0;
}

CALL(sigaltstack)
{
    return 0;
}
CALL(rt_sigreturn)
{
    process_kill(p, 11);
    return SYS_NO_RESULT;
}
CALL(sigreturn)
{
    process_kill(p, 11);
    return SYS_NO_RESULT;
}

static int32_t send(struct process *p, uint32_t sig)
{
    if (sig >= NSIG_GUEST)
        return -EINVAL;
    if (sig)
        process_signal(p, (int)sig);
    return 0;
}

CALL(kill)
{
    int32_t pid = (int32_t)a[0];

    return pid == GUEST_PID || pid == 0 || pid == -GUEST_PID ? send(p, a[1]) : -ESRCH;
}

CALL(tkill)
{
    return a[0] == GUEST_PID ? send(p, a[1]) : -ESRCH;
}
CALL(tgkill)
{
    return a[0] == GUEST_PID && a[1] == GUEST_PID ? send(p, a[2]) : -ESRCH;
}
CALL(alarm)
{
    return 0;
}

CALL(pause)
{
    fprintf(p->log, "chrysalis: the guest waits for a signal that nobody can send\n");
    process_kill(p, 9);
    return -EINTR;
}
