/* SPDX-License-Identifier: MIT */
/* Sockets between processes: by name in the file system, by names of their own, over the loopback;
 * streams and datagrams, descriptors that are sent along, and everything that is refused. */
#include "guest.h"

enum {
    SYS_FORK = 2,
    SYS_READ = 3,
    SYS_CLOSE = 6,
    SYS_UNLINK = 10,
    SYS_GETPID = 20,
    SYS_DUP = 41,
    SYS_PIPE = 42,
    SYS_WAIT4 = 114,
    SYS_NANOSLEEP = 162,
    SYS_POLL = 168,
    SYS_SIGACTION = 174,
    SYS_STAT64 = 195,
    SYS_FCNTL64 = 221,
    SYS_SOCKET = 359,
    SYS_SOCKETPAIR,
    SYS_BIND,
    SYS_CONNECT,
    SYS_LISTEN,
    SYS_ACCEPT4,
    SYS_GETSOCKOPT,
    SYS_SETSOCKOPT,
    SYS_GETSOCKNAME,
    SYS_GETPEERNAME,
    SYS_SENDTO,
    SYS_SENDMSG,
    SYS_RECVFROM,
    SYS_RECVMSG,
    SYS_SHUTDOWN
};
enum { LOCAL = 1, INET = 2, STREAM = 1, DGRAM = 2, NONBLOCK = 04000 };
enum { PEEK = 2, TRUNC = 0x20, DONTWAIT = 0x40, WAITALL = 0x100, NOSIGNAL = 0x4000 };

static struct {
    uint16_t family;
    char path[108];
} local;
static u32 local_len;
static u32 in[4]; /* family and port, address */

static void shut(u32 fd)
{
    call(SYS_CLOSE, fd, 0, 0, 0, 0, 0);
}
static void pass(u32 ms)
{
    u32 t[2] = {0, ms * 4000000};
    call(SYS_NANOSLEEP, (u32)t, 0, 0, 0, 0, 0);
}
static u32 begin(void)
{
    return call(SYS_FORK, 0, 0, 0, 0, 0, 0);
}
static void leave(u32 status)
{
    call(SYS_EXIT, status & 255, 0, 0, 0, 0, 0);
}
static u32 wait_one(void)
{
    u32 status = 0;
    call(SYS_WAIT4, (u32)-1, (u32)&status, 0, 0, 0, 0);
    return status;
}
static u32 sock(u32 family, u32 type)
{
    return call(SYS_SOCKET, family, type, 0, 0, 0, 0);
}
static u32 send(u32 fd, const char *text, u32 n, u32 flags)
{
    return call(SYS_SENDTO, fd, (u32)text, n, flags | NOSIGNAL, 0, 0);
}
static void take(const char *what, u32 fd, u32 n, u32 flags)
{
    char text[64] = {0};
    say_hex(what, call(SYS_RECVFROM, fd, (u32)text, n, flags, 0, 0));
    say("  '");
    say(text);
    say("'\n");
}
static void ready(const char *what, u32 fd)
{
    struct {
        u32 fd;
        uint16_t want, got;
    } f = {fd, 0x2005, 0};
    call(SYS_POLL, (u32)&f, 1, 0, 0, 0, 0);
    say_hex(what, f.got);
}
static void option(const char *what, u32 fd, u32 level, u32 which)
{
    u32 v[3] = {77, 77, 77}, n = 12;
    say_hex(what, call(SYS_GETSOCKOPT, fd, level, which, (u32)v, (u32)&n, 0));
    say_hex("  size ", n);
    say_hex("  ", v[0]);
}
static u32 hash(const void *at, u32 n)
{
    u32 h = 1;
    for (u32 i = 0; i < n && i < 110; i++)
        h = mix(h, ((const u8 *)at)[i]);
    return h;
}
static void name_of(const char *what, u32 nr, u32 fd)
{
    u8 raw[128] = {0};
    u32 n = sizeof raw;
    say_hex(what, call(nr, fd, (u32)raw, (u32)&n, 0, 0, 0));
    say_hex("  size ", n);
    if (raw[0] == INET) {
        say_hex("  port ", raw[2] || raw[3]);
        raw[2] = raw[3] = 0;
    }
    say_hex("  ", hash(raw, n < 16 ? n : 16)); /* not the number in the name */
}

