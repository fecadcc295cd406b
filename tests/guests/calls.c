/* SPDX-License-Identifier: MIT */
/* System calls that need no company: files by name and by descriptor, identities, scheduling,
 * memory that is locked, limits. A file is made beside the program. */
#include "guest.h"

enum {
    SYS_CLOSE = 6,
    SYS_UNLINK = 10,
    SYS_LSEEK = 19,
    SYS_NICE = 34,
    SYS_SYNC = 36,
    SYS_DUP = 41,
    SYS_SETRLIMIT = 75,
    SYS_TRUNCATE = 92,
    SYS_GETPRIORITY = 96,
    SYS_SETPRIORITY = 97,
    SYS_FSTATFS = 100,
    SYS_PERSONALITY = 136,
    SYS_MSYNC = 144,
    SYS_MUNLOCK = 151,
    SYS_SCHED_SETPARAM = 154,
    SYS_SCHED_GETPARAM,
    SYS_SCHED_SETSCHEDULER,
    SYS_SCHED_GETSCHEDULER,
    SYS_SCHED_MAX = 159,
    SYS_SCHED_MIN,
    SYS_SCHED_INTERVAL,
    SYS_PREAD = 180,
    SYS_PREADV = 333,
    SYS_PWRITEV = 334,
    SYS_PIPE = 42,
    SYS_CAPGET = 184,
    SYS_UGETRLIMIT = 191,
    SYS_TRUNCATE64 = 193,
    SYS_FSTAT64 = 197,
    SYS_GETDENTS64 = 220,
    SYS_READAHEAD = 225,
    SYS_FGETXATTR = 231,
    SYS_SETAFFINITY = 241,
    SYS_STATFS64 = 268,
    SYS_UTIMES = 271,
    SYS_OPENAT = 295,
    SYS_LINKAT = 303,
    SYS_GETCPU = 318,
    SYS_FALLOCATE = 324,
    SYS_PRLIMIT = 340,
    SYS_SYNCFS = 344,
    SYS_PREADV2 = 378,
    SYS_PWRITEV2,
    SYS_CLOSE_RANGE = 436,
    SYS_COPY_RANGE = 377
};
enum { HERE = -100, CREAT = 0100, TRUNC = 01000, EXCL = 0200, RDWR = 2 };

static char name[4096], other[4096];

static u32 size_of(u32 fd)
{
    u32 st[24];
    return call(SYS_FSTAT64, fd, (u32)st, 0, 0, 0, 0) ? (u32)-1 : st[11];
}

static u32 open_at(const char *path, u32 flags)
{
    return call(SYS_OPENAT, (u32)HERE, (u32)path, flags, 0644, 0, 0);
}

