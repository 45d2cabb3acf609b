//go:build !windows

package dnscheck

import (
	"net/netip"
	"os"
	"strings"
)

const serversFrom = "/etc/resolv.conf"

func systemServers() ([]netip.AddrPort, error) {
	text, err := os.ReadFile(serversFrom)
	return nameservers(string(text)), err
}

// nameservers reads resolv.conf(5). Lines that name no address are left out,
// as the system's own resolver does.
func nameservers(text string) []netip.AddrPort {
	var servers []netip.AddrPort
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		if ip, err := netip.ParseAddr(f[1]); err == nil {
			servers = append(servers, netip.AddrPortFrom(ip, 53))
		}
	}
	return servers
}
