/* SPDX-License-Identifier: MIT */
/* Calls that look at names and descriptors, and what they refuse: unknown flags, the oldest forms
 * of calls, files without a name, names that change places. In a folder made beside the program. */
#include "guest.h"

enum {
    SYS_RESTART = 0,
    SYS_READ = 3,
    SYS_OPEN = 5,
    SYS_CLOSE = 6,
    SYS_UNLINK = 10,
    SYS_CHDIR = 12,
    SYS_LCHOWN = 16,
    SYS_OLDSTAT = 18,
    SYS_SETUID = 23,
    SYS_OLDFSTAT = 28,
    SYS_MKDIR = 39,
    SYS_RMDIR,
    SYS_PIPE = 42,
    SYS_SETGID = 46,
    SYS_FCNTL = 55,
    SYS_SGETMASK = 68,
    SYS_SSETMASK,
    SYS_SETREUID,
    SYS_GETRLIMIT = 76,
    SYS_GETRUSAGE,
    SYS_SYMLINK = 83,
    SYS_READLINK = 85,
    SYS_READDIR = 89,
    SYS_SELECT = 82,
    SYS_FCHOWN = 95,
    SYS_STAT = 106,
    SYS_LSTAT,
    SYS_FSTAT,
    SYS_FSYNC = 118,
    SYS_GETDENTS = 141,
    SYS_FLOCK = 143,
    SYS_GETRESUID = 165,
    SYS_CHOWN = 182,
    SYS_UGETRLIMIT = 191,
    SYS_FSTAT64 = 197,
    SYS_SETRLIMIT = 75,
    SYS_SCHED_SETPARAM = 154,
    SYS_CAPSET = 185,
    SYS_IOPRIO_SET = 289,
    SYS_IOPRIO_GET,
    SYS_FUTIMESAT = 299,
    SYS_UNSHARE = 310,
    SYS_SCHED_SETATTR = 351,
    SYS_SCHED_GETATTR,
    SYS_PKEY_MPROTECT = 380,
    SYS_OPENAT2 = 437,
    SYS_OLDUNAME = 109,
    SYS_SETAFFINITY = 241,
    SYS_FADVISE = 250,
    SYS_OPENAT = 295,
    SYS_FCHOWNAT = 298,
    SYS_FSTATAT = 300,
    SYS_UNLINKAT,
    SYS_LINKAT = 303,
    SYS_UTIMENSAT = 320,
    SYS_SIGNALFD,
    SYS_TIMERFD,
    SYS_EVENTFD,
    SYS_EPOLL = 329,
    SYS_DUP3 = 330,
    SYS_PIPE2,
    SYS_SYNC_RANGE = 314,
    SYS_RENAMEAT2 = 353,
    SYS_STATX = 383,
    SYS_FACCESSAT2 = 439,
    SYS_FCHMODAT2 = 452
};
enum { HERE = -100, CREAT = 0100, RDWR = 2, EMPTY = 0x1000, PLACE = 010000000 };
enum { TMPFILE = 020000000, DIRECTORY = 0200000 };

static char folder[4096];
static u32 buf[64];

static u32 c4(u32 nr, u32 a, u32 b, u32 c, u32 d)
{
    return call(nr, a, b, c, d, 0, 0);
}

static void make(const char *name, u32 bytes)
{
    u32 fd = c4(SYS_OPEN, (u32)name, CREAT | RDWR, 0640, 0);
    c4(SYS_WRITE, fd, (u32)folder, bytes, 0);
    c4(SYS_CLOSE, fd, 0, 0, 0);
}

static u32 size_of(const char *name)
{
    return c4(SYS_STAT, (u32)name, (u32)buf, 0, 0) ? (u32)-1 : buf[5];
}

