// Package smtptest has SMTP servers for tests. What a server does is a script:
// a list of steps, played to each client from its connection on. The same
// script is served on loopback ([Serve]) or in memory ([Pipe]), where inside a
// testing/synctest bubble half a minute of silence takes no time.
//
//	addr := smtptest.Serve(t,
//		smtptest.Send("220 mx.example.net ESMTP\r\n"),
//		smtptest.Expect("EHLO "),
//		smtptest.Send("451 4.3.0 try later\r\n"),
//		smtptest.Expect("QUIT"))
//
// A server fails the test if the client talks before the greeting, says
// something else than a script expects, or leaves its connection open.
package smtptest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// grace is how long a connection may live on when the test is over.
const grace = 2 * time.Second

// early is how long a server listens, before it greets, for a client that
// talks first.
const early = 10 * time.Millisecond

// Serve plays the script to every client on a loopback port of its own, until
// the test ends.
func Serve(t testing.TB, script ...Step) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, script)
	h.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			h.running.Go(func() { h.play(conn) })
		}
	})
	t.Cleanup(func() { l.Close() }) // runs before the host's own
	return netip.MustParseAddrPort(l.Addr().String())
}

// Dialer is a network in memory; it implements the Dialer of package
// smtpcheck.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// DialContext calls d.
func (d Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return d(ctx, network, address)
}

// Pipe plays the script in memory, whatever address is dialled.
func Pipe(t testing.TB, script ...Step) Dialer {
	h := newHost(t, script)
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		h.running.Go(func() { h.play(server) })
		return client, nil
	}
}

// Network leads each address, "192.0.2.25:25", to a dialer of its own. Dialling
// any other fails the test.
func Network(t testing.TB, hosts map[string]Dialer) Dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if d, ok := hosts[address]; ok {
			return d(ctx, network, address)
		}
		t.Errorf("smtptest: nobody is at %s", address)
		return Refuse(ctx, network, address)
	}
}

// Refuse is a [Dialer] to a host where nothing listens.
func Refuse(_ context.Context, network, _ string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

// Drop is a [Dialer] to a host behind a firewall that drops what it gets.
func Drop(ctx context.Context, network, _ string) (net.Conn, error) {
	<-ctx.Done()
	return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
}

// host plays one script to its clients.
type host struct {
	t       testing.TB
	script  []Step
	running sync.WaitGroup
	mu      sync.Mutex
	open    map[net.Conn]bool
}

func newHost(t testing.TB, script []Step) *host {
	h := &host{t: t, script: script, open: map[net.Conn]bool{}}
	t.Cleanup(func() {
		timer := time.AfterFunc(grace, h.hangUp)
		h.running.Wait()
		timer.Stop()
	})
	return h
}

func (h *host) play(conn net.Conn) {
	h.mu.Lock()
	h.open[conn] = true
	h.mu.Unlock()
	s := &server{t: h.t, raw: conn, conn: conn, in: bufio.NewReader(conn)}
	for _, step := range h.script {
		if step(s) != nil {
			break
		}
	}
	s.conn.Close()
	h.mu.Lock()
	delete(h.open, conn)
	h.mu.Unlock()
}

// hangUp ends what the clients did not.
func (h *host) hangUp() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for conn := range h.open {
		h.t.Errorf("smtptest: the client left a connection open")
		conn.Close()
	}
}

// server is the server's end of one connection.
type server struct {
	t       testing.TB
	raw     net.Conn // as it was accepted
	conn    net.Conn // the encrypted one after StartTLS
	in      *bufio.Reader
	greeted bool
}

func (s *server) encrypted() bool { return s.conn != s.raw }

// send writes, having made sure that the client waited for the greeting.
func (s *server) send(raw string) error {
	if !s.greeted {
		if err := s.wait(early); err != nil {
			return err
		}
	}
	s.greeted = true
	_, err := io.WriteString(s.conn, raw)
	return err
}

// wait lets d pass, and ends early where the client leaves.
func (s *server) wait(d time.Duration) error {
	until := time.Now().Add(d)
	s.raw.SetReadDeadline(until)
	defer s.raw.SetReadDeadline(time.Time{})
	_, err := s.in.Peek(1)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	case err != nil:
		return err
	}
	s.spoken()
	time.Sleep(time.Until(until))
	return nil
}

// spoken is called when the client said something.
func (s *server) spoken() {
	if !s.greeted {
		s.t.Errorf("smtptest: the client talks before the greeting")
	}
}

// line reads what the client says, without the line's end.
func (s *server) line() (string, error) {
	line, err := s.in.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	s.spoken()
	return strings.TrimRight(string(line), "\r\n"), nil
}
