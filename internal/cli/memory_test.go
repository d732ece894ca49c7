package cli

import (
	"io/fs"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"testing/fstest"
)

func TestTheContainersMemory(t *testing.T) {
	rows := []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"no control groups", nil, 0},
		{"version 2 in a container", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "67108864\n"}, 64 << 20},
		{"version 2 without a limit", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 0},
		{"version 2 without the controller", map[string]string{"proc/self/cgroup": "0::/\n"}, 0},
		{"the least of a group and those around it", map[string]string{"proc/self/cgroup": "0::/system.slice/gatehouse.service\n",
			"sys/fs/cgroup/system.slice/gatehouse.service/memory.max": "300000000\n", "sys/fs/cgroup/system.slice/memory.max": "200000000\n"}, 200_000_000},
		{"a path of the host", map[string]string{"proc/self/cgroup": "0::/../../pods/a\n", "sys/fs/cgroup/memory.max": "1000\n"}, 1000},
		{"version 1", map[string]string{"proc/self/cgroup": "12:cpu,cpuacct:/docker/a\n4:memory:/docker/a\n0::/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "134217728\n"}, 128 << 20},
		{"version 1 without a limit", map[string]string{"proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		{"what is no number", map[string]string{"proc/self/cgroup": "nonsense\n0::/\n", "sys/fs/cgroup/memory.max": "64M\n"}, 0},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got := containerMemory(filesOf(row.files)); got != row.want {
				t.Errorf("got %d, want %d", got, row.want)
			}
		})
	}
}

func filesOf(texts map[string]string) fs.FS {
	files := fstest.MapFS{}
	for name, text := range texts {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

func TestTheCollectorKeepsToTheContainersMemory(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	debug.SetMemoryLimit(math.MaxInt64)
	files := filesOf(map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1000000000\n"})
	said := func(string) (string, bool) { return "off", true }
	if got := limitMemory(files, said); got != 0 || debug.SetMemoryLimit(-1) != math.MaxInt64 {
		t.Errorf("GOMEMLIMIT is the user's, but it was set to %d", got)
	}
	silent := func(string) (string, bool) { return "", false }
	if got := limitMemory(files, silent); got != 900_000_000 || debug.SetMemoryLimit(-1) != 900_000_000 {
		t.Errorf("got %d, want nine tenths of a gigabyte", got)
	}
}

func TestTheCollectorWaitsWhileAFileIsRead(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	percent := func() int {
		now := debug.SetGCPercent(100)
		debug.SetGCPercent(now)
		return now
	}
	silent := func(string) (string, bool) { return "", false }
	if collect(patience, silent); percent() != patience {
		t.Errorf("got %d, want %d", percent(), patience)
	}
	if collect(usual, silent); percent() != usual {
		t.Errorf("got %d, want %d", percent(), usual)
	}
	said := func(string) (string, bool) { return "50", true }
	if collect(patience, said); percent() != usual {
		t.Errorf("GOGC is the user's, but it was set to %d", percent())
	}
}

// A large configuration is one by what it takes.
func TestALargeConfigurationSettles(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(usual))
	silent := func(string) (string, bool) { return "", false }
	settle(silent)()
	if gogc() <= usual {
		t.Errorf("GOGC is %d beside a small one", gogc())
	}
	configuration := make([]byte, large)
	settle(silent)()
	if gogc() != generous {
		t.Errorf("GOGC is %d beside a large one, want %d", gogc(), generous)
	}
	runtime.KeepAlive(configuration)
}

// gogc is what GOGC is now.
func gogc() int {
	now := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(now)
	return int(now[0].Value.Uint64())
}

func TestGarbageBesideAHeap(t *testing.T) {
	for live, want := range map[uint64]int{0: mostGOGC, 100: mostGOGC, 4 << 20: 250, 8 << 20: 125, 16 << 20: 100, 1 << 40: 100} {
		if got := percentBeside(live, 100); got != want {
			t.Errorf("beside %d bytes GOGC is %d, want %d", live, got, want)
		}
	}
}

// TestGOGCFollowsTheHeap: it is set anew after a collection that found another one.
func TestGOGCFollowsTheHeap(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(usual))
	collected := func(want func() bool) bool {
		for range 10_000 {
			if runtime.GC(); want() {
				return true
			}
		}
		return false
	}
	stop := pace(usual, func(string) (string, bool) { return "", false })
	memory := make([]byte, 32<<20)
	if !collected(func() bool { return gogc() == usual }) {
		t.Errorf("GOGC is %d beside 32 MB, want %d", gogc(), usual)
	}
	runtime.KeepAlive(memory)
	memory = nil
	if !collected(func() bool { return gogc() > usual }) {
		t.Errorf("GOGC is %d beside a small heap", gogc())
	}
	stop()
	debug.SetGCPercent(50)
	for range 3 {
		runtime.GC()
	}
	if gogc() != 50 {
		t.Errorf("it was set to %d after its end", gogc())
	}
	pace(usual, func(string) (string, bool) { return "50", true })
	if gogc() != 50 {
		t.Errorf("GOGC is the user's, but it was set to %d", gogc())
	}
}
