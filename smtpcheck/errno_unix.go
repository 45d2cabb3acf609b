//go:build unix

package smtpcheck

import "syscall"

// errnoResult names what the system says of a connection; Failed where it says
// nothing of the other side.
func errnoResult(e syscall.Errno) Result {
	switch e {
	case syscall.ECONNREFUSED:
		return Refused
	case syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN:
		return Unreachable
	case syscall.ETIMEDOUT:
		return Timeout
	case syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE:
		return Closed
	}
	return Failed
}