/* A message with descriptors, and how one comes. */
static u32 send_fds(u32 s, const char *text, u32 len, const u32 *fds, u32 n)
{
    u32 iov[2] = {(u32)text, len}, control[3 + 8] = {12 + 4 * n, 1, 1}, msg[7];
    for (u32 i = 0; i < n; i++)
        control[3 + i] = fds[i];
    msg[0] = msg[1] = msg[6] = 0;
    msg[2] = (u32)iov, msg[3] = 1, msg[4] = (u32)control, msg[5] = control[0];
    return call(SYS_SENDMSG, s, (u32)msg, NOSIGNAL, 0, 0, 0);
}
static u32 got[8];
static u32 take_fds(const char *what, u32 s, u32 room)
{
    char text[32] = {0};
    u32 iov[2] = {(u32)text, 20}, control[3 + 8] = {0}, msg[7] = {0, 0, (u32)iov, 1, 0, 0, 0};
    msg[4] = (u32)control, msg[5] = room;
    say_hex(what, call(SYS_RECVMSG, s, (u32)msg, DONTWAIT, 0, 0, 0));
    say("  '");
    say(text);
    say_hex("' control ", msg[5]);
    say_hex("  flags ", msg[6]);
    u32 n = msg[5] >= 12 ? (control[0] - 12) / 4 : 0;
    for (u32 i = 0; i < n && i < 8; i++)
        got[i] = control[3 + i];
    return n;
}

static void serve(u32 listener, u32 family, u32 len, void *at)
{
    if (!begin()) {
        u32 c = sock(family, STREAM);
        shut(listener);
        u32 e = call(SYS_CONNECT, c, (u32)at, len, 0, 0, 0);
        pass(15);
        say_hex("connect ", e);
        say_hex("again ", call(SYS_CONNECT, c, (u32)at, len, 0, 0, 0));
        name_of("peer ", SYS_GETPEERNAME, c);
        name_of("own ", SYS_GETSOCKNAME, c);
        send(c, "question", 8, 0);
        take("answer ", c, 6, WAITALL);
        take("end ", c, 6, 0);
        leave(1);
    }
    u8 raw[128] = {0};
    u32 n = sizeof raw, s = call(SYS_ACCEPT4, listener, (u32)raw, (u32)&n, 02000000, 0, 0);
    say_hex("accepted ", (int)s < 0 ? s : 0);
    say_hex("  from ", n);
    pass(40);
    name_of("peer ", SYS_GETPEERNAME, s);
    name_of("own ", SYS_GETSOCKNAME, s);
    ready("asks ", s);
    take("peek ", s, 4, PEEK);
    take("question ", s, 60, 0);
    ready("quiet ", s);
    take("nothing ", s, 60, DONTWAIT);
    send(s, "ans", 3, 0);
    pass(10);
    send(s, "wer", 3, 0);
    shut(s);
    say_hex("client ", wait_one());
}

