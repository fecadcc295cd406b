/* SPDX-License-Identifier: MIT */
/*
 * Random system calls with random arguments, from a seed: fuzz SEED CALLS [OUTSIDE]. Whatever
 * comes, the system answers with an errno or a signal; what it must not do is crash, hang, or write
 * where the guest may not.
 *
 * The files that a guest changes are the host's, so: run it in an empty folder, as a user who owns
 * nothing else. Natively it would be a danger to the machine it runs on, and says no. Calls that
 * change names get only a few, all of them in that folder.
 *
 * With OUTSIDE, a folder of the host's that a confined guest must not reach, most calls are about
 * names, and the names try everything to get there.
 *
 * A parent starts one child for each run of calls, so that a child may die in any way.
 */
#include "guest.h"

enum {
    SYS_DUP2 = 63,
    SYS_FORK = 2,
    SYS_UNAME = 122,
    SYS_WAIT4 = 114,
    SYS_GROUP = 252,
    SYS_PIPE = 42,
    SYS_KILL = 37,
    SYS_SETITIMER = 104,
    SYS_SIGACTION = 174
};

static u32 rnd;

static u32 next(void)
{
    rnd ^= rnd << 13;
    rnd ^= rnd >> 17;
    rnd ^= rnd << 5;
    return rnd;
}

static u32 number(const char *s)
{
    u32 v = 0;
    while (*s >= '0' && *s <= '9')
        v = v * 10 + (u32)(*s++ - '0');
    return v;
}

static u8 *pages, text[4096];
static const char *const names[] = {"",  ".", "x",  "y/z",        "x/./y",     "././././x",
                                    "y", "z", "x/", "/dev/shm/x", "/dev/shm/y"};
static const char *const readable[] = {"/proc/self/exe",
                                       "/dev/fd/0",
                                       "/proc/self/fd/3",
                                       "/dev/urandom",
                                       "/nowhere/at/all",
                                       "/dev/null",
                                       "..",
                                       "/",
                                       "/proc/self/fd/99999999999",
                                       "/proc/self/maps",
                                       "/proc/self/fd",
                                       "/proc/1001/status",
                                       "/proc",
                                       "/proc/self/task/../../self/fd/1",
                                       "/dev/zero",
                                       "/dev/shm",
                                       "/dev/shm/x",
                                       "/dev/shm/../shm/y"};

static const char *outside;

/* A name that means to get out. */
static const char *wild(void)
{
    static const char *const ways[] = {"x",
                                       "y",
                                       "x/y",
                                       "..",
                                       "../x",
                                       "/x",
                                       "/../../../x",
                                       "x/../../y",
                                       "/",
                                       ".",
                                       "y/../../a",
                                       "/proc/self/root/../x",
                                       "x/a",
                                       "x/outside",
                                       "../../outside",
                                       "/proc/self/cwd/../../outside/a",
                                       "/outside/a",
                                       "/proc/self/exe",
                                       "../../outside/a",
                                       "../../../../../../../../../../tmp"};
    u32 r = next() % (sizeof ways / sizeof *ways + 6);
    return r < sizeof ways / sizeof *ways ? ways[r] : outside;
}

static const char *some_name(void)
{
    return outside ? wild() : names[next() % (sizeof names / sizeof *names)];
}

static u32 argument(void)
{
    static const u32 odd[] = {0,          1,          2,          3,          4,
                              7,          8,          16,         64,         255,
                              4095,       4096,       65536,      0x7fffffff, 0x80000000,
                              0xffffffff, 0xfffffffe, 0xffffff9c, 0xbfffffff, 0xc0000000,
                              0xfffff000, 0x08048000, 1000,       1001,       999};
    u32 r = next();
    switch (r % 12) {
    case 0:
    case 1: return odd[(r >> 8) % (sizeof odd / sizeof *odd)];
    case 2: return r >> 8 & 15;
    case 3:
        return (r >> 8 & 1) ? (u32)readable[(r >> 9) % (sizeof readable / sizeof *readable)]
                            : (u32)names[(r >> 9) % (sizeof names / sizeof *names)];
    case 4:
    case 5: return (u32)text + (r >> 8) % sizeof text;
    case 6: return (u32)pages + (r >> 8) % 8192;        /* the second page is not there */
    case 7: return ((u32)pages + 4096 - (r >> 8) % 64); /* across */
    case 8: return 1u << (r >> 8 & 31);
    case 9: return r >> 8 & 0xfff;
    case 10: return ((r >> 8) % 0xc0000) * 4096;
    default: return next();
    }
}

