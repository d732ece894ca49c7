// Gatehouse is an API gateway declared in one JSON file.
package main

import (
	"os"

	"gatehouse/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr)) }
