#!/bin/bash
# SPDX-License-Identifier: MIT
# timeout: 1500
#
# Debian's busybox in every mode: each command must print byte for byte what it prints natively on
# the host, and end with the same status. Modes differ in what carries the guest (interpreter,
# translations), in the machine, in how misses stall, and in how little room there is.
#
# BUSYBOX_MODES limits the modes to those whose name contains it, for work on one of them.
set -u
guest=$SYSROOT/bin/busybox
root=$PWD
work=$OUT/w
mkdir -p "$work/tree/sub" "$OUT/o"

tests/mkdata.sh text 6000 7 >"$work/text"
tests/mkdata.sh noise 5000 3 >"$work/noise"
tests/mkdata.sh text 60000 9 >"$work/text-long"
head -c 700 "$work/text" >"$work/tree/a"
head -c 3000 "$work/noise" >"$work/tree/sub/b"
: >"$work/tree/empty"
ln -s sub/b "$work/tree/link"
gzip -nc "$work/text" >"$work/text.gz"
chmod 640 "$work/tree/a"
# Times that print alike whatever "now" is: long past, for the folders above too.
find "$work" -depth -exec touch -h -d '2010-03-04 05:06:07 UTC' {} +

# name | standard input (or -) | arguments of busybox
commands='sha256sum|-|sha256sum text noise
md5sum|text|md5sum
gzip|text|gzip -c
gunzip|-|gunzip -c text.gz
bzip2|text|bzip2 -1 -c
sort|-|sort text
sort-n|noise|sort -n -r
wc|-|wc text noise tree/empty
od|noise|od -A x -t x1
sha512sum|-|sha512sum text noise
crc32|-|crc32 text noise
cksum|-|cksum text noise
awk|text|awk {n[length($0)]++;s+=NF*NR}END{for(i=0;i<200;i++)if(n[i])print(i,n[i]);print(s,s%7,int(s/3),NR)}
sed|text|sed -e s/\([a-z]*\)a/<\1>/g -e 3,5d -e y/xyz/XYZ/
grep|text|grep -nE (ba|ce)+[f-m]*o$|^x
ls|-|ls -la tree
find|-|find tree -type f
tar|-|tar -c tree/a tree/sub/b tree/empty tree/link
false|-|false
missing|-|cat no-such-file'

small='' # of each machine, the whole list; NAME|OPTIONS
for machine in tm5800 tm8600 vliw4; do
    for stall in miss use; do
        small+="$machine-interpret-$stall|--machine machines/$machine.ini --set mem.stall=$stall --set cms.gears=0
$machine-gear1-$stall|--machine machines/$machine.ini --set mem.stall=$stall --set cms.gears=1 --set cms.hot_threshold=3
"
    done
    small+="$machine-tiny-cache|--machine machines/$machine.ini --set cms.hot_threshold=2 --set cms.tcache_kb=64
$machine-tiny-buffer|--machine machines/$machine.ini --set cms.hot_threshold=2 --set sb.entries=4 --set cms.verify=1
"
done
small+="tm5800-flush|--machine machines/tm5800.ini --set cms.hot_threshold=1 --set cms.tcache_kb=64 --set cms.evict=flush
tm5800-unchained|--machine machines/tm5800.ini --set cms.hot_threshold=2 --set cms.chain=0 --set cms.jtlb=0
tm5800-one-by-one|--machine machines/tm5800.ini --set cms.hot_threshold=2 --set cms.max_block=1
"

# The shell's globbing must leave the arguments alone; they are split at blanks.
set -f
run_in()
{
    local input=$1
    shift
    if [ "$input" = - ]; then
        (cd "$work" && "$@" </dev/null)
    else
        (cd "$work" && "$@" <"$input")
    fi
}

[ -x "$guest" ] || { echo "not ok busybox: $guest is missing"; exit 1; }
while IFS='|' read -r name input arguments; do
    run_in "$input" "$guest" $arguments >"$OUT/o/$name.native" 2>"$OUT/o/$name.native.err"
    echo $? >"$OUT/o/$name.native.status"
done <<<"$commands"
LC_ALL=C sort -o "$OUT/o/find.native" "$OUT/o/find.native" # the host's order of a folder is an accident

while IFS='|' read -r mode options; do
    [ -n "$mode" ] && [[ $mode == *${BUSYBOX_MODES:-}* ]] || continue
    options=${options//machines\//$root/machines/}
    bad=
    while IFS='|' read -r name input arguments; do
        o=$OUT/o/$name.$mode
        run_in "$input" "$CHRYSALIS" run --quiet $options --stats "$o.json" -- "$guest" $arguments >"$o" 2>"$o.err"
        echo $? >"$o.status"
        [ "$name" != find ] || LC_ALL=C sort -o "$o" "$o"
        if ! cmp -s "$o" "$OUT/o/$name.native"; then
            bad+=" $name:output"
        elif ! cmp -s "$o.status" "$OUT/o/$name.native.status"; then
            bad+=" $name:status"
        elif ! grep -q '"cms.aborts.verify": 0,' "$o.json"; then # only where cms.verify is set does it count
            bad+=" $name:verifier"
        else
            rm -f "$o" "$o.json"
        fi
    done <<<"$commands"
    if [ -z "$bad" ]; then
        echo "ok busybox $mode"
    else
        echo "not ok busybox $mode:$bad"
    fi
done <<<"$small"
