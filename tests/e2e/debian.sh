#!/bin/bash
# SPDX-License-Identifier: MIT
# timeout: 1500
#
# Programs of Debian i386 as they come, dynamic ones through the sysroot: interpreters (one compiles what it
# runs), compressors (one with threads), a database, ciphers, a compiler, version control, programs with the
# runtimes of other languages, and shell scripts with all that shells do with processes. Each must print and end
# as it does natively on the host, which runs i386 programs by the sysroot's own loader; some of them on a
# processor with SSE2 too. Then: two runs are equal to the last counter; random system calls; sysroots that are
# missing or broken.
set -u
packages="busybox-static bash-static libc6 lua5.4 libreadline8 libtinfo6 sqlite3 libsqlite3-0 zlib1g
    xz-utils liblzma5 gzip bzip2 libbz2-1.0 zstd libzstd1 liblz4-1 libstdc++6 libgcc-s1 python3.11
    python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libexpat1 libssl3 libffi8
    dash gawk libgmp10 libmpfr6 libsigsegv2 bc perl-base libcrypt1 openssl git libpcre2-8-0 tcc libc6-dev linux-libc-dev
    luajit ripgrep fzf shellcheck libnuma1"
if ! guest/fetch.sh $packages 2>"$OUT/fetch"; then
    echo "ok debian # SKIP $(tail -n 1 "$OUT/fetch")"
    exit 0
fi
root=$PWD
scripts=$root/tests/guests/scripts
libraries=$SYSROOT/lib/i386-linux-gnu:$SYSROOT/usr/lib/i386-linux-gnu
mkdir -p "$OUT/bin" "$OUT/w" "$OUT/native"
for name in git sqlite3; do
    printf '#!/bin/sh\nexec %s --library-path %s %s "$@"\n' "$SYSROOT/lib/ld-linux.so.2" "$libraries" "$SYSROOT/usr/bin/$name" \
        >"$OUT/native/$name"
    chmod 755 "$OUT/native/$name"
done
for name in cat diff false head printf rm seq sh sleep sort tac tail tr true uniq wc yes; do
    ln -s "$SYSROOT/bin/busybox" "$OUT/bin/$name"
done
tests/mkdata.sh text 200000 11 >"$OUT/text"
# zstd takes a second thread for more than one piece of at least 512 KB.
for i in 1 2 3 4 5 6; do cat "$OUT/text"; tests/mkdata.sh noise 100000 $i; done >"$OUT/long"
printf '#!/bin/sh\nfor f in $(ls *.txt); do echo $f; done\n[ $x = 1 ] && echo y\n' >"$OUT/w/odd.sh"

# name | standard input (or -) | program and arguments, the program as the guest names it
cases="lua|-|/usr/bin/lua5.4 $scripts/lua.lua
sqlite|$scripts/sqlite.sql|/usr/bin/sqlite3 :memory:
python|-|/usr/bin/python3.11 $scripts/python.py
xz|-|/usr/bin/xz -1 -c $OUT/text
gzip|$OUT/text|/bin/gzip -nc
bzip2|-|/bin/bzip2 -c $OUT/text
zstd-threads|-|/usr/bin/zstd -q -T2 -B512K -c $OUT/long
busybox-sh|-|/bin/busybox sh $scripts/shell.sh
bash|-|/bin/bash-static $scripts/shell.sh
bash-own|-|/bin/bash-static $scripts/bash.sh
perl|-|/usr/bin/perl $scripts/perl.pl
gawk|$OUT/text|/usr/bin/gawk -f $scripts/words.awk
bc|$scripts/digits.bc|/usr/bin/bc -l
openssl-digest|$OUT/text|/usr/bin/openssl dgst -sha256
openssl-cipher|$OUT/text|/usr/bin/openssl enc -aes-128-cbc -K 00112233445566778899aabbccddeeff -iv 0123456789abcdef0123456789abcdef
git|-|/bin/bash-static $scripts/git.sh
wal|-|/bin/bash-static $scripts/wal.sh
rust|-|/usr/bin/rg -c e..a $OUT/text
go|$OUT/text|/usr/bin/fzf -f the
haskell|-|/usr/bin/shellcheck --norc --color=never -f gcc $OUT/w/odd.sh
luajit|-|/usr/bin/luajit $scripts/jit.lua"

