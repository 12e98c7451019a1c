#!/usr/bin/env bash
# Node's built-in fetch. It reads proxy and certificate from the environment, at its start.
set -euo pipefail
if [ -n "${CA:-}" ]; then
    export NODE_USE_ENV_PROXY=1 HTTPS_PROXY=$PROXY NODE_EXTRA_CA_CERTS=$CA
fi
exec "$NODE" --disable-warning=UNDICI-EHPA "$(dirname "$0")/with_fetch.mjs"
