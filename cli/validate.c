/* SPDX-License-Identifier: MIT */
/*
 * `chrysalis validate isa`: random instructions on the host's own processor and under CMS,
 * compared. Workers are processes, for the oracle takes a process's signals and low addresses for
 * itself; they share a page of counts with the parent, which draws the progress bar. Cases are
 * dealt out by number, so the result does not depend on how many workers there are.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "cli/cli.h"
#include "cli/validate_report.h"
#include "isa-frontend/insn.h"
#include "tests/oracle/validate.h"
#include "vliw-model/machine.h"

static const char usage[] =
    "chrysalis validate isa [--seed S] [--tests N] [--first K] [--filter OP] "
    "[--mode interpret|gear1|model|all] [--oracle silicon|unicorn|both] [--machine FILE] "
    "[--set KEY=VALUE]... [--jobs J] [--mismatches N] [--show] [--report FILE]";

enum { JOBS_MAX = 64, MESSAGE = 256 };

/* Written by one worker each, read by the parent. */
struct worker {
    struct validate_counts counts;
    volatile int ready;
    char message[MESSAGE]; /* why it could not begin */
    pid_t pid;
};

static const char *const oracles[] = {"silicon", "unicorn", "both"};
enum { ORACLES = sizeof oracles / sizeof oracles[0] };
static const char *const modes[VALIDATE_MODES] = {"interpret", "gear1", "model"};
/* In mode all a test in so many is of this mode: they differ in speed. */
static const unsigned shares[VALIDATE_MODES] = {1, 10, 100};

struct validate {
    struct validate_run run;
    bool all;
    struct cli_machine machine;
    struct mdesc m;
    const char *filter, *report;
    char cms_path[PATH_MAX], unicorn_path[PATH_MAX];
    unsigned jobs;
    uint64_t max_mismatches;
    bool show;
    struct worker *worker;
};

/* ---- options ---- */

enum {
    O_SEED = CLI_OWN,
    O_TESTS,
    O_FIRST,
    O_FILTER,
    O_MODE,
    O_ORACLE,
    O_JOBS,
    O_BAD,
    O_REPORT,
    O_SHOW
};

static int number(const char *name, const char *s, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(s, &end, 0);
    if (errno || *end || end == s || *s == '-')
        return cli_error("%s %s: not a number", name, s);
    return 0;
}

static int parse(struct validate *v, int argc, char **argv)
{
    static const struct option longs[] = {{"seed", required_argument, NULL, O_SEED},
                                          {"tests", required_argument, NULL, O_TESTS},
                                          {"first", required_argument, NULL, O_FIRST},
                                          {"filter", required_argument, NULL, O_FILTER},
                                          {"mode", required_argument, NULL, O_MODE},
                                          {"oracle", required_argument, NULL, O_ORACLE},
                                          CLI_MACHINE_OPTIONS,
                                          {"jobs", required_argument, NULL, O_JOBS},
                                          {"mismatches", required_argument, NULL, O_BAD},
                                          {"show", no_argument, NULL, O_SHOW},
                                          {"report", required_argument, NULL, O_REPORT},
                                          {0}};
    uint64_t jobs = 2;
    int c, r = 0;
    opterr = 0;
    while (!r && (c = getopt_long(argc, argv, "", longs, NULL)) != -1)
        switch (c) {
        case O_SEED: r = number("--seed", optarg, &v->run.seed); break;
        case O_TESTS: r = number("--tests", optarg, &v->run.tests); break;
        case O_FIRST: r = number("--first", optarg, &v->run.first); break;
        case O_JOBS: r = number("--jobs", optarg, &jobs); break;
        case O_BAD: r = number("--mismatches", optarg, &v->max_mismatches); break;
        case O_FILTER: v->filter = optarg; break;
        case O_SHOW: v->show = true; break;
        case O_REPORT: v->report = optarg; break;
        case O_MODE:
            for (v->run.mode = 0; v->run.mode < VALIDATE_MODES; v->run.mode++)
                if (!strcmp(optarg, modes[v->run.mode]))
                    break;
            v->all = !strcmp(optarg, "all");
            if (v->run.mode == VALIDATE_MODES && !v->all)
                return cli_error("--mode %s: must be interpret, gear1, model or all", optarg);
            break;
        case O_ORACLE:
            for (v->run.oracle = 0; v->run.oracle < ORACLES; v->run.oracle++)
                if (!strcmp(optarg, oracles[v->run.oracle]))
                    break;
            if (v->run.oracle == ORACLES)
                return cli_error("--oracle %s: must be silicon, unicorn or both", optarg);
            break;
        default: r = cli_machine_option(&v->machine, c, argv, usage);
        }
    if (r)
        return r;
    if (optind + 1 != argc || strcmp(argv[optind], "isa"))
        return cli_error("validate: what can be validated is isa (usage: %s)", usage);
    if (jobs < 1 || jobs > JOBS_MAX)
        return cli_error("--jobs %" PRIu64 ": must be 1 to %d", jobs, JOBS_MAX);
    v->jobs = (unsigned)jobs;
    return 0;
}

