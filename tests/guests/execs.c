/* SPDX-License-Identifier: MIT */
/* What execve says: of interpreters that are not there, not to be run, or not what they should be;
 * of programs that are being written; of how much may be handed on. And how far a stack grows. */
#include "guest.h"

enum {
    SYS_FORK = 2,
    SYS_OPEN = 5,
    SYS_CLOSE = 6,
    SYS_UNLINK = 10,
    SYS_EXECVE = 11,
    SYS_CHMOD = 15,
    SYS_SETRLIMIT = 75,
    SYS_WAIT4 = 114,
    SYS_GROUP = 252
};
enum { WRONLY = 1, RDWR = 2, CREAT = 0100, TRUNC = 01000, STACK = 3 };

static char program[4096], interp[4096];
static const char *self;

static u32 C(u32 nr, u32 a, u32 b, u32 c)
{
    return call(nr, a, b, c, 0, 0, 0);
}

static u32 length(const char *s)
{
    u32 n = 0;
    while (s[n])
        n++;
    return n;
}

static void join(char *to, const char *a, const char *b)
{
    while (*a)
        *to++ = *a++;
    while (*b)
        *to++ = *b++;
    *to = 0;
}

static void write_file(const char *name, const void *bytes, u32 n, u32 mode)
{
    C(SYS_UNLINK, (u32)name, 0, 0);
    u32 fd = C(SYS_OPEN, (u32)name, CREAT | TRUNC | WRONLY, 0755);
    if (n)
        C(SYS_WRITE, fd, (u32)bytes, n);
    C(SYS_CLOSE, fd, 0, 0);
    C(SYS_CHMOD, (u32)name, mode, 0);
}

static void run(const char *what, const char *name, const char **args)
{
    u32 status = 0, pid = C(SYS_FORK, 0, 0, 0);
    if (!pid) {
        static const char *none[] = {"x", 0};
        u32 r = C(SYS_EXECVE, (u32)name, (u32)(args ? args : none), 0);
        C(SYS_GROUP, 0u - r, 0, 0);
    }
    C(SYS_WAIT4, pid, (u32)&status, 0);
    say(what);
    say_hex(status & 0x7f ? ": signal " : ": error ", status & 0x7f ? status & 0x7f : status >> 8);
}

/* ---- programs ---- */

struct elf {
    u8 ident[16];
    uint16_t type, machine;
    u32 version, entry, phoff, shoff, flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
    struct {
        u32 type, offset, vaddr, paddr, filesz, memsz, flags, align;
    } ph[2];
    u8 code[16];
    char name[1024];
};
enum { BASE = 0x8048000, CODE = offsetof(struct elf, code) };

static struct elf elf(const char *name)
{
    /* exit(0x2a) */
    static const struct elf empty = {
        .ident = {0x7f, 'E', 'L', 'F', 1, 1, 1},
        .type = 2,
        .machine = 3,
        .version = 1,
        .entry = BASE + CODE,
        .phoff = 52,
        .ehsize = 52,
        .phentsize = 32,
        .phnum = 2,
        .ph = {{1, 0, BASE, BASE, CODE + 16, CODE + 16, 7, 4096}, {0, 0, 0, 0, 0, 0, 0, 0}},
        .code = {0xb8, 1, 0, 0, 0, 0xbb, 0x2a, 0, 0, 0, 0xcd, 0x80}};
    struct elf e = empty;
    if (name) {
        e.ph[1].type = 3;
        e.ph[1].offset = offsetof(struct elf, name);
        e.ph[1].filesz = e.ph[1].memsz = length(name) + 1;
        join(e.name, name, "");
    }
    return e;
}

static void with_interp(const char *what, const void *bytes, u32 n, u32 mode)
{
    write_file(interp, bytes, n, mode);
    run(what, program, 0);
}

static void interpreters(void)
{
    static const char garbage[] = "This is not a program, although it is long enough to be one";
    struct elf e = elf(interp);
    write_file(program, &e, sizeof e, 0755);
    e = elf(0);
    C(SYS_UNLINK, (u32)interp, 0, 0);
    run("missing", program, 0);
    with_interp("a program", &e, sizeof e, 0755);
    with_interp("no permission", &e, sizeof e, 0644);
    with_interp("empty", &e, 0, 0755);
    with_interp("short", garbage, 20, 0755);
    with_interp("garbage", garbage, sizeof garbage, 0755);
    e.machine = 40;
    with_interp("another machine", &e, sizeof e, 0755);
    e = elf(0);
    e.ph[0].filesz = 0x2800;
    e.ph[0].memsz = 0x2900;
    with_interp("cut off", &e, 200, 0755);
    e = elf(0);
    e.ph[0].vaddr = 0xfffff000;
    with_interp("in the kernel's place", &e, sizeof e, 0755);
    e = elf("/tmp");
    write_file(program, &e, sizeof e, 0755);
    run("folder", program, 0);
}

static void script(const char *what, const char *first)
{
    write_file(program, first, length(first), 0755);
    run(what, program, 0);
}

