// Gatehouse is an API gateway declared in one JSON file.
package main

import (
	_ "embed"
	"os"

	"gatehouse/internal/cli"
)

//go:embed gateway.json
var demoConfig []byte

func main() { os.Exit(cli.Main(os.Args[1:], demoConfig, os.Stdout, os.Stderr)) }
