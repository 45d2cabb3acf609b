//go:build !windows

package cli

// prepareConsole has nothing to do: terminals here take UTF-8.
func prepareConsole() {}
