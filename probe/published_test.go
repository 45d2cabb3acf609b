package probe

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/dnscheck/dnstest"
	"diagnose/smtpcheck"
	"diagnose/smtpcheck/smtptest"
)

// web is a web server that answers every request with a text.
func web(t *testing.T, config *tls.Config, text string) smtptest.Dialer {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		t.Cleanup(func() { server.Close() })
		go func() {
			defer server.Close()
			conn := tls.Server(server, config)
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
			}
		}()
		return client, nil
	}
}

const demanding = zones + `
	_mta-sts.example.net.       300 IN TXT "v=STSv1; id=1"
	mta-sts.example.net.        300 IN A   203.0.113.80
`

func tlsCase(edits ...func(*Subject)) (classify.Classification, Subject) {
	return classify.Classification{Category: classify.TLSFailed, Reason: classify.ReasonCertificate},
		subject(append([]func(*Subject){stage(bounce.StageSTARTTLS), reply("451 4.7.5 Remote certificate failed MTA-STS validation"), remote("mx1.example.net", mx1)}, edits...)...)
}

func TestACertificateIsJudgedByTheFetchedPolicy(t *testing.T) {
	const policy = "version: STSv1\nmode: %s\nmx: %s\nmax_age: 86400\n"
	for _, x := range []struct {
		name, mode, mx, certificate string
		want                        Verdict
		codes                       string
	}{
		{"the policy's certificate", "enforce", "mx1.example.net", "mx1.example.net", Cleared, "sts:sts.enforce dane:dane.none"},
		{"another name's certificate", "enforce", "mx1.example.net", "mx9.example.net", Confirmed, "sts:sts.enforce dane:dane.none"},
		{"a policy for other hosts", "enforce", "mx9.example.net", "mx1.example.net", Confirmed, "sts:sts.enforce dane:dane.none"},
		{"a policy that is only tested", "testing", "mx1.example.net", "mx9.example.net", Consistent, "sts:sts.testing dane:dane.none"},
		{"a policy for other hosts that is only tested", "testing", "mx9.example.net", "mx1.example.net", Inconclusive, "sts:sts.testing dane:dane.none"},
		{"no policy to be had", "maybe", "mx1.example.net", "mx9.example.net", Consistent, "sts:sts.policy dane:dane.none"},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ca := smtptest.NewAuthority(t)
				issue := func(name string) *tls.Config {
					return ca.Issue(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), name)
				}
				r, network, _ := testRunner(t, map[string]smtptest.Dialer{
					"203.0.113.25:25":  smtptest.Pipe(t, smtptest.Postfix(smtptest.Options{TLS: issue(x.certificate)})),
					"203.0.113.80:443": web(t, issue("mta-sts.example.net"), fmt.Sprintf(policy, x.mode, x.mx)),
				})
				r.Resolver, r.Roots = dnstest.New(t, demanding).Resolver(), ca.Roots()
				c, s := tlsCase()
				fs := run1(t, r, Plan(c, s))
				v := Judge(c, s, fs)
				if got := summary(fs); v.Verdict != x.want || got != "mx:mx.ok smtp:smtp.greets refuser:smtp.greets "+x.codes {
					t.Errorf("%s: %s because %v, limits %v", v.Verdict, got, v.Because, v.Limits)
				}
				if problem := fs[1].Session.TLS.Problem; problem == smtpcheck.ProblemSTS && x.mode != "enforce" {
					t.Errorf("%s by a policy in mode %s", problem, x.mode)
				}
				if want := []string{"203.0.113.80:443", "203.0.113.25:25"}; !slices.Equal(network.dialed, want) {
					t.Errorf("dialled %v", network.dialed)
				}
			})
		})
	}
}

func TestAPolicyHostThatIsNotPublicIsNotDialled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, network, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": healthyHost(t)})
		r.Resolver = dnstest.New(t, strings.ReplaceAll(demanding, "203.0.113.80", "169.254.169.254")).Resolver()
		r.Guard = Guard{Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}
		c, s := tlsCase()
		if got := summary(run1(t, r, Plan(c, s))); !strings.Contains(got, "sts:sts.unreachable") || !slices.Equal(network.dialed, []string{"203.0.113.25:25"}) {
			t.Errorf("%s, dialled %v", got, network.dialed)
		}
	})
}

