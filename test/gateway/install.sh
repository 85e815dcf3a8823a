#!/bin/sh
# Brings the programs that the HTTP door is tested with: promtool (Debian's prometheus), schemathesis (PyPI), workerd (npm)
# and Debian's Chromium. Uses the package registries through their own clients only. Idempotent: what is there is left alone.
# Fails, with the reason, when something cannot be had: the gate must not skip these tests.
# Cache: $MENAGERIE_CACHE, or .cache in the project.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${MENAGERIE_CACHE:-$root/.cache}/http_tools
name="http tools"
. "$here/../support/install.sh"

# The one program of the package: nothing of it is installed or started.
promtool() {
  [ ! -x "$cache/promtool" ] || return 0
  work=$(mktemp -d)
  (cd "$work" && apt apt-get download prometheus)
  run "unpacking prometheus" dpkg -x "$work"/prometheus_*.deb "$work/root"
  mv "$work/root/usr/bin/promtool" "$cache/promtool"
  rm -rf "$work"
}

schemathesis() {
  sum=$(cksum < "$here/requirements.txt")
  [ "$(cat "$cache/venv/.stamp" 2> /dev/null)" != "$sum" ] || return 0
  rm -rf "$cache/venv"
  run "python venv" python3 -m venv "$cache/venv"
  run "installing schemathesis" "$cache/venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt"
  echo "$sum" > "$cache/venv/.stamp"
}

# Its packages ship the program; their scripts would only look whether it runs.
workerd() {
  sum=$(cksum < "$here/workerd/package-lock.json")
  [ "$(cat "$cache/workerd/.stamp" 2> /dev/null)" != "$sum" ] || return 0
  mkdir -p "$cache/workerd"
  cp "$here/workerd/package.json" "$here/workerd/package-lock.json" "$cache/workerd/"
  run "installing workerd" npm ci --prefix "$cache/workerd" --ignore-scripts --no-audit --no-fund
  echo "$sum" > "$cache/workerd/.stamp"
}

chromium_browser() {
  command -v chromium > /dev/null || apt as_root apt-get install -y --no-install-recommends chromium
}

promtool
schemathesis
workerd
chromium_browser
echo "$name: promtool, schemathesis and workerd are ready in $cache, Chromium as $(command -v chromium)"
