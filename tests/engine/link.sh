#!/bin/sh
# Joins the network namespaces of two private engines by a cable of their own: nothing of the host's network is touched.
#
#   link.sh PID-A ADDRESS-A PID-B ADDRESS-B     addresses with their length, such as 10.211.7.1/24; pids as `engine.sh env` says
#
# The cable goes with the engines: a veth pair ends with the namespaces that hold its ends.
set -eu

[ $# -eq 4 ] || { printf 'link: usage: link.sh PID-A ADDRESS-A PID-B ADDRESS-B\n' >&2; exit 2; }
ip link add kan0 netns "$1" type veth peer name kan0 netns "$3"
# The words are the inner shell's.
# shellcheck disable=SC2016
{
	nsenter --net="/proc/$1/ns/net" sh -c 'ip addr add "$1" dev kan0 && ip link set kan0 up' sh "$2"
	nsenter --net="/proc/$3/ns/net" sh -c 'ip addr add "$1" dev kan0 && ip link set kan0 up' sh "$4"
}
