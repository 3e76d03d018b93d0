# A certificate authority of one's own, a certificate for a server and one for a client.
# Usage: sh make_certificates.sh NAME ADDRESS
set -e

openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=Our own authority" \
    -addext keyUsage=critical,keyCertSign,cRLSign -keyout ca.key -out ca.pem

openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout server.key -out server.csr
cat > server.ext <<END
subjectAltName=DNS:$1,IP:$2
extendedKeyUsage=serverAuth
authorityKeyIdentifier=keyid
END
openssl x509 -req -days 365 -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial \
    -extfile server.ext -out server.pem

openssl req -newkey rsa:2048 -nodes -subj "/CN=sensor 7" -keyout client.key -out client.csr
cat > client.ext <<END
extendedKeyUsage=clientAuth
authorityKeyIdentifier=keyid
END
openssl x509 -req -days 365 -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial \
    -extfile client.ext -out client.pem
