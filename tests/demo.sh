#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The demonstration behind `make demo`: busybox, as Debian ships it, hashes a file of 3 MB on the
# simulated machine; its answer is compared with the host's.
set -eu -o pipefail
cd "$(dirname "$0")/.."
out=build/demo
guest=build/sysroot/bin/busybox
data=$out/3mb.bin

mkdir -p $out
[ "$(stat -c %s $data 2>/dev/null || true)" = 3145728 ] || tests/mkdata.sh noise 3145728 >$data

command="build/chrysalis run --machine machines/tm5800.ini --stats $out/stats.json -- $guest sha256sum $data"
echo "\$ $command"
status=0
$command | tee $out/guest.txt || status=$?
sha256sum $data >$out/host.txt

echo
echo "host:      $(cat $out/host.txt)"
echo "simulated: $(cat $out/guest.txt)"
if [ "$status" != 0 ] || ! cmp -s $out/host.txt $out/guest.txt; then
    echo "demo: the two differ (exit status $status)" >&2
    exit 1
fi
echo "The two agree. Every figure of this run: $out/stats.json"
