package cli

import (
	"io/fs"
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// limitMemory has the collector keep to what the container allows: nine tenths of it, for what is not the collector's to
// give back. Garbage alone does not get the process killed then. GOMEMLIMIT of the environment goes before. It returns the
// limit, 0 if there is none.
func limitMemory(root fs.FS, lookup func(string) (string, bool)) int64 {
	if _, ok := lookup("GOMEMLIMIT"); ok {
		return 0
	}
	limit := containerMemory(root)
	if limit <= 0 {
		return 0
	}
	limit -= limit / 10
	debug.SetMemoryLimit(limit)
	return limit
}

// GOGC: how much garbage there may be before the collector runs, in hundredths of what is in use. A GOGC of the environment
// goes before all of them.
const (
	patience = 200 // while a file is read and compiled: much of what is made then is still needed
	usual    = 130 // fewer answers wait for it than with Go's 100, for 3 MB more; beside a small heap it is more: see pace
	generous = 300 // beside a large configuration, all of which the collector looks through each time
)

// large is how many bytes a configuration takes that is one of thousands of endpoints.
const large = 16 << 20

// collect sets GOGC, unless the environment has.
func collect(percent int, lookup func(string) (string, bool)) {
	if _, ok := lookup("GOGC"); !ok {
		debug.SetGCPercent(percent)
	}
}

// settle gives back the memory that compiling took, and makes a large configuration cheaper to serve: see hugePages.
func settle(lookup func(string) (string, bool)) (stop func()) {
	debug.FreeOSMemory()
	var now runtime.MemStats
	if runtime.ReadMemStats(&now); now.HeapAlloc < large {
		return pace(usual, lookup)
	}
	hugePages()
	return pace(generous, lookup)
}

// containerMemory is the least limit of the control groups that we are in, version 1 or 2; 0: there is none.
func containerMemory(root fs.FS) (limit int64) {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		var mount, file string
		switch {
		case parts[0] == "0" && parts[1] == "":
			mount, file = "sys/fs/cgroup", "memory.max"
		case parts[1] == "memory":
			mount, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		// Inside a container the path may be that of the host, which cannot be seen: then the mount itself is our group.
		for group := path.Clean("/" + parts[2]); ; group = path.Dir(group) {
			if n := readLimit(root, path.Join(mount, group, file)); n > 0 && (limit == 0 || n < limit) {
				limit = n
			}
			if group == "/" {
				break
			}
		}
	}
	return limit
}

// unlimited is less than version 1 says where there is no limit, and more than any machine has.
const unlimited = 1 << 60

func readLimit(root fs.FS, file string) int64 {
	text, err := fs.ReadFile(root, file)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n >= unlimited { // "max"
		return 0
	}
	return n
}
