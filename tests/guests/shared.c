/* SPDX-License-Identifier: MIT */
/* Files mapped shared: one memory for all mappings, processes and calls; the end of the file, which
 * moves; code in such pages, written through another mapping; what may not be. */
#include "trap.h"

enum {
    SYS_FORK = 2,
    SYS_READ = 3,
    SYS_OPEN = 5,
    SYS_CLOSE = 6,
    SYS_UNLINK = 10,
    SYS_TRUNCATE = 92,
    SYS_FTRUNCATE = 93,
    SYS_WAIT4 = 114,
    SYS_MSYNC = 144,
    SYS_MREMAP = 163,
    SYS_PREAD = 180,
    SYS_PWRITE,
    SYS_SENDFILE = 187,
    SYS_MADVISE = 219,
    SYS_FUTEX = 240,
    SYS_FALLOCATE = 324,
    SYS_COPY_RANGE = 377
};
enum { CREAT = 0100, TRUNC = 01000, APPEND = 02000, RDWR = 2, WRONLY = 1, R = 1 };
enum { SHARED = 1, PRIVATE, VALIDATE, FIXED = 0x10, ANON = 0x20, NOREPLACE = 0x100000 };

static char name[4096], other[4096];

static u32 map_file(u32 fd, u32 bytes, u32 prot, u32 flags, u32 page)
{
    return call(SYS_MMAP2, 0, bytes, prot, flags, fd, page);
}

static u32 hash(const u8 *p, u32 n)
{
    u32 h = 1;
    while (n--)
        h = mix(h, *p++);
    return h;
}

static u8 buf[3 * 4096];
/* All that read() gives of the file. */
static void say_file(const char *what, u32 fd)
{
    u32 n = call(SYS_PREAD, fd, (u32)buf, sizeof buf, 0, 0, 0);
    say_hex(what, n);
    say_hex("  hash ", hash(buf, (int)n > 0 ? n : 0));
}

static u32 wait_all(void)
{
    u32 status = 0, all = 0;
    while ((int)call(SYS_WAIT4, (u32)-1, (u32)&status, 0, 0, 0, 0) > 0)
        all = mix(all, status);
    return all;
}

/* A byte at `at`, or how it could not be had. */
static volatile u8 *where;
static u32 value;
static void load(void)
{
    value = *where;
}
static void store(void)
{
    *where = (u8)value;
}
static void try_access(const char *what, u32 base, u32 at, void (*how)(void))
{
    where = (u8 *)(base + at);
    say(what);
    if (try_case(how)) {
        say_hex(" has ", value);
        return;
    }
    say_hex(" signal ", got.sig);
    say_hex("  code ", got.code);
    say_hex("  at ", got.addr - base);
    say_hex("  exception ", got.c.trapno << 16 | (got.c.err & ~5u));
}

