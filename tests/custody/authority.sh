#!/bin/bash
# A time stamp authority of a test's own: authority.sh DIR [START END], dates as YYYYMMDDhhmmssZ of the stamping certificate.
# DIR gets ca.pem, tsa.pem, tsa.key and tsa.cnf, so that in DIR this is the authority:
#   openssl ts -reply -config tsa.cnf -queryfile REQUEST -out REPLY
set -eu -o pipefail
[ $# -eq 1 ] || [ $# -eq 3 ] || { echo "usage: $0 DIR [START END]" >&2; exit 2; }
mkdir -p "$1"
cd "$1"
: > index.txt
echo 01 > serial
echo 01 > tsaserial
cat > tsa.cnf <<'END'
[ca]
default_ca = one
[one]
dir = .
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical,CA:TRUE
subjectKeyIdentifier = hash
[stamp]
extendedKeyUsage = critical,timeStamping
keyUsage = critical,digitalSignature
[server]
extendedKeyUsage = serverAuth
[tsa]
default_tsa = tsa1
[tsa1]
serial = tsaserial
crypto_device = builtin
signer_cert = tsa.pem
certs = ca.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.3.6.1.4.1.99999.1
digests = sha256
ordering = yes
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
END
key()
{
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"
	openssl req -new -config tsa.cnf -key "$1.key" -subj "/CN=test $1" -out "$1.csr"
}
key ca
openssl ca -batch -notext -selfsign -config tsa.cnf -extensions root -keyfile ca.key -in ca.csr -out ca.pem \
	-startdate 20100101000000Z -enddate 20991231000000Z 2> /dev/null
# issue NAME EXTENSIONS: the certificate NAME.pem for the key NAME.key.
issue()
{
	key "$1"
	openssl ca -batch -notext -config tsa.cnf -extensions "$2" -cert ca.pem -keyfile ca.key -in "$1.csr" -out "$1.pem" \
		-startdate "$start" -enddate "$end" 2> /dev/null
}
start=${2-20100101000000Z} end=${3-20991231000000Z}
issue tsa stamp
issue server server