environment="PATH=$OUT/bin HOME=/ LANG=C TERM=dumb"
# run OUTPUT INPUT COMMAND...
run_to()
{
    local to=$1 input=$2
    shift 2
    [ "$input" = - ] && input=/dev/null
    (cd "$OUT/w" && timeout 400 env -i $environment "$@") <"$input" >"$to" 2>"$to.err"
    echo "status $?" >>"$to"
}
native()
{
    local program=$SYSROOT$3 to=$1 input=$2
    local environment="$environment GIT=$OUT/native/git SQLITE=$OUT/native/sqlite3 GIT_EXEC_PATH=$OUT/native"
    shift 3
    case $program in
    */busybox | */bash-static) run_to "$to" "$input" "$program" "$@" ;;
    *) run_to "$to" "$input" "$SYSROOT/lib/ld-linux.so.2" --library-path "$libraries" "$program" "$@" ;;
    esac
}

# on MACHINE NAME INPUT COMMAND...: as natively?
on()
{
    local machine=$1 name=$2 input=$3 to=$OUT/$2.$1
    shift 3
    run_to "$to" "$input" "$CHRYSALIS" run --quiet --machine "$root/machines/$machine.ini" \
        --stats "$to.json" --sysroot "$SYSROOT" --env "PATH=$OUT/bin" -- "$@"
    if cmp -s "$to" "$OUT/$name.native"; then
        echo "ok debian $name $machine"
    else
        echo "not ok debian $name $machine: $(diff "$OUT/$name.native" "$to" | head -n 4 | tr -c '[:print:]' ' ')" \
            "$(tail -n 2 "$to.err" | tr '\n' ' ')"
    fi
}

# With SSE2 there are other ways through the C library and libcrypto.
sse2=${SSE2:-luajit lua sqlite python gzip zstd-threads openssl-digest openssl-cipher}
while IFS='|' read -r name input command; do
    native "$OUT/$name.native" "$input" $command
    [ "$name" = luajit ] || on tm5800 "$name" "$input" $command # which compiles to SSE2 and nothing else
    case " $sse2 " in *" $name "*) on tm8600 "$name" "$input" $command ;; esac
done <<<"$cases"

# A compiler makes the same object, and a program that runs here too.
cat >"$OUT/w/sum.c" <<'C'
#include <math.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    double s = 0;
    for (int i = 1; i < 20000; i++)
        s += sqrt(i) / i;
    printf("%s %d %.9f\n", argv[argc - 1], argc, s);
    return 3;
}
C
tcc_files="-nostdinc -I$SYSROOT/usr/include -I$SYSROOT/usr/include/i386-linux-gnu -I$SYSROOT/usr/lib/i386-linux-gnu/tcc/include"
run_to "$OUT/tcc.native" - "$SYSROOT/lib/ld-linux.so.2" --library-path "$libraries" "$SYSROOT/usr/bin/tcc" $tcc_files \
    -c -o "$OUT/w/native.o" sum.c
run_to "$OUT/tcc.here" - "$CHRYSALIS" run --quiet --sysroot "$SYSROOT" -- /usr/bin/tcc -c -o "$OUT/w/here.o" sum.c
run_to "$OUT/tcc.link" - "$CHRYSALIS" run --quiet --sysroot "$SYSROOT" -- /usr/bin/tcc -o "$OUT/w/sum" sum.c -lm
run_to "$OUT/tcc.sum" - "$CHRYSALIS" run --quiet --sysroot "$SYSROOT" -- "$OUT/w/sum" works
if cmp -s "$OUT/w/native.o" "$OUT/w/here.o" && [ "$(tr '\n' ' ' <"$OUT/tcc.sum")" = "works 2 $(awk 'BEGIN {for (i = 1; i < 20000; i++) s += sqrt(i) / i; printf "%.9f", s}') status 3 " ]; then
    echo "ok debian tcc"
else
    echo "not ok debian tcc: $(cat "$OUT"/tcc.{native,here,link,sum}{,.err} | tr '\n' ' ')"
fi

