package e2e

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// inNamespace in the environment says that this process has a network of its own, whose cables it may cut.
const inNamespace = "GATEHOUSE_E2E_NAMESPACE"

// TestChaosACutCable: packets to and from one of two backends vanish, without a word, and later they pass again. It runs in a
// network namespace of its own, where root may make one and nft is installed.
func TestChaosACutCable(t *testing.T) {
	if os.Getenv(inNamespace) == "" {
		ownNetwork(t, "TestChaosACutCable")
		return
	}
	run(t, "ip", "link", "set", "lo", "up")
	run(t, "nft", "add", "table", "inet", "cable")
	run(t, "nft", "add", "chain", "inet", "cable", "input", "{ type filter hook input priority 0; }")
	a, b := newProcess(t), newProcess(t)
	g, fresh := between(t, a, b), between(t, a, b)
	g.want(t, "/a", "", http.StatusOK)
	fresh.want(t, "/a", "", http.StatusOK)
	stop, other := g.load(t, "/both", 200), g.load(t, "/b", 50)
	time.Sleep(500 * time.Millisecond)

	_, port, _ := strings.Cut(a.address, ":")
	for _, side := range []string{"sport", "dport"} {
		run(t, "nft", "add", "rule", "inet", "cable", "input", "tcp", side, port, "drop")
	}
	told := posts(t, fresh)
	began := time.Now()
	if body := g.want(t, "/a", "", http.StatusGatewayTimeout); !strings.Contains(body, "upstream_timeout") {
		t.Errorf("got %s", body)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("told after %v with a timeout of 2s", took)
	}
	time.Sleep(3 * time.Second)
	failed := told()
	run(t, "nft", "flush", "chain", "inet", "cable", "input")
	healed := time.Now()
	eventuallyOK(t, g, "/a")
	if took := time.Since(healed); took > 3*time.Second {
		t.Errorf("well %v after the cable was", took)
	}
	time.Sleep(time.Second) // what the kernel still had for a backend arrives
	wantOnceAtMost(t, failed, a, b)
	asked, bad := stop()
	wantNoneBad(t, g, asked, bad)
	asked, bad = other()
	wantNoneBad(t, g, asked, bad)
}

// ownNetwork runs a test again in a network namespace of its own, and skips it where there can be none.
func ownNetwork(t *testing.T, name string) {
	t.Helper()
	for _, tool := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("skipped: %s is not installed (Debian: iproute2, nftables)", tool)
		}
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+name+"$", "-test.v", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), inNamespace+"=1", builtBinary+"="+binary)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSPC) {
		t.Skipf("skipped: no network namespace can be made here (that is for root): %v", err)
	}
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
