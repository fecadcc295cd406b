# SPDX-License-Identifier: MIT
# What a Perl program does all day: hashes, regular expressions, sorting, processes, pipes, signals.
use strict;
use warnings;
$| = 1;
my (%seen, @rows);
my $x = 1;
for my $i (1 .. 1200) {
    $x = ($x * 1103515245 + 12345) % 2147483648;
    my $word = join '', map { chr(97 + ($x >> $_) % 26) } 3, 7, 11;
    $seen{$word}++;
    push @rows, [$word, $x % 1000];
}
printf "%d words, most often %s\n", scalar keys %seen,
    join ' ', (sort { $seen{$b} <=> $seen{$a} || $a cmp $b } keys %seen)[0 .. 4];
my @sorted = sort { $a->[1] <=> $b->[1] || $a->[0] cmp $b->[0] } @rows;
print join(',', map { "$_->[0]$_->[1]" } @sorted[0 .. 3], @sorted[-3 .. -1]), "\n";
my $text = 'the quick brown fox jumps over the lazy dog ' x 20;
(my $swapped = $text) =~ s/(\w+) (\w+)/$2 $1/g;
print length($swapped), ' ', substr($swapped, 0, 60), "\n";
printf "%d %d\n", scalar(() = $text =~ /\b\w*o\w*\b/g), $text =~ tr/a-m//;
printf "%.12f %.10e %s\n", sqrt(2) * exp(1), 1 / 3e200, 0.1 + 0.2;
print join(' ', unpack('N n C a3', pack('N n C a3', 1 << 31, 513, 77, 'abcd'))), "\n";
pipe(my $in, my $out) or die;
my $pid = fork;
if (!$pid) {
    close $in;
    print $out "line $_ from a child\n" for 1 .. 3;
    close $out;
    exit 3;
}
close $out;
print while <$in>;
waitpid $pid, 0;
print 'status ', $? >> 8, "\n";
$SIG{ALRM} = sub { die "alarm\n" };
eval { alarm 1; select undef, undef, undef, 30; };
print "ended by $@";
$SIG{USR1} = sub { print "got $_[0]\n" };
kill USR1 => $$;
print "shell says ", `echo hello; exit 5`, $? >> 8, "\n";
eval { my @a = (1) x 3; my $n = 0; print $a[0] / $n };
print $@ =~ /division by zero/ ? "divided\n" : "not divided\n";
exit 7;