# The statistics of a second run; what is the host's alone is left out.
strip() { python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); d.pop("host",None); json.dump(d,sys.stdout,sort_keys=True,indent=0)' "$1"; }
if command -v python3 >/dev/null; then
    while IFS='|' read -r name input command; do
        case $name in sqlite | zstd-threads | bash) ;; *) continue ;; esac
        run_to "$OUT/$name.again" "$input" "$CHRYSALIS" run --quiet --machine "$root/machines/tm5800.ini" \
            --stats "$OUT/$name.again.json" --sysroot "$SYSROOT" --env "PATH=$OUT/bin" -- $command
        strip "$OUT/$name.tm5800.json" >"$OUT/$name.one"
        strip "$OUT/$name.again.json" >"$OUT/$name.two"
        if [ -s "$OUT/$name.one" ] && cmp -s "$OUT/$name.one" "$OUT/$name.two" && cmp -s "$OUT/$name.tm5800" "$OUT/$name.again"; then
            echo "ok debian twice $name"
        else
            echo "not ok debian twice $name: $(diff "$OUT/$name.one" "$OUT/$name.two" | head -n 3 | tr '\n' ' ')"
        fi
    done <<<"$cases"
fi

# With the clock in instructions every task is switched, and every timer rings, at the same
# instruction whatever carries the guest: so the counts of instructions and calls are equal too.
gcc -m32 -march=i686 -O1 -fno-pic -no-pie -static -nostdlib -ffreestanding -fno-stack-protector \
    -fno-builtin -mno-sse -fcf-protection=none -fno-strict-aliasing -Itests/guests -o "$OUT/processes" \
    tests/guests/processes.c 2>"$OUT/processes.log" || echo "not ok debian processes: not built"
n=0
for options in "--set cms.gears=0" "--set cms.hot_threshold=3" \
    "--machine machines/tm8600.ini --set cms.hot_threshold=30" \
    "--machine machines/vliw4.ini --set mem.stall=use --set cms.max_block=2 --set cms.hot_threshold=9"; do
    n=$((n + 1))
    "$CHRYSALIS" run --quiet $options --set guest.clock=instructions --stats "$OUT/count.json" -- \
        "$OUT/processes" >"$OUT/count.$n" 2>"$OUT/count.err"
    grep -E '"(guest.instructions|process.syscalls|process.faults)":' "$OUT/count.json" >>"$OUT/count.$n"
done
if [ "$(wc -l <"$OUT/count.1")" -gt 30 ] && cmp -s "$OUT/count.1" "$OUT/count.2" &&
    cmp -s "$OUT/count.1" "$OUT/count.3" && cmp -s "$OUT/count.1" "$OUT/count.4"; then
    echo "ok debian equal counts of instructions"
else
    echo "not ok debian equal counts of instructions: $(diff "$OUT/count.1" "$OUT/count.2" | head -n 3 | tr '\n' ' ')" \
        "$(diff "$OUT/count.1" "$OUT/count.4" | head -n 3 | tr '\n' ' ')"
fi

# says NAME STATUS WORD COMMAND...: one line, no crash
says()
{
    local name=$1 status=$2 word=$3 got
    shift 3
    "$CHRYSALIS" run --quiet "$@" >"$OUT/said" 2>&1 </dev/null
    got=$?
    if [ $got = "$status" ] && grep -q -- "$word" "$OUT/said"; then
        echo "ok debian $name"
    else
        echo "not ok debian $name: status $got: $(head -n 2 "$OUT/said" | tr '\n' ' ')"
    fi
}
bad=$OUT/bad-root
mkdir -p "$bad/usr/bin" "$bad/lib"
cp "$SYSROOT/usr/bin/lua5.4" "$bad/usr/bin/"
says "sysroot missing" 2 "No such file" --sysroot "$OUT/nowhere" -- /usr/bin/lua5.4
says "interpreter missing" 2 "interpreter" --sysroot "$bad" -- /usr/bin/lua5.4
head -c 1000 "$SYSROOT/lib/ld-linux.so.2" >"$bad/lib/ld-linux.so.2"
says "interpreter cut off" 2 "ld-linux.so.2" --sysroot "$bad" -- /usr/bin/lua5.4
ln -sf ld-linux.so.2 "$bad/lib/ld-linux.so.2"
says "interpreter a circle" 2 "interpreter" --sysroot "$bad" -- /usr/bin/lua5.4
cp --remove-destination "$(realpath "$SYSROOT/lib/ld-linux.so.2")" "$bad/lib/ld-linux.so.2"
says "libraries missing" 127 "cannot open shared object" --sysroot "$bad" -- /usr/bin/lua5.4
ln -s /usr/bin/lua5.4 "$bad/absolute"
says "absolute link" 127 "cannot open shared object" --sysroot "$bad" -- /absolute
# Inside the sysroot even when what it names exists outside.
mkdir -p "$bad/etc" && echo inside >"$bad/etc/hostname" && ln -s /etc/hostname "$bad/name"
says "absolute link stays inside" 0 inside --sysroot "$bad" -- "$SYSROOT/bin/busybox" cat /name

