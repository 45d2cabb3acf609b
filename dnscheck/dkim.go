package dnscheck

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

// DKIM is the key with which a domain's signatures of one selector are checked
// (RFC 6376 section 3.6.1). Whether it is the one that a message was signed
// with, only the message tells.
type DKIM struct {
	Domain    string
	Selector  string
	Status    Status // OK: a key record stands there; NoData and NXDomain: none does
	Bogus     bool   // ServFail because DNSSEC does not validate
	Record    string // raw
	Algorithm string // "rsa", "ed25519", or what else the record says
	KeyBits   int    // 0 where there is no key that can be read
	Revoked   bool   // the key is empty: signatures made with it count as none
	Testing   bool   // t=y: failures are to be treated like unsigned mail
	Problem   Problem
	Server    string
	Took      time.Duration
	Err       string // as in [Answer], or the part of the record that the problem is with
}

// What keeps a key record from being of use.
const (
	DKIMManyRecords Problem = "dkim-many-records" // which one counts is undefined (RFC 6376 section 3.6.2.2)
	DKIMSyntax      Problem = "dkim-syntax"       // no list of tags, one of them twice, or none called p
	DKIMVersion     Problem = "dkim-version"      // not DKIM1
	DKIMAlgorithm   Problem = "dkim-algorithm"    // neither rsa nor ed25519
	DKIMKey         Problem = "dkim-key"          // not a key of that algorithm
	DKIMShortKey    Problem = "dkim-short-key"    // RSA below 1024 bits (RFC 8301 section 3.2)
	DKIMHash        Problem = "dkim-hash"         // not for SHA-256, and nothing else may be used (RFC 8301 section 3.1)
	DKIMService     Problem = "dkim-service"      // not for mail
)

// CheckDKIM finds a selector's key. What makes no domain name together gets
// the status Failed.
func CheckDKIM(ctx context.Context, r Resolver, domain, selector string) DKIM {
	a := askBelow(ctx, r, selector+"._domainkey", domain, TypeTXT)
	k := DKIM{
		Domain: display(domain), Selector: display(selector), Status: a.Status,
		Bogus: a.Bogus, Server: a.Server, Took: a.Took, Err: a.Err,
	}
	if a.Status != OK {
		return k
	}
	keys := slices.DeleteFunc(a.Found(), func(rec Record) bool { return !isKey(rec.Text) })
	if len(keys) == 0 { // other texts stand there too, often by a wildcard
		k.Status = NoData
		return k
	}
	k.Record = keys[0].Text
	if len(keys) > 1 {
		k.Problem = DKIMManyRecords
		return k
	}
	k.Problem, k.Err = k.read()
	return k
}

// Usable says whether signatures can be checked with the key.
func (k DKIM) Usable() bool { return k.Status == OK && !k.Revoked && k.Problem == "" }

func isKey(text string) bool {
	tags, _ := tagList(text)
	_, p := tags["p"]
	return p || declares(text, "DKIM1")
}

// read takes the record apart, and gives what is wrong with which part of it.
func (k *DKIM) read() (Problem, string) {
	tags, ok := tagList(k.Record)
	key, hasKey := tags["p"]
	k.Algorithm = cmp.Or(tags["k"], "rsa")
	k.Testing = lists(tags["t"], "y")
	switch v, versioned := tags["v"]; {
	case versioned && v != "DKIM1":
		return DKIMVersion, v
	case !ok || !hasKey:
		return DKIMSyntax, ""
	case key == "":
		k.Revoked = true
		return "", ""
	case tags["h"] != "" && !lists(tags["h"], "sha256"):
		return DKIMHash, tags["h"]
	case tags["s"] != "" && !lists(tags["s"], "*") && !lists(tags["s"], "email"):
		return DKIMService, tags["s"]
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(key), ""))
	if err != nil {
		return DKIMKey, err.Error()
	}
	return k.measure(der)
}

func (k *DKIM) measure(key []byte) (Problem, string) {
	switch k.Algorithm {
	case "ed25519": // RFC 8463 section 4: the bare key
		if len(key) != ed25519.PublicKeySize {
			return DKIMKey, ""
		}
		k.KeyBits = 8 * len(key)
	case "rsa":
		public, err := rsaKey(key)
		if err != nil {
			return DKIMKey, err.Error()
		}
		if k.KeyBits = public.N.BitLen(); k.KeyBits < 1024 {
			return DKIMShortKey, ""
		}
	default:
		return DKIMAlgorithm, k.Algorithm
	}
	return "", ""
}

// rsaKey reads both forms that are in use (RFC 6376 erratum 3017).
func rsaKey(der []byte) (*rsa.PublicKey, error) {
	if key, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, err
	}
	if key, ok := key.(*rsa.PublicKey); ok {
		return key, nil
	}
	return nil, x509.ErrUnsupportedAlgorithm
}

// lists says whether a value like "y:s" names something.
func lists(value, name string) bool {
	for v := range strings.SplitSeq(value, ":") {
		if strings.TrimSpace(v) == name {
			return true
		}
	}
	return false
}
