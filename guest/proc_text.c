/* SPDX-License-Identifier: MIT */
/*
 * What the files of /proc and /sys say, in Linux's own layouts. All of it follows from the state of
 * the personality and the guest's clock, so that two runs read the same.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "concealed-mem/abi.h"
#include "guest/proc.h"
#include "isa-frontend/cpuid.h"
#include "vliw-model/isa.h"

#define PRINT(name)                                                                                \
    static void name(struct process *p __attribute__((unused)),                                    \
                     const struct proc_entry *e __attribute__((unused)), FILE *to)

enum { TICKS = 10000000 /* ns of a clock tick: USER_HZ is 100 */ };

/* ---- the system ---- */

PRINT(cpuinfo)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } flags[] = {{CPUID_FPU, "fpu"},  {CPUID_TSC, "tsc"},   {CPUID_MSR, "msr"},
                 {CPUID_CX8, "cx8"},  {CPUID_CMOV, "cmov"}, {CPUID_CLFSH, "clflush"},
                 {CPUID_MMX, "mmx"},  {CPUID_FXSR, "fxsr"}, {CPUID_SSE, "sse"},
                 {CPUID_SSE2, "sse2"}};
    uint32_t r[4], brand[13] = {0}, vendor[4], mhz = vm_mdesc(p->vm)->core_mhz;

    process_cpuid(p, 0, vendor);
    process_cpuid(p, 1, r);
    for (uint32_t i = 0; i < 3; i++)
        process_cpuid(p, 0x80000002 + i, brand + 4 * i);
    const uint32_t id[3] = {vendor[1], vendor[3], vendor[2]};
    fprintf(to, "processor\t: 0\nvendor_id\t: %.12s\ncpu family\t: %u\nmodel\t\t: %u\n",
            (const char *)id, r[0] >> 8 & 15, r[0] >> 4 & 15);
    fprintf(to, "model name\t: %s\nstepping\t: %u\ncpu MHz\t\t: %u.000\ncache size\t: %u KB\n",
            (const char *)brand, r[0] & 15, mhz, vm_mdesc(p->vm)->l2_kb);
    fprintf(to,
            "fdiv_bug\t: no\nf00f_bug\t: no\ncoma_bug\t: no\nfpu\t\t: yes\n"
            "fpu_exception\t: yes\ncpuid level\t: %u\nwp\t\t: yes\nflags\t\t:",
            vendor[0]);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (r[3] & flags[i].bit)
            fprintf(to, " %s", flags[i].name);
    fprintf(to,
            "\nbugs\t\t:\nbogomips\t: %u.00\nclflush size\t: 32\ncache_alignment\t: 32\n"
            "address sizes\t: 32 bits physical, 32 bits virtual\npower management:\n\n",
            2 * mhz);
}

