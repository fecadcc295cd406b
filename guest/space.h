/* SPDX-License-Identifier: MIT */
/*
 * The address space of a guest process: areas, frames, and real IA-32 page tables built in guest
 * frames.
 *
 * Pages are filled on demand: an area says what may be there, a page-table entry appears when a
 * page is first touched, by the guest (a page fault that space_fault resolves) or by a system call.
 * Everything is plain data: frame numbers and offsets, no host pointers but the machine itself.
 */
#ifndef GUEST_SPACE_H
#define GUEST_SPACE_H

#include "guest/shared.h"
#include "vliw-model/vm.h"

enum { PAGE = 4096, SPACE_AREAS = 4096, SPACE_LDT = 8192 };
enum { P_READ = 1, P_WRITE = 2, P_EXEC = 4 };

/* The layout of Linux on i386 with a 3 GB user space. */
enum {
    SPACE_TOP_PAGE = 0xc0000,
    STACK_PAGES = 2048,
    MMAP_TOP_PAGE = 0xb7f00,
    SPACE_FIRST_PAGE = 16
};

struct area {
    uint32_t first, end; /* page numbers [first, end) */
    uint32_t prot;       /* P_* */
    uint32_t index;      /* of a file's page that is the first */
    uint16_t file;       /* pages of a file mapped shared: its row + 1; 0: memory */
    bool stack;          /* grows down on demand */
    bool shared;         /* a fork's two sides keep the same frames */
    bool no_write;       /* never writable: the file was not open for it */
    bool beyond;         /* behind the end of a file, or of shared memory mapped longer: no pages */
    uint8_t on_fork;     /* enum on_fork */
};

/* What a fork's child gets of an area: it, nothing, or zeros. */
enum on_fork { FORK_COPIES, FORK_OMITS, FORK_WIPES };

/* The guest's frames, of which all address spaces are made. A frame in more than one space (after a
 * fork) is written by none: the first write copies it. */
struct frames {
    struct vm *vm;
    uint32_t nframes;    /* guest frames there are */
    uint32_t next_frame; /* frames from here on were never used */
    uint32_t free_head;  /* first of the freed frames, linked through their first word; 0: none */
    uint32_t used, peak;
    uint16_t *refs;             /* nframes of them: page-table entries that lead to the frame */
    struct shared_page *shared; /* nframes of them */
    uint32_t shared_head[SHARED_HEADS];
    uint32_t nfiles, nmapped; /* rows of `file` that were ever used, and that are */
    struct shared_file file[SHARED_FILES];
};

/* A segment as the guest described it: struct user_desc without its number. */
struct guest_segment {
    uint32_t base, limit, flags; /* flags: SEGF_* */
};
enum {
    SEGF_32BIT = 1,
    SEGF_CONTENTS = 6, /* 0 data, 2 stack, 4 code, 6 conforming code */
    SEGF_READ_EXEC_ONLY = 8,
    SEGF_PAGES = 16,
    SEGF_NOT_PRESENT = 32,
    SEGF_USEABLE = 64,
    SEGF_ALL = 127,
    SEGF_EMPTY = SEGF_READ_EXEC_ONLY | SEGF_NOT_PRESENT
};

struct space {
    struct frames *pool;
    uint32_t refs; /* tasks that live in it; 0: free slot */
    uint32_t cr3;
    uint32_t nareas;
    struct area area[SPACE_AREAS]; /* sorted, never overlapping, neighbours of equal kind merged */
    uint32_t brk_start, brk;       /* bytes */
    uint32_t ldt_used[SPACE_LDT / 32];
    struct guest_segment ldt[SPACE_LDT];
    uint32_t resident, peak; /* pages that are there; the most that ever were */
    bool changed;            /* an existing translation was changed or removed since last asked */
};

/* All return 0 or a negative Linux errno. */
int frames_init(struct frames *f, struct vm *vm);
void frames_free(struct frames *f);
/* A frame of zeros, referred to once; 0: there is none. */
uint32_t frame_take(struct frames *f);
/* One reference less. */
void frame_drop(struct frames *f, uint32_t frame);

