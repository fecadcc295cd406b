/* SPDX-License-Identifier: MIT */
/* Files in memory: nameless ones and their seals, those of /dev/shm and their names, and how either
 * is mapped, shared between processes, and ends. */
#include "guest.h"

enum {
    SYS_FORK = 2,
    SYS_READ = 3,
    SYS_OPEN = 5,
    SYS_CLOSE = 6,
    SYS_LINK = 9,
    SYS_UNLINK = 10,
    SYS_CHMOD = 15,
    SYS_GETPID = 20,
    SYS_ACCESS = 33,
    SYS_RENAME = 38,
    SYS_TRUNCATE = 92,
    SYS_FTRUNCATE = 93,
    SYS_FCHMOD = 94,
    SYS_WAIT4 = 114,
    SYS_MREMAP = 163,
    SYS_PREAD = 180,
    SYS_PWRITE,
    SYS_STAT64 = 195,
    SYS_FSTAT64 = 197,
    SYS_GETDENTS64 = 220,
    SYS_FCNTL64,
    SYS_FUTEX = 240,
    SYS_FALLOCATE = 324,
    SYS_MEMFD = 356
};
enum { CREAT = 0100, EXCL = 0200, TRUNC = 01000, RDWR = 2, R = 1, SHARED = 1, PRIVATE };
enum { ADD_SEALS = 1033, GET_SEALS, SEAL = 1, SHRINK, GROW = 4, WRITE = 8, FUTURE = 16 };

static char one[64], two[64], deep[64];

static u32 map_file(u32 fd, u32 prot, u32 flags)
{
    return call(SYS_MMAP2, 0, 8192, prot, flags, fd, 0);
}
static void say_map(const char *what, u32 m)
{
    say_hex(what, m > 0xfffff000 ? m : 0);
    if (m <= 0xfffff000)
        call(SYS_MUNMAP, m, 8192, 0, 0, 0, 0);
}

static void say_stat(const char *what, u32 e, const u32 *st)
{
    say_hex(what, e);
    if (e)
        return;
    say_hex("  mode ", st[4]);
    say_hex("  links ", st[5]);
    say_hex("  size ", st[11]);
}
static void stat_of(const char *what, const char *name)
{
    u32 st[24];
    say_stat(what, call(SYS_STAT64, (u32)name, (u32)st, 0, 0, 0, 0), st);
}
static void fstat_of(const char *what, u32 fd)
{
    u32 st[24];
    say_stat(what, call(SYS_FSTAT64, fd, (u32)st, 0, 0, 0, 0), st);
}

static void wait_one(const char *what)
{
    u32 status = 0;
    call(SYS_WAIT4, (u32)-1, (u32)&status, 0, 0, 0, 0);
    say_hex(what, status);
}

static void nameless(void)
{
    char text[16] = {0};
    u32 fd = call(SYS_MEMFD, (u32) "thing", 0, 0, 0, 0, 0);
    fstat_of("new ", fd);
    say_hex("longer ", call(SYS_FTRUNCATE, fd, 8192, 0, 0, 0, 0));
    volatile u32 *m = (u32 *)map_file(fd, RW, SHARED);
    m[0] = 1;
    m[1024] = 5;
    call(SYS_PREAD, fd, (u32)text, 4, 4096, 0, 0);
    say_hex("stored, read ", (u32)text[0]);
    call(SYS_PWRITE, fd, (u32) "ab", 2, 8, 0, 0);
    say_hex("written, loaded ", m[2]);
    if (!call(SYS_FORK, 0, 0, 0, 0, 0, 0)) {
        m[3] = 33;
        m[0] = 0;
        call(SYS_FUTEX, (u32)m, 1, 1, 0, 0, 0);
        call(SYS_EXIT, 0, 0, 0, 0, 0, 0);
    }
    while (m[0])
        call(SYS_FUTEX, (u32)m, 0, 1, 0, 0, 0);
    wait_one("child ");
    say_hex("its word ", m[3]);
    m = (u32 *)call(SYS_MREMAP, (u32)m, 8192, 16384, 1, 0, 0);
    call(SYS_FTRUNCATE, fd, 16384, 0, 0, 0, 0);
    m[3072] = 7;
    call(SYS_CLOSE, fd, 0, 0, 0, 0, 0);
    say_hex("without a descriptor ", m[3072] + m[1024]);
    call(SYS_MUNMAP, (u32)m, 16384, 0, 0, 0, 0);
    say_hex("bad flags ", call(SYS_MEMFD, (u32) "x", 0x100, 0, 0, 0, 0));
    say_hex("no name ", call(SYS_MEMFD, 0, 0, 0, 0, 0, 0));
    char longer[300];
    for (u32 i = 0; i < 300; i++)
        longer[i] = i < 250 ? 'n' : 0;
    say_hex("long name ", call(SYS_MEMFD, (u32)longer, 0, 0, 0, 0, 0));
    longer[249] = 0;
    say_hex("not quite ", (int)call(SYS_MEMFD, (u32)longer, 0, 0, 0, 0, 0) < 0);
}

