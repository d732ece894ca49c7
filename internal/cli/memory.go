package cli

import (
	"io/fs"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// limitMemory has the collector keep to what the container allows: nine tenths of it, for what is not the collector's to
// give back. Garbage alone does not get the process killed then. GOMEMLIMIT of the environment goes before; GOGC is Go's
// own, since a larger heap costs more memory than it saves processor time here. It returns the limit, 0 if there is none.
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

// patience is GOGC while a file is read and compiled: nearly all that is made then is still needed, and a fifth of the time
// goes into looking for what is not.
const patience = 400

// patient has the collector run seldom, or as usual again; a GOGC of the environment is left alone.
func patient(on bool, lookup func(string) (string, bool)) {
	if _, ok := lookup("GOGC"); ok {
		return
	}
	if on {
		debug.SetGCPercent(patience)
	} else {
		debug.SetGCPercent(100)
	}
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
