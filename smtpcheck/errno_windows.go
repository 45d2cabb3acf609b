package smtpcheck

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// errnoResult names what the system says of a connection; Failed where it says
// nothing of the other side. Winsock has numbers of its own; those that package
// syscall invents for the names of Unix never come from it, but from dialers
// written in Go.
func errnoResult(e syscall.Errno) Result {
	switch e {
	case windows.WSAECONNREFUSED, syscall.ECONNREFUSED:
		return Refused
	case windows.WSAENETUNREACH, windows.WSAEHOSTUNREACH, windows.WSAENETDOWN, windows.WSAEHOSTDOWN,
		syscall.ENETUNREACH, syscall.EHOSTUNREACH:
		return Unreachable
	case windows.WSAETIMEDOUT, syscall.ETIMEDOUT:
		return Timeout
	case windows.WSAECONNRESET, windows.WSAECONNABORTED, windows.WSAENETRESET, windows.WSAESHUTDOWN,
		syscall.ECONNRESET:
		return Closed
	}
	return Failed
}
