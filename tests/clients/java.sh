#!/usr/bin/env bash
# Java's HttpClient, run from its source. With CA it is told the proxy and a trust store by its own properties.
set -euo pipefail
options=()
if [ -n "${CA:-}" ]; then
    store=$(mktemp -d)
    trap 'rm -r "$store"' EXIT
    keytool -importcert -noprompt -alias why401 -file "$CA" -keystore "$store/roots.p12" -storetype PKCS12 -storepass changeit 2>/dev/null
    host=${PROXY#http://}
    options=(-Djavax.net.ssl.trustStore="$store/roots.p12" -Djavax.net.ssl.trustStorePassword=changeit
        -Dhttps.proxyHost="${host%:*}" -Dhttps.proxyPort="${host##*:}")
fi
java "${options[@]}" "$(dirname "$0")/WithHttpClient.java"
