#!/bin/sh
# Runs the Go benchmarks of every stage, and those of the last tag, and compares them with benchstat. Without a tag, or
# where the tag has none of them, the figures of today stand alone.
#   bench/gobench.sh [REGEXP] [COUNT]
set -eu
pattern=${1:-.} count=${2:-6}
cd "$(dirname "$0")/.."
mkdir -p bench/results/tmp
out=$(cd bench/results/tmp && pwd)
stages='./internal/rawjson ./internal/outbound ./internal/conf ./validator ./backends ./endpoints ./gateway'

measure() { go test -run '^$' -bench "$pattern" -benchmem -count "$count" $stages >"$1" || { cat "$1"; exit 1; }; }

echo "measuring this tree"
measure "$out/new.txt"
tag=$(git describe --tags --abbrev=0 2>/dev/null || true)
if [ -z "$tag" ]; then
	go run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da "$out/new.txt"
	exit
fi
old=$(mktemp -d)
trap 'git worktree remove --force "$old"' EXIT
git worktree add --quiet --force --detach "$old" "$tag"
echo "measuring $tag"
(cd "$old" && measure "$out/old.txt")
go run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da "$tag=$out/old.txt" "now=$out/new.txt"
