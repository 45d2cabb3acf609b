package dnscheck

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// STS is the MTA-STS policy of a domain (RFC 8461): which mail servers are its
// own, and that mail may reach them only over TLS with a valid certificate.
type STS struct {
	Domain  string
	Status  Status        // of the announcement: OK where a TXT record says that there is a policy; NoData and NXDomain: there is none
	Bogus   bool          // ServFail because DNSSEC does not validate
	Record  string        // the announcement, raw
	ID      string        // changes with the policy
	Mode    string        // enforce, testing, none; "" where there is no policy to be had
	MX      []string      // names of mail servers, or *.domain for any name one label longer
	MaxAge  time.Duration // how long senders keep the policy, at most 31,557,600 s
	Problem Problem
	Server  string // who answered for the announcement
	Took    time.Duration
	Err     string // as in [Answer], or the evidence of the problem
}

// What keeps a policy from being in force. A sender that has kept an earlier
// one goes by that (RFC 8461 section 3.3).
const (
	STSManyRecords Problem = "sts-many-records" // so none counts (section 3.1)
	STSRecord      Problem = "sts-record"       // no id of 1 to 32 letters and digits (section 3.1)
	STSUnreachable Problem = "sts-unreachable"  // no answer over HTTPS
	STSCertificate Problem = "sts-certificate"  // the policy host's certificate is not valid
	STSRefused     Problem = "sts-refused"      // an HTTP status other than 200; redirects are not followed (section 3.3)
	STSType        Problem = "sts-type"         // not text/plain (section 3.2)
	STSTooLong     Problem = "sts-too-long"     // more than 64 KiB
	STSPolicy      Problem = "sts-policy"       // not in the form of section 3.2
)

const (
	maxPolicy   = 64 << 10
	maxAge      = 31_557_600 * time.Second // a year
	policyWait  = 10 * time.Second         // RFC 8461 section 3.3 suggests a minute; who waits here is a person
	policyAddrs = 4                        // addresses of a policy host that are tried
)

// PolicyClient makes the HTTP client for [CheckSTS]: it resolves by r and dials
// addresses by d, goes through no proxy, follows no redirect, and takes 10
// seconds at most. The roots say who may vouch for a certificate; nil means
// the system's authorities.
func PolicyClient(r Resolver, d Dialer, roots *x509.CertPool) *http.Client {
	return &http.Client{
		Timeout:       policyWait,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            func(ctx context.Context, _, address string) (net.Conn, error) { return dialName(ctx, r, d, address) },
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxPolicy,
		},
	}
}