static void coherent(void)
{
    u32 fd = call(SYS_OPEN, (u32)name, CREAT | TRUNC | RDWR, 0644, 0, 0, 0), fd2;
    for (u32 i = 0; i < sizeof buf; i++)
        buf[i] = (u8)mix(i, i);
    call(SYS_WRITE, fd, (u32)buf, 10000, 0, 0, 0);
    u8 *a = (u8 *)map_file(fd, 12288, RW, SHARED, 0), *b, *c, *d;
    fd2 = call(SYS_OPEN, (u32)name, 0, 0, 0, 0, 0);
    b = (u8 *)map_file(fd2, 8192, R, SHARED, 1);
    say_hex("as in the file ", hash(a, 10000) == hash(buf, 10000));
    say_hex("zeros behind ", a[10000] | a[12287]);
    a[4096] = 1, a[9999] = 2;
    say_hex("the other sees it ", b[0] << 8 | b[9999 - 4096]);
    a[10001] = 99; /* no part of the file */
    say_file("so does read ", fd2);
    call(SYS_PWRITE, fd, (u32) "written", 7, 4094, 0, 0);
    say_hex("and what is written is seen ", hash(a + 4090, 20));
    say_hex("by all ", hash(b, 20));
    c = (u8 *)map_file(fd, 4096, RW, PRIVATE, 1);
    c[0] = 77;
    say_hex("private ", hash(c, 100));
    say_hex("stays private ", b[0]);
    /* Growing over what was stored behind the end. */
    call(SYS_PWRITE, fd, (u32) "grown", 5, 10010, 0, 0);
    say_hex("grown ", hash(a + 9990, 40));
    say_file("file ", fd);
    if (!call(SYS_FORK, 0, 0, 0, 0, 0, 0)) {
        a[5] = 55;
        call(SYS_PWRITE, fd, (u32) "child", 5, 20, 0, 0);
        call(SYS_MUNMAP, (u32)a, 12288, 0, 0, 0, 0);
        call(SYS_EXIT, 0, 0, 0, 0, 0, 0);
    }
    wait_all();
    say_hex("a child's ", a[5] << 16 | a[20]);
    /* The same page twice, and moved. */
    d = (u8 *)call(SYS_MREMAP, (u32)a, 0, 4096, 1, 0, 0);
    a[6] = 66;
    say_hex("once more ", d[6]);
    d = (u8 *)call(SYS_MREMAP, (u32)d, 4096, 12288, 1, 0, 0);
    say_hex("more of it ", d[9999] << 8 | (hash(d, 10000) == hash(a, 10000)));
    call(SYS_MADVISE, (u32)d, 12288, 4, 0, 0, 0);
    say_hex("not forgotten ", d[6]);
    say_hex("msync ", call(SYS_MSYNC, (u32)a, 12288, 4, 0, 0, 0));
    say_hex("msync of a hole ", call(SYS_MSYNC, 0x10000, 4096, 4, 0, 0, 0));
    say_hex("both kinds ", call(SYS_MSYNC, (u32)a, 4096, 5, 0, 0, 0));
    say_hex("crooked ", call(SYS_MSYNC, (u32)a + 1, 4096, 4, 0, 0, 0));
    /* Calls between files. */
    u32 to = call(SYS_OPEN, (u32)other, CREAT | TRUNC | RDWR, 0644, 0, 0, 0), off = 0;
    a[7] = 67;
    say_hex("sendfile ", call(SYS_SENDFILE, to, fd, (u32)&off, 5000, 0, 0));
    say_file("  copy ", to);
    u32 zero[2] = {0, 0}, there[2] = {100, 0};
    u8 *t = (u8 *)map_file(to, 4096, RW, SHARED, 0);
    t[99] = 42;
    say_hex("copy_file_range ", call(SYS_COPY_RANGE, fd, (u32)zero, to, (u32)there, 3000, 0));
    say_hex("  seen ", hash(t, 4096));
    for (u32 i = 0; i < 3; i++)
        call(SYS_CLOSE, i == 0 ? fd : i == 1 ? fd2 : to, 0, 0, 0, 0, 0);
    a[8] = 68; /* a mapping needs no descriptor */
    fd = call(SYS_OPEN, (u32)name, 0, 0, 0, 0, 0);
    say_file("after the descriptor ", fd);
    call(SYS_MUNMAP, (u32)a, 12288, 0, 0, 0, 0);
    call(SYS_MUNMAP, (u32)b, 8192, 0, 0, 0, 0);
    call(SYS_MUNMAP, (u32)d, 12288, 0, 0, 0, 0);
    say_file("after the last mapping ", fd);
    call(SYS_CLOSE, fd, 0, 0, 0, 0, 0);
    call(SYS_MUNMAP, (u32)c, 4096, 0, 0, 0, 0);
    call(SYS_MUNMAP, (u32)t, 4096, 0, 0, 0, 0);
}

