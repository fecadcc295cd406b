/* SPDX-License-Identifier: MIT */
/*
 * Addresses of sockets. There are three families: names in the file system or of their own
 * (abstract ones), and the two of the internet, of which only this machine is there: 127.0.0.0/8
 * and ::1. An address of IPv4 is held as the one of IPv6 that stands for it.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "guest/socket.h"

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const uint8_t loop6[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
static const uint8_t none[16];

static bool is_v4(const uint8_t *ip)
{
    return !memcmp(ip, mapped, 12);
}
/* No address in particular. */
static bool is_any(const uint8_t *ip)
{
    return !memcmp(ip, none, 16) || (is_v4(ip) && !memcmp(ip + 12, none, 4));
}
static bool is_here(const uint8_t *ip)
{
    return (is_v4(ip) && ip[12] == 127) || !memcmp(ip, loop6, 16);
}

static int32_t read_local(struct process *p, const struct guest_socket *s, const uint8_t *raw,
                          uint32_t len, bool bind, struct sock_addr *a)
{
    char name[PATH_MAX], host[PATH_MAX];
    struct stat st;

    a->len = (uint8_t)(len - 2);
    memcpy(a->path, raw + 2, a->len);
    if (!a->len || !a->path[0]) /* abstract: all its bytes count */
        return 0;
    a->len = (uint8_t)strnlen(a->path, a->len);
    memcpy(name, a->path, a->len);
    name[a->len] = 0;
    a->len++; /* as Linux tells it: with the zero */
    int e = path_of_name(p, name, true, host, sizeof host);
    if (!e && bind) {
        if (!strncmp(host, "/dev", 4))
            return -EROFS;
        e = s->bound && lstat(host, &st) ? -EINVAL : path_may_change(p, host);
        if (!e && mknod(host, S_IFSOCK | (0777 & ~p->place->umask), 0))
            e = errno == EEXIST ? -EADDRINUSE : -errno;
    }
    if (!e && stat(host, &st))
        e = -errno;
    if (e)
        return e;
    if (!bind && access(host, W_OK))
        return -EACCES;
    a->inode = S_ISSOCK(st.st_mode) ? virtual_inode(p, st.st_dev, st.st_ino) : 0;
    return a->inode ? 0 : -ECONNREFUSED;
}

int32_t address_read(struct process *p, const struct guest_socket *s, uint32_t at, uint32_t len,
                     bool bind, struct sock_addr *a)
{
    uint8_t raw[128] = {0};
    uint16_t family;

    memset(a, 0, sizeof *a);
    if (len > sizeof raw)
        return -EINVAL;
    if (space_read(p->space, at, raw, len))
        return -EFAULT;
    if (len < 2)
        return -EINVAL;
    memcpy(&family, raw, 2);
    a->family = family;
    if (s->family == AF_LOCAL_G) {
        if (family != AF_LOCAL_G || len > 110)
            return -EINVAL;
        return len > 2 ? read_local(p, s, raw, len, bind, a) : bind ? 0 : -EINVAL;
    }
    a->port = (uint16_t)(raw[2] << 8 | raw[3]);
    if (s->family == AF_INET_G || (family == AF_INET_G && !bind)) {
        if (len < 16)
            return -EINVAL;
        if (family != AF_INET_G && !(bind && !family && !memcmp(raw + 4, none, 4)))
            return -EAFNOSUPPORT;
        memcpy(a->ip, mapped, 12);
        memcpy(a->ip + 12, raw + 4, 4);
    } else {
        if (len < 24)
            return -EINVAL;
        if (family != AF_INET6_G)
            return -EAFNOSUPPORT;
        memcpy(a->ip, raw + 8, 16);
    }
    if (!is_any(a->ip) && !is_here(a->ip))
        return bind ? -EADDRNOTAVAIL : -ENETUNREACH;
    if (!bind && is_any(a->ip)) { /* that is this machine */
        if (is_v4(a->ip))
            a->ip[12] = 127, a->ip[15] = 1;
        else
            memcpy(a->ip, loop6, 16);
    }
    return 0;
}

