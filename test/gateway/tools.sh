#!/bin/sh
# The HTTP door before other people's tools: promtool (Debian's prometheus) reads /metrics, schemathesis (PyPI) fuzzes REST by
# its OpenAPI document. Needs the network once; what it brings stays in .cache. Usage: sh test/gateway/tools.sh
set -eu
cd "$(dirname "$0")/../.."
root=$(pwd)
cache=.cache/http_tools
port=18080
mkdir -p "$cache"
if [ ! -x "$cache/root/usr/bin/promtool" ]; then
  (cd "$cache" && apt-get download prometheus && dpkg -x prometheus_*.deb root && rm prometheus_*.deb)
fi
if [ ! -x "$cache/venv/bin/schemathesis" ]; then
  python3 -m venv "$cache/venv"
  "$cache/venv/bin/pip" install -q schemathesis==4.32.5
fi
node .ci/build.mjs
work=$(mktemp -d)
node dist/src/main.js server -d "$work/data" --port 0 --host 127.0.0.1 -s admin.serverPort=$port \
  -s extendedTypesEnabled=true 2>"$work/log" &
server=$!
trap 'kill $server; wait $server || true; rm -rf "$work"' EXIT
until grep -q "Serving HTTP" "$work/log"; do kill -0 $server; sleep 0.1; done
# 3: Apache's names are against promtool's taste; 1: the text cannot be read.
curl -s http://127.0.0.1:$port/metrics | "$cache/root/usr/bin/promtool" check metrics >"$work/lint" 2>&1 || [ $? -eq 3 ]
echo "promtool reads /metrics"
# Not positive_data_acceptance: what is a path or a version beyond its characters no schema says.
cd "$work" && "$root/$cache/venv/bin/schemathesis" run http://127.0.0.1:$port/v1/openapi.json --max-examples "${EXAMPLES:-25}" \
  --exclude-path-regex events --suppress-health-check filter_too_much --exclude-checks positive_data_acceptance