PRINT(meminfo)
{
    uint32_t total = p->frames.nframes * (PAGE / 1024),
             left = (p->frames.nframes - p->frames.used) * (PAGE / 1024);
    const struct {
        const char *name;
        uint32_t kb;
    } rows[] = {{"MemTotal:", total},
                {"MemFree:", left},
                {"MemAvailable:", left},
                {"Buffers:", 0},
                {"Cached:", 0},
                {"SwapCached:", 0},
                {"Active:", 0},
                {"Inactive:", 0},
                {"HighTotal:", 0},
                {"HighFree:", 0},
                {"LowTotal:", total},
                {"LowFree:", left},
                {"SwapTotal:", 0},
                {"SwapFree:", 0},
                {"Dirty:", 0},
                {"Writeback:", 0},
                {"AnonPages:", total - left},
                {"Mapped:", 0},
                {"Shmem:", 0},
                {"Slab:", 0},
                {"SReclaimable:", 0},
                {"CommitLimit:", total},
                {"Committed_AS:", total - left}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        fprintf(to, "%-15s %8u kB\n", rows[i].name, rows[i].kb);
}

static void counts(const struct process *p, uint32_t *processes, uint32_t *running)
{
    *processes = *running = 0;
    for (uint32_t i = 0; i < p->rows; i++) {
        *processes += p->task[i].state != TASK_FREE;
        *running += p->task[i].state == TASK_RUN;
    }
}

PRINT(uptime)
{
    uint64_t now = process_now_ns(p);

    fprintf(to, "%" PRIu64 ".%02u %" PRIu64 ".%02u\n", now / 1000000000,
            (uint32_t)(now / TICKS % 100), p->skew / 1000000000, (uint32_t)(p->skew / TICKS % 100));
}

PRINT(loadavg)
{
    uint32_t all, running;

    counts(p, &all, &running);
    fprintf(to, "0.00 0.00 0.00 %u/%u %u\n", running, all, p->next_tid);
}

PRINT(system_stat)
{
    uint64_t used = (process_now_ns(p) - p->skew) / TICKS, idle = p->skew / TICKS;
    uint32_t all, running;

    counts(p, &all, &running);
    for (int i = 0; i < 2; i++)
        fprintf(to, "cpu%s%" PRIu64 " 0 0 %" PRIu64 " 0 0 0 0 0 0\n", i ? "0 " : "  ", used, idle);
    fprintf(to,
            "intr 0\nctxt %" PRIu64 "\nbtime %" PRIu64 "\nprocesses %u\nprocs_running %u\n"
            "procs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n",
            p->switches, p->epoch, p->next_tid - GUEST_PID + 1, running);
}

PRINT(version)
{
    fprintf(to, "Linux version %s (chrysalis) %s\n", UNAME_RELEASE, UNAME_VERSION);
}

PRINT(filesystems)
{
    fputs("nodev\tproc\nnodev\tsysfs\nnodev\ttmpfs\n\text4\n", to);
}

PRINT(mounts)
{
    fputs("/dev/root / ext4 rw 0 0\nproc /proc proc rw 0 0\nsysfs /sys sysfs rw 0 0\n", to);
}

PRINT(mountinfo)
{
    fputs("1 1 0:1 / / rw - ext4 /dev/root rw\n2 1 0:2 / /proc rw - proc proc rw\n"
          "3 1 0:3 / /sys rw - sysfs sysfs rw\n",
          to);
}

#define FIXED(name, ...)                                                                           \
    PRINT(name)                                                                                    \
    {                                                                                              \
        fprintf(to, __VA_ARGS__);                                                                  \
    }
FIXED(osrelease, "%s\n", UNAME_RELEASE)
FIXED(kernel_version, "%s\n", UNAME_VERSION)
FIXED(ostype, "Linux\n")
FIXED(hostname, "chrysalis\n")
FIXED(domainname, "(none)\n")
FIXED(pid_max, "32768\n")
FIXED(threads_max, "%d\n", PROC_TASKS)
FIXED(ngroups_max, "65536\n")
FIXED(cap_last_cap, "40\n")
FIXED(zero, "0\n")
FIXED(two, "2\n")
FIXED(max_map_count, "%d\n", SPACE_AREAS)
FIXED(file_max, "%d\n", PROC_OPEN)

const struct proc_file proc_system[] = {{"/proc/cpuinfo", cpuinfo},
                                        {"/proc/filesystems", filesystems},
                                        {"/proc/loadavg", loadavg},
                                        {"/proc/meminfo", meminfo},
                                        {"/proc/mounts", mounts},
                                        {"/proc/stat", system_stat},
                                        {"/proc/sys/fs/file-max", file_max},
                                        {"/proc/sys/kernel/cap_last_cap", cap_last_cap},
                                        {"/proc/sys/kernel/domainname", domainname},
                                        {"/proc/sys/kernel/hostname", hostname},
                                        {"/proc/sys/kernel/ngroups_max", ngroups_max},
                                        {"/proc/sys/kernel/osrelease", osrelease},
                                        {"/proc/sys/kernel/ostype", ostype},
                                        {"/proc/sys/kernel/pid_max", pid_max},
                                        {"/proc/sys/kernel/randomize_va_space", zero},
                                        {"/proc/sys/kernel/threads-max", threads_max},
                                        {"/proc/sys/kernel/version", kernel_version},
                                        {"/proc/sys/vm/max_map_count", max_map_count},
                                        {"/proc/sys/vm/overcommit_memory", zero},
                                        {"/proc/sys/vm/swappiness", two},
                                        {"/proc/uptime", uptime},
                                        {"/proc/version", version},
                                        {"/sys/devices/system/cpu/online", zero},
                                        {"/sys/devices/system/cpu/possible", zero},
                                        {"/sys/devices/system/cpu/present", zero},
                                        {NULL, NULL}};

/* ---- one process ---- */

static struct space *space_of(struct process *p, const struct proc_entry *e)
{
    return e->task ? &p->spaces[e->task->space] : NULL;
}

static char state_of(const struct proc_entry *e)
{
    if (!e->task)
        return 'Z';
    return e->group->stopped ? 'T' : e->task->state == TASK_RUN ? 'R' : 'S';
}

static uint32_t pages(const struct space *s, uint32_t prot)
{
    uint32_t n = 0;

    for (uint32_t i = 0; s && i < s->nareas; i++)
        if ((s->area[i].prot & prot) == prot)
            n += s->area[i].end - s->area[i].first;
    return n;
}

static void sets(const struct process *p, const struct proc_entry *e, uint64_t *ignored,
                 uint64_t *caught)
{
    *ignored = *caught = 0;
    for (int s = 1; s < NSIG_GUEST && e->group->refs; s++) {
        uint32_t h = p->actions[e->group->actions].act[s].handler;
        *ignored |= (uint64_t)(h == GSIG_IGN) << (s - 1);
        *caught |= (uint64_t)(h > GSIG_IGN) << (s - 1);
    }
}

PRINT(maps)
{
    const struct space *s = space_of(p, e);

    for (uint32_t i = 0; s && i < s->nareas; i++) {
        const struct area *a = &s->area[i];
        bool heap = a->first * (uint64_t)PAGE < s->brk && a->end * (uint64_t)PAGE > s->brk_start;
        int n = fprintf(to, "%08x-%08x %c%c%c%c 00000000 00:00 0", a->first * PAGE, a->end * PAGE,
                        a->prot & P_READ ? 'r' : '-', a->prot & P_WRITE ? 'w' : '-',
                        a->prot & P_EXEC ? 'x' : '-', a->shared ? 's' : 'p');
        const char *name = a->stack ? "[stack]" : heap ? "[heap]" : "";
        fprintf(to, "%*s%s\n", *name ? 49 - n : 1, "", name);
    }
}

PRINT(own_stat)
{
    struct space *s = space_of(p, e);
    uint64_t ignored, caught;

    usage_charge(p);
    sets(p, e, &ignored, &caught);
    fprintf(to,
            "%u (%s) %c %u %u %u 0 -1 0 %u %u 0 0 %" PRIu64 " 0 %" PRIu64 " 0 20 0 %u 0 0 %u %u ",
            e->task ? e->task->tid : e->group->tgid, e->task ? e->task->comm : "", state_of(e),
            e->group->ppid, e->group->pgid, e->group->sid, e->group->own.minflt,
            e->group->children.minflt, e->group->own.cpu / TICKS, e->group->children.cpu / TICKS,
            e->group->refs, pages(s, 0) * PAGE, s ? s->resident : 0);
    fprintf(to,
            "4294967295 0 0 0 0 0 %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
            " 0 0 0 %u 0 0 0 0 0 0 0 0 0 %u %u %u %u %d\n",
            e->task ? e->task->queue.pending & INT32_MAX : 0,
            e->task ? e->task->sigmask & INT32_MAX : 0, ignored & INT32_MAX, caught & INT32_MAX,
            e->group->exit_signal, e->group->arg[0], e->group->arg[1], e->group->env[0],
            e->group->env[1], e->group->status);
}

PRINT(statm)
{
    struct space *s = space_of(p, e);

    fprintf(to, "%u %u 0 %u 0 %u 0\n", pages(s, 0), s ? s->resident : 0, pages(s, P_EXEC),
            pages(s, P_WRITE));
}

PRINT(status)
{
    static const char *const names[][2] = {
        {"R", "running"}, {"S", "sleeping"}, {"T", "stopped"}, {"Z", "zombie"}};
    struct space *s = space_of(p, e);
    uint64_t ignored, caught;
    char state = state_of(e);
    const char *word = "";

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i][0][0] == state)
            word = names[i][1];
    sets(p, e, &ignored, &caught);
    fprintf(to, "Name:\t%s\n", e->task ? e->task->comm : "");
    if (e->task)
        fprintf(to, "Umask:\t%04o\n", p->places[e->task->place].umask);
    fprintf(to, "State:\t%c (%s)\nTgid:\t%u\nNgid:\t0\nPid:\t%u\nPPid:\t%u\nTracerPid:\t0\n", state,
            word, e->group->tgid, e->task ? e->task->tid : e->group->tgid, e->group->ppid);
    fprintf(to, "Uid:\t%d\t%d\t%d\t%d\nGid:\t%d\t%d\t%d\t%d\nFDSize:\t%d\nGroups:\t \n", GUEST_UID,
            GUEST_UID, GUEST_UID, GUEST_UID, GUEST_UID, GUEST_UID, GUEST_UID, GUEST_UID, SOFT_FDS);
    if (s) {
        uint32_t kb = pages(s, 0) * (PAGE / 1024), rss = s->resident * (PAGE / 1024);
        uint32_t stack = 0;
        for (uint32_t i = 0; i < s->nareas; i++)
            stack += s->area[i].stack ? s->area[i].end - s->area[i].first : 0;
        fprintf(to, "VmPeak:\t%8u kB\nVmSize:\t%8u kB\nVmLck:\t%8u kB\nVmHWM:\t%8u kB\n", kb, kb, 0,
                s->peak * (PAGE / 1024));
        fprintf(to, "VmRSS:\t%8u kB\nVmData:\t%8u kB\nVmStk:\t%8u kB\nVmExe:\t%8u kB\n", rss,
                (pages(s, P_WRITE) - stack) * (PAGE / 1024), stack * (PAGE / 1024),
                pages(s, P_EXEC) * (PAGE / 1024));
    }
    fprintf(to, "Threads:\t%u\nSigQ:\t0/%d\n", e->group->refs, SIGNALS_QUEUED);
    fprintf(to, "SigPnd:\t%016" PRIx64 "\nShdPnd:\t%016" PRIx64 "\nSigBlk:\t%016" PRIx64 "\n",
            e->task ? e->task->queue.pending : 0, e->group->queue.pending,
            e->task ? e->task->sigmask : 0);
    fprintf(to, "SigIgn:\t%016" PRIx64 "\nSigCgt:\t%016" PRIx64 "\n", ignored, caught);
    fprintf(to,
            "NoNewPrivs:\t%d\nSeccomp:\t0\nCpus_allowed:\t1\nCpus_allowed_list:\t0\n"
            "voluntary_ctxt_switches:\t%u\nnonvoluntary_ctxt_switches:\t%u\n",
            e->task && e->task->no_new_privs, e->task ? e->task->usage.waited : 0,
            e->task ? e->task->usage.preempted : 0);
}

