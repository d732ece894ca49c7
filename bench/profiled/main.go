//go:build profiled

// This file takes the place of the gateway's main.go when it is profiled (go build -overlay): the gateway itself has no
// switch for that. The profile is written when the gateway stops.
package main

import (
	_ "embed"
	"fmt"
	"os"
	"runtime/pprof"

	"gatehouse/internal/cli"
)

//go:embed gateway.json
var demoConfig []byte

func main() {
	out, err := os.Create(os.Getenv("PROFILE"))
	if err == nil {
		err = pprof.StartCPUProfile(out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := cli.Main(os.Args[1:], demoConfig, os.Stdout, os.Stderr)
	pprof.StopCPUProfile()
	out.Close()
	os.Exit(code)
}
