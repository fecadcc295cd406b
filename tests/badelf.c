/* SPDX-License-Identifier: MIT */
/*
 * Damages an ELF file in ways that a seed chooses, runs a command on it, and says how that ended if
 * it was not as it must be:
 *
 *   badelf FIRST COUNT FILE TO COMMAND...
 *
 * writes FILE, damaged by seed FIRST, to TO, and runs the command; then the next seed. The command
 * must exit (never die by a signal): with status 2 and one line, or as a guest does; never with
 * status 70, nor with the word of a sanitizer in what it says. One that runs for 5 seconds counts
 * as a program that does; there must be few.
 */
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX = 1 << 22, PATIENCE = 5, SAID = 1 << 16 };

static uint64_t state;

static uint32_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

static uint32_t odd(uint32_t was)
{
    static const uint32_t values[] = {0,          1,          2,          4,          0x20,
                                      0x34,       0xff,       0x100,      0xfff,      0x1000,
                                      0x1001,     0xffff,     0x10000,    0x08048000, 0x08049000,
                                      0x56555000, 0x7fffffff, 0x80000000, 0xb7f00000, 0xbf800000,
                                      0xbffff000, 0xc0000000, 0xfffff000, 0xfffffffe, 0xffffffff};
    uint32_t r = next();
    switch (r % 6) {
    case 0: return was + (r >> 8 & 15) - 8;
    case 1: return was ^ 1u << (r >> 8 & 31);
    case 2: return next();
    default: return values[(r >> 8) % (sizeof values / sizeof values[0])];
    }
}

static void put(uint8_t *b, size_t size, size_t at, uint32_t v, unsigned bytes)
{
    if (at + bytes <= size)
        memcpy(b + at, &v, bytes);
}

static void change(uint8_t *b, size_t size, size_t at, unsigned bytes)
{
    uint32_t v = 0;
    if (at + bytes > size)
        return;
    memcpy(&v, b + at, bytes);
    put(b, size, at, odd(v), bytes);
}

/* A field of a program header. */
static void change_header(uint8_t *b, size_t size)
{
    Elf32_Ehdr h;
    memcpy(&h, b, sizeof h);
    size_t at = h.e_phoff + (h.e_phnum ? next() % h.e_phnum : 0) * sizeof(Elf32_Phdr);
    change(b, size, at + next() % 8 * 4, 4);
}

static void repeat_header(uint8_t *b, size_t size)
{
    Elf32_Ehdr h;
    memcpy(&h, b, sizeof h);
    size_t from = h.e_phoff + (h.e_phnum ? next() % h.e_phnum : 0) * sizeof(Elf32_Phdr);
    size_t to = h.e_phoff + (h.e_phnum ? next() % h.e_phnum : 0) * sizeof(Elf32_Phdr);
    if (from + sizeof(Elf32_Phdr) <= size && to + sizeof(Elf32_Phdr) <= size)
        memmove(b + to, b + from, sizeof(Elf32_Phdr));
    change_header(b, size);
}

static size_t damage(uint32_t seed, uint8_t *b, size_t size)
{
    static const uint8_t fields[][2] = {{16, 2}, {18, 2}, {20, 4}, {24, 4}, {28, 4},
                                        {32, 4}, {36, 4}, {40, 2}, {42, 2}, {44, 2}};
    state = seed * 0x9e3779b97f4a7c15u + 0x1234567;
    next();
    uint32_t n = 1 + next() % 4;
    switch (seed % 10) {
    case 0:
        size = next() % 8192;
        for (size_t i = 0; i < size; i++)
            b[i] = (uint8_t)next();
        break;
    case 1:
        for (size_t i = 16; i < sizeof(Elf32_Ehdr) + 256 && i < size; i++)
            b[i] = (uint8_t)next();
        break;
    case 2: return next() % (size + 1);
    case 3:
        while (n--)
            b[16 + next() % 36] = (uint8_t)next();
        break;
    case 4:
        while (n--) {
            uint32_t k = next() % (sizeof fields / sizeof fields[0]);
            change(b, size, fields[k][0], fields[k][1]);
        }
        break;
    case 5:
    case 6:
        while (n--)
            change_header(b, size);
        break;
    case 7: repeat_header(b, size); break;
    case 8:
        for (n = 1 + next() % 64; n--;)
            b[next() % size] = (uint8_t)next();
        break;
    default: change_header(b, size); return size - next() % (size / 4 + 1);
    }
    return size;
}

static int write_file(const char *to, const uint8_t *b, size_t size)
{
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    int r = fd < 0 || write(fd, b, size) != (ssize_t)size;
    if (fd >= 0)
        r |= close(fd);
    return r;
}

/* Runs it; what it said is in said. The status of wait. */
static int run(char **command, char *said, FILE *out)
{
    int status = 0, fd = fileno(out);
    if (ftruncate(fd, 0))
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        lseek(fd, 0, SEEK_SET);
        dup2(null, 0);
        dup2(fd, 1);
        dup2(fd, 2);
        alarm(PATIENCE);
        execvp(command[0], command);
        _exit(70);
    }
    waitpid(pid, &status, 0);
    ssize_t n = pread(fd, said, SAID - 1, 0);
    said[n > 0 ? n : 0] = 0;
    return status;
}

int main(int argc, char **argv)
{
    static uint8_t whole[MAX], b[MAX];
    static char said[SAID];
    static const char *const bad[] = {"Sanitizer", "runtime error", "defect"};
    unsigned failed = 0, endless = 0, refused = 0, ended = 0;
    FILE *in = argc > 5 ? fopen(argv[3], "rb") : NULL, *out = tmpfile();
    size_t size = in ? fread(whole, 1, sizeof whole, in) : 0;
    if (!size || !out) {
        fprintf(stderr, "usage: badelf FIRST COUNT FILE TO COMMAND...\n");
        return 2;
    }
    uint32_t first = (uint32_t)strtoul(argv[1], NULL, 0),
             count = (uint32_t)strtoul(argv[2], NULL, 0);
    for (uint32_t seed = first; seed < first + count; seed++) {
        const char *why = NULL;
        memcpy(b, whole, size);
        if (write_file(argv[4], b, damage(seed, b, size)))
            return 2;
        int status = run(argv + 5, said, out), code = WEXITSTATUS(status);
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
            if (strstr(said, bad[i]))
                why = bad[i];
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
            endless++;
        else if (WIFSIGNALED(status))
            why = "it died by a signal";
        else if (code == 70 || code == 126 || code > 128 + 64)
            why = "a status that no guest has";
        else if (code == 2 && (!strchr(said, '\n') || strchr(said, '\n')[1]))
            why = "not one line";
        else if (code == 2)
            refused++;
        else
            ended++;
        if (why && failed++ < 5)
            printf("seed %u: %s: status %x: %.300s\n", seed, why, (unsigned)status, said);
    }
    printf("%u refused, %u ended, %u endless, %u failed\n", refused, ended, endless, failed);
    return failed || endless > count / 50 + 1;
}