static void refused(void)
{
    u32 fd = c4(SYS_OPEN, (u32) "a", RDWR, 0, 0), nobody[4] = {0};

    say_hex("unlinkat ", c4(SYS_UNLINKAT, (u32)HERE, (u32) "a", EMPTY, 0));
    say_hex("  still there ", size_of("a"));
    say_hex("dup3 ", c4(SYS_DUP3, fd, 40, 1, 0));
    say_hex("  to itself ", c4(SYS_DUP3, fd, fd, 02000000, 0));
    say_hex("faccessat2 ", c4(SYS_FACCESSAT2, (u32)HERE, (u32) "a", 4, 1));
    say_hex("  mode ", c4(SYS_FACCESSAT2, (u32)HERE, (u32) "a", 8, 0));
    say_hex("  effective ", c4(SYS_FACCESSAT2, (u32)HERE, (u32) "a", 4, 0x200));
    say_hex("  itself ", c4(SYS_FACCESSAT2, fd, (u32) "", 4, EMPTY));
    say_hex("  no name ", c4(SYS_FACCESSAT2, fd, (u32) "", 4, 0));
    say_hex("  link ", c4(SYS_FACCESSAT2, (u32)HERE, (u32) "l", 4, 0x100));
    say_hex("  what it leads to ", c4(SYS_FACCESSAT2, (u32)HERE, (u32) "l", 4, 0));
    say_hex("flock ", c4(SYS_FLOCK, fd, 64, 0, 0));
    say_hex("getrusage ", c4(SYS_GETRUSAGE, 2, (u32)buf, 0, 0));
    say_hex("  of the thread ", c4(SYS_GETRUSAGE, 1, (u32)buf, 0, 0));
    say_hex("fstatat ", c4(SYS_FSTATAT, (u32)HERE, (u32) "a", (u32)buf, 1));
    say_hex("  here ", c4(SYS_FSTATAT, (u32)HERE, (u32) "", (u32)buf, EMPTY));
    say_hex("  is a folder ", buf[4] & 0170000);
    say_hex("  it ", c4(SYS_FSTATAT, fd, (u32) "", (u32)buf, EMPTY));
    say_hex("  is a file ", buf[4] & 0170000);
    say_hex("statx ", call(SYS_STATX, (u32)HERE, (u32) "a", 0x6000, 0x7ff, (u32)buf, 0));
    say_hex("  mask ", call(SYS_STATX, (u32)HERE, (u32) "a", 0, 0x80000000u, (u32)buf, 0));
    say_hex("fchownat ", call(SYS_FCHOWNAT, (u32)HERE, (u32) "a", (u32)-1, (u32)-1, 1, 0));
    say_hex("  itself ", call(SYS_FCHOWNAT, fd, (u32) "", (u32)-1, (u32)-1, EMPTY, 0));
    say_hex("fchmodat2 ", c4(SYS_FCHMODAT2, (u32)HERE, (u32) "a", 0600, 1));
    say_hex("  link ", c4(SYS_FCHMODAT2, (u32)HERE, (u32) "l", 0600, 0x100));
    say_hex("  itself ", c4(SYS_FCHMODAT2, fd, (u32) "", 0604, EMPTY));
    c4(SYS_STAT, (u32) "a", (u32)buf, 0, 0);
    say_hex("  is ", buf[2] & 0xffff);
    say_hex("utimensat ", c4(SYS_UTIMENSAT, (u32)HERE, (u32) "a", 0, 1));
    say_hex("  no name ", c4(SYS_UTIMENSAT, (u32)HERE, 0, 0, 0));
    say_hex("  no name with flags ", c4(SYS_UTIMENSAT, fd, 0, 0, 0x100));
    say_hex("pipe2 ", c4(SYS_PIPE2, (u32)buf, 1, 0, 0));
    say_hex("affinity to nothing ", c4(SYS_SETAFFINITY, 0, 4, (u32)nobody, 0));
    say_hex("  of no size ", c4(SYS_SETAFFINITY, 0, 0, (u32)nobody, 0));
    say_hex("advice ", call(SYS_FADVISE, fd, 0, 0, 0, 9, 0));
    say_hex("sync a range ", call(SYS_SYNC_RANGE, fd, 0, 0, 10, 0, 2));
    say_hex("  unknown ", call(SYS_SYNC_RANGE, fd, 0, 0, 10, 0, 8));
    c4(SYS_CLOSE, fd, 0, 0, 0);
    c4(SYS_PIPE, (u32)buf, 0, 0, 0);
    say_hex("sync a pipe ", c4(SYS_FSYNC, buf[0], 0, 0, 0));
    say_hex("  a range of it ", call(SYS_SYNC_RANGE, buf[0], 0, 0, 10, 0, 2));
    say_hex("  advice ", call(SYS_FADVISE, buf[0], 0, 0, 0, 0, 0));
    c4(SYS_CLOSE, buf[0], 0, 0, 0);
    c4(SYS_CLOSE, buf[1], 0, 0, 0);
}