static void lengths(void)
{
    u32 fd = call(SYS_OPEN, (u32)name, RDWR, 0, 0, 0, 0);
    call(SYS_FTRUNCATE, fd, 5000, 0, 0, 0, 0);
    u32 a = map_file(fd, 16384, RW, SHARED, 0);
    value = 11;
    try_access("in it", a, 4999, load);
    try_access("behind it, same page", a, 8191, store);
    try_access("behind its last page", a, 8192, load);
    value = 12;
    try_access("stored there", a, 12291, store);
    say_hex("a call ", call(SYS_PREAD, fd, a + 8192, 100, 0, 0, 0));
    say_hex("from there ", call(SYS_PWRITE, fd, a + 8192, 4, 0, 0, 0));
    say_hex("futex ", call(SYS_FUTEX, a + 8192, 1, 1, 0, 0, 0));
    call(SYS_FTRUNCATE, fd, 9000, 0, 0, 0, 0);
    try_access("longer", a, 8192, load);
    value = 13;
    try_access("stored", a, 8999, store);
    try_access("what was behind", a, 8191, load);
    call(SYS_FTRUNCATE, fd, 100, 0, 0, 0, 0);
    try_access("shorter", a, 4096, load);
    try_access("and", a, 8999, store);
    try_access("a rest", a, 100, load);
    call(SYS_FTRUNCATE, fd, 9000, 0, 0, 0, 0);
    try_access("longer again", a, 8999, load);
    try_access("zeros", a, 4999, load);
    call(SYS_TRUNCATE, (u32)name, 4096, 0, 0, 0, 0);
    try_access("by name", a, 4096, load);
    call(SYS_FALLOCATE, fd, 0, 0, 0, 8192, 0);
    try_access("room made", a, 8191, load);
    call(SYS_CLOSE, call(SYS_OPEN, (u32)name, RDWR | TRUNC, 0, 0, 0, 0), 0, 0, 0, 0, 0);
    try_access("emptied", a, 0, load);
    call(SYS_PWRITE, fd, (u32) "x", 1, 5000, 0, 0);
    try_access("written again", a, 5000, load);
    call(SYS_MUNMAP, a, 16384, 0, 0, 0, 0);
    /* 5001 bytes. */
    a = map_file(fd, 20480, RW, PRIVATE, 0);
    value = 14;
    try_access("private, behind it, same page", a, 8191, store);
    try_access("private, behind its last page", a, 8192, store);
    try_access("private, the end", a, 20479, load);
    say_hex("private, a call ", call(SYS_PREAD, fd, a + 8192, 100, 0, 0, 0));
    call(SYS_MPROTECT, a + 8192, 4096, R, 0, 0, 0);
    try_access("private, protected", a, 8192, load);
    if (call(SYS_FORK, 0, 0, 0, 0, 0, 0) == 0) {
        try_access("private, a child", a, 12288, load);
        call(SYS_EXIT, 0, 0, 0, 0, 0, 0);
    }
    wait_all();
    call(SYS_MUNMAP, a, 20480, 0, 0, 0, 0);
    a = map_file(fd, 8192, RW, PRIVATE, 2);
    try_access("private, all of it behind", a, 0, load);
    call(SYS_MUNMAP, a, 8192, 0, 0, 0, 0);
    call(SYS_CLOSE, fd, 0, 0, 0, 0, 0);
}

