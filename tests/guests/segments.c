/* SPDX-License-Identifier: MIT */
/* Segments of a process's own: thread storage and a local descriptor table, through FS and GS; what
 * the tables say of them; selectors that mean nothing. */
#include "guest.h"

enum { SYS_LDT = 123, SYS_SIGACTION = 174, SYS_SET = 243, SYS_GET = 244 };

static u32 data[4] = {0x11111111, 0x22222222, 0x33333333, 0x44444444}, seen;

static u32 gs_at(u32 sel, u32 off)
{
    u32 v, old;
    __asm__ volatile("mov %%gs, %1\n\tmov %w2, %%gs\n\tmov %%gs:(%3), %0\n\tmov %w1, %%gs"
                     : "=&r"(v), "=&r"(old)
                     : "r"(sel), "r"(off));
    return v;
}

static u32 fs_at(u32 sel, u32 off)
{
    u32 v;
    __asm__ volatile("mov %w1, %%fs\n\tmov %%fs:(%2), %0" : "=&r"(v) : "r"(sel), "r"(off));
    return v;
}

struct sigcontext {
    u32 gs, fs, es, ds, edi, esi, ebp, esp, ebx, edx, ecx, eax, trapno, err, eip;
};

static void on_fault(int sig, struct sigcontext sc)
{
    volatile struct sigcontext *s = &sc; /* in the frame itself */
    say_hex("fault ", (u32)sig << 8 | s->trapno);
    say_hex("  error ", s->err);
    seen++;
    s->eip += 2; /* mov reg, %gs */
}

int guest_main(int argc, char **argv)
{
    u32 d[4] = {(u32)-1, (u32)data, 0xfffff, 0x51}, t[8] = {0};
    u32 act[5] = {(u32)on_fault, 0, 0, 0, 0};

    (void)argc, (void)argv;
    say_hex("set ", call(SYS_SET, (u32)d, 0, 0, 0, 0, 0));
    u32 tls = d[0] << 3 | 3;
    say_hex("through gs ", gs_at(tls, 4));
    say_hex("through fs ", fs_at(tls, 8));
    d[1] = (u32)data + 4;
    call(SYS_SET, (u32)d, 0, 0, 0, 0, 0);
    u32 v;
    __asm__ volatile("mov %%fs:0, %0" : "=r"(v));
    say_hex("moved under fs ", v);
    d[1] = d[2] = d[3] = 7;
    say_hex("get ", call(SYS_GET, (u32)d, 0, 0, 0, 0, 0));
    say_hex("  base ", d[1] - (u32)data);
    say_hex("  limit ", d[2]);
    say_hex("  flags ", d[3] & 0x7f);
    d[0] = 5000;
    say_hex("bad ", call(SYS_SET, (u32)d, 0, 0, 0, 0, 0));
    u32 e[4] = {3, (u32)data + 8, 0xfffff, 0x51};
    say_hex("ldt ", call(SYS_LDT, 0x11, (u32)e, 16, 0, 0, 0));
    say_hex("through gs ", gs_at(3 << 3 | 7, 0));
    e[0] = 4;
    e[1] = 0x1000;
    e[2] = 0xabcde;
    e[3] = 0x09; /* 32 bits, read only, bytes */
    call(SYS_LDT, 0x11, (u32)e, 16, 0, 0, 0);
    u32 table[16];
    say_hex("table ", call(SYS_LDT, 0, (u32)table, 64, 0, 0, 0));
    say_hex("  low ", table[8]);
    say_hex("  high ", table[9]);
    e[0] = 9000;
    say_hex("no such entry ", call(SYS_LDT, 0x11, (u32)e, 16, 0, 0, 0));
    say_hex("wrong size ", call(SYS_LDT, 0x11, (u32)e, 12, 0, 0, 0));
    say_hex("wrong call ", call(SYS_LDT, 0x33, (u32)t, 16, 0, 0, 0));
    call(SYS_SIGACTION, 11, (u32)act, 0, 8, 0, 0);
    static const u32 bad[] = {7 << 3 | 7, 5000 << 3 | 3, 30 << 3 | 7, 1 << 3 | 3, 0x0b};
    for (u32 i = 0; i < sizeof bad / sizeof *bad; i++)
        __asm__ volatile("mov %%eax, %%gs" ::"a"(bad[i]));
    say_hex("refused ", seen);
    e[0] = 3;
    e[1] = e[2] = 0;
    e[3] = 0x28;
    say_hex("cleared ", call(SYS_LDT, 0x11, (u32)e, 16, 0, 0, 0));
    __asm__ volatile("mov %%eax, %%gs" ::"a"(3 << 3 | 7));
    say_hex("refused ", seen);
    return 0;
}