static u32 seal(u32 fd, u32 seals)
{
    return call(SYS_FCNTL64, fd, ADD_SEALS, seals, 0, 0, 0);
}

static void sealed(void)
{
    u32 fd = call(SYS_MEMFD, (u32) "plain", 0, 0, 0, 0, 0), m;
    say_hex("seals ", call(SYS_FCNTL64, fd, GET_SEALS, 0, 0, 0, 0));
    say_hex("no more of them ", seal(fd, SHRINK));
    say_hex("not of a stream ", call(SYS_FCNTL64, 1, GET_SEALS, 0, 0, 0, 0));
    call(SYS_CLOSE, fd, 0, 0, 0, 0, 0);
    fd = call(SYS_MEMFD, (u32) "sealed", 2, 0, 0, 0, 0);
    call(SYS_FTRUNCATE, fd, 8192, 0, 0, 0, 0);
    say_hex("none ", call(SYS_FCNTL64, fd, GET_SEALS, 0, 0, 0, 0));
    say_hex("unknown ", seal(fd, 0x100));
    say_hex("shrink ", seal(fd, SHRINK));
    say_hex("shorter ", call(SYS_FTRUNCATE, fd, 4096, 0, 0, 0, 0));
    say_hex("longer ", call(SYS_FTRUNCATE, fd, 12288, 0, 0, 0, 0));
    say_hex("grow ", seal(fd, GROW));
    say_hex("longer ", call(SYS_FTRUNCATE, fd, 16384, 0, 0, 0, 0));
    say_hex("written there ", call(SYS_PWRITE, fd, (u32) "x", 1, 12288, 0, 0));
    say_hex("written here ", call(SYS_PWRITE, fd, (u32) "x", 1, 12287, 0, 0));
    say_hex("room ", call(SYS_FALLOCATE, fd, 0, 0, 0, 20000, 0));
    m = map_file(fd, RW, SHARED);
    say_hex("against writing ", seal(fd, WRITE));
    say_hex("in future ", seal(fd, FUTURE));
    say_map("mapped to write ", map_file(fd, RW, SHARED));
    *(volatile u8 *)m = 9;
    call(SYS_MUNMAP, m, 8192, 0, 0, 0, 0);
    u32 r = map_file(fd, R, SHARED);
    say_hex("to write later ", call(SYS_MPROTECT, r, 4096, RW, 0, 0, 0));
    say_hex("against writing ", seal(fd, WRITE | SEAL));
    say_hex("what it has ", *(volatile u8 *)r);
    say_hex("written ", call(SYS_PWRITE, fd, (u32) "x", 1, 0, 0, 0));
    say_map("mapped to write ", map_file(fd, RW, SHARED));
    say_map("private ", map_file(fd, RW, PRIVATE));
    say_hex("seals ", call(SYS_FCNTL64, fd, GET_SEALS, 0, 0, 0, 0));
    say_hex("sealed ", seal(fd, 0));
    call(SYS_CLOSE, fd, 0, 0, 0, 0, 0);
}

