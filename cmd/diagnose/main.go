// Command diagnose tells why a mail bounced, whether that is so right now, and
// whose it is to fix.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"diagnose/cmd/cli"
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200) // most runs end before a collection would pay,
		// and those that last should stay small.
		time.AfterFunc(50*time.Millisecond, func() { debug.SetGCPercent(100) })
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second one ends the process at once
	status := cli.Main(ctx, cli.Env{
		Args: os.Args[1:], In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv,
		Hostname: os.Hostname, ConfigDir: os.UserConfigDir, CacheDir: os.UserCacheDir,
		Terminal: cli.IsTerminal(os.Stdout), Columns: cli.Columns(os.Stdout), Progress: cli.IsTerminal(os.Stderr), ErrColumns: cli.Columns(os.Stderr),
		Language: cli.SystemLanguage(), Explorer: cli.Explorer(),
	})
	stop()
	os.Exit(status)
}
