#!/usr/bin/env bash
# newman: a token by the password grant, a healthy call with it, and a call whose variable is misspelt.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
trust=()
if [ -n "${CA:-}" ]; then
    export HTTPS_PROXY=$PROXY HTTP_PROXY=$PROXY
    trust=(--ssl-extra-ca-certs "$CA")
fi
exec "$NEWMAN" run "$here/collection.json" "${trust[@]}" --color off --reporter-cli-no-banner --timeout-request 20000 \
    --env-var "host=$HOST" --env-var "client_id=$CLIENT_ID" --env-var "client_secret=$CLIENT_SECRET" \
    --env-var "user=$CLIENT_USER" --env-var "password=$CLIENT_PASSWORD"
