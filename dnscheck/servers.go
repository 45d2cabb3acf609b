package dnscheck

import (
	"errors"
	"fmt"
	"net/netip"
)

// SystemServers gives the name servers that this machine is set up with, in
// their order: those of /etc/resolv.conf, on Windows those of every adapter
// that is up. None at all is an error that says where it looked and what to do.
func SystemServers() ([]netip.AddrPort, error) {
	servers, err := systemServers()
	if err == nil && len(servers) == 0 {
		err = errors.New("there is none")
	}
	if err != nil {
		return nil, fmt.Errorf("looked for a name server in %s: %w; give one with --resolver", serversFrom, err)
	}
	return servers, nil
}