static void refused(u32 family, u32 len, void *at)
{
    u32 s = sock(family, STREAM), v = 1;
    say_hex("nobody listens ", call(SYS_CONNECT, s, (u32)at, len, 0, 0, 0));
    ready("so ", s);
    say_hex("no accepting ", call(SYS_ACCEPT4, s, 0, 0, 0, 0, 0));
    say_hex("bind ", call(SYS_BIND, s, (u32)at, len, 0, 0, 0));
    say_hex("twice ", call(SYS_BIND, s, (u32)at, len, 0, 0, 0));
    u32 other = sock(family, STREAM);
    say_hex("another ", call(SYS_BIND, other, (u32)at, len, 0, 0, 0));
    say_hex("not listening ", call(SYS_CONNECT, other, (u32)at, len, 0, 0, 0));
    say_hex("other family ", call(SYS_CONNECT, other, (u32)&v, 16, 0, 0, 0));
    say_hex("short ", call(SYS_BIND, other, (u32)at, 1, 0, 0, 0));
    say_hex("peer ", call(SYS_GETPEERNAME, s, (u32)&v, (u32)&v, 0, 0, 0));
    say_hex("send ", send(s, "x", 1, 0));
    say_hex("receive ", call(SYS_RECVFROM, s, (u32)&v, 4, 0, 0, 0));
    say_hex("shutdown ", call(SYS_SHUTDOWN, s, 2, 0, 0, 0, 0));
    shut(s);
    shut(other);
}

static void streams(u32 family, u32 len, void *at)
{
    u32 s = sock(family, STREAM), c;
    say_hex("bind ", call(SYS_BIND, s, (u32)at, len, 0, 0, 0));
    say_hex("listen ", call(SYS_LISTEN, s, 5, 0, 0, 0, 0));
    if (family == INET) {
        u32 n = 16;
        call(SYS_GETSOCKNAME, s, (u32)in, (u32)&n, 0, 0, 0);
    }
    option("listens ", s, 1, 30);
    option("type ", s, 1, 3);
    option("domain ", s, 1, 39);
    option("error ", s, 1, 4);
    option("none such ", s, 1, 999);
    ready("nobody ", s);
    call(SYS_FCNTL64, s, 4, NONBLOCK, 0, 0, 0);
    say_hex("nobody ", call(SYS_ACCEPT4, s, 0, 0, 0, 0, 0));
    call(SYS_FCNTL64, s, 4, 0, 0, 0, 0);
    serve(s, family, len, at);
    /* Without waiting. */
    c = sock(family, STREAM | NONBLOCK);
    say_hex("connect ", call(SYS_CONNECT, c, (u32)at, len, 0, 0, 0));
    pass(5);
    ready("connected ", c);
    option("error ", c, 1, 4);
    ready("somebody ", s);
    u32 a = call(SYS_ACCEPT4, s, 0, 0, NONBLOCK, 0, 0);
    say_hex("accepted ", (int)a < 0);
    say_hex("sent ", send(c, "hello", 5, 0));
    pass(5);
    take("before ", a, 60, 0);
    say_hex("half ", call(SYS_SHUTDOWN, c, 1, 0, 0, 0, 0));
    pass(5);
    ready("half ", a);
    take("end ", a, 60, 0);
    say_hex("back ", send(a, "still", 5, 0));
    pass(5);
    take("still ", c, 60, 0);
    say_hex("no more ", send(c, "x", 1, 0));
    shut(a);
    shut(c);
    shut(s);
}

