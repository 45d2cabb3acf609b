package smtpcheck

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"time"
)

// maxNames bounds the text that a certificate puts into a Session, in bytes.
const maxNames = 1 << 10

// startTLS asks for encryption and judges the certificate (RFC 3207). Only a
// refusal or a broken handshake ends the session; a bad certificate does not.
func (s *session) startTLS() error {
	state, err := s.encrypt()
	s.TLS.Result, s.TLS.Err = s.outcome(err)
	if err == nil {
		s.judge(state)
	}
	return err
}

func (s *session) encrypt() (state tls.ConnectionState, err error) {
	if s.TLS.Reply, err = s.command("STARTTLS"); err != nil {
		return state, err
	}
	if err = verdict(s.TLS.Reply); err != nil {
		return state, err
	}
	s.TLS.Problem = ProblemHandshake // until it stands
	// Whatever came in the clear after the reply need not be from the holder
	// of the key: it must not pass for part of the encrypted session.
	if s.replies.in.Buffered() > 0 {
		return state, errOrder
	}
	s.limit(cmp.Or(s.opt.Command, defaultCommand))
	conn := tls.Client(s.conn, s.tlsConfig())
	if err = conn.HandshakeContext(s.ctx); err != nil {
		return state, err
	}
	s.TLS.Problem = ""
	s.conn = conn
	s.replies.in.Reset(conn)
	return conn.ConnectionState(), nil
}

// tlsConfig takes any certificate and any version and cipher that a mail server
// may still use. The question is what the server does, not what it should do,
// and a finding that it fails must not come from our own strictness.
func (s *session) tlsConfig() *tls.Config {
	var ciphers []uint16
	for _, c := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		ciphers = append(ciphers, c.ID)
	}
	return &tls.Config{
		ServerName:         hostname(s.opt.Name),
		InsecureSkipVerify: true, // judge looks at it afterwards
		MinVersion:         tls.VersionTLS10,
		CipherSuites:       ciphers,
	}
}

// judge notes what the certificate says and what is wrong with it.
func (s *session) judge(state tls.ConnectionState) {
	leaf := state.PeerCertificates[0] // crypto/tls refuses a server without any
	s.TLS.Version = tls.VersionName(state.Version)
	s.TLS.Subject = names(leaf)
	s.TLS.Issuer = clip(cmp.Or(leaf.Issuer.CommonName, leaf.Issuer.String()))
	s.TLS.NotAfter = leaf.NotAfter
	var err error
	if records := usable(s.opt.TLSA); len(records) > 0 {
		if err = s.vouched(records, state.PeerCertificates, time.Now()); err != nil {
			s.TLS.Problem = ProblemDANE
		}
		s.TLS.DANE = err == nil
	} else {
		s.TLS.Problem, err = s.problem(state.PeerCertificates, time.Now())
	}
	if err != nil {
		s.TLS.Err = clip(err.Error())
	}
}

// problem is the first thing wrong with a chain that no DANE record judges, in
// the order of the Problem constants.
func (s *session) problem(chain []*x509.Certificate, now time.Time) (string, error) {
	leaf := chain[0]
	err := s.verify(chain, now)
	var invalid x509.CertificateInvalidError
	switch {
	case now.Before(leaf.NotBefore):
		return ProblemNotYetValid, err
	case now.After(leaf.NotAfter), errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return ProblemExpired, err
	case err != nil && selfSigned(leaf):
		return ProblemSelfSigned, err
	case errors.Is(err, errNoRoots):
		return ProblemNoRoots, err
	case err != nil:
		return ProblemUntrusted, err
	case s.opt.Name == "":
		return "", nil
	}
	if err := leaf.VerifyHostname(hostname(s.opt.Name)); err != nil {
		return ProblemName, err
	}
	if len(s.opt.STSHosts) > 0 && !slices.ContainsFunc(s.opt.STSHosts, s.isSTSHost) {
		return ProblemSTS, errSTS
	}
	return "", nil
}

var errSTS = errors.New("the host is not in the MTA-STS policy")

// isSTSHost says whether a pattern of an MTA-STS policy is the host: its name,
// or its name with an asterisk for the first label (RFC 8461 section 4.1).
func (s *session) isSTSHost(pattern string) bool {
	name, pattern := hostname(s.opt.Name), hostname(pattern)
	if parent, wild := strings.CutPrefix(pattern, "*."); wild {
		first, rest, _ := strings.Cut(name, ".")
		return first != "" && parent != "" && strings.EqualFold(rest, parent)
	}
	return strings.EqualFold(name, pattern)
}

// verify looks for a way from a certificate to an authority.
func (s *session) verify(chain []*x509.Certificate, now time.Time) error {
	roots, err := s.roots()
	if err != nil {
		return err
	}
	return verifyWith(roots, chain, now)
}

func verifyWith(roots *x509.CertPool, chain []*x509.Certificate, now time.Time) error {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now})
	return err
}

// errNoRoots tells a machine without authorities (a bare container) from a
// certificate without one.
var errNoRoots = errors.New("no certificate authorities on this system")

func (s *session) roots() (*x509.CertPool, error) {
	if s.opt.Roots != nil {
		return s.opt.Roots, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil || pool.Equal(x509.NewCertPool()) {
		return nil, errors.Join(errNoRoots, err)
	}
	return pool, nil
}

// selfSigned goes by the names and key identifiers alone: the signature of an
// old certificate may be of a kind that is no longer checked.
func selfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, c.RawSubject) &&
		(len(c.AuthorityKeyId) == 0 || bytes.Equal(c.AuthorityKeyId, c.SubjectKeyId))
}

// hostname is a name without the root's dot, which no certificate has.
func hostname(name string) string { return strings.TrimSuffix(name, ".") }

// names lists who a certificate is for.
func names(c *x509.Certificate) string {
	list := c.DNSNames
	for _, ip := range c.IPAddresses {
		list = append(list, ip.String())
	}
	if len(list) == 0 {
		list = []string{c.Subject.CommonName}
	}
	return clip(strings.Join(list, ", "))
}

func clip(text string) string { return text[:min(len(text), maxNames)] }