func TestACertificateIsJudgedBySignedTLSARecordsOnly(t *testing.T) {
	names := []string{"example.net MX", "mx1.example.net", "_25._tcp.mx1.example.net"}
	for left := range len(names) + 1 { // the name that is not signed; none in the last round
		synctest.Test(t, func(t *testing.T) {
			config := smtptest.SelfSigned(t, "mx1.example.net")
			leaf, err := x509.ParseCertificate(config.Certificates[0].Certificate[0])
			if err != nil {
				t.Fatal(err)
			}
			dns := dnstest.New(t, zones, fmt.Sprintf("_25._tcp.mx1.example.net. 300 IN TLSA 3 1 1 %x", sha256.Sum256(leaf.RawSubjectPublicKeyInfo)))
			for i, name := range names {
				if i != left {
					dns.Sign(name)
				}
			}
			r, _, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": smtptest.Pipe(t, smtptest.Postfix(smtptest.Options{TLS: config}))})
			r.Resolver = dns.Resolver()
			c, s := tlsCase(reply("TLSA mismatch"))
			fs := run1(t, r, Plan(c, s))
			v := Judge(c, s, fs)
			want, code := Inconclusive, "dane.unproven"
			if left == len(names) {
				want, code = Cleared, "dane.ok"
			}
			if !strings.HasSuffix(summary(fs), "sts:sts.none dane:"+code) || v.Verdict != want || fs[1].Session.TLS.DANE != (want == Cleared) {
				t.Errorf("without %d: %s, %s, %+v", left, v.Verdict, summary(fs), fs[1].Session.TLS)
			}
		})
	}
}

func TestFailuresThatDemandDifferentlyLookApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, network, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": healthyHost(t)})
		look := r.Begin()
		look.Run(t.Context(), planFor("example.net", classify.ConnectionFailed))
		began := time.Now()
		c, s := tlsCase()
		for range 2 {
			look.Run(t.Context(), Plan(c, s))
		}
		if took := time.Since(began); len(network.dialed) != 2 || took < time.Second || took > 2*time.Second {
			t.Errorf("dialled %v within %s", network.dialed, took)
		}
	})
}

func TestManyMailServersStayWithinTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowd := zones
		hosts := map[string]smtptest.Dialer{"203.0.113.25:25": smtptest.Refuse}
		for i := range 30 {
			crowd += fmt.Sprintf("\ncrowd.example.net. 300 IN MX 10 c%d.example.net.\nc%[1]d.example.net. 300 IN A 203.0.113.%d", i, 100+i)
			hosts[fmt.Sprintf("203.0.113.%d:25", 100+i)] = smtptest.Refuse
		}
		r, network, _ := testRunner(t, hosts)
		dns := dnstest.New(t, crowd)
		r.Resolver, r.Controls = dns.Resolver(), nil
		c, s := tlsCase(func(s *Subject) { s.Domain = "crowd.example.net" })
		looks := 0
		for _, f := range run1(t, r, Plan(c, s)) {
			if f.Outcome != Skipped {
				looks++
			}
		}
		if looks > 32 || len(dns.Queries()) > 120 || len(network.dialed) > 2*defaultHosts+2 {
			t.Errorf("%d looks, %d queries, dialled %v", looks, len(dns.Queries()), network.dialed)
		}
	})
}

// nameServed is a runner whose resolver fails for example.net, and whose name
// server there is ns.
func nameServed(t *testing.T, ns *dnstest.Server) (*Runner, *net4) {
	dns := dnstest.New(t, zones+"\nexample.net. 300 IN NS ns.example.net.\nns.example.net. 300 IN A 203.0.113.53")
	dns.Fault("example.net MX", dnstest.ServFail)
	hosts := map[string]smtptest.Dialer{"203.0.113.25:25": healthyHost(t)}
	if ns != nil {
		hosts["203.0.113.53:53"] = ns.Dial
	}
	r, network, _ := testRunner(t, hosts)
	r.Resolver = dns.Resolver()
	return r, network
}

