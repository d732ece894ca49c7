package cli

import (
	"bytes"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"testing"
)

func TestWhichMemoryIsOurOwn(t *testing.T) {
	for line, want := range map[string][2]uintptr{
		"c000000000-c000800000 rw-p 00000000 00:00 0 ":                    {0xc000000000, 0xc000800000},
		"c000000000-c000800000 rw-p 00000000 00:00 0  [anon: Go: heap]":   {0xc000000000, 0xc000800000},
		"c000800000-c004000000 ---p 00000000 00:00 0 ":                    {},
		"00400000-01022000 r-xp 00000000 fe:00 4711  /usr/bin/gatehouse":  {},
		"01d72000-01f16000 rw-p 01971000 fe:00 4711  /usr/bin/gatehouse":  {},
		"7ffd0000-7ffe0000 rw-p 00000000 00:00 0  [stack]":                {},
		"7f0000000000-7f0000400000 rw-s 00000000 00:01 12  /memfd:shared": {},
		"nonsense": {}, "": {}, "x-y rw-p 0 0 0": {}, "1-y rw-p 0 0 0": {},
	} {
		if from, to := ownMemory(line); [2]uintptr{from, to} != want {
			t.Errorf("%q: got %x to %x, want %x", line, from, to, want)
		}
	}
}

// A page map in which one page in so many has memory behind it.
func TestBlocksThatAreInUse(t *testing.T) {
	for every, want := range map[int]int{1: 3, 2: 3, 16: 3, 17: 0} {
		pages := make([]byte, 4*hugePage/smallPage*8)
		for i := 0; i < len(pages); i += 8 * every {
			pages[i+7] = 0x80
		}
		if got := usedBlocks("00100000-00800000 rw-p 00000000 00:00 0\n", bytes.NewReader(pages)); len(got) != want {
			t.Errorf("one in %d: got %x, want %d blocks", every, got, want)
		}
	}
}

func TestMemoryInHugePages(t *testing.T) {
	memory := make([]byte, 32<<20)
	for i := range memory {
		memory[i] = byte(i * 7)
	}
	before, made := hugeMemory(t), hugePages()
	if made == 0 {
		t.Skip("the kernel makes none")
	}
	if after := hugeMemory(t); after <= before {
		t.Errorf("made %d huge pages, but %d kB are in such, after %d", made, after, before)
	}
	for i := range memory {
		if memory[i] != byte(i*7) {
			t.Fatalf("byte %d has changed", i)
		}
	}
	runtime.KeepAlive(memory)
}

func hugeMemory(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		t.Skip(err)
	}
	found := regexp.MustCompile(`AnonHugePages: *(\d+) kB`).FindSubmatch(text)
	if found == nil {
		t.Skip("the kernel does not count them")
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