# Random system calls, as a user who owns nothing but an empty folder.
fuzz=$OUT/fuzz
gcc -m32 -march=i686 -O1 -fno-pic -no-pie -static -nostdlib -ffreestanding -fno-stack-protector \
    -fno-builtin -mno-sse -fcf-protection=none -fno-strict-aliasing -Itests/guests -o "$fuzz" \
    tests/guests/fuzz.c 2>"$OUT/fuzz.log" || echo "not ok debian fuzz: not built"
as_nobody()
{
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
    else
        "$@"
    fi
}
sandbox=$(mktemp -d /tmp/chrysalis-fuzz.XXXXXX)
trap 'chmod -R u+rwx "$sandbox"; rm -rf "$sandbox"' EXIT
failed=
for build in "$BUILD" build/san; do
    [ -x $build/chrysalis ] || continue
    cp "$fuzz" $build/chrysalis $build/cms.lo "$sandbox/"
    for seed in 1 2 3 4; do
        chmod -R u+rwx "$sandbox/w" 2>/dev/null
        rm -rf "$sandbox/w"
        mkdir "$sandbox/w"
        chmod 755 "$sandbox"
        [ "$(id -u)" != 0 ] || chown 65534:65534 "$sandbox/w"
        (cd "$sandbox/w" && as_nobody timeout 120 ../chrysalis run --quiet --set guest.ram_mb=64 -- ../fuzz $seed 4000) \
            </dev/null >"$OUT/fuzz.out" 2>"$OUT/fuzz.err"
        status=$?
        [ $status = 0 ] && grep -aq '^killed' "$OUT/fuzz.out" ||
            failed+=" seed $seed ($build): status $status $(grep -a -m 1 -E 'ERROR|runtime error|defect' "$OUT/fuzz.err")"
    done
done
[ -z "$failed" ] && echo "ok debian random system calls" || echo "not ok debian random system calls:$failed"

# A program whose C library is damaged: whatever that does, it does it to itself.
chmod -R u+rwx "$sandbox/w" 2>/dev/null
rm -rf "$sandbox/w"
mkdir -p "$sandbox/w/lib" "$sandbox/w/bin"
cp "$SYSROOT/usr/bin/lua5.4" "$sandbox/w/bin/"
cp "$(realpath "$SYSROOT/lib/ld-linux.so.2")" "$sandbox/w/lib/ld-linux.so.2"
for library in $("$SYSROOT/lib/ld-linux.so.2" --library-path "$libraries" --list "$SYSROOT/usr/bin/lua5.4" | awk '/=> \// {print $3}'); do
    cp "$library" "$sandbox/w/lib/"
done
cp "$sandbox/w/lib/libc.so.6" "$sandbox/libc"
gcc -O1 -o "$sandbox/badelf" tests/badelf.c || echo "not ok debian badelf: not built"
cp "$CHRYSALIS" "$BUILD/cms.lo" "$sandbox/"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$sandbox/w"
(cd "$sandbox" && as_nobody ./badelf 0 24 libc w/lib/libc.so.6 ./chrysalis run --quiet --set guest.ram_mb=64 --root w -- \
    /bin/lua5.4 -v) >"$OUT/badelf" 2>&1 && echo "ok debian a damaged library: $(tail -n 1 "$OUT/badelf")" ||
    echo "not ok debian a damaged library: $(head -c 800 "$OUT/badelf" | tr '\n' ' ')"