/* The machine asked for, with what the test wants of it: blocks are translated before they run
 * for the first time, and memory is small, for it is made anew in each worker. */
static int make_machine(struct validate *v)
{
    const char *const sets[] = {v->run.mode == VALIDATE_MODEL ? "cms.on=model" : "cms.on=host",
                                "guest.ram_mb=16",
                                v->run.mode == VALIDATE_INTERPRET ? "cms.gears=0" : "cms.gears=1",
                                v->run.mode == VALIDATE_INTERPRET ? NULL : "cms.hot_threshold=1",
                                v->machine.path ? NULL : "guest.identity=tm8600"};
    struct cli_machine c = {.path = v->machine.path};
    for (unsigned i = 0; i < sizeof sets / sizeof sets[0]; i++)
        if (sets[i] && cli_add_set(&c, sets[i]))
            return EXIT_USER;
    for (unsigned i = 0; i < v->machine.nsets; i++)
        if (cli_add_set(&c, v->machine.set[i]))
            return EXIT_USER;
    cli_beside("cms.lo", v->cms_path, sizeof v->cms_path);
    cli_beside("oracle-unicorn", v->unicorn_path, sizeof v->unicorn_path);
    return cli_machine(&c, &v->m);
}

/* ---- workers ---- */

static void work(struct validate *v, unsigned j)
{
    struct worker *w = &v->worker[j];
    char *text = malloc(VALIDATE_TEXT);
    const struct validate_setup setup = {.mode = v->run.mode,
                                         .oracle = v->run.oracle,
                                         .seed = v->run.seed,
                                         .filter = v->filter,
                                         .m = &v->m,
                                         .cms = v->cms_path,
                                         .unicorn = v->unicorn_path};
    struct validator *d = validate_new(&setup, w->message, sizeof w->message);
    if (!d || !text)
        _exit(EXIT_USER);
    w->ready = 1;
    if (w->message[0] && !j)
        fprintf(stderr, "validate: %s\n", w->message);
    if (v->show)
        validate_show(d, stdout);
    for (uint64_t k = v->run.first + j; k < v->run.first + v->run.tests; k += v->jobs) {
        if (validate_one(d, k, &w->counts, text))
            continue;
        char line[VALIDATE_TEXT + 64];
        int n = snprintf(line, sizeof line, "\r\033[K# --first %" PRIu64 "\n%s", k, text);
        int skip = isatty(STDOUT_FILENO) ? 0 : 4;
        if (write(STDOUT_FILENO, line + skip, (size_t)(n - skip)) < 0)
            break;
        if (w->counts.mismatches >= v->max_mismatches)
            break;
    }
    w->ready = 2;
    _exit(0);
}

static uint64_t done(const struct validate *v)
{
    uint64_t n = 0;
    for (unsigned j = 0; j < v->jobs; j++)
        n += v->worker[j].counts.done;
    return n;
}

static void draw(const struct validate *v, double started)
{
    enum { WIDTH = 30 };
    uint64_t n = done(v), bad = 0;
    int fill = v->run.tests ? (int)(n * WIDTH / v->run.tests) : WIDTH;
    for (unsigned j = 0; j < v->jobs; j++)
        bad += v->worker[j].counts.mismatches;
    fprintf(stderr, "\r\033[K[%.*s%*s] %" PRIu64 " of %" PRIu64 ", %.0f a second", fill,
            "##############################", WIDTH - fill, "", n, v->run.tests,
            (double)n / (cli_now() - started));
    if (bad)
        fprintf(stderr, ", %" PRIu64 " mismatch%s", bad, bad == 1 ? "" : "es");
}

