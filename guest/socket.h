/* SPDX-License-Identifier: MIT */
/*
 * Sockets of the guest's own world: what socket.c (what they are, who is connected to whom),
 * sockaddr.c (their addresses) and sockmsg.c (what goes through them) want of one another.
 */
#ifndef GUEST_SOCKET_H
#define GUEST_SOCKET_H

#include "guest/syscall.h"

enum { AF_LOCAL_G = 1, AF_INET_G = 2, AF_INET6_G = 10 };
enum { KIND_STREAM = 1, KIND_DGRAM = 2, KIND_MASK = 15 };
enum { SOCK_KEY = 1 << 21 /* keys of waits behind those of events */ };

static inline struct guest_socket *socket_of(struct process *p, const struct guest_open *o)
{
    return o->sock ? &p->socket[o->sock - 1] : NULL;
}
static inline uint32_t socket_row(const struct process *p, const struct guest_socket *s)
{
    return (uint32_t)(s - p->socket);
}
/* The socket of a descriptor: 0, -EBADF or -ENOTSOCK. */
int32_t socket_get(struct process *p, uint32_t fd, struct guest_open **o, struct guest_socket **s);
/* Something has happened at it: those who wait for it, or poll, look again. */
void socket_rings(struct process *p, struct guest_socket *s, enum ring what);

/* An address in the guest's memory; `bind`: a name to be made, not one that is there. 0 or -errno.
 */
int32_t address_read(struct process *p, const struct guest_socket *s, uint32_t at, uint32_t len,
                     bool bind, struct sock_addr *a);
/* Tells the guest one, with its length at `size`; as much as there is room for. */
int32_t address_write(struct process *p, uint32_t family, const struct sock_addr *a, uint32_t at,
                      uint32_t size);
uint32_t address_bytes(uint32_t family, const struct sock_addr *a, uint8_t out[112]);
/* The socket that is bound there and takes what is sent, or NULL. */
struct guest_socket *address_find(struct process *p, const struct guest_socket *from,
                                  const struct sock_addr *a);
/* A free port of its own and an address to be sent from. */
int32_t address_auto(struct process *p, struct guest_socket *s, const struct sock_addr *to);
/* 0, or -EADDRINUSE. */
int32_t address_free(struct process *p, const struct guest_socket *s, const struct sock_addr *a);

/* Messages that nobody took, and descriptors on their way, end. */
void messages_drop(struct process *p, struct guest_socket *s);

#endif
