#!/bin/sh
# Brings what the interop tests compare with: Apache's servers 3.8.0 and 3.9.5, their shells, and the real clients.
# Uses the package registries through their own clients only. Idempotent: what is there is left alone.
# Fails, with the reason, when something cannot be had: the gate must not skip these tests.
# Cache: $MENAGERIE_CACHE, or .cache in the project.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${MENAGERIE_CACHE:-$root/.cache}
name=interop
. "$here/../support/install.sh"

# stamp NAME INPUT...: true when NAME was made from the same inputs before.
same() {
  stamp=$cache/$1/.stamp
  shift
  sum=$(cat "$@" | cksum)
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ]
}

apt_packages() {
  wanted=
  [ -f /usr/share/java/zookeeper-3.8.0.jar ] || wanted="$wanted zookeeper"
  [ -x /usr/lib/zookeeper/bin/cli_mt ] || wanted="$wanted zookeeper-bin"
  command -v javac > /dev/null || wanted="$wanted default-jdk-headless"
  command -v mvn > /dev/null || wanted="$wanted maven"
  command -v go > /dev/null || wanted="$wanted golang-go"
  if command -v python3 > /dev/null; then
    python3 -c 'import venv, ensurepip' 2> /dev/null || wanted="$wanted python3-venv"
  else
    wanted="$wanted python3 python3-venv"
  fi
  [ -n "$wanted" ] || return 0
  # shellcheck disable=SC2086
  apt as_root apt-get install -y --no-install-recommends $wanted
  [ -f /usr/share/java/zookeeper-3.8.0.jar ] || fail "Debian's package zookeeper is not version 3.8.0"
}

apache_jars() {
  same apache-3.9.5 "$here/apache_jars/pom.xml" && return 0
  mkdir -p "$cache/apache-3.9.5"
  run "fetching Apache 3.9.5" mvn -q -B -ntp -f "$here/apache_jars/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime "-DoutputDirectory=$cache/apache-3.9.5/lib"
  [ -f "$cache/apache-3.9.5/lib/zookeeper-3.9.5.jar" ] || fail "mvn brought no zookeeper-3.9.5.jar"
  echo "$sum" > "$stamp"
}

java_client() {
  same java_client "$here"/java_client/*.java && return 0
  mkdir -p "$cache/java_client/classes"
  run "compiling the Java client" javac -nowarn -d "$cache/java_client/classes" \
    -cp "$cache/apache-3.9.5/lib/*" "$here"/java_client/*.java
  echo "$sum" > "$stamp"
}

kazoo() {
  same kazoo "$here/kazoo/requirements.txt" && return 0
  rm -rf "$cache/kazoo"
  mkdir -p "$cache/kazoo"
  run "python venv" python3 -m venv "$cache/kazoo/venv"
  run "installing kazoo" "$cache/kazoo/venv/bin/pip" install -q --disable-pip-version-check -r "$here/kazoo/requirements.txt"
  # The source distribution has kazoo's own test suite; the wheel has not.
  version=$("$cache/kazoo/venv/bin/python" -c 'import kazoo.version as v; print(v.__version__)')
  run "fetching kazoo's tests" "$cache/kazoo/venv/bin/pip" download -q --disable-pip-version-check --no-deps \
    --no-binary kazoo -d "$cache/kazoo" "kazoo==$version"
  run "unpacking kazoo" tar -xzf "$cache/kazoo/kazoo-$version.tar.gz" -C "$cache/kazoo"
  mv "$cache/kazoo/kazoo-$version" "$cache/kazoo/source"
  [ -f "$cache/kazoo/source/kazoo/tests/test_client.py" ] || fail "kazoo's source distribution has no test suite"
  echo "$sum" > "$stamp"
}

node_client() {
  same node_client "$here/node_client/package-lock.json" && return 0
  mkdir -p "$cache/node_client"
  cp "$here/node_client/package.json" "$here/node_client/package-lock.json" "$cache/node_client/"
  run "installing node-zookeeper-client" npm ci --prefix "$cache/node_client" --ignore-scripts --no-audit --no-fund
  echo "$sum" > "$stamp"
}

go_client() {
  same go_client "$here"/go_client/*.go "$here/go_client/go.mod" "$here/go_client/go.sum" && return 0
  mkdir -p "$cache/go_client"
  run "building the Go client" go build -C "$here/go_client" -o "$cache/go_client/client" .
  echo "$sum" > "$stamp"
}

apt_packages
apache_jars
java_client
kazoo
node_client
go_client
echo "$name: Apache 3.8.0 and 3.9.5, kazoo, node, Go, Java and C clients are ready in $cache"