uint32_t address_bytes(uint32_t family, const struct sock_addr *a, uint8_t out[112])
{
    memset(out, 0, 112);
    out[0] = (uint8_t)family;
    if (family == AF_LOCAL_G) {
        memcpy(out + 2, a->path, a->len);
        return 2u + a->len;
    }
    out[2] = (uint8_t)(a->port >> 8);
    out[3] = (uint8_t)a->port;
    if (family == AF_INET_G) {
        memcpy(out + 4, a->ip + 12, 4);
        return 16;
    }
    memcpy(out + 8, a->ip, 16);
    return 28;
}

int32_t address_write(struct process *p, uint32_t family, const struct sock_addr *a, uint32_t at,
                      uint32_t size)
{
    uint8_t raw[112];
    uint32_t n = address_bytes(family, a, raw), room;

    if (!at)
        return 0;
    if (space_read(p->space, size, &room, 4))
        return -EFAULT;
    if ((int32_t)room < 0)
        return -EINVAL;
    if (space_write(p->space, at, raw, room < n ? room : n) || space_write(p->space, size, &n, 4))
        return -EFAULT;
    return 0;
}

static bool same_local(const struct sock_addr *x, const struct sock_addr *y)
{
    return x->inode == y->inode &&
           (x->inode || (x->len == y->len && !memcmp(x->path, y->path, x->len)));
}

struct guest_socket *address_find(struct process *p, const struct guest_socket *from,
                                  const struct sock_addr *a)
{
    struct guest_socket *any = NULL;

    for (uint32_t i = 0; i < PROC_SOCKETS; i++) {
        struct guest_socket *s = &p->socket[i];
        if (!s->used || !s->bound || s->type != from->type ||
            (s->type == KIND_STREAM && !s->listening))
            continue;
        if (from->family == AF_LOCAL_G) {
            if (s->family == AF_LOCAL_G && same_local(&s->name, a))
                return s;
            continue;
        }
        if (s->family == AF_LOCAL_G || s->name.port != a->port)
            continue;
        if (!memcmp(s->name.ip, a->ip, 16))
            return s;
        if (is_any(s->name.ip) &&
            (is_v4(a->ip) ? is_v4(s->name.ip) || !s->v6only : !is_v4(s->name.ip)))
            any = any ? any : s;
    }
    return any;
}

int32_t address_free(struct process *p, const struct guest_socket *s, const struct sock_addr *a)
{
    for (uint32_t i = 0; i < PROC_SOCKETS; i++) {
        const struct guest_socket *o = &p->socket[i];
        if (!o->used || !o->bound || o == s ||
            (o->family == AF_LOCAL_G) != (s->family == AF_LOCAL_G))
            continue;
        if (s->family == AF_LOCAL_G) {
            if (!a->inode && o->type == s->type && same_local(&o->name, a))
                return -EADDRINUSE;
            continue;
        }
        if (o->type != s->type || o->name.port != a->port ||
            (o->type == KIND_STREAM && o->reuse && s->reuse && !o->listening))
            continue;
        bool v4[2] = {is_v4(o->name.ip), is_v4(a->ip)};
        if (o->type == KIND_DGRAM && o->reuse && s->reuse)
            continue;
        if (v4[0] == v4[1] ? is_any(o->name.ip) || is_any(a->ip) || !memcmp(o->name.ip, a->ip, 16)
                           : (!v4[0] && is_any(o->name.ip) && !o->v6only) ||
                                 (!v4[1] && is_any(a->ip) && !s->v6only))
            return -EADDRINUSE;
    }
    return 0;
}

int32_t address_auto(struct process *p, struct guest_socket *s, const struct sock_addr *to)
{
    enum { FIRST = 32768, LAST = 60999 };
    struct sock_addr a = s->name;

    if (s->family == AF_LOCAL_G)
        return 0;
    a.family = s->family;
    if (!s->bound && !to && s->family == AF_INET_G)
        memcpy(a.ip, mapped, 12);
    if (to && is_any(a.ip)) { /* who sends to this machine sends from it */
        memcpy(a.ip, to->ip, 16);
        if (is_v4(a.ip))
            a.ip[12] = 127, a.ip[13] = a.ip[14] = 0, a.ip[15] = 1;
    }
    for (uint32_t n = 0; !a.port && n <= LAST - FIRST; n++) {
        a.port = (uint16_t)(FIRST + p->next_port++ % (LAST - FIRST + 1));
        if (address_free(p, s, &a))
            a.port = 0;
    }
    if (!a.port)
        return -EADDRINUSE;
    s->name = a;
    s->bound = true;
    return 0;
}
