//go:build !windows

package cli

// prepareConsole has nothing to do: terminals here take UTF-8.
func prepareConsole() {}

// SystemLanguage is empty: the environment names it here.
func SystemLanguage() string { return "" }
