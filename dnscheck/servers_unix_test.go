//go:build !windows

package dnscheck

import (
	"slices"
	"testing"
)

func TestNameserversOfResolvConf(t *testing.T) {
	const text = "# comment\nsearch example.net\nnameserver 192.0.2.53\n" +
		"nameserver\tfe80::1%eth0 \r\n;nameserver 192.0.2.1\nnameserver dns.example.net\nnameserver\noptions rotate\nnameserver 2001:db8::53"
	var got []string
	for _, s := range nameservers(text) {
		got = append(got, s.String())
	}
	if want := []string{"192.0.2.53:53", "[fe80::1%eth0]:53", "[2001:db8::53]:53"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzNameservers(f *testing.F) {
	f.Add("nameserver 192.0.2.53\nnameserver fe80::1%eth0\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range nameservers(text) {
			if !s.IsValid() || s.Port() != 53 {
				t.Error(s)
			}
		}
	})
}
