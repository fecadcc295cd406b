/* SPDX-License-Identifier: MIT */
/* What a program learns of its processor by CPUID and from the auxiliary vector, as /proc/cpuinfo
 * would say it: simulated only, for the host's is another. */
#include "guest.h"

static void cpuid(u32 leaf, u32 r[4])
{
    __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
}

int guest_main(int argc, char **argv)
{
    static const struct {
        u32 bit;
        const char *name;
    } flags[] = {{0, " fpu"},      {4, " tsc"},  {5, " msr"},   {8, " cx8"},  {15, " cmov"},
                 {19, " clflush"}, {23, " mmx"}, {24, " fxsr"}, {25, " sse"}, {26, " sse2"}};
    u32 r[4], *v = (u32 *)argv + argc + 1, text[13] = {0};

    while (*v++)
        ;
    cpuid(1, r);
    for (; v[0]; v += 2) {
        if (v[0] == 16)
            say(v[1] == r[3] ? "AT_HWCAP agrees\n" : "AT_HWCAP differs\n");
        if (v[0] == 15) {
            say("platform ");
            say((const char *)v[1]);
            say("\n");
        }
    }
    say("flags\t\t:");
    for (u32 i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (r[3] >> flags[i].bit & 1)
            say(flags[i].name);
    say("\nmodel name\t: ");
    for (u32 i = 0; i < 3; i++)
        cpuid(0x80000002 + i, text + 4 * i);
    say((const char *)text);
    say("\n");
    return 0;
}
