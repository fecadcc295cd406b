#!/bin/bash
# SPDX-License-Identifier: MIT
# also: san
# timeout: 600
#
# A guest that is confined (--root) finds and changes nothing outside its folder, by whatever name, link or open folder
# it tries; one that may only read (--read-only) changes nothing at all. Runs as a user who owns the folder outside too,
# so that it could.
set -u
box=$(mktemp -d /tmp/chrysalis-root.XXXXXX)
trap 'chmod -R u+rwx "$box"; rm -rf "$box"' EXIT
mkdir -p "$box/root/bin" "$box/root/tmp" "$box/outside/deep"
cp "$SYSROOT/bin/busybox" "$box/root/bin/"
echo secret >"$box/outside/a"
echo inside >"$box/root/tmp/file"
ln -s "$box/outside" "$box/root/away"
ln -s ../../../../../../../../..$box/outside "$box/root/up"
ln -s "$box/outside/new" "$box/root/dangling"
ln -s /tmp/file "$box/root/absolute"
gcc -m32 -march=i686 -O1 -fno-pic -no-pie -static -nostdlib -ffreestanding -fno-stack-protector -fno-builtin -mno-sse \
    -fcf-protection=none -fno-strict-aliasing -Itests/guests -o "$OUT/fuzz-guest" tests/guests/fuzz.c || echo "not ok root: not built"
cp "$CHRYSALIS" "$BUILD/cms.lo" "$box/"
chmod -R a+rX "$box"
chmod 755 "$box"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$box/root" "$box/outside"
cd "$box" || exit 1
as_nobody()
{
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
    else
        "$@"
    fi
}
# What is outside, to the last time stamp but that of reading.
state() { find "$box/outside" -printf '%p %i %m %s %T@ %C@ %l\n' | sort; cat "$box/outside/a"; }
state >"$OUT/before"
confined=(as_nobody ./chrysalis run --quiet --root "$box/root" -- /bin/busybox)

says()
{
    local name=$1 expected=$2 got
    shift 2
    got=$("$@" 2>&1 </dev/null | tr '\n' ' ')
    if [ "$got" = "$expected" ]; then echo "ok root $name"; else echo "not ok root $name: '$got'"; fi
}
says "inside" "inside inside / file " "${confined[@]}" sh -c 'cat /tmp/file /absolute; pwd; cd /tmp; ls'
says "the host's names are not there" "1 1 1 1 " "${confined[@]}" sh -c \
    'for i in /etc/passwd '"$box"'/outside/a /home ../../../../etc/passwd; do cat $i 2>/dev/null; echo $?; done'
says "links lead nowhere" "1 1 1 1 1 " "${confined[@]}" sh -c \
    'for i in /away/a /up/a /away /up dangling; do cat $i 2>/dev/null; echo $?; done'
says "nor what the guest makes" "1 1 1 " "${confined[@]}" sh -c \
    'ln -s '"$box"'/outside x; ln -s ../../outside y; mkdir z; cd z; ln -s .. w; cat /x/a 2>/dev/null; echo $?; cat /y/a 2>/dev/null;
     echo $?; cat w/../../outside/a 2>/dev/null; echo $?; cd /; rm -r x y z'
says "writing through them stays inside" "made outside " "${confined[@]}" sh -c \
    'echo made >'"$box"'/root/tmp/made; cat /tmp/made; mkdir -p /..'"$box"'/outside 2>/dev/null; ls -d '"$box"'/outside |
     sed "s,.*/,,"; rm -rf /tmp/made /tmp/chrysalis*'
says "the process's own folder" "1 1 / /bin/busybox " "${confined[@]}" sh -c \
    'cat /proc/self/root/../etc/passwd 2>/dev/null; echo $?; cat /proc/self/cwd/../outside/a 2>/dev/null; echo $?
     readlink /proc/self/cwd; readlink /proc/self/exe'
says "an open folder that has become a link" "file gone " "${confined[@]}" sh -c \
    'mkdir q; echo 1 >q/file; cd q; ls .; mv /q /r; ln -s '"$box"'/outside /q; cat ../q/a 2>/dev/null || echo gone; cd /; rm -r /q /r'
says "another root inside" "bin / bin 1 1 bin " "${confined[@]}" sh -c \
    'mkdir -p /q/bin; cp /bin/busybox /q/bin; cd /tmp; busybox() { /bin/busybox "$@"; }
     busybox chroot /q /bin/busybox sh -c "ls /; pwd; cd ..; ls; cat /tmp/file ../tmp/file /../tmp/file 2>/dev/null; echo \$?
     cat '"$box"'/outside/a 2>/dev/null; echo \$?; busybox chroot / /bin/busybox ls /"; rm -r /q'
says "a program of the host" "chrysalis: /bin/true: No such file or directory in $box/root " \
    as_nobody ./chrysalis run --quiet --root "$box/root" -- /bin/true
says "one of both" "chrysalis: run: more than one of --sysroot and --root " \
    as_nobody ./chrysalis run --quiet --root "$box/root" --sysroot / -- /bin/true

failed=
for seed in 1 2 3 4 5 6; do
    chmod -R u+rwx "$box/root" # it may have taken that from itself
    rm -rf "$box/root"
    mkdir "$box/root"
    ln -s "$box/outside" "$box/root/y"
    cp "$OUT/fuzz-guest" "$box/root/fuzz"
    [ "$(id -u)" != 0 ] || chown -R 65534:65534 "$box/root"
    as_nobody timeout 100 ./chrysalis run --quiet --set guest.ram_mb=64 --set cms.on=host --root "$box/root" -- \
        /fuzz $seed 6000 "$box/outside" </dev/null >"$OUT/fuzz" 2>"$OUT/fuzz.err"
    status=$?
    [ $status = 0 ] && grep -aq '^killed' "$OUT/fuzz" || failed+=" seed $seed: status $status $(grep -a -m 1 -E 'ERROR|runtime error|defect' "$OUT/fuzz.err")"
done
[ -z "$failed" ] && echo "ok root random calls" || echo "not ok root random calls:$failed"
state >"$OUT/after"
if cmp -s "$OUT/before" "$OUT/after" && [ "$(ls "$box")" = "$(printf 'chrysalis\ncms.lo\noutside\nroot')" ]; then
    echo "ok root nothing outside has changed"
else
    echo "not ok root nothing outside has changed: $(diff "$OUT/before" "$OUT/after" | head -n 4 | tr '\n' ' ') $(ls "$box" | tr '\n' ' ')"
fi

# Only reading: of everything, by each call that changes something.
reader=(as_nobody ./chrysalis run --quiet --read-only --sysroot "$SYSROOT" -- /bin/busybox)
says "reading" "secret ok " "${reader[@]}" sh -c "cat outside/a; echo x >/dev/null && echo ok"
says "changing" "EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS " "${reader[@]}" sh -c '
    cd outside
    for i in "touch new" "touch a" "mkdir m" "rmdir deep" "rm -f a" "mv a b" "ln a b" "ln -s a b" "chmod 700 a" "chown 65534 a" \
        "dd of=a if=/dev/null" "mkfifo new" "truncate -s 0 a"; do
        $i 2>&1 | grep -q "Read-only file system" && echo EROFS || echo "$i"
    done'
state >"$OUT/after"
if cmp -s "$OUT/before" "$OUT/after"; then
    echo "ok root nothing has changed"
else
    echo "not ok root nothing has changed: $(diff "$OUT/before" "$OUT/after" | head -n 4 | tr '\n' ' ')"
fi
