#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Fetches Debian i386 packages and unpacks them into build/sysroot, the root that guests see.
#
#   guest/fetch.sh PACKAGE...
#
# apt runs on a private state directory under build/cache/apt: the host's package database, lists,
# archives and architectures are never touched, and no root is needed. The mirror is the host's
# own. A package already in build/cache/debs is used as it is, without the network, so that guests
# stay the same from run to run; `make distclean` forgets them.
set -eu
cd "$(dirname "$0")/.."

cache=$PWD/build/cache
debs=$cache/debs
private=$cache/apt
sysroot=$PWD/build/sysroot
index_fresh=

die()
{
    echo "fetch: $*" >&2
    exit 1
}

# The host's Debian mirror as one-line sources for i386. Other people's repositories are left out:
# they rarely carry i386, and a guest should be the same everywhere.
private_sources()
{
    local uri suite component found=
    while IFS='|' read -r uri suite component; do
        case $uri$component in
        */debian/*main | */debian-security/*main) # also a snapshot's, with its date behind
            echo "deb [arch=i386] $uri $suite $component"
            found=1
            ;;
        esac
    done < <(apt-get indextargets --format '$(REPO_URI)|$(RELEASE)|$(COMPONENT)' \
        'Created-By: Packages' 2>/dev/null | sort -u)
    [ -n "$found" ] && return
    echo "deb [arch=i386] http://deb.debian.org/debian bookworm main"
    echo "deb [arch=i386] http://deb.debian.org/debian-security bookworm-security main"
}

private_apt()
{
    apt-get -q -c "$private/apt.conf" "$@"
}

prepare_apt()
{
    mkdir -p "$private"/{lists/partial,archives/partial,parts,preferences} "$debs"
    : >"$private/status" # an empty package database: nothing is installed, nothing conflicts
    private_sources >"$private/sources.list.new"
    mv "$private/sources.list.new" "$private/sources.list"
    # Read after the host's configuration, which may hold a proxy. Hooks are cleared because
    # containers use them to delete archives; the sandbox user could not write under build/.
    cat >"$private/apt.conf" <<CONF
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Architectures;
APT::Architecture "i386";
APT::Architectures { "i386"; };
APT::Sandbox::User "root";
APT::Get::List-Cleanup "false";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Dir::State "$private";
Dir::State::lists "$private/lists";
Dir::State::status "$private/status";
Dir::State::extended_states "$private/extended_states";
Dir::Cache "$private";
Dir::Cache::archives "$private/archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Etc::sourcelist "$private/sources.list";
Dir::Etc::sourceparts "$private/parts";
Dir::Etc::preferencesparts "$private/preferences";
CONF
}

# The index of a suite (the i386 security one is known for it) may fail its hash check while the
# others are fine. What counts is whether a package can then be downloaded, so errors here are kept
# for the message of a download that fails.
update_index()
{
    [ -z "$index_fresh" ] || return 0
    prepare_apt
    private_apt update >"$private/update.log" 2>&1 || true
    index_fresh=1
}

# Prints the cached archive of a package, if there is one.
cached()
{
    local deb
    for deb in "$debs/$1"_*.deb; do
        [ -f "$deb" ] && echo "$deb" && return
    done
    return 1
}

download()
{
    local package=$1 log=$private/download.log partial
    command -v apt-get >/dev/null || die "$package: needs apt-get and a Debian mirror"
    update_index
    partial=$(mktemp -d "$debs/partial.XXXXXX")
    # apt checks the hash, then the move makes the archive appear whole or not at all.
    if ! (cd "$partial" && private_apt download "$package" >"$log" 2>&1); then
        rm -rf "$partial"
        die "$package: download failed: $(grep '^E:' "$log" | tail -n 1)" \
            "$(sed -n 's/^[WE]: \(Failed to fetch.*\)/(\1)/p' "$private/update.log" | head -n 1)"
    fi
    mv "$partial"/*.deb "$debs/"
    rm -rf "$partial"
}

[ $# -gt 0 ] || die "usage: guest/fetch.sh PACKAGE..."
for package in "$@"; do
    [[ $package =~ ^[a-z0-9][a-z0-9+.-]*$ ]] || die "'$package' is not a package name"
    cached "$package" >/dev/null || download "$package"
    deb=$(cached "$package") || die "$package: downloaded, but no archive of that name arrived"
    stamp=$sysroot/.fetched/$(basename "$deb")
    [ -e "$stamp" ] && continue
    mkdir -p "$sysroot/.fetched"
    dpkg-deb -x "$deb" "$sysroot" || die "$package: $deb does not unpack; remove it and try again"
    : >"$stamp"
    echo "fetch: $(basename "$deb") unpacked into build/sysroot" >&2
done
