package dnscheck

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func FuzzReply(f *testing.F) {
	f.Fuzz(func(t *testing.T, wire []byte, typ uint16) {
		q := Question{Name: "www.example.net.", Type: Type(typ)}
		query := newQuery(q, true)
		if len(wire) > 1 {
			query.Id = binary.BigEndian.Uint16(wire) // or nothing would ever match
		}
		m, err := parse(wire, query)
		if err != nil {
			return
		}
		a := Answer{Question: q}
		a.read(m)
		if (a.Status == OK) != (len(a.Found()) > 0) || a.Status.Known() != (a.Err == "") || a.Status == "" {
			t.Errorf("%+v", a)
		}
		if a.TTL < 0 || a.TTL > 1<<31*time.Second || len(a.Records) > 0 && !a.Status.Known() {
			t.Errorf("%+v", a)
		}
		owner := "www.example.net"
		for _, r := range a.Records {
			if r.Name != owner || r.Host != strings.Map(printable, r.Host) {
				t.Errorf("%+v does not belong to %s", r, owner)
			}
			if r.Type == TypeCNAME && q.Type != TypeCNAME {
				owner = r.Host
			}
			if r.Type == TypeMX && r.Host == "" || r.Type == TypeA && !r.Addr.Is4() || r.Type == TypeAAAA && !r.Addr.Is6() {
				t.Errorf("%+v has no data", r)
			}
		}
	})
}

func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}

// FuzzName: what is let through arrives at the server as it is.
func FuzzName(f *testing.F) {
	for _, name := range []string{"example.net", "_dmarc.Example.NET.", "例え.example", "straße.example", "0/25.2.0.192.in-addr.arpa", ".", "a..b", `a\.b`, "xn--a.example", "[192.0.2.1]"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		asked, err := absolute(name)
		if err != nil {
			return
		}
		if again, err := absolute(asked); err != nil || again != asked {
			t.Errorf("%q becomes %q becomes %q, %v", name, asked, again, err)
		}
		query := newQuery(Question{Name: asked, Type: TypeA}, false)
		wire, err := query.Pack()
		if err != nil {
			t.Fatalf("%q: %v", asked, err)
		}
		wire[2] |= 0x80 // the QR bit makes it its own reply
		if m, err := parse(wire, query); err != nil || bare(m.Question[0].Name) != bare(asked) {
			t.Errorf("%q: %v", asked, err)
		}
	})
}

func FuzzReverse(f *testing.F) {
	f.Add([]byte{192, 0, 2, 1}, "192-0-2-1.example.net")
	f.Add([]byte("\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"), `\000.dyn.example`)
	f.Fuzz(func(t *testing.T, octets []byte, name string) {
		ip, ok := netip.AddrFromSlice(octets)
		if !ok {
			return
		}
		generic(name, ip.Unmap())
		if !generic(strings.TrimSuffix(ReverseName(ip), ".in-addr.arpa.")+".example.net", ip.Unmap()) && ip.Unmap().Is4() {
			t.Errorf("%v: its own reverse name does not spell it", ip)
		}
		if back, err := absolute(ReverseName(ip)); err != nil || back != ReverseName(ip) {
			t.Errorf("%v: %q, %v", ip, back, err)
		}
	})
}

func FuzzPolicy(f *testing.F) {
	f.Add("version: STSv1\r\nmode: enforce\r\nmx: mx.example.com\r\nmx: *.example.com\r\nmax_age: 86400\r\n")
	f.Add("mode:none\nversion:STSv1\nmax_age:9999999999")
	f.Add("version: STSv1\nmode: testing\nmx: a b\nmax_age: -1\n\x00:")
	f.Fuzz(func(t *testing.T, text string) {
		var s STS
		if err := s.read(text); (err == nil) != (s.Mode != "") || err != nil && s.MX != nil {
			t.Errorf("%v: %+v", err, s)
		}
		if s.MaxAge < 0 || s.MaxAge > maxAge || (s.Mode == "enforce" || s.Mode == "testing") && len(s.MX) == 0 {
			t.Errorf("%+v", s)
		}
		for _, mx := range s.MX {
			if mx != strings.Map(printable, mx) || !s.Covers(strings.Replace(mx, "*", "any", 1)) {
				t.Errorf("%q", mx)
			}
		}
	})
}

func FuzzKey(f *testing.F) {
	f.Add("v=DKIM1; k=ed25519; t=y:s; p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	f.Add("v=DKIM1; p=MAcCAgEBAgED")
	f.Add("p=; p=; =; ;;v=DKIM1")
	f.Fuzz(func(t *testing.T, record string) {
		k := DKIM{Status: OK, Record: record}
		k.Problem, k.Err = k.read()
		if k.Usable() != (k.KeyBits > 0 && k.Problem == "") || k.Revoked && k.KeyBits > 0 {
			t.Errorf("%+v", k)
		}
	})
}