static void rights(void)
{
    u32 ro = call(SYS_OPEN, (u32)name, 0, 0, 0, 0, 0), wo, rw, m, p[2];
    wo = call(SYS_OPEN, (u32)name, WRONLY, 0, 0, 0, 0);
    rw = call(SYS_OPEN, (u32)name, RDWR, 0, 0, 0, 0);
    say_hex("to write, not open so ", map_file(ro, 4096, RW, SHARED, 0));
    say_hex("open to write alone ", map_file(wo, 4096, 2, SHARED, 0));
    say_hex("that, private ", map_file(wo, 4096, R, PRIVATE, 0));
    say_hex("no kind ", map_file(rw, 4096, R, 0, 0));
    say_hex("wrong kind ", map_file(rw, 4096, R, 4, 0));
    say_hex("validated ", map_file(rw, 4096, R, VALIDATE | 0x200000, 0));
    say_hex("memory validated ", map_file((u32)-1, 4096, R, VALIDATE | ANON, 0));
    say_hex("no length ", map_file(rw, 0, R, SHARED, 0));
    say_hex("no file ", map_file(99, 4096, R, SHARED, 0));
    call(42, (u32)p, 0, 0, 0, 0, 0);
    say_hex("a pipe ", map_file(p[0], 4096, R, SHARED, 0));
    m = map_file(ro, 4096, R, SHARED, 0);
    say_hex("read and ", (int)m < 0 && (int)m > -4096);
    say_hex("then to write ", call(SYS_MPROTECT, m, 4096, RW, 0, 0, 0));
    say_hex("to run ", call(SYS_MPROTECT, m, 4096, RX, 0, 0, 0));
    value = 1;
    try_access("a store", m, 3, store);
    call(SYS_MUNMAP, m, 4096, 0, 0, 0, 0);
    m = map_file(rw, 8192, R, VALIDATE, 0);
    try_access("read", m, 3, load);
    say_hex("now to write ", call(SYS_MPROTECT, m, 8192, RW, 0, 0, 0));
    value = 5;
    try_access("a store", m, 4, store);
    say_hex("now not ", call(SYS_MPROTECT, m, 4096, R, 0, 0, 0));
    value = 6;
    try_access("a store", m, 5, store);
    try_access("the page behind", m, 4097, store);
    say_hex("nothing ", call(SYS_MPROTECT, m, 8192, 0, 0, 0, 0));
    try_access("a load", m, 4, load);
    say_hex("all ", call(SYS_MPROTECT, m, 8192, RW, 0, 0, 0));
    try_access("a load", m, 4, load);
    try_access("of the page behind", m, 4097, load);
    say_hex("in two ", call(SYS_MUNMAP, m, 4096, 0, 0, 0, 0));
    value = 7;
    try_access("the rest", m, 4098, store);
    say_file("file ", rw);
    call(SYS_MUNMAP, m + 4096, 4096, 0, 0, 0, 0);
}

/* Functions of one page are written through another, and by calls. */
static void code(void)
{
    static const u8 text[] = {0xb8, 1, 0, 0, 0, 0xc3}; /* mov $1, %eax; ret */
    u32 fd = call(SYS_OPEN, (u32)name, CREAT | TRUNC | RDWR, 0755, 0, 0, 0), sum = 0;
    call(SYS_FTRUNCATE, fd, 8192, 0, 0, 0, 0);
    call(SYS_PWRITE, fd, (u32)text, sizeof text, 5000, 0, 0);
    u8 *w = (u8 *)map_file(fd, 8192, RW, SHARED, 0);
    u32 (*f)(void) = (u32(*)(void))(map_file(fd, 4096, RX, SHARED, 1) + 5000 - 4096);
    for (u32 i = 1; i < 120; i++) {
        w[5001] = (u8)i;
        for (u32 k = 0; k < 5; k++)
            sum = mix(sum, f());
        u8 one = (u8)(i * 3);
        call(SYS_PWRITE, fd, (u32)&one, 1, 5002, 0, 0);
        sum = mix(sum, f());
        if (i % 40 == 0 && !call(SYS_FORK, 0, 0, 0, 0, 0, 0)) {
            w[5003] = (u8)i;
            call(SYS_EXIT, f() >> 16, 0, 0, 0, 0, 0);
        }
        if (i % 40 == 0)
            sum = mix(sum, wait_all());
    }
    say_hex("code ", sum);
    call(SYS_FTRUNCATE, fd, 4096, 0, 0, 0, 0);
    call(SYS_FTRUNCATE, fd, 8192, 0, 0, 0, 0);
    w[5000] = 0xc3;
    f();
    say_hex("cut off and made again ", w[5001]);
}

int guest_main(int argc, char **argv)
{
    (void)argc;
    put_text(put_text(name, argv[0]), ".file");
    put_text(put_text(other, argv[0]), ".other");
    try_begin();
    coherent();
    lengths();
    rights();
    code();
    call(SYS_UNLINK, (u32)name, 0, 0, 0, 0, 0);
    call(SYS_UNLINK, (u32)other, 0, 0, 0, 0, 0);
    return 0;
}