static void files(void)
{
    char text[16] = {0};
    u32 fd = open_at(name, CREAT | TRUNC | RDWR), to, off[2] = {0, 0}, buf[32], times[4];

    call(SYS_WRITE, fd, (u32) "0123456789abcdef", 16, 0, 0, 0);
    for (u32 whence = 3; whence < 6; whence++) { /* data, hole, nothing */
        say_hex("seek from within ", call(SYS_LSEEK, fd, 3, whence, 0, 0, 0));
        say_hex("seek from the end ", call(SYS_LSEEK, fd, 16, whence, 0, 0, 0));
        say_hex("seek from before ", call(SYS_LSEEK, fd, (u32)-1, whence, 0, 0, 0));
    }
    say_hex("truncate ", call(SYS_TRUNCATE, (u32)name, 10, 0, 0, 0, 0));
    say_hex("  size ", size_of(fd));
    say_hex("truncate wide ", call(SYS_TRUNCATE64, (u32)name, 20, 0, 0, 0, 0));
    say_hex("  size ", size_of(fd));
    say_hex("negative ", call(SYS_TRUNCATE, (u32)name, (u32)-1, 0, 0, 0, 0));
    say_hex("no file ", call(SYS_TRUNCATE, (u32) "/nowhere/at/all", 1, 0, 0, 0, 0));
    say_hex("a folder ", call(SYS_TRUNCATE, (u32) "/", 1, 0, 0, 0, 0));
    say_hex("room ", call(SYS_FALLOCATE, fd, 0, 0, 0, 100, 0));
    say_hex("  size ", size_of(fd));
    say_hex("room behind the end ", call(SYS_FALLOCATE, fd, 1, 0, 0, 5000, 0));
    say_hex("  size ", size_of(fd));
    say_hex("no room ", call(SYS_FALLOCATE, fd, 0, 0, 0, 0, 0));
    say_hex("  at a pipe's place ", call(SYS_FALLOCATE, 99, 0, 0, 0, 1, 0));
    say_hex("link ", call(SYS_LINKAT, (u32)HERE, (u32)name, (u32)HERE, (u32)other, 0, 0));
    say_hex("again ", call(SYS_LINKAT, (u32)HERE, (u32)name, (u32)HERE, (u32)other, 0, 0));
    say_hex("bad flags ", call(SYS_LINKAT, (u32)HERE, (u32)name, (u32)HERE, (u32)other, 1, 0));
    call(SYS_UNLINK, (u32)other, 0, 0, 0, 0, 0);
    to = open_at(other, CREAT | TRUNC | RDWR);
    say_hex("copy ", call(SYS_COPY_RANGE, fd, (u32)off, to, 0, 8, 0));
    say_hex("  from then ", off[0]);
    say_hex("copy to the end ", call(SYS_COPY_RANGE, fd, (u32)off, to, 0, 1000, 0));
    say_hex("  size ", size_of(to));
    call(SYS_PREAD, to, (u32)text, 12, 0, 0, 0);
    say(text);
    say("\n");
    u32 part[3][2] = {{(u32)text, 3}, {0, 0}, {(u32)text + 6, 4}}, ends[2];
    say_hex("write in parts ", call(SYS_PWRITEV, to, (u32)part, 3, 2, 0, 0));
    say_hex("read in parts ", call(SYS_PREADV, to, (u32)part, 3, 1, 0, 0));
    say(text);
    say("\n");
    say_hex("before the file ", call(SYS_PREADV, to, (u32)part, 3, 0, 0x80000000u, 0));
    say_hex("behind its end ", call(SYS_PREADV, to, (u32)part, 3, 0, 1, 0));
    say_hex("write with advice ", call(SYS_PWRITEV2, to, (u32)part, 3, 2, 0, 4));
    say_hex("read with advice ", call(SYS_PREADV2, to, (u32)part, 3, 4, 0, 1));
    say(text);
    say("\n");
    call(SYS_LSEEK, to, 2, 0, 0, 0, 0);
    say_hex("read where it is ", call(SYS_PREADV2, to, (u32)part, 3, (u32)-1, (u32)-1, 0));
    say(text);
    say("\n");
    say_hex("  now at ", call(SYS_LSEEK, to, 0, 1, 0, 0, 0));
    say_hex("bad advice ", call(SYS_PREADV2, to, (u32)part, 3, 4, 0, 0x1000));
    say_hex("of nothing ", call(SYS_PWRITEV, 99, (u32)part, 3, 0, 0, 0));
    call(SYS_PIPE, (u32)ends, 0, 0, 0, 0, 0);
    say_hex("in a pipe ", call(SYS_PWRITEV, ends[1], (u32)part, 3, 0, 0, 0));
    call(SYS_CLOSE, ends[0], 0, 0, 0, 0, 0);
    call(SYS_CLOSE, ends[1], 0, 0, 0, 0, 0);
    off[0] = 2;
    say_hex("into itself ", call(SYS_COPY_RANGE, fd, (u32)off, fd, (u32)(u32[2]){4, 0}, 8, 0));
    say_hex("copy with flags ", call(SYS_COPY_RANGE, fd, 0, to, 0, 8, 1));
    say_hex("copy to nothing ", call(SYS_COPY_RANGE, fd, 0, 99, 0, 8, 0));
    say_hex("read ahead ", call(SYS_READAHEAD, fd, 0, 0, 10, 0, 0));
    say_hex("an attribute ", call(SYS_FGETXATTR, 99, (u32) "user.x", 0, 0, 0, 0));
    say_hex("its system ", call(SYS_FSTATFS, fd, (u32)buf, 0, 0, 0, 0));
    say_hex("nothing's ", call(SYS_STATFS64, (u32) "/nowhere/at/all", 84, (u32)buf, 0, 0, 0));
    say_hex("wrong size ", call(SYS_STATFS64, (u32) "/", 80, (u32)buf, 0, 0, 0));
    times[0] = times[2] = 1000000000;
    times[1] = times[3] = 5;
    say_hex("times ", call(SYS_UTIMES, (u32)name, (u32)times, 0, 0, 0, 0));
    u32 st[24];
    call(SYS_FSTAT64, fd, (u32)st, 0, 0, 0, 0);
    say_hex("  set to ", st[18]);
    say_hex("  and ns ", st[19]);
    times[1] = 1000000;
    say_hex("  bad ", call(SYS_UTIMES, (u32)name, (u32)times, 0, 0, 0, 0));
    say_hex("sync ", call(SYS_SYNC, 0, 0, 0, 0, 0, 0));
    say_hex("sync its system ", call(SYS_SYNCFS, fd, 0, 0, 0, 0, 0));
    say_hex("  nothing's ", call(SYS_SYNCFS, 99, 0, 0, 0, 0, 0));
    call(SYS_CLOSE, fd, 0, 0, 0, 0, 0);
    fd = open_at("/proc/uptime", 0);
    say_hex("listing a file ", call(SYS_GETDENTS64, fd, (u32)buf, sizeof buf, 0, 0, 0));
    call(SYS_CLOSE, fd, 0, 0, 0, 0, 0);
    call(SYS_CLOSE, to, 0, 0, 0, 0, 0);
    call(SYS_UNLINK, (u32)name, 0, 0, 0, 0, 0);
    call(SYS_UNLINK, (u32)other, 0, 0, 0, 0, 0);
}

