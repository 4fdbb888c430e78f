#!/bin/sh
# The side-by-side benchmark; see bench.py. Items as arguments: P1 P2 P4 P5 P6 P7 P8 P9 P10 P12 P13 P15 P16 HUNT REPEAT REPORT.
exec /usr/bin/python3 "$(dirname "$0")/bench.py" "$@"
