# Sourced by the scripts that bring what tests need (test/*/install.sh): they set `name`, which their messages begin with, and
# `cache`, the folder that they fill. It is made, its path made absolute, and git told to leave it alone; output goes to its log.
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
[ -f "$cache/.gitignore" ] || echo '*' > "$cache/.gitignore"
log=$cache/install.log
: > "$log"

fail() {
  echo "$name: $1" >&2
  [ ! -s "$log" ] || { echo "$name: the last lines of $log:" >&2; tail -n 15 "$log" >&2; }
  exit 1
}
# run WHAT COMMAND...: runs quietly, or fails naming WHAT.
run() {
  what=$1
  shift
  "$@" >> "$log" 2>&1 || fail "$what failed: $*"
}
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo > /dev/null; then sudo -n "$@"
  else fail "root is needed for: $*"
  fi
}
# apt COMMAND...: once more with a fresh list of packages, which a new machine lacks.
apt() {
  command -v apt-get > /dev/null || fail "no apt-get here for: $*"
  export DEBIAN_FRONTEND=noninteractive
  "$@" >> "$log" 2>&1 || {
    run "apt-get update" as_root apt-get update
    run "apt-get" "$@"
  }
}
