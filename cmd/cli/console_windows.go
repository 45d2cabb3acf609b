package cli

import (
	"github.com/spf13/cobra"
	"golang.org/x/sys/windows"
)

// prepareConsole lets a Windows console, which starts in the code page of its
// country, show UTF-8. Output that is no console is not touched by it.
func prepareConsole() {
	cobra.MousetrapHelpText = "" // else it ends a run that a double click began, with English words
	const utf8 = 65001
	_ = windows.SetConsoleOutputCP(utf8) // fails where there is no console, and then nobody looks
	var mode uint32
	if h, err := windows.GetStdHandle(windows.STD_OUTPUT_HANDLE); err == nil && windows.GetConsoleMode(h, &mode) == nil {
		_ = windows.SetConsoleMode(h, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING)
	}
}

// SystemLanguage is the one that the user chose for Windows, "zh-TW"; empty
// where that is not known.
func SystemLanguage() string {
	languages, err := windows.GetUserPreferredUILanguages(windows.MUI_LANGUAGE_NAME)
	if err != nil || len(languages) == 0 {
		return ""
	}
	return languages[0]
}
