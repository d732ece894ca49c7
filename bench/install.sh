#!/bin/sh
# Installs from Debian what make bench needs and this machine lacks: wrk, haproxy, nginx-light.
set -eu
PATH="$PATH:/usr/sbin:/sbin" # where Debian puts the servers; not on the path of every user
missing=
for pair in wrk:wrk haproxy:haproxy nginx:nginx-light; do
	command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
[ -n "$missing" ] || exit 0
echo "installing$missing"
command -v apt-get >/dev/null || { echo "missing:$missing (this is not Debian: put wrk, haproxy and nginx on the path)"; exit 1; }
[ "$(id -u)" = 0 ] || { echo "missing:$missing (as root: apt-get install$missing)"; exit 1; }
# The bench starts its own: a server that is not there yet is not started as a service either.
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
# shellcheck disable=SC2086 # a list of words
apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 ||
	{ apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing >/dev/null; }