/* Not: exit and its like, so that a child lives for a while; kill of everyone; moving elsewhere. */
static u32 allowed(u32 nr)
{
    if (outside && (nr == 12 || nr == 133))
        return 1;
    return nr != 1 && nr != 252 && nr != 37 && nr != 238 && nr != 270 && nr != 12 && nr != 133;
}

/* Which arguments of a call that changes the file system are names: bits. */
static u32 changes(u32 nr)
{
    switch (nr) {
    case 8:
    case 10:
    case 14:
    case 15:
    case 16:
    case 30:
    case 39:
    case 40:
    case 92:
    case 182:
    case 193:
    case 198:
    case 212:
    case 226:
    case 227:
    case 235:
    case 236:
    case 271:
    case 52:
    case 21:
    case 22:
    case 61:
    case 87:
    case 115:
    case 217: return 1;
    case 9:
    case 38:
    case 83: return 3;
    case 296:
    case 297:
    case 298:
    case 299:
    case 301:
    case 306:
    case 320:
    case 412:
    case 437:
    case 452: return 2;
    case 302:
    case 303:
    case 353: return 2 | 8;
    case 304: return 1 | 4;
    default: return 0;
    }
}

static void child(u32 calls)
{
    u32 fd[2];
    call(SYS_PIPE, (u32)fd, 0, 0, 0, 0, 0);
    call(SYS_DUP2, fd[0], 0, 0, 0, 0, 0);
    call(SYS_DUP2, fd[1], 1, 0, 0, 0, 0);
    call(SYS_DUP2, fd[1], 2, 0, 0, 0, 0);
    pages = map(0, 8192, RW);
    call(SYS_MUNMAP, (u32)pages + 4096, 4096, 0, 0, 0, 0);
    call(5, (u32)some_name(), 0102, 0644, 0, 0, 0);
    for (u32 i = 0; i < calls; i++) {
        static const unsigned short of_names[] = {
            5,   8,   9,   10,  12,  15,  30,  38,  39,  40,  83, 85, 93, 133, 198, 212, 220,
            295, 296, 298, 301, 302, 304, 306, 320, 353, 183, 4,  3,  83, 61,  299, 437, 452};
        /* Calls that are worth more than their share. */
        static const unsigned short dear[] = {
            5,  91, 93, 125, 143, 144, 163, 180, 181, 192, 192, 192, 194, 219, 221, 240, 240, 356,
            14, 14, 5,  359, 360, 361, 362, 363, 364, 366, 369, 370, 370, 371, 372, 372, 255, 313};
        u32 nr = next() % 460, a[6];
        if (!(next() % 8))
            nr = dear[next() % (sizeof dear / sizeof *dear)];
        if (outside && next() % 4)
            nr = of_names[next() % (sizeof of_names / sizeof *of_names)];
        for (u32 k = 0; k < sizeof text / 4; k += 1 + next() % 64)
            ((u32 *)text)[k] = argument();
        for (u32 k = 0; k < 6; k++)
            a[k] = argument();
        if (next() & 15 &&
            (nr == 91 || nr == 125 || nr == 163 || nr == 192 || nr == 219 || nr == 45))
            a[0] = (u32)pages + next() % 64 * 4096; /* let it keep its code, for a while */
        if (nr == 192 && next() & 1) {              /* what is open, shared */
            a[1] = next() % 5 * 4096;
            a[2] = next() & 7;
            a[3] = 1 | (next() & 2) | (next() & 0x10);
            a[4] = 3 + next() % 8;
            a[5] = next() % 3;
        }
        if ((nr == 93 || nr == 194) && next() & 1) {
            a[0] = 3 + next() % 8;
            a[1] = next() % 16384;
            a[2] = 0;
        }
        if (nr == 240 && next() & 3) { /* a few words, of whatever kind */
            a[0] = (u32)text + next() % 4 * 4;
            a[1] = next() % 14;
            a[4] = (u32)text + next() % 4 * 4;
            if (next() & 1)
                *(u32 *)a[0] = next() & 1 ? 0 : next() & 3 ? 1000 + next() % 8 : argument();
            a[2] = next() & 1 ? *(u32 *)a[0] : a[2];
            a[5] = next() & 1 ? *(u32 *)a[0] : a[5];
        }
        if (nr >= 359 && nr <= 373 && next() & 3) { /* sockets, of few kinds, and their addresses */
            static const u32 family[] = {1, 2, 10}, plain[] = {0, 0x100007f, 0xd4310002};
            a[0] = nr <= 360 ? family[next() % 3] : 3 + next() % 12;
            a[1] = nr <= 360 ? 1 + next() % 2 + (next() & 04000) : (u32)text;
            a[2] = nr <= 360 ? 0 : nr == 362 || nr == 361 ? 16 + next() % 12 : a[2];
            *(u32 *)text = family[next() % 3] | (next() & 1 ? 0 : (1 + next() % 3) << 24);
            ((u32 *)text)[1] = plain[next() % 3];
            if (nr == 360 || nr == 363)
                a[nr == 360 ? 3 : 1] = nr == 360 ? (u32)text : 3;
            if (nr == 370 || nr == 372) { /* a message with descriptors */
                u32 *m = (u32 *)text + 64;
                m[0] = m[1] = m[6] = 0, m[2] = (u32)(m + 10), m[3] = 1, m[4] = (u32)(m + 20),
                m[5] = 16 + next() % 16;
                m[10] = (u32)(m + 40), m[11] = next() % 64;
                m[20] = next() & 7 ? m[5] : next() & 31, m[21] = m[22] = 1;
                for (u32 k = 23; k < 30; k++)
                    m[k] = next() % 12;
                a[1] = (u32)m;
                a[2] = 0x40 | (next() & 2);
            }
            if (nr == 369 || nr == 371)
                a[2] &= 0xfff, a[3] = 0x40 | (next() & 2), a[4] = next() & 1 ? (u32)text : 0,
                               a[5] = 16;
        }
        if (nr == 14 && next() & 1)
            a[1] = 0010644;
        u32 which = changes(nr);
        for (u32 k = 0; k < 6; k++)
            if (which >> k & 1)
                a[k] = (u32)some_name();
        if ((nr == 5 || nr == 295) && !(next() & 1)) { /* openings, of what is only read */
            a[nr == 295] = (u32)readable[next() % (sizeof readable / sizeof *readable)];
            a[1 + (nr == 295)] &= 02000000 | 04000 | 0200000;
        } else if (nr == 5 || nr == 295) {
            a[nr == 295] = (u32)some_name();
        }
        if (outside && nr == 12)
            a[0] = (u32)some_name();
        if (outside && nr >= 295 && next() % 4) /* a folder that is open, or where we are */
            a[0] = next() & 1 ? (u32)-100 : 3 + next() % 4;
        if (allowed(nr))
            call(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    }
}

static void on_alarm(int sig)
{
    (void)sig;
}

int guest_main(int argc, char **argv)
{
    char u[390];
    u32 seed = argc > 1 ? number(argv[1]) : 1, calls = argc > 2 ? number(argv[2]) : 1000;
    u32 status = 0, ended = 0, killed = 0, timer[4] = {0, 200000, 0, 200000};
    u32 act[5] = {(u32)on_alarm, 0, 0, 0, 0};

    outside = argc > 3 ? argv[3] : 0;
    call(SYS_UNAME, (u32)u, 0, 0, 0, 0, 0);
    if (u[65] != 'c' || u[66] != 'h' || u[67] != 'r' || u[68] != 'y') {
        say("not on this system\n");
        return 1;
    }
    call(SYS_SIGACTION, 14, (u32)act, 0, 8, 0, 0);
    for (u32 done = 0; done < calls; done += 200) {
        rnd = (seed * 2654435761u ^ done * 40503u) | 1;
        u32 pid = call(SYS_FORK, 0, 0, 0, 0, 0, 0);
        if (!pid) {
            child(200);
            call(SYS_GROUP, 0, 0, 0, 0, 0, 0);
        }
        if ((int32_t)pid < 0) {
            say_hex("fork ", pid);
            return 2;
        }
        call(SYS_SETITIMER, 0, (u32)timer, 0, 0, 0, 0);
        while (call(SYS_WAIT4, pid, (u32)&status, 0, 0, 0, 0) == (u32)-4)
            call(SYS_KILL, pid, 9, 0, 0, 0, 0); /* it has had its time */
        call(SYS_KILL, (u32)-1, 9, 0, 0, 0, 0); /* and what it has left behind */
        if (status & 0x7f)
            killed++;
        else
            ended++;
    }
    say_hex("ended ", ended);
    say_hex("killed ", killed);
    return 0;
}
