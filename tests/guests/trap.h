/* SPDX-License-Identifier: MIT */
/*
 * Cases that may fault: each is a few instructions of its own, entered by try_case, which comes
 * back whatever they do. A handler on a stack of its own notes what the kernel told of the fault,
 * and goes on behind the case with flat segments.
 */
#ifndef TESTS_GUESTS_TRAP_H
#define TESTS_GUESTS_TRAP_H

#include "guest.h"

enum { SYS_SIGACTION_RT = 174, SYS_SIGALTSTACK = 186, SYS_MODIFY_LDT = 123 };
enum { EFL_TF = 0x100, EFL_AC = 0x40000 };

struct context {
    u32 gs, fs, es, ds, edi, esi, ebp, esp, ebx, edx, ecx, eax, trapno, err, eip, cs, eflags, esp2,
        ss, fpstate, oldmask, cr2;
};
struct ucontext {
    u32 flags, link, stack[3];
    struct context c;
};

/* Cases in which processors of AMD differ from those of Intel (tests/oracle/maker.def), which CMS
 * follows, are left out on a host of AMD's: then the script says `amd`, natively and simulated. */
static inline int on_amd(int argc, char **argv)
{
    return argc > 1 && argv[1][0] == 'a' && argv[1][1] == 'm' && argv[1][2] == 'd';
}

/* The last fault of a case, and how many there were. */
static struct {
    u32 count, sig, code, addr;
    struct context c;
} got;
/* Asked first, if set: true: the handler has edited the context, and the case goes on with it. */
static int (*on_trap)(struct context *c);

u32 try_esp, try_flat_cs, try_flat_ds;
void try_resume(void);
void try_enter(void (*f)(void));
__asm__("try_enter:\n"
        " mov 4(%esp), %eax\n"
        " pusha\n"
        " push %ds\n push %es\n push %fs\n push %gs\n"
        " mov %esp, try_esp\n"
        " mov %cs, try_flat_cs\n mov %ds, try_flat_ds\n"
        " call *%eax\n"
        "try_resume:\n"
        " mov try_esp, %esp\n"
        " push $0x202\n popf\n"
        " pop %gs\n pop %fs\n pop %es\n pop %ds\n"
        " popa\n"
        " ret\n");

static void try_handler(u32 sig, u32 *info, struct ucontext *u)
{
    volatile struct context *c = &u->c;
    got.count++;
    got.sig = sig;
    got.code = info[2];
    got.addr = info[3];
    got.c = u->c;
    if (on_trap && on_trap(&u->c))
        return;
    c->eip = (u32)try_resume;
    c->cs = try_flat_cs;
    c->ds = c->es = c->ss = try_flat_ds;
    c->esp = try_esp;
    c->eflags &= ~(u32)(EFL_TF | EFL_AC | 0x400 | 0x4000);
}

static u8 try_stack[16384];

static void try_begin(void)
{
    u32 stack[3] = {(u32)try_stack, 0, sizeof try_stack};
    /* SA_SIGINFO, SA_ONSTACK, SA_NODEFER */
    u32 act[5] = {(u32)try_handler, 0x48000004, 0, 0, 0};
    static const u8 sigs[] = {4, 5, 7, 8, 11};
    call(SYS_SIGALTSTACK, (u32)stack, 0, 0, 0, 0, 0);
    for (u32 i = 0; i < sizeof sigs; i++)
        call(SYS_SIGACTION_RT, sigs[i], (u32)act, 0, 8, 0, 0);
}

/* Runs a case; false if it faulted. */
static int try_case(void (*f)(void))
{
    got.count = got.sig = 0;
    try_enter(f);
    return got.count == 0;
}

#define CASE(name, text)                                                                           \
    void case_##name(void);                                                                        \
    __asm__("case_" #name ": " text "\n ret\n")

static char *put_text(char *p, const char *s)
{
    while (*s)
        *p++ = *s++;
    return p;
}

static char *put_hex(char *p, u32 v)
{
    u32 n = 8;
    while (n > 1 && !(v >> (4 * n - 4)))
        n--;
    while (n--)
        *p++ = "0123456789abcdef"[v >> 4 * n & 15];
    return p;
}

/* "name: ok", or signal, code, exception, error code, and how far behind the case's start EIP was.
 */
static inline void say_case(const char *name, void (*f)(void))
{
    char line[200], *p = put_text(line, name);
    if (try_case(f)) {
        p = put_text(p, ": ok\n");
    } else {
        p = put_hex(put_text(p, ": signal "), got.sig);
        p = put_hex(put_text(p, " code "), got.code);
        p = put_hex(put_text(p, " trap "), got.c.trapno);
        p = put_hex(put_text(p, " error "), got.c.err);
        p = put_hex(put_text(p, " at "), got.c.eip - (u32)f);
        p = put_text(p, "\n");
    }
    *p = 0;
    say(line);
}
#define SAY(name) say_case(#name, case_##name)

/* An entry of the local descriptor table: its selector. */
static inline u32 ldt(u32 index, u32 base, u32 limit, u32 flags)
{
    u32 d[4] = {index, base, limit, flags};
    u32 e = call(SYS_MODIFY_LDT, 0x11, (u32)d, 16, 0, 0, 0);
    if (e)
        say_hex("modify_ldt ", e);
    return index << 3 | 7;
}
enum {
    LDT_32 = 1,
    LDT_DATA = 0,
    LDT_DOWN = 2,
    LDT_CODE = 4,
    LDT_CONFORMING = 6,
    LDT_READ_ONLY = 8, /* or execute only */
    LDT_PAGES = 16,
    LDT_ABSENT = 32
};

#endif
