package smtpcheck

import (
	"net/netip"
	"strings"
)

// seenAs finds our address as the server sees it in the first line of its
// reply to EHLO, where many put it as RFC 5321 section 4.1.3 writes addresses:
//
//	250-mx.example.net Hello mail.example.org [192.0.2.9], pleased to meet you
//	250-mx.example.net at your service, [192.0.2.9]
//
// What only says our own greeting again is no sighting, nor is the server's
// own address. It is the zero Addr where there is none.
func seenAs(reply Reply, helo string, server netip.Addr) netip.Addr {
	if len(reply.Lines) == 0 {
		return netip.Addr{}
	}
	for rest := reply.Lines[0]; ; {
		_, after, found := strings.Cut(rest, "[")
		literal, next, closed := strings.Cut(after, "]")
		if !found || !closed {
			return netip.Addr{}
		}
		rest = next
		bare := literal
		if len(bare) > 5 && strings.EqualFold(bare[:5], "IPv6:") {
			bare = bare[5:]
		}
		a, err := netip.ParseAddr(bare)
		if a = a.Unmap(); err == nil && a.Zone() == "" && !strings.EqualFold("["+literal+"]", helo) && a != server.Unmap() {
			return a
		}
	}
}
