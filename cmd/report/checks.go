package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"diagnose/probe"
	"diagnose/rbl"
	"diagnose/smtpcheck"
)

// Check writes the answer of a single check.
func (t *Text) Check(r probe.CheckReport) error {
	if r.Server != nil {
		return t.server(r)
	}
	args := map[string]string{"target": r.Target}
	t.hang("", t.say("check."+question(r)+"."+string(r.Outcome), args), ofOutcome(r.Outcome))
	t.table(r.Findings)
	if !slices.ContainsFunc(r.Findings, func(f probe.Finding) bool { return f.Code == "mx.private" || f.Code == "skipped.private" }) { // which say it
		t.inside(r.Findings)
	}
	for _, s := range r.SMTP {
		if s.STARTTLS != "" || s.TLS != nil {
			t.hang("  ", t.encryption(s), plain)
		}
	}
	return t.flush()
}

// inside tells of mail servers whose addresses are of an inner network.
func (t *Text) inside(findings []probe.Finding) {
	for _, f := range findings {
		if f.Args["inner"] != "" {
			t.hang("  ", t.say("finding.mx.inner", map[string]string{"domain": f.Args["domain"], "host": f.Args["inner"]}), plain)
		}
	}
}

// encryption tells what became of STARTTLS.
func (t *Text) encryption(s probe.SMTP) string {
	if s.STARTTLS == probe.Encrypted || s.STARTTLS == "" { // what was saved long ago tells no more
		return t.certificate(s)
	}
	args := map[string]string{"address": s.Address}
	if s.TLS != nil {
		args["error"] = s.TLS.Error
	}
	return t.say("starttls."+string(s.STARTTLS), args)
}

// certificate tells of the certificate that a server showed.
func (t *Text) certificate(s probe.SMTP) string {
	key, issuer := "label.certificate", s.TLS.Issuer
	if s.TLS.Problem != "" {
		key = "label.certificate-bad"
	}
	if s.TLS.Problem == smtpcheck.ProblemSelfSigned { // it says so
		issuer = ""
	}
	return t.say(key, map[string]string{
		"address": s.Address, "version": s.TLS.Version, "subject": s.TLS.Subject, "until": s.TLS.NotAfter, "issuer": issuer,
		"problem": t.say("tls."+s.TLS.Problem, nil),
	})
}

// question is what was asked: the command, as its first step tells it.
func question(r probe.CheckReport) string {
	if len(r.Findings) > 0 {
		switch r.Findings[0].Step {
		case probe.StepMX:
			return "mx"
		case probe.StepPTR:
			return "ptr"
		}
	}
	return "smtp"
}

// Lists writes the answers of the block lists about one target: how many
// answered, those that have it, then those that did not answer.
func (t *Text) Lists(r probe.ListReport) error {
	var on, silent []probe.List
	for _, l := range r.Lists {
		switch l.Status {
		case rbl.Listed, rbl.AllowListed:
			on = append(on, l)
		case rbl.NotListed, rbl.NotAsked:
		default:
			silent = append(silent, l)
		}
	}
	outcome := map[rbl.Verdict]probe.Outcome{rbl.VerdictListed: probe.Faulty, rbl.VerdictClean: probe.Healthy, rbl.VerdictUnknown: probe.UnknownOC}[r.Verdict]
	t.hang("", t.listAnswer(r), ofOutcome(outcome))
	for _, l := range append(on, silent...) {
		t.list("  ", l)
	}
	for _, n := range r.Notes {
		t.hang("  ", t.say("limit."+n.Code, n.Args), plain)
	}
	return t.flush()
}

// listAnswer is what the lists together say.
func (t *Text) listAnswer(r probe.ListReport) string {
	args := map[string]string{"target": r.Target, "asked": strconv.Itoa(r.Asked), "answered": strconv.Itoa(r.Answered)}
	if r.Asked == 0 {
		return t.say("check.rbl.not-asked", args)
	}
	return t.say("check.rbl."+string(r.Verdict), args)
}

// list writes one list's answer and, of a listing, how to get off it.
func (t *Text) list(indent string, l probe.List) {
	status := t.Words.Pad(t.say("list."+string(l.Status), nil), t.statusWidth())
	t.hang(indent+t.Colours.paint(ofStatus(l.Status), status)+"  ", t.listWords(l), plain)
	args := map[string]string{"url": cmp.Or(l.DelistURL, l.LookupURL), "rule": l.DelistRule}
	if l.Status == rbl.Listed && (args["url"] != "" || args["rule"] != "") {
		t.hang(indent+"  ", t.say("label.delist", args), plain)
	}
}

func (t *Text) listWords(l probe.List) string {
	url := l.LookupURL
	if l.Status == rbl.Listed { // it has a line of its own
		url = ""
	}
	codes := make([]string, len(l.Codes))
	for i, c := range l.Codes {
		codes[i] = c.String()
	}
	return t.say("label.list", map[string]string{
		"zone": l.Zone, "codes": strings.Join(codes, " "), "meaning": t.args(map[string]string{"meaning": l.Meaning})["meaning"], "reason": l.Reason,
		"closed": l.Closed, "died": t.died(l),
		"scope": t.scope(l), "url": url,
	})
}

// died says how a list ended; nothing for one that is alive.
func (t *Text) died(l probe.List) string {
	if l.Died == "" {
		return ""
	}
	return t.say("died."+string(l.Died), nil)
}

// scope says that a listing is about the surroundings; nothing where it is
// about the address itself.
func (t *Text) scope(l probe.List) string {
	if l.Scope == "range" || l.Scope == "asn" {
		return t.say("scope."+l.Scope, nil)
	}
	return ""
}

func (t *Text) statusWidth() int {
	w := 0
	for _, s := range []rbl.Status{rbl.Listed, rbl.AllowListed, rbl.Refused, rbl.NoAnswer, rbl.NotProven, rbl.Dead, rbl.LyingDNS, rbl.UnknownCode} {
		w = max(w, t.Words.Width(t.say("list."+string(s), nil)))
	}
	return w
}
