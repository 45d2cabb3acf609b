package smtpcheck

import (
	"net/netip"
	"testing"
	"testing/synctest"

	"diagnose/smtpcheck/smtptest"
)

func TestOurAddressAsTheServerSeesIt(t *testing.T) {
	for _, tt := range []struct{ name, helo, line, want string }{
		{"named", "mail.example.org", "mx.example.net Hello mail.example.org [198.51.100.9]", "198.51.100.9"},
		{"pleased to meet us", "mail.example.org", "mx.example.net Hello client.example.org [198.51.100.9], pleased to meet you", "198.51.100.9"},
		{"at our service", "mail.example.org", "mx.example.net at your service, [198.51.100.9]", "198.51.100.9"},
		{"IPv6", "mail.example.org", "mx.example.net at your service, [IPv6:2001:db8::9]", "2001:db8::9"},
		{"IPv6 without its word", "mail.example.org", "mx.example.net at your service, [2001:db8::9]", "2001:db8::9"},
		{"a mapped one", "mail.example.org", "Hello [::ffff:198.51.100.9]", "198.51.100.9"},
		{"our own words said back", "[10.0.0.5]", "mx.example.net Hello [10.0.0.5]", "invalid IP"},
		{"our own words, and its own", "[10.0.0.5]", "mx.example.net Hello [10.0.0.5] [198.51.100.9]", "198.51.100.9"},
		{"the server's own address", "mail.example.org", "mx.example.net [203.0.113.25]", "invalid IP"},
		{"no address", "mail.example.org", "mx.example.net [nobody] [", "invalid IP"},
		{"a zone", "mail.example.org", "Hello [fe80::1%eth0]", "invalid IP"},
		{"nothing", "mail.example.org", "", "invalid IP"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := smtptest.Pipe(t, smtptest.Send("220 mx.example.net\r\n"), smtptest.Expect("EHLO"),
					smtptest.Send("250 "+tt.line+"\r\n"), smtptest.Expect("QUIT"), smtptest.Send("221 bye\r\n"))
				s := Check(t.Context(), server, netip.MustParseAddrPort("203.0.113.25:25"), Options{HELO: tt.helo})
				if got := s.SeenAs.String(); got != tt.want {
					t.Errorf("seen as %s, want %s", got, tt.want)
				}
			})
		})
	}
}