static void scheduling(void)
{
    u32 v = 0;
    /* A given one first: that of the beginning is the caller's. */
    say_hex("set priority ", call(SYS_SETPRIORITY, 0, 0, 10, 0, 0, 0));
    say_hex("  now ", call(SYS_GETPRIORITY, 0, 0, 0, 0, 0, 0));
    say_hex("nicer ", call(SYS_NICE, 3, 0, 0, 0, 0, 0));
    say_hex("  now ", call(SYS_GETPRIORITY, 0, 0, 0, 0, 0, 0));
    say_hex("as nice as can be ", call(SYS_SETPRIORITY, 0, 0, 100, 0, 0, 0));
    say_hex("  now ", call(SYS_GETPRIORITY, 0, 0, 0, 0, 0, 0));
    say_hex("of whom ", call(SYS_GETPRIORITY, 3, 0, 0, 0, 0, 0));
    say_hex("of nobody ", call(SYS_GETPRIORITY, 0, 0x7ffffff, 0, 0, 0, 0));
    say_hex("policy ", call(SYS_SCHED_GETSCHEDULER, 0, 0, 0, 0, 0, 0));
    say_hex("  of nobody ", call(SYS_SCHED_GETSCHEDULER, 0x7ffffff, 0, 0, 0, 0, 0));
    say_hex("  of less ", call(SYS_SCHED_GETSCHEDULER, (u32)-1, 0, 0, 0, 0, 0));
    say_hex("set ", call(SYS_SCHED_SETSCHEDULER, 0, 0, (u32)&v, 0, 0, 0));
    say_hex("  parameter ", call(SYS_SCHED_GETPARAM, 0, (u32)&v, 0, 0, 0, 0));
    say_hex("  no such ", call(SYS_SCHED_SETSCHEDULER, 0, 4, (u32)&v, 0, 0, 0));
    say_hex("set parameter ", call(SYS_SCHED_SETPARAM, 0, (u32)&v, 0, 0, 0, 0));
    say_hex("  of nobody ", call(SYS_SCHED_SETPARAM, 0x7ffffff, (u32)&v, 0, 0, 0, 0));
    u32 slice[2] = {9, 9};
    say_hex("slice ", call(SYS_SCHED_INTERVAL, 0, (u32)slice, 0, 0, 0, 0));
    say_hex("  of nobody ", call(SYS_SCHED_INTERVAL, 0x7ffffff, (u32)slice, 0, 0, 0, 0));
    u32 cpus = 1;
    say_hex("on the first ", call(SYS_SETAFFINITY, 0, 4, (u32)&cpus, 0, 0, 0));
    cpus = 0;
    say_hex("on none ", call(SYS_SETAFFINITY, 0, 4, (u32)&cpus, 0, 0, 0));
    say_hex("of nobody ", call(SYS_SETAFFINITY, 0x7ffffff, 4, (u32)&cpus, 0, 0, 0));
    call(SYS_PERSONALITY, 0, 0, 0, 0, 0, 0);
    say_hex("persona ", call(SYS_PERSONALITY, (u32)-1, 0, 0, 0, 0, 0));
    say_hex("set ", call(SYS_PERSONALITY, 0x40000, 0, 0, 0, 0, 0));
    say_hex("  now ", call(SYS_PERSONALITY, (u32)-1, 0, 0, 0, 0, 0));
    for (u32 i = 0; i < 7; i++) {
        say_hex("most ", call(SYS_SCHED_MAX, i, 0, 0, 0, 0, 0));
        say_hex("least ", call(SYS_SCHED_MIN, i, 0, 0, 0, 0, 0));
    }
    say_hex("where ", call(SYS_GETCPU, 0, 0, 0, 0, 0, 0));
    say_hex("  bad ", call(SYS_GETCPU, 1, 0, 0, 0, 0, 0));
}