static void places(void)
{
    u32 fd = c4(SYS_OPEN, (u32) "a", PLACE | RDWR | CREAT | 01000, 0, 0), neither;

    say_hex("a place ", c4(SYS_FCNTL, fd, 3, 0, 0));
    say_hex("  untouched ", size_of("a"));
    say_hex("  read ", c4(SYS_READ, fd, (u32)buf, 1, 0));
    say_hex("  flags ", c4(SYS_FCNTL, fd, 4, 0, 0));
    say_hex("  sync ", c4(SYS_FSYNC, fd, 0, 0, 0));
    say_hex("  lock ", c4(SYS_FLOCK, fd, 1, 0, 0));
    say_hex("  stat ", c4(SYS_FSTAT64, fd, (u32)buf, 0, 0));
    c4(SYS_CLOSE, fd, 0, 0, 0);
    neither = c4(SYS_OPEN, (u32) "a", 3, 0, 0);
    say_hex("neither to read ", c4(SYS_READ, neither, (u32)buf, 1, 0));
    say_hex("  nor to write ", c4(SYS_WRITE, neither, (u32)buf, 1, 0));
    say_hex("  flags ", c4(SYS_FCNTL, neither, 3, 0, 0));
    say_hex("unknown flags ", c4(SYS_FCNTL, neither, 4, 0x7fffffff & ~0x62000u, 0));
    say_hex("  now ", c4(SYS_FCNTL, neither, 3, 0, 0) & 06000);
    say_hex("owner ", c4(SYS_FCNTL, neither, 9, 0, 0));
    say_hex("  nobody ", c4(SYS_FCNTL, neither, 8, 0x7ffffff, 0));
    say_hex("  a signal ", c4(SYS_FCNTL, neither, 10, 10, 0));
    say_hex("  is ", c4(SYS_FCNTL, neither, 11, 0, 0));
    say_hex("  bad ", c4(SYS_FCNTL, neither, 10, 65, 0));
    say_hex("  more of it ", c4(SYS_FCNTL, neither, 16, (u32)buf, 0));
    say_hex("no such command ", c4(SYS_FCNTL, neither, 77, 0, 0));
    say_hex("lease ", c4(SYS_FCNTL, neither, 1025, 0, 0));
    c4(SYS_CLOSE, neither, 0, 0, 0);
    fd = c4(SYS_OPEN, (u32) ".", TMPFILE | DIRECTORY | RDWR, 0600, 0);
    say_hex("without a name ", c4(SYS_WRITE, fd, (u32) "abc", 3, 0));
    say_hex("  with one ", call(SYS_LINKAT, fd, (u32) "", (u32)HERE, (u32) "named", EMPTY, 0));
    say_hex("  holds ", size_of("named"));
    c4(SYS_UNLINK, (u32) "named", 0, 0, 0);
    c4(SYS_CLOSE, fd, 0, 0, 0);
    say_hex("  to read ", c4(SYS_OPEN, (u32) ".", TMPFILE | DIRECTORY, 0600, 0));
    say_hex("  in no folder ", c4(SYS_OPEN, (u32) "a", TMPFILE | DIRECTORY | RDWR, 0600, 0));
    say_hex("new name, taken ",
            call(SYS_RENAMEAT2, (u32)HERE, (u32) "a", (u32)HERE, (u32) "b", 1, 0));
    say_hex("new name ", call(SYS_RENAMEAT2, (u32)HERE, (u32) "a", (u32)HERE, (u32) "c", 1, 0));
    say_hex("change places ",
            call(SYS_RENAMEAT2, (u32)HERE, (u32) "b", (u32)HERE, (u32) "c", 2, 0));
    say_hex("  with nobody ",
            call(SYS_RENAMEAT2, (u32)HERE, (u32) "b", (u32)HERE, (u32) "x", 2, 0));
    say_hex("  unknown ", call(SYS_RENAMEAT2, (u32)HERE, (u32) "b", (u32)HERE, (u32) "c", 8, 0));
    say_hex("  both ", call(SYS_RENAMEAT2, (u32)HERE, (u32) "b", (u32)HERE, (u32) "c", 3, 0));
    say_hex("  b ", size_of("b"));
    say_hex("  c ", size_of("c"));
}

