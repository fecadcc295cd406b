#!/bin/bash
# SPDX-License-Identifier: MIT
# timeout: 1800
#
# A short run of `chrysalis validate isa` in each mode: two to three minutes on two cores. The full one is
# told in docs/oracle.md. The seed is fixed, so that a failure repeats.
set -u

validate()
{
    local name=$1
    shift
    "$CHRYSALIS" validate isa "$@" --report "$OUT/$name.md" >"$OUT/$name" 2>"$OUT/$name.err"
    local status=$?
    if [ $status = 2 ] && grep -q silicon "$OUT/$name.err"; then
        echo "ok validate-$name # SKIP $(cat "$OUT/$name.err")"
    elif [ $status = 0 ] && grep -q ' 0 mismatches$' "$OUT/$name" &&
        grep -q '^# Validation against' "$OUT/$name.md"; then
        echo "ok validate-$name"
        sed 's/^/# /' "$OUT/$name"
    else
        echo "not ok validate-$name: status $status, $(head -c 600 "$OUT/$name" "$OUT/$name.err" | tr '\n' ' ')"
    fi
}

# Unicorn, where it has to stand in for silicon, is slow and does not cover everything.
few=1
"$CHRYSALIS" validate isa --tests 100 2>&1 | grep -q 'Unicorn alone' && few=20

validate interpret --mode interpret --tests $((6000000 / few)) --seed 101
validate gear1 --mode gear1 --tests $((2500000 / few)) --seed 102
# Every form executed and every exception of it provoked, or a reason given.
for mode in interpret gear1; do
    [ -s "$OUT/$mode.md" ] && [ $few = 1 ] || continue
    if grep -q 'a gap: no reason' "$OUT/$mode.md"; then
        echo "not ok validate-coverage-$mode: $(grep -c 'a gap: no reason' "$OUT/$mode.md") gaps, $(grep -m 1 'a gap: no reason' "$OUT/$mode.md")"
    else
        echo "ok validate-coverage-$mode"
    fi
done
validate tm5800 --mode gear1 --tests $((500000 / few)) --seed 103 --machine machines/tm5800.ini
validate model --mode model --tests $((300000 / few)) --seed 104
validate filter --mode gear1 --tests 5000 --seed 105 --filter sbb
if [ -x "$BUILD/oracle-unicorn" ]; then
    validate unicorn --mode interpret --tests 200000 --seed 106 --oracle unicorn
else
    echo "ok validate-unicorn # SKIP no libunicorn-dev when this was built"
fi

# A user's errors are one line and status 2.
for wrong in "" "isa more" "isa --mode gear9" "isa --filter nosuch" "isa --tests x" "isa --jobs 0" "isa --oracle delphi" \
    "isa --report /nowhere/report.md"; do
    "$CHRYSALIS" validate $wrong >"$OUT/out" 2>"$OUT/err"
    status=$?
    if [ $status = 2 ] && [ "$(wc -l <"$OUT/err")" = 1 ] && [ ! -s "$OUT/out" ]; then
        echo "ok validate-wrong ${wrong:-nothing}"
    else
        echo "not ok validate-wrong ${wrong:-nothing}: status $status, $(head -n 3 "$OUT/err" | tr '\n' ' ')"
    fi
done
