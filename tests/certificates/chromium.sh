#!/usr/bin/env bash
# Headless Chromium with a profile and a certificate store of its own: chromium.sh PROXY CA URL
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
mkdir -p "$home/.pki/nssdb"
certutil -d "sql:$home/.pki/nssdb" -N --empty-password
certutil -d "sql:$home/.pki/nssdb" -A -t "C,," -n why401 -i "$2"
HOME=$home timeout 60 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync \
    --disable-background-networking --disable-component-update --user-data-dir="$home/profile" --proxy-server="$1" \
    --virtual-time-budget=8000 --dump-dom "$3" >"$home/page" 2>"$home/errors" || true
if grep -h -o -m1 -E 'ERR_[A-Z_]+' "$home/page" "$home/errors"; then exit 1; fi
[ -s "$home/page" ]