static void local_only(void)
{
    u32 st[24], s[2], p[2], fd, pid = call(SYS_GETPID, 0, 0, 0, 0, 0, 0), v[3], n = 12;
    call(SYS_STAT64, (u32)local.path, (u32)st, 0, 0, 0, 0);
    say_hex("its name is ", st[4]);
    say_hex("gone ", call(SYS_UNLINK, (u32)local.path, 0, 0, 0, 0, 0));
    fd = sock(LOCAL, STREAM);
    say_hex("without ", call(SYS_CONNECT, fd, (u32)&local, local_len, 0, 0, 0));
    say_hex("listen ", call(SYS_LISTEN, fd, 5, 0, 0, 0, 0));
    shut(fd);
    say_hex("pair ", call(SYS_SOCKETPAIR, LOCAL, STREAM, 0, (u32)s, 0, 0));
    call(SYS_GETSOCKOPT, s[0], 1, 17, (u32)v, (u32)&n, 0);
    say_hex("who ", (v[0] == pid) + n);
    say_hex("set ", call(SYS_SETSOCKOPT, s[0], 1, 7, (u32)&n, 4, 0));
    say_hex("set short ", call(SYS_SETSOCKOPT, s[0], 1, 7, (u32)&n, 2, 0));
    /* Descriptors. */
    call(SYS_PIPE, (u32)p, 0, 0, 0, 0, 0);
    say_hex("fds ", send_fds(s[0], "one", 3, &p[1], 1));
    shut(p[1]);
    say_hex("bytes ", send(s[0], "plain", 5, 0));
    say_hex("more ", send_fds(s[0], "two", 3, p, 1));
    say_hex("end ", send(s[0], "rest", 4, 0));
    if (take_fds("first ", s[1], 32)) {
        call(SYS_WRITE, got[0], (u32) "through", 7, 0, 0, 0);
        shut(got[0]);
    }
    char text[16] = {0};
    say_hex("it was the last ", call(SYS_READ, p[0], (u32)text, 15, 0, 0, 0));
    say(text);
    say_hex("\nend ", call(SYS_READ, p[0], (u32)text, 15, 0, 0, 0));
    take_fds("no room ", s[1], 0);
    take_fds("the rest ", s[1], 32);
    u32 bad[3] = {99, 1, 1};
    say_hex("bad ", send_fds(s[0], "bad", 3, bad, 1));
    u32 many[3] = {s[0], s[1], p[0]};
    say_hex("three ", send_fds(s[0], "three", 5, many, 3));
    u32 k = take_fds("room for two ", s[1], 20);
    say_hex("  came ", k);
    for (u32 i = 0; i < k; i++)
        shut(got[i]);
    send_fds(s[0], "lost", 4, many, 3);
    take("by a plain read ", s[1], 20, 0);
    send_fds(s[0], "never", 5, many, 3);
    shut(s[0]);
    shut(s[1]);
    /* Datagrams. */
    say_hex("pair ", call(SYS_SOCKETPAIR, LOCAL, DGRAM, 0, (u32)s, 0, 0));
    send(s[0], "first", 5, 0);
    send(s[0], "second", 6, 0);
    send_fds(s[0], "third", 5, p, 1);
    ready("there ", s[1]);
    take("peek ", s[1], 3, PEEK);
    take("cut off ", s[1], 3, TRUNC);
    take("next ", s[1], 60, 0);
    say_hex("with one ", take_fds("third ", s[1], 32));
    take("nothing ", s[1], 60, DONTWAIT);
    for (n = 0; send(s[0], "x", 1, DONTWAIT) == 1; n++)
        ;
    say_hex("some wait ", n > 20);
    ready("no room ", s[0]);
    shut(s[1]);
    say_hex("gone ", send(s[0], "x", 1, 0));
    shut(s[0]);
    u32 a = sock(LOCAL, DGRAM), b = sock(LOCAL, DGRAM);
    local.path[0] = 0; /* a name of its own */
    say_hex("bind ", call(SYS_BIND, a, (u32)&local, local_len, 0, 0, 0));
    name_of("own ", SYS_GETSOCKNAME, a);
    say_hex("used ", call(SYS_BIND, b, (u32)&local, local_len, 0, 0, 0));
    say_hex("send ", call(SYS_SENDTO, b, (u32) "letter", 6, 0, (u32)&local, local_len));
    u8 from[128];
    n = sizeof from;
    say_hex("receive ", call(SYS_RECVFROM, a, (u32)text, 15, 0, (u32)from, (u32)&n));
    say_hex("  from ", n);
    say_hex("connect ", call(SYS_CONNECT, b, (u32)&local, local_len, 0, 0, 0));
    say_hex("send ", send(b, "again", 5, 0));
    take("receive ", a, 60, 0);
    say_hex("nobody ", send(a, "x", 1, 0));
    for (n = 0; send(b, "x", 1, DONTWAIT) == 1; n++)
        ;
    say_hex("as many as wait ", n);
    shut(a);
    shut(b);
    say_hex("no family ", sock(77, STREAM));
    say_hex("no type ", sock(LOCAL, 9));
    say_hex("no protocol ", call(SYS_SOCKET, LOCAL, STREAM, 17, 0, 0, 0));
    say_hex("of the internet ", call(SYS_SOCKETPAIR, INET, STREAM, 0, (u32)s, 0, 0));
}

