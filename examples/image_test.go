package examples_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestTheImagesRecipe does what the Dockerfile says with the files that .dockerignore lets through: the build must succeed,
// the binary must need nothing around it, and run as nobody. It needs no Docker, so that it runs everywhere.
func TestTheImagesRecipe(t *testing.T) {
	recipe, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	src, root := t.TempDir(), t.TempDir()
	copyContext(t, src)
	built := filepath.Join(root, "gatehouse")
	ran := 0
	for _, m := range regexp.MustCompile(`(?m)^RUN (.*)$`).FindAllStringSubmatch(string(recipe), -1) {
		ran++
		run(t, src, nil, "bash", "-c", strings.ReplaceAll(m[1], "/gatehouse ", built+" "))
	}
	if ran < 3 {
		t.Errorf("found %d RUN lines, want download, build and check", ran)
	}
	for _, line := range []string{"FROM golang:1.26 AS build", "FROM scratch", "USER 65532:65532", "EXPOSE 8080",
		`ENTRYPOINT ["/gatehouse"]`, `CMD ["run", "-c", "/etc/gatehouse/gateway.json"]`} {
		if !strings.Contains(string(recipe), "\n"+line+"\n") {
			t.Errorf("the Dockerfile has no line %s", line)
		}
	}
	isStatic(t, built)
	runsAsNobody(t, src, root)
}

// copyContext copies what .dockerignore lets through. Its patterns are of three kinds: "!name" at the top, "**/name" and
// "path".
func copyContext(t *testing.T, to string) {
	t.Helper()
	data, err := os.ReadFile("../.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	var in, out []string
	for _, line := range strings.Split(string(data), "\n") {
		switch name, kept := strings.CutPrefix(line, "!"); {
		case kept:
			found, err := filepath.Glob(filepath.Join("..", name))
			if err != nil {
				t.Fatal(err)
			}
			in = append(in, found...)
		case line != "" && line != "*" && !strings.HasPrefix(line, "#"):
			out = append(out, line)
		}
	}
	for _, top := range in {
		err := filepath.WalkDir(top, func(path string, d os.DirEntry, err error) error {
			name, _ := filepath.Rel("..", path)
			switch {
			case err != nil:
				return err
			case ignored(name, out) && d.IsDir():
				return filepath.SkipDir
			case ignored(name, out) || d.IsDir():
				return nil
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o755); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(to, name), data, 0o600)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func ignored(name string, patterns []string) bool {
	for _, p := range patterns {
		anywhere, is := strings.CutPrefix(p, "**/")
		if fits, _ := filepath.Match(anywhere, filepath.Base(name)); is && fits || p == name {
			return true
		}
	}
	return false
}

func isStatic(t *testing.T, binary string) {
	t.Helper()
	f, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the binary wants a dynamic linker, which the image does not have")
		}
	}
}

// runsAsNobody runs the binary in a root of its own with nothing but a configuration. Only root may do that; others run it
// where it is.
func runsAsNobody(t *testing.T, src, root string) {
	t.Helper()
	config, err := os.ReadFile(filepath.Join(src, "gateway.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "gateway.json"), config, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/gatehouse", "check", "-c", "/gateway.json")
	cmd.Env = []string{}
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	} else {
		cmd = exec.Command(filepath.Join(root, "gatehouse"), "check", "-c", filepath.Join(root, "gateway.json"))
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