static void scripts(void)
{
    static char line[5000];
    struct elf e = elf(0);
    C(SYS_UNLINK, (u32)interp, 0, 0);
    join(line, "#!", interp);
    script("script, missing", line);
    write_file(interp, &e, sizeof e, 0755);
    script("script, a program", line);
    write_file(interp, &e, sizeof e, 0644);
    script("script, no permission", line);
    write_file(interp, "hello", 5, 0755);
    script("script, garbage", line);
    script("script, folder", "#!/tmp\n");
    script("script, nothing", "#!\n");
    script("script, blanks", "#!   \t\n");
    join(line, "#!", program);
    script("script, itself", line);
    u32 n = 2;
    while (n < 600)
        line[n++] = '/';
    line[n] = 0;
    script("script, a name without end", line);
}

static void busy(void)
{
    struct elf e = elf(0);
    write_file(program, &e, sizeof e, 0755);
    u32 fd = C(SYS_OPEN, (u32)program, RDWR, 0);
    run("open to be written", program, 0);
    C(SYS_CLOSE, fd, 0, 0);
    fd = C(SYS_OPEN, (u32)program, 0, 0);
    run("open to be read", program, 0);
    C(SYS_CLOSE, fd, 0, 0);
    say_hex("writing to what runs ", C(SYS_OPEN, (u32)self, WRONLY, 0));
    say_hex("reading and cutting it ", C(SYS_OPEN, (u32)self, TRUNC, 0));
    fd = C(SYS_OPEN, (u32)self, 0, 0);
    say_hex("reading it ", (int)fd > 0);
    C(SYS_CLOSE, fd, 0, 0);
}

/* ---- how much ---- */

static void hand_on(const char *what, u32 count, u32 bytes)
{
    static const char *args[100003];
    char *text = (char *)map(0, bytes + 1, RW);
    for (u32 i = 0; i < bytes; i++)
        text[i] = 'a';
    args[0] = self;
    args[1] = "c";
    for (u32 i = 0; i < count; i++)
        args[2 + i] = text;
    args[2 + count] = 0;
    run(what, self, args);
    call(SYS_MUNMAP, (u32)text, bytes + 1, 0, 0, 0, 0);
}

static void limit(u32 bytes)
{
    u32 l[2] = {bytes, (u32)-1};
    if (C(SYS_SETRLIMIT, STACK, (u32)l, 0))
        say("no such limit\n");
}

static void amounts(void)
{
    hand_on("many", 100000, 1);
    hand_on("long", 1, 131071);
    hand_on("too long", 1, 131072);
    hand_on("1.9 MB", 19, 100000);
    hand_on("2.2 MB", 22, 100000);
    limit(1 << 20);
    hand_on("250 KB of a smaller stack", 25, 10000);
    hand_on("270 KB of it", 27, 10000);
    limit(64 << 20);
    hand_on("5.9 MB of a larger one", 59, 100000);
    hand_on("6.4 MB of it", 64, 100000);
    limit(8 << 20);
}

/* Goes down the stack page by page. */
static u32 touch(u32 bytes)
{
    u32 r;
    __asm__ volatile("movl %%esp, %%esi\n\tmovl %%esp, %%edx\n\tsubl %1, %%edx\n"
                     "1:\tsubl $4092, %%esp\n\tpushl $1\n\tcmpl %%edx, %%esp\n\tja 1b\n\t"
                     "popl %0\n\tmovl %%esi, %%esp"
                     : "=&a"(r)
                     : "c"(bytes)
                     : "edx", "esi", "memory", "cc");
    return r;
}

static void stacks(void)
{
    static const struct {
        const char *what, *bytes;
        u32 limit;
    } cases[] = {{"0.9 MB of 1", "d", 1 << 20},  {"1.1 MB of 1", "e", 1 << 20},
                 {"7.5 MB of 8", "f", 8 << 20},  {"8.1 MB of 8", "g", 8 << 20},
                 {"12 MB of 16", "h", 16 << 20}, {"17 MB of 16", "i", 16 << 20}};
    for (u32 i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *args[] = {self, cases[i].bytes, 0};
        limit(cases[i].limit);
        run(cases[i].what, self, args);
    }
    limit(8 << 20);
}

int guest_main(int argc, char **argv)
{
    static const u32 kb[] = {900, 1126, 7680, 8294, 12288, 17408};
    if (argc > 1 && argv[1][0] == 'c') {
        u32 n = 0;
        for (int i = 2; i < argc; i++)
            n += length(argv[i]);
        say_hex("arguments ", (u32)argc);
        say_hex("bytes ", n);
        return 0;
    }
    if (argc > 1)
        return (int)touch(kb[argv[1][0] - 'd'] * 1024);
    self = argv[0];
    join(program, self, ".program");
    join(interp, self, ".interpreter");
    interpreters();
    scripts();
    busy();
    amounts();
    stacks();
    C(SYS_UNLINK, (u32)program, 0, 0);
    C(SYS_UNLINK, (u32)interp, 0, 0);
    return 0;
}
