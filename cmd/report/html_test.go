package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"diagnose/classify"
	"diagnose/probe"
)

func page(t testing.TB, lang string, reports ...any) string {
	t.Helper()
	var out bytes.Buffer
	h := &HTML{Out: &out, Words: words(t, lang)}
	for _, r := range reports {
		if err := h.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestPagesReadAsTheTranscriptsSay(t *testing.T) {
	for _, lang := range Languages() {
		for name, reports := range map[string][]any{"one": goldens["verdicts"][:1], "many": goldens["categories"]} {
			golden(t, name+"."+lang+".html", strings.Replace(page(t, lang, reports...), pageStyle, "...", 1))
		}
	}
}

// elements gives every element of a page, which must be well formed: each
// end closes what was opened last.
func elements(t *testing.T, text string) (all []html.Token) {
	t.Helper()
	var open []string
	void := map[string]bool{"meta": true, "br": true}
	z := html.NewTokenizer(strings.NewReader(text))
	for {
		switch tt := z.Next(); tt {
		case html.ErrorToken:
			if len(open) > 0 {
				t.Errorf("not closed: %v", open)
			}
			return all
		case html.StartTagToken, html.SelfClosingTagToken:
			tok := z.Token()
			all = append(all, tok)
			if tt == html.StartTagToken && !void[tok.Data] {
				open = append(open, tok.Data)
			}
		case html.EndTagToken:
			tok := z.Token()
			if len(open) == 0 || open[len(open)-1] != tok.Data {
				t.Fatalf("</%s> closes %v", tok.Data, open)
			}
			open = open[:len(open)-1]
		}
	}
}

func TestAPageLoadsNothingAndRunsNothing(t *testing.T) {
	var every []any
	for _, group := range []string{"categories", "verdicts", "kinds", "hostile", "checks", "lists"} {
		every = append(every, goldens[group]...)
	}
	for _, lang := range Languages() {
		text := page(t, lang, every...)
		for _, e := range elements(t, text) {
			if e.Data == "script" || e.Data == "img" || e.Data == "link" || e.Data == "iframe" || e.Data == "base" || e.Data == "form" {
				t.Errorf("<%s>", e.Data)
			}
			for _, a := range e.Attr {
				if a.Key == "src" || a.Key == "style" || strings.HasPrefix(a.Key, "on") || a.Key == "href" && !strings.HasPrefix(a.Val, "#") {
					t.Errorf("<%s %s=%q>", e.Data, a.Key, a.Val)
				}
			}
		}
		style := text[strings.Index(text, "<style>")+len("<style>") : strings.Index(text, "</style>")]
		sum := sha256.Sum256([]byte(style))
		if want := "style-src &#39;sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "&#39;"; !strings.Contains(html.UnescapeString(text), html.UnescapeString(want)) {
			t.Error("the policy does not allow the page's own style")
		}
		if strings.Contains(style, "url(") || strings.Contains(style, "@import") {
			t.Error("the style loads something")
		}
	}
}

func TestABounceCannotWriteIntoThePage(t *testing.T) {
	const evil = `</title></style><script>alert(1)</script><img src=x onerror=alert(1)>"' onload=x`
	r := report(classify.Rejected, evil)
	r.Source.Name, r.Failure.Recipient, r.Failure.Sender, r.Failure.Remote.Host = evil, evil+"@"+evil, evil, evil
	r.Classification.Reference, r.Classification.Provider = "javascript:alert(1)"+evil, evil
	before, after := elements(t, page(t, "en", report(classify.Rejected, "no"), report(classify.Rejected, "no"))), elements(t, page(t, "en", r, r))
	for _, e := range after {
		for _, a := range e.Attr {
			if strings.HasPrefix(a.Key, "on") || strings.Contains(a.Val, "javascript:") {
				t.Errorf("<%s %s=%q>", e.Data, a.Key, a.Val)
			}
		}
		if e.Data == "script" || e.Data == "img" {
			t.Errorf("<%s>", e.Data)
		}
	}
	if len(after) < len(before) {
		t.Errorf("%d elements, %d where nothing is hostile", len(after), len(before))
	}
	for _, r := range page(t, "zh-TW", goldens["hostile"]...) {
		if r != '\n' && hidden(r) {
			t.Fatalf("%q reaches the page", r)
		}
	}
}

func TestALongRunIsSummedUpInABoundedPage(t *testing.T) {
	var all []any
	for i := range maxSections + 50 {
		r := report(classify.Category(1+i%16), "550 no")
		r.Failure.Recipient = "lee@example" + strconv.Itoa(i) + ".net"
		r.Failure.Original.Date = "2026-0" + strconv.Itoa(1+i%9) + "-1" + strconv.Itoa(i%9) + "T00:00:00Z"
		all = append(all, r)
	}
	text := page(t, "en", all...)
	if n := strings.Count(text, "<section id="); n != maxSections {
		t.Errorf("%d sections", n)
	}
	if !strings.Contains(text, "250 failed deliveries") || !strings.Contains(text, "The first 200 of 250") {
		t.Error("the page does not say how many there are")
	}
	for _, m := range regexp.MustCompile(`<rect width="(\d+)"`).FindAllStringSubmatch(text, -1) {
		if n, _ := strconv.Atoi(m[1]); n < 1 || n > 100 {
			t.Errorf("a bar of %s of 100", m[1])
		}
	}
}

func TestThePathEndsWhereTheMessageDid(t *testing.T) {
	local := report(classify.TooLarge, "552 too big")
	local.Failure.Stage = "local"
	ours := report(classify.ConnectionFailed, "")
	ours.Party = probe.PartyOurServer
	cleared := report(classify.DNSFailure, "")
	cleared.Verification = &probe.Verification{Verdict: probe.Cleared, Category: classify.DNSFailure}
	for name, tt := range map[string]struct {
		r    probe.Report
		want string // of the stations, in their order
	}{
		"no mailbox":       {report(classify.UnknownRecipient, "550 no"), "passed passed passed passed broken"},
		"no domain":        {report(classify.DNSFailure, ""), "passed passed broken beyond beyond"},
		"domain again":     {cleared, "passed passed mended beyond beyond"},
		"refused":          {report(classify.Blocklisted, "554 no"), "passed passed passed broken beyond"},
		"refused by us":    {local, "passed broken beyond beyond beyond"},
		"our port closed":  {ours, "passed broken beyond beyond beyond"},
		"nobody knows why": {report(classify.Unknown, ""), "unknown unknown unknown unknown unknown"},
	} {
		h := &HTML{Words: words(t, "en")}
		got := ""
		for _, n := range h.path(tt.r) {
			got += n.State + " "
		}
		if strings.TrimSpace(got) != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}
