package bounce

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mailed is a mail from a colleague with a file attached.
func mailed(fields string, file []byte) string {
	var body strings.Builder
	for s := base64.StdEncoding.EncodeToString(file); s != ""; s = s[min(76, len(s)):] {
		body.WriteString(s[:min(76, len(s))] + "\r\n")
	}
	return "From: wang@example.org\r\nTo: admin@example.org\r\nSubject: FW: help\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n" +
		"--B\r\nContent-Type: text/plain\r\n\r\nWhat is this?\r\n--B\r\n" + fields + "Content-Transfer-Encoding: base64\r\n\r\n" + body.String() + "--B--\r\n"
}

func TestOutlookFileInsideAMailIsRead(t *testing.T) {
	want := readMsg(t, exchangeReport())
	for name, fields := range map[string]string{
		"by its type": "Content-Type: application/vnd.ms-outlook\r\n",
		"by its name": "Content-Type: application/octet-stream; name=\"Undeliverable.msg\"\r\nContent-Disposition: attachment\r\n",
	} {
		got, err := Read(strings.NewReader(mailed(fields, writeCompound(exchangeReport()))))
		if diff := cmp.Diff(want, got, sameReport); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

func TestOutlookFileInsideAMailThatIsNoBounce(t *testing.T) {
	letter := writeCompound([]item{unicodeText(propClass, "IPM.Note"), unicodeText(propSubject, "hello"), unicodeText(propBody, "550 5.1.1 <a@example.net> User unknown")})
	for name, file := range map[string][]byte{"a letter": letter, "no Outlook file": []byte("550 5.1.1 <a@example.net> User unknown"), "cut": letter[:600]} {
		got, err := Read(strings.NewReader(mailed("Content-Type: application/vnd.ms-outlook\r\n", file)))
		if err != nil || got.Kind != KindNotABounce || len(got.Failures) > 0 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestPartsAfterAnOutlookFileAreRead(t *testing.T) {
	mail := strings.Replace(mailed("Content-Type: application/vnd.ms-outlook\r\n", bytes.Repeat([]byte("x"), 600)), "--B--",
		"--B\r\nContent-Type: message/rfc822\r\n\r\nFrom: <>\r\nSubject: failure notice\r\nDate: Mon, 6 Apr 2026 10:00:00 +0800\r\n\r\n<a@example.net>:\r\n550 User unknown\r\n--B--", 1)
	got, err := Read(strings.NewReader(mail))
	if err != nil || len(got.Failures) != 1 || got.Failures[0].Recipient != "a@example.net" {
		t.Errorf("%+v, %v", got, err)
	}
}