/* What stands where the program found its arguments, or has put since. */
static void memory(struct process *p, const struct proc_entry *e, const uint32_t range[2], FILE *to)
{
    struct space *s = space_of(p, e);
    uint8_t buf[256];

    for (uint32_t at = range[0], n; s && at < range[1]; at += n) {
        n = range[1] - at < sizeof buf ? range[1] - at : (uint32_t)sizeof buf;
        if (space_read(s, at, buf, n))
            return;
        fwrite(buf, 1, n, to);
    }
}

PRINT(cmdline)
{
    memory(p, e, e->group->arg, to);
}

PRINT(environ_file)
{
    memory(p, e, e->group->env, to);
}

PRINT(comm)
{
    fprintf(to, "%s\n", e->task ? e->task->comm : "");
}

PRINT(limits)
{
    static const char *const rows[GUEST_LIMITS][2] = {
        {"Max cpu time", "seconds"},     {"Max file size", "bytes"},
        {"Max data size", "bytes"},      {"Max stack size", "bytes"},
        {"Max core file size", "bytes"}, {"Max resident set", "bytes"},
        {"Max processes", "processes"},  {"Max open files", "files"},
        {"Max locked memory", "bytes"},  {"Max address space", "bytes"},
        {"Max file locks", "locks"},     {"Max pending signals", "signals"},
        {"Max msgqueue size", "bytes"},  {"Max nice priority", ""},
        {"Max realtime priority", ""},   {"Max realtime timeout", "us"}};

    fprintf(to, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (uint32_t i = 0; i < GUEST_LIMITS; i++) {
        char text[2][24];
        for (int k = 0; k < 2; k++)
            if (e->group->limit[i][k] == UINT64_MAX)
                strcpy(text[k], "unlimited");
            else
                snprintf(text[k], sizeof text[k], "%" PRIu64, e->group->limit[i][k]);
        fprintf(to, "%-25s %-20s %-20s %-10s\n", rows[i][0], text[0], text[1], rows[i][1]);
    }
}

const struct proc_file proc_own[] = {
    {"/cmdline", cmdline}, {"/comm", comm},          {"/environ", environ_file},
    {"/limits", limits},   {"/maps", maps},          {"/mountinfo", mountinfo},
    {"/mounts", mounts},   {"/oom_score_adj", zero}, {"/stat", own_stat},
    {"/statm", statm},     {"/status", status},      {NULL, NULL}};
