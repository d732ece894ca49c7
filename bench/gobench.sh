#!/bin/sh
# Runs the Go benchmarks of every stage, and those of the last tag, and compares them with benchstat. Without a tag the
# figures of today stand alone.
#   bench/gobench.sh [REGEXP] [COUNT]
set -eu
pattern=${1:-.} count=${2:-6} each=${BENCHTIME:-100ms}
benchstat=golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
cd "$(dirname "$0")/.."
mkdir -p bench/results/tmp
out=$(cd bench/results/tmp && pwd)

# measure FILE: runs what the tree in the working directory has, into FILE
measure() {
	stages=$(grep -rl --include='*_test.go' '^func Benchmark' . | grep -v -e '^./bench/' -e '^./test/' | xargs -n 1 dirname | sort -u)
	# shellcheck disable=SC2086 # a list of words
	go test -run '^$' -bench "$pattern" -benchmem -benchtime "$each" -count "$count" $stages >"$1" 2>&1 || { cat "$1"; return 1; }
}

echo "measuring this tree: every benchmark $count times, $each each"
measure "$out/new.txt"
tag=$(git describe --tags --abbrev=0 2>/dev/null || true)
if [ -z "$tag" ]; then
	go run $benchstat "now=$out/new.txt"
	echo "There is no tag to compare with: these are the figures of this tree alone."
	exit
fi
old=$(mktemp -d)
trap 'git worktree remove --force "$old"' EXIT
git worktree add --quiet --force --detach "$old" "$tag"
echo "measuring $tag"
(cd "$old" && measure "$out/old.txt")
go run $benchstat "$tag=$out/old.txt" "now=$out/new.txt"
