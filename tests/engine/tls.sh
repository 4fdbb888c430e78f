#!/bin/sh
# Keys for an engine that listens at tcp with TLS, and for its client: tls.sh DIR. Valid for one day, of an authority of its own.
#
# DIR has ca.pem, server-cert.pem, server-key.pem for the engine (127.0.0.1 and localhost), and as the client looks for them
# cert.pem and key.pem. DIR/other has a ca.pem that signed nothing here.
set -eu

[ $# -eq 1 ] || { printf 'tls: usage: tls.sh DIR\n' >&2; exit 2; }
umask 077
mkdir -p "$1/other"
cd "$1"

authority()
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj "/CN=$2" \
		-keyout "$1/ca-key.pem" -out "$1/ca.pem" 2>/dev/null
}

# signed CERT KEY NAME EXTENSION
signed()
{
	printf '%s\n' "$4" >extensions
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$3" -keyout "$2" -out request 2>/dev/null
	openssl x509 -req -days 1 -in request -CA ca.pem -CAkey ca-key.pem -CAcreateserial -extfile extensions -out "$1" 2>/dev/null
	rm -f request extensions
}

authority . kanshiki-tests
authority other somebody-else
signed server-cert.pem server-key.pem engine 'subjectAltName=IP:127.0.0.1,DNS:localhost
extendedKeyUsage=serverAuth'
signed cert.pem key.pem client extendedKeyUsage=clientAuth
cp cert.pem key.pem other/
