# SPDX-License-Identifier: MIT
# A small history: commits, a branch, a merge, packed. Natively git is told by GIT how to be run.
set -e
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
export GIT_AUTHOR_DATE='1600000000 +0000' GIT_COMMITTER_DATE='1600000000 +0000'
export GIT_CONFIG_NOSYSTEM=1 GIT_TEMPLATE_DIR= HOME=$PWD
git=${GIT:-/usr/bin/git}
rm -rf repository
$git init -q -b main repository
cd repository
for i in 1 2 3 4 5; do echo "file $i" >f$i; done
$git add .
$git commit -q -m first
$git checkout -q -b side
echo more >>f3
$git commit -q -a -m second
$git checkout -q main
echo other >>f4
$git commit -q -a -m third
$git merge -q side -m merged
$git log --graph --oneline --stat
$git diff HEAD~1
$git status --short
$git repack -q -a -d
$git fsck
cd ..
rm -rf repository