int space_init(struct space *s, struct frames *pool);
/* Gives all frames back, page tables included. */
void space_clear(struct space *s);
/* A copy of an address space: private frames are shared until one side writes. */
int space_fork(struct space *to, struct space *from);
int space_map(struct space *s, uint32_t first, uint32_t pages, uint32_t prot, bool stack);
/* Pages behind the end of a file: whoever touches one gets SIGBUS. */
int space_map_beyond(struct space *s, uint32_t first, uint32_t pages, uint32_t prot);
/* The same for memory that forks share: its frames are there at once. */
int space_map_shared(struct space *s, uint32_t first, uint32_t pages, uint32_t prot);
/* Pages of a file, from its page `index` on; `no_write`: for ever. */
int space_map_file(struct space *s, uint32_t first, uint32_t pages, uint32_t prot, uint32_t file,
                   uint32_t index, bool no_write);
/* The free range at `at` becomes more of what the area of page `like` is: `skip` pages behind it in
 * its file; shared memory is the same once more (`skip` 0), or ends where it did. */
int space_map_more(struct space *s, uint32_t at, uint32_t pages, uint32_t like, uint32_t skip);
/* The file has only `left` pages now. */
void space_cut_file(struct space *s, uint32_t file, uint32_t left);
/* The stored pages of the range go to their files. -ENOMEM if there are holes. */
int space_sync(struct space *s, uint32_t first, uint32_t pages);
/* Are there no holes in it? */
bool space_whole(const struct space *s, uint32_t first, uint32_t pages);
/* What forks make of a range without holes: 0, or -EINVAL if it is no private memory and would be
 * wiped. */
int space_on_fork(struct space *s, uint32_t first, uint32_t pages, enum on_fork how);
/* The area in which the range lies whole, or NULL. */
const struct area *space_area(const struct space *s, uint32_t first, uint32_t pages);
/* Forgets what private pages hold; their areas stay. */
int space_discard(struct space *s, uint32_t first, uint32_t pages);
int space_unmap(struct space *s, uint32_t first, uint32_t pages);
int space_protect(struct space *s, uint32_t first, uint32_t pages, uint32_t prot);
/* A free range of `pages` pages, searched downwards from the mmap top; 0 if there is none. */
uint32_t space_find_free(const struct space *s, uint32_t pages);
bool space_is_free(const struct space *s, uint32_t first, uint32_t pages);

/* Moves the pages of `from` to the free range at `to`, with their area's permissions. */
int space_move(struct space *s, uint32_t from, uint32_t to, uint32_t pages);
/* What a futex at addr is known by: the same for all who see the same word. 0: no such memory. */
uint64_t space_key(struct space *s, uint32_t addr);

/* Resolves a page fault of the guest at addr: 0 if the page is there now, -EFAULT if the guest may
 * not, -ENOMEM, -EIO if it would be a page behind the end of its file. */
int space_fault(struct space *s, uint32_t addr, bool write);

/* User memory, through the page tables, with the area's permissions; writes go through the bus
 * function. */
int space_read(struct space *s, uint32_t addr, void *dst, uint32_t len);
int space_write(struct space *s, uint32_t addr, const void *src, uint32_t len);
int space_zero(struct space *s, uint32_t addr, uint32_t len);
/* A string with its terminator, at most max bytes: its length, -EFAULT, or -ENAMETOOLONG. */
int space_string(struct space *s, uint32_t addr, char *dst, uint32_t max);
/* For the loader: writes regardless of the area's permissions. */
int space_poke(struct space *s, uint32_t addr, const void *src, uint32_t len);
/* How many bytes of the range, from its beginning on, are readable (or writable) by the process? */
uint32_t space_fit(const struct space *s, uint32_t addr, uint32_t len, bool write);
/* Are all of them? */
bool space_ok(const struct space *s, uint32_t addr, uint32_t len, bool write);

#endif
