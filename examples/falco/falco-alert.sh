#!/bin/sh
# One alert of Falco on stdin, one captured and contained container.
#
# What it does: reads one JSON alert (json_output: true; program_output, or the body of http_output) and calls the runbook for
#   its container. Equal alerts (container, rule, ten minutes of the clock) are one request: a storm leads to one capture.
#   Alerts of the host are ignored, with a word.
# What it needs: jq, sha256sum, and runbook.sh with all it needs, beside it or in the directory above, or RUNBOOK.
# Which rights it takes: root, for the runbook. An alert is hostile input: nothing of it but 12 to 64 hex digits is passed on.
#
# Status: that of the runbook; 0 for an alert of the host; 2 for anything that is not one alert about a container.
set -u
# shellcheck disable=SC2016 # jq's variables
words=$(head -c 262144 | jq -ser 'select(length == 1)[0] | .output_fields["container.id"] as $id | if $id == "host" then "host" else
	select(($id | type) == "string" and ($id | test("\\A[0-9a-f]{12,64}\\z")) and (.rule | type) == "string" and (.rule != "")
		and (.time | type) == "string" and (.time | test("\\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:"))) |
	$id + " " + ([$id[:12], .rule, .time[:15]] | tojson) end' 2>/dev/null) ||
	{ echo 'falco-alert: refused: not one alert with a rule, a time and a container id of 12 to 64 hex digits' >&2; exit 2; }
[ "$words" != host ] || { echo 'falco-alert: ignored: an event of the host, not of a container' >&2; exit 0; }
request=$(printf '%s' "${words#* }" | sha256sum | cut -c1-32)
runbook=${RUNBOOK:-$(dirname "$0")/runbook.sh}
[ -x "$runbook" ] || runbook=$(dirname "$0")/../runbook.sh
exec "$runbook" "falco-$request" "${words%% *}"
