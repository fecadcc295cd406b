# SPDX-License-Identifier: MIT
# Two databases' processes at once on one file: their index is memory that they share, guarded by locks of its bytes.
sql=${SQLITE:-/usr/bin/sqlite3}
rm -f wal.db wal.db-wal wal.db-shm
$sql wal.db 'pragma journal_mode = wal; create table t(n integer, who text);'
writer()
{
    echo ".timeout 100000"
    for i in 1 2 3 4 5 6; do echo "insert into t values($i, '$1');"; done
}
writer a | $sql wal.db &
writer b | $sql wal.db &
wait
$sql wal.db 'select n, who from t order by who, n; pragma integrity_check; pragma wal_checkpoint(truncate);'
$sql wal.db .dump | $sql :memory: '.read /dev/stdin' 'select count(*), sum(n) from t;'