static void oldest(void)
{
    u32 fd = c4(SYS_OPEN, (u32) ".", 0, 0, 0), n, sum = 0, lim[4], args[5] = {0};
    u8 list[512];

    say_hex("stat ", c4(SYS_STAT, (u32) "c", (u32)buf, 0, 0));
    say_hex("  mode ", buf[2]);
    say_hex("  owners ", buf[3]);
    say_hex("  size ", buf[5]);
    say_hex("lstat ", c4(SYS_LSTAT, (u32) "l", (u32)buf, 0, 0));
    say_hex("  mode ", buf[2]);
    say_hex("fstat ", c4(SYS_FSTAT, fd, (u32)buf, 0, 0));
    say_hex("  folder ", buf[2] & 0170000);
    n = c4(SYS_GETDENTS, fd, (u32)list, sizeof list, 0);
    say_hex("entries ", n);
    for (u32 at = 0; at < n && (int)n > 0; at += *(unsigned short *)(list + at + 8))
        sum += list[at + 10] + list[at + *(unsigned short *)(list + at + 8) - 1];
    say_hex("  names and kinds ", sum);
    say_hex("  no more ", c4(SYS_GETDENTS, fd, (u32)list, sizeof list, 0));
    c4(SYS_CLOSE, fd, 0, 0, 0);
    fd = c4(SYS_OPEN, (u32) ".", 0, 0, 0);
    say_hex("  no room ", c4(SYS_GETDENTS, fd, (u32)list, 10, 0));
    for (n = sum = 0; c4(SYS_READDIR, fd, (u32)list, 1, 0) == 1; n++)
        sum += list[10] + list[8];
    say_hex("one by one ", n);
    say_hex("  names ", sum);
    c4(SYS_CLOSE, fd, 0, 0, 0);
    say_hex("setuid ", c4(SYS_SETUID, 0, 0, 0, 0));
    say_hex("setgid ", c4(SYS_SETGID, 0, 0, 0, 0));
    say_hex("setreuid ", c4(SYS_SETREUID, 0xffff, 0xffff, 0, 0));
    say_hex("getresuid ", c4(SYS_GETRESUID, (u32)list, (u32)list + 2, (u32)list + 4, 0));
    say_hex("chown ", c4(SYS_CHOWN, (u32) "c", 0xffff, 0xffff, 0));
    say_hex("lchown ", c4(SYS_LCHOWN, (u32) "l", 0xffff, 0xffff, 0));
    say_hex("fchown ", c4(SYS_FCHOWN, 99, 0xffff, 0xffff, 0));
    say_hex("limit ", c4(SYS_GETRLIMIT, 6, (u32)lim, 0, 0));
    lim[0] = lim[1] = 5000000000u & 0xffffffff;
    c4(SYS_UGETRLIMIT, 2, (u32)lim, 0, 0);
    c4(SYS_GETRLIMIT, 2, (u32)lim + 8, 0, 0);
    say_hex("  as wide ", lim[0] > 0x7fffffff ? lim[2] == 0x7fffffff : lim[2] == lim[0]);
    say_hex("no such limit ", c4(SYS_GETRLIMIT, 16, (u32)lim, 0, 0));
    args[4] = (u32)buf;
    buf[0] = buf[1] = 0;
    say_hex("select ", c4(SYS_SELECT, (u32)args, 0, 0, 0));
    say_hex("  of nowhere ", c4(SYS_SELECT, 16, 0, 0, 0));
    c4(SYS_SSETMASK, 0x200, 0, 0, 0);
    say_hex("mask ", c4(SYS_SGETMASK, 0, 0, 0, 0));
    say_hex("  was ", c4(SYS_SSETMASK, 0x40100, 0, 0, 0));
    say_hex("  is ", c4(SYS_SSETMASK, 0, 0, 0, 0));
    say_hex("restart nothing ", c4(SYS_RESTART, 0, 0, 0, 0));
}

