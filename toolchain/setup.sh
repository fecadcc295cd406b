#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Installs the Debian packages that are missing, and nothing else: where all are present it reads
# the package database and returns, so that building and testing need no network afterwards.
#
#   toolchain/setup.sh [GROUP...]     groups: build test bench experiments; default: all
#
# To add a package: put it in the group of the first target that needs it, with what it is for.
set -eu

build=(
    gcc libc6-dev make git       # libc6-dev: gcc only recommends it
    gcc-riscv64-unknown-elf      # compiles CMS to the RV32IM text our assembler reads
    libzydis-dev                 # guest disassembly in dumps, oracle of the decoder
    libinih-dev                  # machine files
    libcjson-dev                 # stats.json
    libelf-dev                   # guest programs
    libzstd-dev                  # compressed traces and images
)
test=(
    clang clang-format           # second compiler; the repository's format
    libcmocka-dev                # unit tests
    csmith libcsmith-dev         # generated C for the toolchain tests, and its header
    libunicorn-dev               # second oracle of `chrysalis validate`, in a helper program (GPL-2)
)
bench=(qemu-user)                # the yardstick of `make bench`
experiments=(gnuplot-nox libgsl-dev)

say()
{
    echo "setup: $*" >&2
}

[ $# -gt 0 ] || set -- build test bench experiments
wanted=()
for group in "$@"; do
    case $group in
    build | test | bench | experiments) ;;
    *) say "unknown group '$group' (build test bench experiments)" && exit 2 ;;
    esac
    declare -n packages=$group
    wanted+=("${packages[@]}")
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "not a Debian system, nothing installed; needed are the likes of: ${wanted[*]}"
    exit 0
fi

missing=()
for package in "${wanted[@]}"; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing+=("$package")
done

if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" = 0 ]; then
        root=()
    elif command -v sudo >/dev/null; then
        root=(sudo)
    else
        say "packages are missing; as root: apt-get install ${missing[*]}"
        exit 1
    fi
    say "installing ${missing[*]}"
    apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y
        -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
    # An index of somebody else's repository may fail; what counts is whether the packages install.
    "${apt[@]}" update || say "apt-get update reported errors; trying the installation anyway"
    if ! "${apt[@]}" install --no-install-recommends "${missing[@]}"; then
        say "could not install: ${missing[*]}"
        exit 1
    fi
fi

# The identity of CMS is the hash of its image, and the image is what this very compiler emits.
pinned=12.2.0
have=$(riscv64-unknown-elf-gcc -dumpversion)
[ "$have" = "$pinned" ] ||
    say "riscv64-unknown-elf-gcc is $have, published results use $pinned: the CMS image will differ"
