package dnscheck

import (
	"context"
	"slices"
	"strconv"
	"time"
)

// DANE is what a host's TLSA records say of its certificate (RFC 7672). They
// bind a sender only where they are Authentic, and so are the MX answer and
// the addresses that led there; a lookup that failed forbids delivery for now,
// it does not mean that there are none (section 2.2).
type DANE struct {
	Host      string
	Port      uint16
	Status    Status // of the TLSA lookup
	Bogus     bool   // ServFail because DNSSEC does not validate
	Authentic bool   // the AD bit, as in [Answer]
	Records   []TLSA
	Server    string
	Took      time.Duration
	Err       string // as in [Answer]
}

// CheckTLSA finds what a host promises about its certificate on a TCP port.
// For a host that is an alias, RFC 7672 section 2.2.2 puts the name it leads
// to first. What is no domain name gets the status Failed.
func CheckTLSA(ctx context.Context, r Resolver, host string, port uint16) DANE {
	a := askBelow(ctx, r, "_"+strconv.Itoa(int(port))+"._tcp", host, TypeTLSA)
	d := DANE{
		Host: display(host), Port: port, Status: a.Status, Bogus: a.Bogus,
		Authentic: a.Authentic, Server: a.Server, Took: a.Took, Err: a.Err,
	}
	for _, rec := range a.Found() {
		d.Records = append(d.Records, rec.TLSA)
	}
	return d
}

// Usable are the records that mail servers may go by (RFC 7672 section 3.1):
// of usage 2 or 3, and well formed. Where there are records and none is
// usable, the connection must be encrypted, whatever the certificate.
func (d DANE) Usable() []TLSA {
	return slices.DeleteFunc(slices.Clone(d.Records), func(t TLSA) bool { return !t.usable() })
}

func (t TLSA) usable() bool {
	if t.Usage != 2 && t.Usage != 3 || t.Selector > 1 {
		return false
	}
	switch t.Matching {
	case 0:
		return len(t.Data) > 0
	case 1: // SHA-256
		return len(t.Data) == 32
	case 2: // SHA-512
		return len(t.Data) == 64
	}
	return false
}
