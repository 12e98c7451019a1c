#!/usr/bin/env bash
# curl: one healthy call, one whose blank after Bearer is missing. With CA it is told the proxy and the certificate its own way,
# without it relies on the environment.
set -euo pipefail
trust=()
[ -z "${CA:-}" ] || trust=(--proxy "$PROXY" --cacert "$CA")
url="https://$HOST/api/now/table/incident?sysparm_limit=1"

status() { curl -sS --max-time 20 -o /dev/null -w '%{http_code}' "${trust[@]}" "$@" "$url"; }

good=$(status -u "$CLIENT_USER:$CLIENT_PASSWORD")
bad=$(status -H "Authorization: Bearer8yJpLm2Qx4TtVw6Zr0Nk3Bs5Df7Gh9Jc1Xa2We4Rt6Yu8Io0Pq3As5Df7Gh9Jk1Lz2Xc4Vb6Nm8Qw0Er3Ty5UiA")
echo "healthy $good, failing $bad"
[ "$good" = 200 ] && [ "$bad" = 401 ]
