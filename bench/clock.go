package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cpu is the processor time, user and system, of a process and its children. The kernel's clock of a process counts in
// nanoseconds what /proc/PID/stat tells in ticks of 10 ms.
func cpu(pid int) (time.Duration, error) {
	return cpuOf(family(pid))
}

func cpuOf(pids []int) (sum time.Duration, err error) {
	for i, pid := range pids {
		var t unix.Timespec
		// The clock of another process: clock_getcpuclockid(3).
		if err := unix.ClockGettime(int32(^pid<<3|2), &t); err != nil {
			if i == 0 {
				return 0, fmt.Errorf("processor time of %d: %w", pid, err)
			}
			continue // a child that ended
		}
		sum += time.Duration(t.Nano())
	}
	return sum, nil
}

// family is a process and its children.
func family(pid int) []int {
	list := []int{pid}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, f := range strings.Fields(string(text)) {
		if child, err := strconv.Atoi(f); err == nil {
			list = append(list, child)
		}
	}
	return list
}

// rss is the resident memory of a process and its children in bytes.
func rss(pid int) (sum int64) {
	for _, p := range family(pid) {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p))
		if f := strings.Fields(string(text)); len(f) > 1 {
			pages, _ := strconv.ParseInt(f[1], 10, 64)
			sum += pages * int64(os.Getpagesize())
		}
	}
	return sum
}

// listen begins to count what the machine spends on others than this bench; what it returns ends that and tells the share,
// from 0 to 1: programs that are not ours, and time that the host gave to other guests.
func (w *world) listen() func() float64 {
	began := time.Now()
	busy, own := busyTime(), w.ownTime()
	return func() float64 {
		others := (busyTime() - busy) - (w.ownTime() - own)
		all := time.Since(began) * time.Duration(runtime.NumCPU())
		return max(0, float64(others)/float64(all))
	}
}

// ownTime is what we and all that we started have spent.
func (w *world) ownTime() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} { // children that ended: wrk
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	seen := map[int]bool{}
	for _, t := range w.targets {
		if pid := t.pid(); !seen[pid] {
			seen[pid] = true
			d, _ := cpu(pid)
			sum += d
		}
	}
	d, _ := cpu(w.upstream.pid())
	return sum + d
}

// busyTime is what all processors were not idle for, with what the host took from us (steal).
func busyTime() (sum time.Duration) {
	fields := strings.Fields(firstLine("/proc/stat", ""))
	for i, f := range fields {
		// user, nice, system, idle, iowait, irq, softirq, steal, in ticks of 10 ms; guest time is part of user
		if i == 0 || i == 4 || i == 5 || i > 8 {
			continue
		}
		ticks, _ := strconv.ParseInt(f, 10, 64)
		sum += time.Duration(ticks) * 10 * time.Millisecond
	}
	return sum
}
