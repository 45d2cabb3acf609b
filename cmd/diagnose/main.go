// Command diagnose tells why a mail bounced, whether that is so right now, and
// whose it is to fix.
package main

import (
	"context"
	"os"
	"os/signal"

	"diagnose/cmd/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := cli.Main(ctx, cli.Env{
		Args: os.Args[1:], In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv,
		Hostname: os.Hostname, Terminal: cli.IsTerminal(os.Stdout), Progress: cli.IsTerminal(os.Stderr),
	})
	stop()
	os.Exit(status)
}
