package cli

import (
	"bufio"
	"encoding/binary"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
)

const (
	smallPage = 4 << 10
	hugePage  = 2 << 20

	leastUse = 16 // a huge page is made of what is in use to at least this part, so many times less than all

	madvCollapse = 25 // MADV_COLLAPSE of madvise(2), since Linux 6.1
)

// hugePages has the kernel keep memory that is in use in pages of 2 MiB, once, and returns how many it made. A request of one
// of thousands of endpoints reads from many small pages that no request before it did, and the processor has to look up each
// of them. Where less than a sixteenth of a huge page is in use nothing changes, and nothing does where the kernel does not want
// to: a kernel that keeps all memory so (transparent_hugepage=always) has nothing left to do.
func hugePages() (made int) {
	if os.Getpagesize() != smallPage {
		return 0
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return 0
	}
	pages, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return 0
	}
	defer func() { _ = pages.Close() }()
	for _, block := range usedBlocks(string(maps), pages) {
		if _, _, failed := syscall.Syscall(syscall.SYS_MADVISE, block, hugePage, madvCollapse); failed == 0 {
			made++
		}
	}
	return made
}

// usedBlocks are the addresses of blocks of the size of a huge page, in memory of our own, of which at least a sixteenth is in
// use: what compiling leaves lies scattered, and answers fill the room between. maps and pages are what proc(5) has under
// /proc/self.
func usedBlocks(maps string, pages io.ReaderAt) (full []uintptr) {
	entries := make([]byte, hugePage/smallPage*8)
	for lines := bufio.NewScanner(strings.NewReader(maps)); lines.Scan(); {
		from, to := ownMemory(lines.Text())
		for block := (from + hugePage - 1) &^ (hugePage - 1); block+hugePage <= to; block += hugePage {
			if _, err := pages.ReadAt(entries, int64(block/smallPage*8)); err != nil {
				return full
			}
			if inUse(entries) >= len(entries)/8/leastUse {
				full = append(full, block)
			}
		}
	}
	return full
}

// inUse counts the entries of a page map that have memory behind them.
func inUse(entries []byte) (n int) {
	for ; len(entries) >= 8; entries = entries[8:] {
		n += int(binary.NativeEndian.Uint64(entries) >> 63)
	}
	return n
}

// ownMemory is the range of addresses of a line of /proc/self/maps, empty if it is no memory that is ours alone.
func ownMemory(line string) (from, to uintptr) {
	fields := strings.Fields(line) // addresses rights offset device inode name
	if len(fields) < 5 || fields[1] != "rw-p" || fields[4] != "0" || len(fields) > 5 && !strings.HasPrefix(fields[5], "[anon") {
		return 0, 0
	}
	first, last, _ := strings.Cut(fields[0], "-")
	begin, err := strconv.ParseUint(first, 16, 64)
	if err != nil {
		return 0, 0
	}
	end, err := strconv.ParseUint(last, 16, 64)
	if err != nil {
		return 0, 0
	}
	return uintptr(begin), uintptr(end)
}