static void memory_and_limits(void)
{
    u8 *m = map(0, 12288, RW);
    u32 lim[2], wide[4], old[4], head[2] = {0, 0}, fd;
    call(SYS_MUNMAP, (u32)m + 4096, 4096, 0, 0, 0, 0);
    say_hex("protect a hole ", call(SYS_MPROTECT, (u32)m, 12288, 1, 0, 0, 0));
    say_hex("  before it ", call(SYS_UGETRLIMIT, 7, (u32)m, 0, 0, 0, 0));
    say_hex("  behind it ", call(SYS_UGETRLIMIT, 7, (u32)m + 8192, 0, 0, 0, 0));
    say_hex("protect from a hole on ", call(SYS_MPROTECT, (u32)m + 4096, 8192, 1, 0, 0, 0));
    say_hex("  behind it ", call(SYS_UGETRLIMIT, 7, (u32)m + 8192, 0, 0, 0, 0));
    call(SYS_MPROTECT, (u32)m, 4096, RW, 0, 0, 0);
    u32 here = (u32)&here & ~4095u;
    say_hex("all of a stack ", call(SYS_MPROTECT, here, 4096, RWX | 1 << 24, 0, 0, 0));
    ((volatile u8 *)here)[-40000] = 1;
    say_hex("of no stack ", call(SYS_MPROTECT, (u32)m, 4096, RW | 1 << 24, 0, 0, 0));
    say_hex("upwards ", call(SYS_MPROTECT, here, 4096, RWX | 1 << 25, 0, 0, 0));
    say_hex("unlock ", call(SYS_MUNLOCK, (u32)m, 4096, 0, 0, 0, 0));
    say_hex("unlock a hole ", call(SYS_MUNLOCK, (u32)m, 12288, 0, 0, 0, 0));
    say_hex("msync ", call(SYS_MSYNC, (u32)m, 4096, 4, 0, 0, 0));
    say_hex("msync both ways ", call(SYS_MSYNC, (u32)m, 4096, 5, 0, 0, 0));
    say_hex("msync a hole ", call(SYS_MSYNC, (u32)m, 12288, 4, 0, 0, 0));
    say_hex("msync at nothing round ", call(SYS_MSYNC, (u32)m + 1, 1, 4, 0, 0, 0));
    say_hex("capabilities of no version ", call(SYS_CAPGET, (u32)head, (u32)wide, 0, 0, 0, 0));
    say_hex("  but ", head[0]);
    lim[0] = 20;
    lim[1] = 10;
    say_hex("more than there can be ", call(SYS_SETRLIMIT, 7, (u32)lim, 0, 0, 0, 0));
    say_hex("no such limit ", call(SYS_UGETRLIMIT, 16, (u32)lim, 0, 0, 0, 0));
    call(SYS_UGETRLIMIT, 7, (u32)lim, 0, 0, 0, 0);
    lim[0] = 5;
    say_hex("five files ", call(SYS_SETRLIMIT, 7, (u32)lim, 0, 0, 0, 0));
    while ((int)(fd = call(SYS_DUP, 1, 0, 0, 0, 0, 0)) >= 0)
        say_hex("  one more ", fd);
    say_hex("  no more ", fd);
    wide[0] = 6;
    wide[1] = wide[3] = 0;
    wide[2] = lim[1];
    say_hex("six ", call(SYS_PRLIMIT, 0, 7, (u32)wide, (u32)old, 0, 0));
    say_hex("  it was ", old[0]);
    say_hex("  one more ", call(SYS_DUP, 1, 0, 0, 0, 0, 0));
    say_hex("close the wrong way round ", call(SYS_CLOSE_RANGE, 5, 4, 0, 0, 0, 0));
    say_hex("close them ", call(SYS_CLOSE_RANGE, 3, (u32)-1, 0, 0, 0, 0));
    say_hex("  so there is room ", call(SYS_DUP, 1, 0, 0, 0, 0, 0));
    say_hex("nobody's ", call(SYS_PRLIMIT, 0x7ffffff, 7, 0, (u32)old, 0, 0));
}

int guest_main(int argc, char **argv)
{
    u32 n = 0;

    (void)argc;
    for (; argv[0][n]; n++)
        name[n] = other[n] = argv[0][n];
    name[n] = '1';
    other[n] = '2';
    files();
    scheduling();
    memory_and_limits();
    return 0;
}