static void inet_only(void)
{
    u32 a = sock(INET, DGRAM), b = sock(INET, DGRAM), from[4], n = 16, c;
    char text[16] = {0};
    in[0] = INET;
    say_hex("bind ", call(SYS_BIND, a, (u32)in, 16, 0, 0, 0));
    call(SYS_GETSOCKNAME, a, (u32)in, (u32)&n, 0, 0, 0);
    say_hex("send ", call(SYS_SENDTO, b, (u32) "packet", 6, 0, (u32)in, 16));
    say_hex("receive ", call(SYS_RECVFROM, a, (u32)text, 15, 0, (u32)from, (u32)&n));
    say_hex("  from ", from[1]);
    say_hex("answer ", call(SYS_SENDTO, a, (u32) "answer", 6, 0, (u32)from, 16));
    take("answer ", b, 60, 0);
    say_hex("connect ", call(SYS_CONNECT, b, (u32)in, 16, 0, 0, 0));
    name_of("peer ", SYS_GETPEERNAME, b);
    send(b, "1", 1, 0);
    send(b, "", 0, 0);
    send(b, "3", 1, 0);
    take("one ", a, 60, 0);
    take("empty ", a, 60, 0);
    take("three ", a, 60, 0);
    c = sock(INET, DGRAM);
    call(SYS_GETSOCKNAME, b, (u32)from, (u32)&n, 0, 0, 0);
    call(SYS_SENDTO, c, (u32) "stranger", 8, 0, (u32)from, 16);
    take("not from strangers ", b, 60, DONTWAIT);
    shut(a);
    say_hex("to nobody ", send(b, "x", 1, 0));
    say_hex("which is told ", send(b, "x", 1, 0));
    say_hex("no destination ", send(c, "x", 1, 0));
    say_hex("too long ", call(SYS_SENDTO, c, (u32)in, 70000, 0, (u32)in, 16));
    /* Nobody listens, and who does not wait hears of it later. */
    u32 s = sock(INET, STREAM | NONBLOCK), v = 1;
    in[0] = INET | 1u << 24;
    say_hex("connect ", call(SYS_CONNECT, s, (u32)in, 16, 0, 0, 0));
    pass(5);
    ready("refused ", s);
    option("refused ", s, 1, 4);
    option("once ", s, 1, 4);
    say_hex("no delay ", call(SYS_SETSOCKOPT, s, 6, 1, (u32)&v, 4, 0));
    say_hex("none such ", call(SYS_SETSOCKOPT, s, 1, 999, (u32)&v, 4, 0));
    in[1] = 0x01020304;
    say_hex("not of this machine ", call(SYS_BIND, s, (u32)in, 16, 0, 0, 0));
}

int guest_main(int argc, char **argv)
{
    u32 act[5] = {1, 0, 0, 0, 0}, n = 0;

    (void)argc;
    call(SYS_SIGACTION, 13, (u32)act, 0, 8, 0, 0);
    local.family = LOCAL;
    /* A name of two bytes more than 108 would not do: only the last part, here. */
    for (const char *s = "/tmp/chrysalis-socket-"; s[n]; n++)
        local.path[n] = s[n];
    for (u32 pid = call(SYS_GETPID, 0, 0, 0, 0, 0, 0), i = 0; i < 8; i++, pid /= 10)
        local.path[n++] = (char)('0' + pid % 10);
    local_len = 2 + n + 1;
    (void)argv;
    refused(LOCAL, local_len, &local);
    call(SYS_UNLINK, (u32)local.path, 0, 0, 0, 0, 0);
    streams(LOCAL, local_len, &local);
    local_only();
    in[0] = INET;
    in[1] = 0x0100007f;
    streams(INET, 16, in);
    inet_only();
    return 0;
}