/* What of it natively only root may do is not tried. */
static void small(void)
{
    u32 how[8] = {0}, fd, w[16] = {48}, times[4] = {1000000000, 0, 1000000000, 0}, head[2] = {0, 0};

    fd = c4(SYS_OPENAT2, (u32)HERE, (u32) "b", (u32)how, 24);
    say_hex("open ", (int)fd < 0);
    c4(SYS_CLOSE, fd, 0, 0, 0);
    say_hex("  short ", c4(SYS_OPENAT2, (u32)HERE, (u32) "b", (u32)how, 20));
    how[0] = 0x40000000;
    say_hex("  unknown ", c4(SYS_OPENAT2, (u32)HERE, (u32) "b", (u32)how, 24));
    how[0] = 0;
    how[2] = 0600;
    say_hex("  a mode for nothing ", c4(SYS_OPENAT2, (u32)HERE, (u32) "b", (u32)how, 24));
    how[2] = 0;
    how[6] = 1;
    say_hex("  more than is known ", c4(SYS_OPENAT2, (u32)HERE, (u32) "b", (u32)how, 32));
    say_hex("times ", c4(SYS_FUTIMESAT, (u32)HERE, (u32) "b", (u32)times, 0));
    c4(SYS_STAT, (u32) "b", (u32)buf, 0, 0);
    say_hex("  are ", buf[10]);
    say_hex("priority ", c4(SYS_SCHED_SETPARAM, 0, (u32)&head[1], 0, 0));
    say_hex("  of nobody ", c4(SYS_SCHED_SETPARAM, 0x7ffffff, (u32)&head[1], 0, 0));
    say_hex("attributes ", c4(SYS_SCHED_SETATTR, 0, (u32)w, 0, 0));
    say_hex("  are ", c4(SYS_SCHED_GETATTR, 0, (u32)w, 48, 0));
    say_hex("  policy ", w[1]);
    say_hex("  nice ", w[4]);
    say_hex("  no room ", c4(SYS_SCHED_GETATTR, 0, (u32)w, 40, 0));
    say_hex("  flags ", c4(SYS_SCHED_GETATTR, 0, (u32)w, 48, 1));
    say_hex("io ", c4(SYS_IOPRIO_SET, 1, 0, 2 << 13 | 4, 0));
    say_hex("  no such ", c4(SYS_IOPRIO_SET, 1, 0, 5 << 13, 0));
    say_hex("  of whom ", c4(SYS_IOPRIO_GET, 4, 0, 0, 0));
    say_hex("  of nobody ", c4(SYS_IOPRIO_GET, 1, 0x7ffffff, 0, 0));
    say_hex("capabilities ", c4(SYS_CAPSET, (u32)head, (u32)buf, 0, 0));
    say_hex("  but ", head[0]);
    say_hex("share ", c4(SYS_UNSHARE, 0, 0, 0, 0));
    say_hex("  unknown ", c4(SYS_UNSHARE, 1, 0, 0, 0));
    say_hex("  files ", c4(SYS_UNSHARE, 0x400, 0, 0, 0));
    u8 *m = map(0, 4096, RW);
    say_hex("without a key ", c4(SYS_PKEY_MPROTECT, (u32)m, 4096, 1, (u32)-1));
    say_hex("names ", c4(SYS_OLDUNAME, (u32)folder + 3000, 0, 0, 0));
    say(folder + 3000);
    say_hex("gone ", c4(17, 0, 0, 0, 0) & c4(35, 0, 0, 0, 0) & c4(137, 0, 0, 0, 0));
}