func TestNameServersAreAskedWhereTheResolverFails(t *testing.T) {
	c, s := classify.Classification{Category: classify.DNSFailure}, subject()
	for _, x := range []struct {
		name   string
		fault  dnstest.Fault
		edit   func(*Runner)
		want   Verdict
		codes  string
		dialed bool
	}{
		{name: "they refuse", fault: dnstest.Refuse, want: Confirmed, codes: "ns:ns.dead", dialed: true},
		{name: "they are silent", fault: dnstest.Silence, want: Inconclusive, codes: "ns:ns.unheard", dialed: true},
		{name: "they may not be asked", edit: func(r *Runner) { r.Guard = Guard{} }, want: Inconclusive, codes: "ns:ns.undecided"},
		{name: "no queries are left for them", edit: func(r *Runner) { r.Policy.Queries = 7 }, want: Inconclusive, codes: "ns:ns.undecided"},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ns := dnstest.New(t)
				ns.Fault("*", x.fault)
				r, network := nameServed(t, ns)
				if x.edit != nil {
					x.edit(r)
				}
				fs := run1(t, r, Plan(c, s))
				v := Judge(c, s, fs)
				if got := summary(fs); v.Verdict != x.want || got != "mx:mx.servfail smtp:skipped.no-target "+x.codes || slices.Contains(network.dialed, "203.0.113.53:53") != x.dialed {
					t.Errorf("%s: %s %v, dialled %v", v.Verdict, got, v.Limits, network.dialed)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ns := dnstest.New(t, zones)
		r, _ := nameServed(t, ns)
		fs := run1(t, r, Plan(c, s))
		v := Judge(c, s, fs)
		if party, advice := Advise(c, s, &v); v.Verdict != Consistent || party != PartyOurServer || advice[0].Code != "repair-resolver" {
			t.Errorf("%s, %s: %s, %v", v.Verdict, party, summary(fs), advice)
		}
	})
}

func TestASecondResolverIsAskedOnlyWhereOursFindsNoWay(t *testing.T) {
	const other = "gone.example.net. 300 IN MX 10 mx1.example.net.\nalone.example.net. 300 IN A 203.0.113.25\n"
	for _, x := range []struct {
		domain string
		want   Verdict
		party  Party
		codes  string
		asked  bool
	}{
		{"example.net", Cleared, PartySender, "mx:mx.ok smtp:smtp.greets", false},
		{"null.example.net", Confirmed, PartySender, "mx:mx.null smtp:skipped.no-target", false},
		{"gone.example.net", Confirmed, PartyOurServer, "mx:mx.nxdomain smtp:skipped.no-target second:mx.differs", true},
		{"alone.example.net", Confirmed, PartyRemote, "mx:mx.nxdomain smtp:skipped.no-target second:mx.implicit", true},
		{"never.example.net", Confirmed, PartyRemote, "mx:mx.nxdomain smtp:skipped.no-target second:mx.nxdomain", true},
	} {
		t.Run(x.domain, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, _, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": healthyHost(t)})
				r.Resolver = dnstest.New(t, zones+"\nnull.example.net. 300 IN MX 0 .").Resolver()
				second := dnstest.New(t, zones+other)
				r.Second = second.Resolver()
				c, s := classify.Classification{Category: classify.DNSFailure}, subject(func(s *Subject) { s.Domain = x.domain })
				fs := run1(t, r, Plan(c, s))
				v := Judge(c, s, fs)
				party, _ := Advise(c, s, &v)
				if got := summary(fs); got != x.codes || v.Verdict != x.want || party != x.party || len(second.Queries()) > 0 != x.asked {
					t.Errorf("%s, %s: %s, asked %v", v.Verdict, party, got, second.Queries())
				}
				if x.asked && v.Vantage.Resolver != "192.0.2.53:53" {
					t.Errorf("our resolver is %s", v.Vantage.Resolver)
				}
			})
		})
	}
}

func TestKeysOfTheMessageAreLookedUpOnceEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": healthyHost(t)})
		r.Resolver = dnstest.New(t, zones+"\norg. 300 IN SOA ns.org. admin.org. 1 1 1 1 60\n_dmarc.example.org. 300 IN TXT \"v=DMARC1; p=reject\"").Resolver()
		key := bounce.DKIMKey{Domain: "example.org", Selector: "s1"}
		s := subject(original(bounce.Original{From: "us@news.example.org", DKIM: []bounce.DKIMKey{key, key}}))
		c := classify.Classification{Category: classify.AuthFailed, Reason: classify.ReasonDKIM}
		fs := run1(t, r, Plan(c, s))
		if got := summary(fs); got != "mx:mx.ok smtp:smtp.greets sender-mx:mx.ok spf:spf.pass dmarc:dmarc.reject dkim:dkim.none" {
			t.Error(got)
		}
		v := Judge(c, s, fs)
		if _, advice := Advise(c, s, &v); advice[0].Code != "publish-dkim" || advice[0].Args["key"] != "s1._domainkey.example.org" {
			t.Errorf("%v", advice)
		}
	})
}
