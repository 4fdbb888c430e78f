#!/bin/sh
# Builds the demo's image in a private engine: a real Debian with its package database, else busybox, and says which.
#
#   image.sh ENGINE-DIR [TAG]      TAG is shop:2.3 when not given; prints "debian" or "busybox" on stdout
#
# The base is made by debootstrap and kept as build/image/base-*.tar. When packages cannot be reached it is
# busybox-static. KAN_IMAGE_BASE=busybox asks for the small one. On top come layers of `docker build`, offline: a
# service, its configuration, and a deploy key that one layer adds and the next removes.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
top=$(cd "$here/../.." && pwd -P)
cache=$top/build/image

say() { printf 'image: %s\n' "$*" >&2; }
die() { status=$1; shift; say "$*"; exit "$status"; }

# The mirror that this host's apt uses for its own release; debootstrap's default when it cannot be told.
mirror() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $1" 2>/dev/null | head -n 1; }

make_debian()
{
	command -v debootstrap >/dev/null || { say "debootstrap is not installed"; return 1; }
	# shellcheck source=/dev/null
	release=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
	tree=$(mktemp -d "$cache/tree.XXXXXX")
	say "making the base of $release with debootstrap (once)"
	# shellcheck disable=SC2046
	if debootstrap --variant=minbase "$release" "$tree" $(mirror "$release") >"$cache/debootstrap.log" 2>&1; then
		rm -rf "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/*
		tar -C "$tree" --numeric-owner --xattrs --xattrs-include='*' -cf "$cache/base-debian.new" .
		mv "$cache/base-debian.new" "$cache/base-debian.tar"
		rm -rf --one-file-system "$tree"
		return 0
	fi
	rm -rf --one-file-system "$tree"
	say "debootstrap: $(tail -n 1 "$cache/debootstrap.log")"
	return 1
}

# A root of one program under its usual names, and the few files that every system has.
make_busybox()
{
	busybox=$(command -v busybox) || die 1 "neither debootstrap nor busybox-static is installed"
	tree=$(mktemp -d "$cache/tree.XXXXXX")
	(
		cd "$tree"
		mkdir -p bin sbin usr/bin usr/sbin usr/local/bin etc/cron.d etc/cron.daily root tmp var/log srv dev proc sys
		mkdir -p usr/share/doc/busybox
		cp "$busybox" bin/busybox
		for applet in sh cat cp ls rm mv mkdir mkfifo ln touch chmod dd printf sleep sha256sum stat seq find; do
			ln -s busybox "bin/$applet"
		done
		# A script: small enough for before.tar, as a real one is.
		printf '#!/bin/sh\nexec /bin/busybox id "$@"\n' >usr/bin/id
		chmod 755 usr/bin/id
		printf 'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/srv:/bin/sh\n' >etc/passwd
		printf 'root:x:0:\nwww-data:x:33:\n' >etc/group
		printf 'a line of yesterday\n' >var/log/dpkg.log
		printf 'one program, many names\n' >usr/share/doc/busybox/README
		chmod 1777 tmp
	)
	tar -C "$tree" --numeric-owner --owner=0 --group=0 -cf "$cache/base-busybox.tar" .
	rm -rf --one-file-system "$tree"
}

choose_base()
{
	if [ "${KAN_IMAGE_BASE:-debian}" = debian ] && { [ -e "$cache/base-debian.tar" ] || make_debian; }; then
		printf 'debian'
		return
	fi
	[ -e "$cache/base-busybox.tar" ] || make_busybox
	printf 'busybox'
}

build_context()
{
	mkdir -p "$1"
	"$top/demo/programs.sh"
	cp "$top/build/demo/service" "$1/shopd"
	printf 'listen = 8080\ntemplates = /srv/shop/templates\n' >"$1/shop.conf"
	printf '<h1>Shop</h1>\n' >"$1/index.html"
	cat >"$1/Dockerfile" <<-END
		FROM kan-base:$2
		COPY shopd /usr/local/bin/shopd
		COPY shop.conf /etc/shop/shop.conf
		COPY index.html /srv/shop/index.html
		RUN printf 'deploy-key-of-the-demo\n' >/srv/shop/deploy.key
		RUN rm /srv/shop/deploy.key && mkdir -p /data /cache && chmod 755 /usr/local/bin/shopd
		ENV DB_PASSWORD=not-a-real-password-of-the-demo
		EXPOSE 8080
		CMD ["/usr/local/bin/shopd"]
	END
}

[ $# -ge 1 ] || die 2 "usage: image.sh ENGINE-DIR [TAG]"
tag=${2:-shop:2.3}
mkdir -p "$cache"
eval "$("$here/engine.sh" env "$1")"
exec 8>"$cache/lock"
flock 8
base=$(choose_base)
exec 8>&-
case $base in
debian) say "base: Debian, with its package database" ;;
busybox) say "base: busybox-static, because no Debian base can be had; there is no package database to compare with" ;;
esac
context=$(mktemp -d "$cache/context.XXXXXX")
trap 'rm -rf "$context"' EXIT
build_context "$context" "$base"
$DOCKER image inspect "kan-base:$base" >/dev/null 2>&1 ||
	$DOCKER import "$cache/base-$base.tar" "kan-base:$base" >/dev/null
DOCKER_BUILDKIT=0 $DOCKER build -q --network none -t "$tag" "$context" >/dev/null
printf '%s\n' "$base"
