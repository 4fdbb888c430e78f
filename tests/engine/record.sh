#!/bin/sh
# Records what an engine answers to the GET requests of kanshiki, for the contract tests (tests/fixtures/engines).
#
#   record.sh SOCKET CONTAINER OUT-DIR
#
# A file for each path, named as src/engine/replay.c reads it: the path without its query, '/' as '-'. The bytes are the
# engine's own. A status other than 200 is in NAME.status. Nothing of the container is changed.
set -eu

[ $# -eq 3 ] || { printf 'record: usage: record.sh SOCKET CONTAINER OUT-DIR\n' >&2; exit 2; }
socket=$1 container=$2 out=$3
mkdir -p "$out"

# get PATH [QUERY]
get()
{
	file=$out/$(printf '%s' "${1#/}" | tr / -)
	status=$(curl -sS --max-time 60 --unix-socket "$socket" -o "$file" -w '%{http_code}' "http://localhost$1${2:-}")
	[ "$status" = 200 ] || printf '%s\n' "$status" >"$file.status"
}

# Events first: the engine keeps few, and each call could push one out.
get /events "?since=0&until=$(date +%s)"
id=$(curl -sS --unix-socket "$socket" "http://localhost/containers/$container/json" | jq -r .Id)
image=$(curl -sS --unix-socket "$socket" "http://localhost/containers/$container/json" | jq -r .Image)
for path in /_ping /version /info /networks /volumes "/containers/$id/json" "/containers/$id/changes" \
	"/images/$image/json" "/images/$image/history"; do
	get "$path"
done
get /containers/json '?all=1'
get "/containers/$id/logs" '?stdout=1&stderr=1&timestamps=1'
printf '%s\n' "$id"