/* What /proc says of descriptors. */
static void said(u32 fd)
{
    char link[] = "/proc/self/fd/?", text[64] = {0};
    link[14] = (char)('0' + fd);
    c4(SYS_READLINK, (u32)link, (u32)text, sizeof text - 1, 0);
    say(text);
    say("\n");
    c4(SYS_CLOSE, fd, 0, 0, 0);
}

static void links(void)
{
    u32 set[2] = {0, 0};

    said(c4(SYS_OPEN, (u32) "/dev/null", 0, 0, 0));
    said(c4(SYS_OPEN, (u32) "/dev/urandom", 0, 0, 0));
    said(c4(SYS_OPEN, (u32) "/", PLACE, 0, 0));
    said(c4(SYS_EVENTFD, 0, 0, 0, 0));
    said(c4(SYS_EPOLL, 0, 0, 0, 0));
    said(c4(SYS_TIMERFD, 1, 0, 0, 0));
    said(c4(SYS_SIGNALFD, (u32)-1, (u32)set, 8, 0));
}

/* A soft limit of 1024, and more if it is asked for. */
static void many(void)
{
    u32 lim[2] = {1024, 0}, wide[2], fd, n = 0;

    c4(SYS_UGETRLIMIT, 7, (u32)wide, 0, 0);
    lim[1] = wide[1];
    c4(SYS_SETRLIMIT, 7, (u32)lim, 0, 0);
    while ((int)(fd = c4(SYS_OPEN, (u32) "b", 0, 0, 0)) >= 0)
        n = fd;
    say_hex("last ", n);
    say_hex("then ", fd);
    lim[0] = 1030;
    say_hex("more ", c4(SYS_SETRLIMIT, 7, (u32)lim, 0, 0));
    say_hex("  one ", c4(SYS_OPEN, (u32) "b", 0, 0, 0));
}

int guest_main(int argc, char **argv)
{
    u32 n = 0;

    (void)argc;
    for (; argv[0][n]; n++)
        folder[n] = argv[0][n];
    folder[n] = 'd';
    c4(SYS_MKDIR, (u32)folder, 0755, 0, 0);
    c4(SYS_CHDIR, (u32)folder, 0, 0, 0);
    for (u32 fd = 3; fd < 12; fd++)
        c4(SYS_CLOSE, fd, 0, 0, 0);
    make("a", 10);
    make("b", 20);
    c4(SYS_SYMLINK, (u32) "nowhere", (u32) "l", 0, 0);
    refused();
    places();
    oldest();
    small();
    links();
    many();
    c4(SYS_UNLINK, (u32) "a", 0, 0, 0);
    c4(SYS_UNLINK, (u32) "b", 0, 0, 0);
    c4(SYS_UNLINK, (u32) "c", 0, 0, 0);
    c4(SYS_UNLINK, (u32) "l", 0, 0, 0);
    c4(SYS_CHDIR, (u32) "..", 0, 0, 0);
    c4(SYS_UNLINKAT, (u32)HERE, (u32)folder, 0x200, 0);
    return 0;
}
