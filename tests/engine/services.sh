#!/bin/sh
# Builds an image of real Debian services in a private engine, kan-services, and fetches newer packages to upgrade it with.
#
#   services.sh fetch           makes what is kept, and no more
#   services.sh ENGINE-DIR      prints the directory of the newer packages
#
# Status 9 when packages cannot be had.
# The tree is made by debootstrap from the release without its updates, so that the release's security archive has newer
# packages of it. It is kept as build/image/services.tar, the packages beside it. No service is started while it is made.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
top=$(cd "$here/../.." && pwd -P)
cache=$top/build/image
services=nginx-light,lighttpd,php-cgi,redis-server,sqlite3,openssh-server,openssh-client,cron,logrotate,rsyslog,netcat-openbsd,curl,procps
upgrades='redis-server redis-tools'

say() { printf 'services: %s\n' "$*" >&2; }
none() { say "$*"; exit 9; }

mirror() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $1" 2>/dev/null | head -n 1; }

# What an image of a service has and a fresh system lacks: no host keys, and no service started by a package's script.
make_an_image_of()
{
	rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/* "$1"/etc/ssh/ssh_host_*
	printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
	chmod 755 "$1/usr/sbin/policy-rc.d"
}

make_tree()
{
	command -v debootstrap >/dev/null || none "debootstrap is not installed"
	# shellcheck source=/dev/null
	release=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
	tree=$(mktemp -d "$cache/tree.XXXXXX")
	trap 'rm -rf --one-file-system "$tree"' EXIT
	say "making a $release with services by debootstrap (once)"
	# shellcheck disable=SC2046
	debootstrap --variant=minbase --include="$services" "$release" "$tree" $(mirror "$release") >"$cache/services.log" 2>&1 ||
		none "debootstrap: $(tail -n 1 "$cache/services.log")"
	make_an_image_of "$tree"
	tar -C "$tree" --numeric-owner --xattrs --xattrs-include='*' -cf "$cache/services.new" .
	mv "$cache/services.new" "$cache/services.tar"
}

# What the archive has no newer one of, for now, is packed again as one: same files, the next version.
repack()
{
	version=$(dpkg-deb -f "$1" Version)
	tar -xOf "$cache/services.tar" ./var/lib/dpkg/status | grep -qxF "Version: $version" || return 0
	say "$1 is what the image has: packed again as $version+kan1"
	dpkg-deb -R "$1" "$1.tree"
	sed -i "s/$version/$version+kan1/" "$1.tree/DEBIAN/control"
	dpkg-deb --root-owner-group -b "$1.tree" "$1" >/dev/null
	rm -rf "$1.tree"
}

# The host's apt knows the updates of its own release.
fetch_upgrades()
{
	rm -rf "$cache/upgrades.new"
	mkdir "$cache/upgrades.new"
	# shellcheck disable=SC2086
	(cd "$cache/upgrades.new" && apt-get -qq -o APT::Sandbox::User=root -o Acquire::Retries=3 download $upgrades >&2) ||
		none "apt-get download failed"
	for package in "$cache/upgrades.new"/*.deb; do
		repack "$package"
	done
	mv "$cache/upgrades.new" "$cache/upgrades"
}

[ $# -eq 1 ] || { say "usage: services.sh fetch | ENGINE-DIR"; exit 2; }
mkdir -p "$cache"
exec 8>"$cache/lock"
flock 8
[ -e "$cache/services.tar" ] || make_tree
[ -d "$cache/upgrades" ] || fetch_upgrades
exec 8>&-
[ "$1" != fetch ] || exit 0
eval "$("$here/engine.sh" env "$1")"
$DOCKER image inspect kan-services >/dev/null 2>&1 || $DOCKER import "$cache/services.tar" kan-services >/dev/null
printf '%s\n' "$cache/upgrades"
