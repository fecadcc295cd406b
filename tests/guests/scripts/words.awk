# SPDX-License-Identifier: MIT
# Counts words and letters; numbers to many digits.
{
    for (i = 1; i <= NF; i++) {
        n[$i]++
        len += length($i)
    }
    gsub(/[aeiou]/, "_")
    if (NR % 400 == 0)
        print NR, substr($0, 1, 50)
}
END {
    PROCINFO["sorted_in"] = "@ind_str_asc"
    for (w in n)
        if (n[w] > 30)
            print w, n[w]
    print NR, len, exp(1), atan2(0, -1), log(10), sin(1), 2 ^ 53 + 1
    printf "%.15g %x %o %c %5s|%-5s|\n", sqrt(2), 255, 8, 65, "r", "l"
    cmd = "sort -r"
    print "a\nb\nc" | cmd
    close(cmd)
    "echo from a shell" | getline line
    print line, match("foobar", /o+/), RSTART, RLENGTH, toupper(line)
    exit 3
}