// dialName connects to the first address of a host that takes a connection.
func dialName(ctx context.Context, r Resolver, d Dialer, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	found := CheckAddresses(ctx, r, host)
	err = fmt.Errorf("%s has no address: %s %s", host, found.Status(), found.Err)
	for _, ip := range found.Addrs[:min(len(found.Addrs), policyAddrs)] {
		var conn net.Conn
		if conn, err = d.DialContext(ctx, "tcp", net.JoinHostPort(ip.String(), port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// CheckSTS finds the policy of a domain: its announcement in the DNS, and,
// where there is one, the policy itself by fetch, which [PolicyClient] makes.
func CheckSTS(ctx context.Context, r Resolver, fetch *http.Client, domain string) STS {
	start := time.Now()
	s := STS{Domain: display(domain)}
	s.announced(askBelow(ctx, r, "_mta-sts", domain, TypeTXT))
	if s.Status == OK {
		text, problem, err := s.fetch(ctx, fetch)
		if err == nil {
			problem, err = STSPolicy, s.read(text)
		}
		if err != nil {
			s.Problem, s.Err = problem, err.Error()
		}
	}
	s.Took = time.Since(start)
	return s
}

// announced reads the TXT records (RFC 8461 section 3.1).
func (s *STS) announced(a Answer) {
	s.Status, s.Bogus, s.Server, s.Err = a.Status, a.Bogus, a.Server, a.Err
	var records []string
	for _, rec := range a.Found() {
		if declares(rec.Text, "STSv1") {
			records = append(records, rec.Text)
		}
	}
	if a.Status != OK {
		return
	}
	s.Status = NoData
	switch len(records) {
	case 0:
	case 1:
		s.Record = records[0]
		tags, _ := tagList(s.Record)
		if id := tags["id"]; len(id) < 1 || len(id) > 32 || strings.ContainsFunc(id, notAlphanumeric) {
			s.Problem, s.Err = STSRecord, id
			return
		}
		s.Status, s.ID = OK, tags["id"]
	default:
		s.Problem = STSManyRecords
	}
}

func notAlphanumeric(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}

func (s *STS) fetch(ctx context.Context, client *http.Client) (string, Problem, error) {
	where := url.URL{Scheme: "https", Host: "mta-sts." + s.Domain, Path: "/.well-known/mta-sts.txt"}
	// Other names exist in the DNS, but would be something else in a URL.
	if strings.ContainsFunc(s.Domain, func(r rune) bool { return notAlphanumeric(r) && !strings.ContainsRune("-._", r) }) {
		return "", STSUnreachable, fmt.Errorf("%w of a host", ErrName)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, where.String(), nil)
	if err != nil {
		return "", STSUnreachable, err
	}
	reply, err := client.Do(request)
	if err != nil {
		if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			return "", STSCertificate, err
		}
		return "", STSUnreachable, err
	}
	defer reply.Body.Close()
	kind, _, _ := mime.ParseMediaType(reply.Header.Get("Content-Type"))
	switch {
	case reply.StatusCode != http.StatusOK:
		return "", STSRefused, errors.New(reply.Status)
	case kind != "text/plain":
		return "", STSType, errors.New(cmp.Or(kind, "no content type"))
	}
	text, err := io.ReadAll(io.LimitReader(reply.Body, maxPolicy+1))
	switch {
	case err != nil:
		return "", STSUnreachable, err
	case len(text) > maxPolicy:
		return "", STSTooLong, fmt.Errorf("more than %d bytes", maxPolicy)
	}
	return string(text), "", nil
}

// read takes a policy's fields (RFC 8461 section 3.2); nothing of a policy
// that is not in order stays.
func (s *STS) read(text string) error {
	fields := map[string]string{}
	var hosts []string
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok && key != "" {
			return fmt.Errorf("line %.70q", key)
		}
		switch value = strings.TrimSpace(value); key {
		case "mx":
			host, err := pattern(value)
			if err != nil {
				return err
			}
			hosts = append(hosts, host)
		default:
			if _, twice := fields[key]; !twice {
				fields[key] = value
			}
		}
	}
	age, err := strconv.ParseUint(fields["max_age"], 10, 40)
	switch mode := fields["mode"]; {
	case fields["version"] != "STSv1":
		return fmt.Errorf("version %.70q", fields["version"])
	case mode != "enforce" && mode != "testing" && mode != "none":
		return fmt.Errorf("mode %.70q", mode)
	case err != nil:
		return fmt.Errorf("max_age %.70q", fields["max_age"])
	case len(hosts) == 0 && mode != "none":
		return errors.New("no mx")
	}
	s.Mode, s.MX = fields["mode"], hosts
	s.MaxAge = min(time.Duration(min(age, 1<<30))*time.Second, maxAge)
	return nil
}

// pattern is the bare form of a host name, or of one with the wildcard "*."
// in front.
func pattern(value string) (string, error) {
	host, wild := strings.CutPrefix(value, "*.")
	name, err := absolute(host)
	if err != nil || strings.Contains(name, "*") {
		return "", fmt.Errorf("mx %.70q", value)
	}
	if name = bare(name); wild {
		name = "*." + name
	}
	return name, nil
}

// Covers says whether the policy has a host among its mail servers (RFC 8461
// section 4.1); without a policy none is.
func (s STS) Covers(host string) bool {
	host = display(host)
	_, parent, _ := strings.Cut(host, ".")
	for _, p := range s.MX {
		if p == host || parent != "" && p == "*."+parent {
			return true
		}
	}
	return false
}
