package smtpcheck

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"slices"
	"time"
)

// TLSA is one record of _25._tcp.NAME (RFC 6698 section 2.1), by which a domain
// says over DNSSEC which certificate its mail server has. The numbers are those
// on the wire. A record that is not DNSSEC-proven proves nothing: the caller
// must not hand it over.
type TLSA struct {
	Usage    uint8  // 2 (DANE-TA): an authority; 3 (DANE-EE): the server itself. Mail ignores 0 and 1 (RFC 7672 section 3.1.3)
	Selector uint8  // 0: the whole certificate; 1: its public key
	Matching uint8  // 0: as it is; 1: its SHA-256; 2: its SHA-512
	Data     []byte // what it must be
}

// The usages that count for mail.
const (
	usageAuthority = 2
	usageServer    = 3
)

// usable leaves out what a sender must ignore.
func usable(records []TLSA) []TLSA {
	return slices.DeleteFunc(slices.Clone(records), func(r TLSA) bool { return !r.usable() })
}

// usable says whether r is of a usage and kind that count, with a digest of the
// right length.
func (r TLSA) usable() bool {
	if r.Usage != usageAuthority && r.Usage != usageServer || r.Selector > 1 {
		return false
	}
	switch r.Matching {
	case 0:
		return len(r.Data) > 0
	case 1:
		return len(r.Data) == sha256.Size
	case 2:
		return len(r.Data) == sha512.Size
	}
	return false
}

// matches says whether r is about c.
func (r TLSA) matches(c *x509.Certificate) bool {
	subject := c.Raw
	if r.Selector == 1 {
		subject = c.RawSubjectPublicKeyInfo
	}
	switch r.Matching {
	case 1:
		sum := sha256.Sum256(subject)
		subject = sum[:]
	case 2:
		sum := sha512.Sum512(subject)
		subject = sum[:]
	}
	return bytes.Equal(subject, r.Data)
}

var errDANE = errors.New("no TLSA record is about this certificate")

// vouched returns nil where one of the records vouches for the chain, else why
// none does. For the server's own certificate neither its names nor its time
// matter (RFC 7672 section 3.1.1); below an authority both do (section 3.1.2).
func (s *session) vouched(records []TLSA, chain []*x509.Certificate, now time.Time) error {
	var why error
	for _, r := range records {
		if r.Usage == usageServer {
			if r.matches(chain[0]) {
				return nil
			}
			continue
		}
		for _, c := range chain[1:] {
			if !r.matches(c) {
				continue
			}
			if why = s.below(c, chain, now); why == nil {
				return nil
			}
		}
	}
	if why == nil {
		why = errDANE
	}
	return why
}

// below checks that a chain leads to the authority, and bears our name for the
// server.
func (s *session) below(authority *x509.Certificate, chain []*x509.Certificate, now time.Time) error {
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	if err := verifyWith(roots, chain, now); err != nil || s.opt.Name == "" {
		return err
	}
	return chain[0].VerifyHostname(hostname(s.opt.Name))
}
