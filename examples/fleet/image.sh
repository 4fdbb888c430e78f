#!/bin/sh
# The fleet's image, as a tar on stdout: kanshiki, its libraries, and the few programs that the two scripts use.
#
#   image.sh KANSHIKI | docker import --change 'ENTRYPOINT ["/fleet/node"]' - kanshiki-fleet:1
#
# Run it where kanshiki was built, or on a machine of the same release: libraries are copied from here. In it are
#   kanshiki    and what ldd says it loads
#   curl, jq    to speak with the engine's socket and to write JSON, with their libraries
#   busybox     the shell and its tools, one static program
#   ca-certificates.crt, where this machine has it: for remotes by https (KANSHIKI_CA names another file here)
#   /fleet      job (asks the engine for a helper) and node (captures, pushes, writes the status)
# No package manager, no other user, no setuid file. The same files make the same octets.
#
# What it does: writes a tar on stdout, and nothing else.
# What it needs: kanshiki, curl, jq and busybox-static on this machine.
# Which rights it takes: none; what the image gets, the stack says.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
say() { printf 'image: %s\n' "$*" >&2; }
die() { status=$1; shift; say "$*"; exit "$status"; }

if [ $# -ne 1 ] || [ ! -x "$1" ]; then die 2 "usage: image.sh KANSHIKI >image.tar"; fi
for name in busybox curl jq; do
	command -v "$name" >/dev/null || die 1 "$name is not installed (Debian: busybox-static curl jq)"
done
! ldd "$(command -v busybox)" >/dev/null 2>&1 || die 1 "busybox is not static (Debian: busybox-static)"

tree=$(mktemp -d "${TMPDIR:-/tmp}/kanshiki-image.XXXXXX")
trap 'rm -rf "$tree"' EXIT
cd "$tree"
mkdir -p bin usr/bin usr/sbin etc/ssl/certs fleet run var/lib/kanshiki tmp root proc sys dev
ln -s bin sbin
ln -s ../run var/run
cp "$(command -v busybox)" bin/busybox
for applet in sh cat cut date dd chmod cp env head ls mkdir mktemp mv printf readlink rm sed sleep sync tail test timeout tr; do
	ln -s busybox "bin/$applet"
done
cp "$1" usr/bin/kanshiki
cp "$(command -v curl)" usr/bin/curl
cp "$(command -v jq)" usr/bin/jq

# Each library at the path that the loader found it at here.
for program in usr/bin/kanshiki usr/bin/curl usr/bin/jq; do
	found=$(ldd "$program") || die 1 "$program: ldd does not know what it loads"
	case $found in *'not found'*) die 1 "$program: a library is missing here" ;; esac
	printf '%s\n' "$found" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^[[:blank:]]*\(\/[^ ]*\) .*/\1/p'
done | sort -u | while read -r library; do
	mkdir -p ".${library%/*}"
	cp -L "$library" ".$library"
done

authorities=${KANSHIKI_CA:-/etc/ssl/certs/ca-certificates.crt}
if [ -e "$authorities" ]; then cp -L "$authorities" etc/ssl/certs/ca-certificates.crt; else say "no $authorities: https by KANSHIKI_CA only"; fi
printf 'root:x:0:0:root:/root:/bin/sh\n' >etc/passwd
printf 'root:x:0:\n' >etc/group
ln -s ../tmp/machine-id etc/machine-id	# node.sh fills these in
ln -s ../tmp/timezone etc/timezone
cp "$here/job.sh" fleet/job
cp "$here/node.sh" fleet/node

find . -type d -exec chmod 755 {} + -o -type f -exec chmod 644 {} +
chmod 755 bin/busybox usr/bin/* fleet/*
find . -type f -name 'ld-linux*' -exec chmod 755 {} +
chmod 1777 tmp
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=gnu -cf - .