static void named(void)
{
    u32 fd = call(SYS_OPEN, (u32)one, CREAT | EXCL | RDWR, 0640, 0, 0, 0), fd2, list[256];
    stat_of("made ", one);
    say_hex("again ", call(SYS_OPEN, (u32)one, CREAT | EXCL | RDWR, 0600, 0, 0, 0));
    say_hex("another ", call(SYS_OPEN, (u32)two, RDWR, 0, 0, 0, 0));
    say_hex("in a folder ", call(SYS_OPEN, (u32)deep, CREAT | RDWR, 0600, 0, 0, 0));
    call(SYS_WRITE, fd, (u32) "shared memory", 13, 0, 0, 0);
    fd2 = call(SYS_OPEN, (u32)one, 0, 0, 0, 0, 0);
    say_hex("not open to write ", call(SYS_WRITE, fd2, (u32) "x", 1, 0, 0, 0));
    say_hex("nor to be cut ", call(SYS_FTRUNCATE, fd2, 1, 0, 0, 0, 0));
    u32 m = map_file(fd, RW, SHARED), r = map_file(fd2, R, SHARED);
    say_map("nor mapped so ", map_file(fd2, RW, SHARED));
    *(volatile u8 *)m = 'S';
    say_hex("seen ", *(volatile u32 *)r);
    say_hex("link ", call(SYS_LINK, (u32)one, (u32)two, 0, 0, 0, 0));
    say_hex("link again ", call(SYS_LINK, (u32)one, (u32)two, 0, 0, 0, 0));
    stat_of("two names ", two);
    say_hex("unlink ", call(SYS_UNLINK, (u32)one, 0, 0, 0, 0, 0));
    stat_of("gone ", one);
    say_hex("rename ", call(SYS_RENAME, (u32)two, (u32)one, 0, 0, 0, 0));
    say_hex("once ", call(SYS_RENAME, (u32)two, (u32)one, 0, 0, 0, 0));
    say_hex("away ", call(SYS_RENAME, (u32)one, (u32) "/proc/x", 0, 0, 0, 0) == 0);
    say_hex("access ", call(SYS_ACCESS, (u32)one, 6, 0, 0, 0, 0));
    say_hex("no access ", call(SYS_ACCESS, (u32)two, 0, 0, 0, 0, 0));
    say_hex("mode ", call(SYS_CHMOD, (u32)one, 0600, 0, 0, 0, 0));
    say_hex("truncate ", call(SYS_TRUNCATE, (u32)one, 6, 0, 0, 0, 0));
    fstat_of("so ", fd2);
    say_hex("cut off ", ((volatile u8 *)r)[6]);
    say_hex("mode ", call(SYS_FCHMOD, fd, 0644, 0, 0, 0, 0));
    stat_of("then ", one);
    u32 folder = call(SYS_OPEN, (u32) "/dev/shm", 0200000, 0, 0, 0, 0);
    u32 n = call(SYS_GETDENTS64, folder, (u32)list, sizeof list, 0, 0, 0), found = 0;
    const char *own = one + 9;
    for (u32 at = 0; (int)n > 0 && at < n; at += *(uint16_t *)((u8 *)list + at + 16)) {
        const char *name = (char *)list + at + 19;
        u32 k = 0;
        while (own[k] && own[k] == name[k])
            k++;
        found += own[k] == name[k];
    }
    say_hex("listed ", found);
    say_hex("a folder ", call(SYS_UNLINK, (u32) "/dev/shm/.", 0, 0, 0, 0, 0) == 0);
    call(SYS_CLOSE, call(SYS_OPEN, (u32)one, TRUNC | RDWR, 0, 0, 0, 0), 0, 0, 0, 0, 0);
    fstat_of("emptied ", fd);
    say_hex("unlink ", call(SYS_UNLINK, (u32)one, 0, 0, 0, 0, 0));
    say_hex("not there ", call(SYS_UNLINK, (u32)one, 0, 0, 0, 0, 0));
    fstat_of("still open ", fd);
    call(SYS_WRITE, fd, (u32) "more", 4, 0, 0, 0);
    say_hex("still mapped ", *(volatile u8 *)(r + 13));
}

int guest_main(int argc, char **argv)
{
    (void)argc, (void)argv;
    const char *folder = "/dev/shm/chrysalis-test-";
    u32 n = 0, pid = call(SYS_GETPID, 0, 0, 0, 0, 0, 0);
    for (; folder[n]; n++)
        one[n] = two[n] = deep[n] = folder[n];
    for (; pid; pid /= 10, n++)
        one[n] = two[n] = deep[n] = (char)('0' + pid % 10);
    one[n] = 'a', two[n] = 'b', deep[n] = '/', deep[n + 1] = 'c';
    nameless();
    sealed();
    named();
    return 0;
}
