//go:build unix

package cli

import (
	"errors"
	"io"
	"io/fs"
	"syscall"
)

// file is a regular file that is read once. An os.File is also registered for
// polling, which takes more system calls than the reading, and does nothing
// for a file on a disk.
type file struct {
	name       string
	descriptor int
}

func openFile(name string) (io.ReadCloser, error) {
	for {
		d, err := syscall.Open(name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		switch {
		case err == nil:
			return &file{name, d}, nil
		case !errors.Is(err, syscall.EINTR):
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}
}

func (f *file) Read(p []byte) (int, error) {
	for {
		n, err := syscall.Read(f.descriptor, p)
		switch {
		case n > 0:
			return n, nil
		case err == nil && len(p) > 0:
			return 0, io.EOF
		case err == nil:
			return 0, nil
		case !errors.Is(err, syscall.EINTR):
			return 0, &fs.PathError{Op: "read", Path: f.name, Err: err}
		}
	}
}

func (f *file) Close() error { return syscall.Close(f.descriptor) }
