package probe

import (
	"strings"
)

// A message may reach its end over a server in the middle: you wrote to A, A
// passes it on to B, and B refuses. Then it is the forwarder's address that B
// judged, not ours, and A's owner who has to look after the forward. What
// tells of it are the Original-Recipient of the report, and sender addresses
// into which another one is wrapped:
//
//	SRS0=hash=tt=example.org=alice@forwarder.example     the forwarder's, for alice@example.org
//	SRS1=hash=first.example==hash=tt=example.org=alice@second.example
//	prvs=1234567890=alice@example.org                    alice's own, signed (BATV)
//	list-return-12-bob=example.net@lists.example         a list's, for what it sent to bob@example.net (VERP)

// The ways of wrapping an address.
const (
	wrapSRS  = "srs"
	wrapBATV = "batv"
	wrapVERP = "verp"
)

// unwrap takes out the address that is wrapped into another one, and says how
// it was; empty where none is. Of a VERP address it is the recipient's.
func unwrap(address string) (inner, how string) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 || len(address) > 512 || strings.IndexByte(address[:at], '=') < 0 {
		return "", ""
	}
	local, host := address[:at], address[at+1:]
	fold := strings.ToLower(local)
	switch {
	case strings.HasPrefix(fold, "srs0") && len(local) > 5 && strings.IndexByte("=+-", local[4]) >= 0:
		return wrapped(strings.SplitN(local[5:], "=", 4), wrapSRS)
	case strings.HasPrefix(fold, "srs1") && len(local) > 5 && strings.IndexByte("=+-", local[4]) >= 0:
		// hash=first, then the SRS0 address of the first forwarder without its name
		_, rest, _ := strings.Cut(local[5:], "=")
		if _, rest, _ = strings.Cut(rest, "="); rest != "" && strings.IndexByte("=+-", rest[0]) >= 0 {
			return wrapped(strings.SplitN(rest[1:], "=", 4), wrapSRS)
		}
	case strings.HasPrefix(fold, "prvs="):
		tag, user, _ := strings.Cut(local[len("prvs="):], "=")
		if len(tag) == 10 && user != "" && domainOf(address) != "" {
			return user + "@" + host, wrapBATV
		}
	case strings.Count(local, "=") == 1:
		user, there, _ := strings.Cut(local, "=")
		if i := strings.LastIndexAny(user, "+"); i >= 0 {
			user = user[i+1:]
		} else if i := strings.LastIndexByte(user, '-'); i >= 0 {
			user = user[i+1:]
		} else {
			return "", ""
		}
		if strings.Contains(there, ".") && user != "" && addressFault(user+"@"+there) == "" {
			return user + "@" + there, wrapVERP
		}
	}
	return "", ""
}

// wrapped joins the parts of an SRS address: hash, time, host, user.
func wrapped(parts []string, how string) (string, string) {
	if len(parts) < 4 || parts[3] == "" || !strings.Contains(parts[2], ".") || domainOf("@"+parts[2]) == "" {
		return "", ""
	}
	return parts[3] + "@" + parts[2], how
}

// follow finds out where the recipient is and over whom the message went, from
// what the report says of its recipient and what is wrapped into its sender.
func (s *Subject) follow(sender string) {
	inner, how := unwrap(sender)
	f := &s.Failure
	switch {
	case how == "":
	case how == wrapVERP && f.Recipient == "" && f.OriginalRecipient == "":
		f.Recipient, s.Wrapped, s.WrappedBy = inner, inner, how
	case how == wrapVERP && f.OriginalRecipient == "" && !strings.EqualFold(inner, f.Recipient) && !strings.HasSuffix(strings.ToLower(f.Recipient), "@"+domainOf(inner)):
		f.OriginalRecipient, s.Wrapped, s.WrappedBy = inner, inner, how
	case how != wrapVERP:
		s.Wrapped, s.WrappedBy = inner, how
	}
	if f.Recipient == "" {
		return
	}
	s.Domain = domainOf(f.Recipient)
	switch first := domainOf(f.OriginalRecipient); {
	case first != "" && s.Domain != "" && !sameOrganisation(first, s.Domain):
		s.Forwarder = first
	case how == wrapSRS && domainOf(sender) != "" && !sameOrganisation(domainOf(sender), s.Domain):
		s.Forwarder = domainOf(sender)
	}
}

// forwarded says whether a server in the middle that is not ours passed the
// message on: then it was that one which the remote spoke with.
func (s *Subject) forwarded() bool {
	if s.Forwarder == "" || s.isOurs(s.Forwarder) || s.OurReport {
		return false
	}
	own := domainOf(s.Wrapped)
	if s.WrappedBy == wrapVERP || own == "" {
		own = s.SenderDomain
	}
	return own == "" || !sameOrganisation(s.Forwarder, own)
}

// seeForward reports over whom the message went.
func (v *view) seeForward() {
	f := v.s.Failure
	if v.s.Forwarder != "" {
		args := map[string]string{"original": f.OriginalRecipient, "address": f.Recipient, "forwarder": v.s.Forwarder}
		v.also = append(v.also, Seen{"forwarded", args})
	}
	if v.s.WrappedBy == wrapSRS || v.s.WrappedBy == wrapBATV {
		v.also = append(v.also, Seen{"sender-wrapped", map[string]string{"sender": f.Sender, "inner": v.s.Wrapped, "how": strings.ToUpper(v.s.WrappedBy)}})
	}
}