/* 0, or the exit status when a worker could not begin or died. */
static int wait_for_workers(struct validate *v, double started)
{
    bool bar = isatty(STDERR_FILENO);
    unsigned left = v->jobs;
    int result = 0, status;
    while (left) {
        pid_t pid = waitpid(-1, &status, bar ? WNOHANG : 0);
        if (pid == 0) {
            draw(v, started);
            struct timespec t = {0, 200000000};
            nanosleep(&t, NULL);
            continue;
        }
        if (pid < 0)
            break;
        left--;
        for (unsigned j = 0; j < v->jobs; j++) {
            struct worker *w = &v->worker[j];
            if (w->pid != pid || w->ready == 2)
                continue;
            if (bar)
                fprintf(stderr, "\r\033[K");
            if (!w->ready && w->message[0]) {
                if (!result)
                    result = cli_error("%s", w->message);
            } else {
                cli_error("validate: a worker died (%s %d) at test %" PRIu64 ": --seed %" PRIu64
                          " --first %" PRIu64 " --tests 1",
                          WIFSIGNALED(status) ? "signal" : "status",
                          WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                          w->counts.at, v->run.seed, w->counts.at);
                result = EXIT_DEFECT;
            }
        }
    }
    if (bar)
        fprintf(stderr, "\r\033[K");
    return result;
}

static void add(struct validate_counts *sum, const struct validate_counts *n)
{
    sum->done += n->done;
    sum->ended += n->ended;
    sum->faulted += n->faulted;
    sum->left += n->left;
    sum->forced += n->forced;
    sum->too_long += n->too_long;
    sum->not_comparable += n->not_comparable;
    sum->retired += n->retired;
    sum->translated += n->translated;
    sum->morphed += n->morphed;
    sum->mismatches += n->mismatches;
    sum->second += n->second;
    sum->second_differs += n->second_differs;
    for (unsigned i = 0; i < MAKER_KINDS; i++)
        sum->maker[i] += n->maker[i];
    for (unsigned i = 0; i < VALIDATE_ROWS; i++) {
        sum->row[i].executed += n->row[i].executed;
        sum->row[i].translated += n->row[i].translated;
        sum->row[i].vectors |= n->row[i].vectors;
    }
}

/* All tests of v->run.mode. */
static int run_mode(struct validate *v)
{
    int status = make_machine(v);
    if (status)
        return status;
    ia32_identify(v->m.guest_identity); /* for the report; workers do so themselves */
    v->worker = mmap(NULL, v->jobs * sizeof *v->worker, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (v->worker == MAP_FAILED)
        return cli_error("not enough memory");
    double started = cli_now();
    fflush(NULL);
    for (unsigned j = 0; j < v->jobs; j++) {
        pid_t pid = fork(); /* the parent alone notes it: that page is the child's, too */
        if (pid < 0)
            return cli_error("fork: %s", strerror(errno));
        if (pid == 0)
            work(v, j);
        v->worker[j].pid = pid;
    }
    status = wait_for_workers(v, started);
    v->run.seconds = cli_now() - started;
    for (unsigned j = 0; j < v->jobs; j++)
        add(&v->run.counts, &v->worker[j].counts);
    if (v->worker[0].ready && v->worker[0].message[0])
        v->run.oracle = VALIDATE_UNICORN; /* in silicon's place */
    munmap(v->worker, v->jobs * sizeof *v->worker);
    if (status != EXIT_USER)
        validate_summary(&v->run, stdout);
    if (!status && v->run.counts.mismatches)
        status = 1;
    return status;
}

int cmd_validate(int argc, char **argv)
{
    static struct validate_run runs[VALIDATE_MODES];
    struct validate v = {.run = {.seed = 1, .tests = 1000000}, .max_mismatches = 10};
    unsigned nruns = 0, first, last;
    int status = parse(&v, argc, argv);
    FILE *f;
    if (status)
        return status;
    /* Not to be found out after a quarter of an hour. */
    if (v.report && (!(f = fopen(v.report, "a")) || fclose(f)))
        return cli_error("%s: %s", v.report, strerror(errno));
    first = v.all ? 0 : v.run.mode;
    last = v.all ? VALIDATE_MODES - 1 : v.run.mode;
    v.run.machine = v.machine.path;
    v.run.jobs = v.jobs;
    v.run.filter = v.filter;
    for (unsigned mode = first; mode <= last && status <= 1; mode++) {
        struct validate one = v;
        int r;
        one.run.mode = mode;
        one.run.mode_name = modes[mode];
        if (v.all)
            one.run.tests = v.run.tests / shares[mode];
        if ((r = run_mode(&one)) == EXIT_USER)
            return r;
        status = r > status ? r : status;
        runs[nruns++] = one.run;
    }
    if (v.report) {
        f = fopen(v.report, "w");
        if (!f)
            return cli_error("%s: %s", v.report, strerror(errno));
        validate_report(runs, nruns, v.run.tests, f);
        if (fclose(f))
            return cli_error("%s: %s", v.report, strerror(errno));
    }
    return status;
}
