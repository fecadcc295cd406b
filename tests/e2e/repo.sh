#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The repository itself: generated pages are current, the format is kept, every file names its
# licence, and the CMS image does not depend on which host compiler built the assembler.

# verdict STATUS NAME WHY
verdict()
{
    if [ "$1" = 0 ]; then echo "ok $2"; else echo "not ok $2: $3"; fi
}

"$CHRYSALIS" ops --markdown >"$OUT/ops.md" && cmp -s "$OUT/ops.md" docs/ops.md
verdict $? generated-docs "docs/ops.md is not what 'chrysalis ops --markdown' prints; make docs"

sources=$(find vliw-model toolchain concealed-mem isa-frontend morpher guest cli tests \
    -name '*.[chS]' -o -name '*.def' -o -name '*.sh')
# Other versions of clang-format disagree in details, so that only this one may judge.
if clang-format --version | grep -q 'version 14\.'; then
    echo "$sources" | grep '\.[ch]$' | xargs clang-format --dry-run --Werror 2>"$OUT/format"
    status=$?
    verdict $status format "make format would change: $(sed -n 's/:.* error: .*//p' "$OUT/format" |
        sort -u | tr '\n' ' ')"
else
    echo "ok format # SKIP needs clang-format 14"
fi

untagged=$(echo "$sources" | while read -r file; do
    head -n 2 "$file" | grep -q SPDX-License-Identifier || echo -n "$file "
done)
[ -z "$untagged" ]
verdict $? licence "no SPDX line at the top of: $untagged"

for build in build/clang build/san; do
    [ $build/cms.lo -nt "$BUILD/cms.lo" ] || continue # else it is from an earlier day
    cmp "$BUILD/cms.lo" $build/cms.lo >&2
    verdict $? "same-image-${build#build/}" "$build/cms.lo is not $BUILD/cms.lo"
done
