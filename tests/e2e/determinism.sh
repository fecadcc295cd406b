#!/bin/bash
# SPDX-License-Identifier: MIT
# timeout: 600
#
# Two runs of one program are equal to the bit: other folder, other environment, other load of the host, other descriptors
# open. Only `host` of stats.json may differ. The compiler of the simulator may not matter either.
set -u

strip_host='import json,sys; d=json.load(open(sys.argv[1])); d.pop("host",None); json.dump(d,sys.stdout,sort_keys=True,indent=0)'
if ! command -v python3 >/dev/null; then
    strip() { sed '/^[[:space:]]*"host"[[:space:]]*:/,/^[[:space:]]*}/d' "$1"; }
else
    strip() { python3 -c "$strip_host" "$1"; }
fi

tests/mkdata.sh text 40000 5 >"$OUT/data"
n=0
for options in "" "--set cms.gears=0" "--machine $PWD/machines/tm8600.ini --set mem.stall=use" \
    "--set cms.hot_threshold=2 --set cms.tcache_kb=64"; do
    n=$((n + 1))
    one=$OUT/one-$n two=$OUT/another-folder-with-a-longer-name-$n
    mkdir -p "$one" "$two/deeper"
    for dir in "$one" "$two/deeper"; do
        head -c "$([ $n = 2 ] && echo 3000 || echo 40000)" "$OUT/data" >"$dir/data"
        cp "$SYSROOT/bin/busybox" "$dir/busybox"
    done
    (cd "$one" && "$CHRYSALIS" run --quiet $options --stats stats.json -- ./busybox gzip -c data >out)
    # The second beside a busy host, with another environment and a descriptor more.
    (while :; do :; done) &
    busy=$!
    (cd "$two/deeper" && exec 9</dev/null && env -i HOME=/nowhere LANG=de_DE.UTF-8 FOO="$(head -c 3000 /dev/zero | tr '\0' x)" \
        "$CHRYSALIS" run --quiet $options --stats stats.json -- ./busybox gzip -c data >out)
    kill $busy
    wait $busy 2>/dev/null
    strip "$one/stats.json" >"$OUT/$n.one"
    strip "$two/deeper/stats.json" >"$OUT/$n.two"
    if [ -s "$OUT/$n.one" ] && cmp -s "$one/out" "$two/deeper/out" && cmp -s "$OUT/$n.one" "$OUT/$n.two"; then
        echo "ok deterministic $n"
    else
        echo "not ok deterministic $n: $(diff "$OUT/$n.one" "$OUT/$n.two" | head -n 3 | tr '\n' ' ')"
    fi
done

other=build/clang/chrysalis
if [ -x $other ] && [ "$(realpath "$CHRYSALIS")" != "$(realpath $other)" ]; then
    (cd "$OUT/one-1" && "$OLDPWD/$other" run --quiet --stats clang.json -- ./busybox gzip -c data >clang.out)
    strip "$OUT/one-1/clang.json" >"$OUT/clang"
    if cmp -s "$OUT/clang" "$OUT/1.one"; then
        echo "ok deterministic compilers"
    else
        echo "not ok deterministic compilers: $(diff "$OUT/clang" "$OUT/1.one" | head -n 3 | tr '\n' ' ')"
    fi
fi
