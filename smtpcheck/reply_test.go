package smtpcheck

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReply(t *testing.T) {
	long := "220 " + strings.Repeat("x", maxLine)
	tests := []struct {
		name, said string
		want       Reply
		err        error
	}{
		{"one line", "220 mx ESMTP\r\n", Reply{220, []string{"mx ESMTP"}}, nil},
		{"several lines", "250-a\r\n250-b\r\n250 c\r\n", Reply{250, []string{"a", "b", "c"}}, nil},
		{"only the first reply", "250 a\r\n221 b\r\n", Reply{250, []string{"a"}}, nil},
		{"bare LF", "250-a\n250 b\n", Reply{250, []string{"a", "b"}}, nil},
		{"code alone", "250\r\n", Reply{250, []string{""}}, nil},
		{"code and space", "250 \r\n", Reply{250, []string{""}}, nil},
		{"the last of differing codes counts", "250-a\r\n550 b\r\n", Reply{550, []string{"a", "b"}}, nil},
		{"bytes of every kind", "250 \x00\xff\x1b\r\n", Reply{250, []string{"\x00\xff\x1b"}}, nil},
		{"leading space of the text is kept", "250   a\r\n", Reply{250, []string{"  a"}}, nil},
		{"end before the line's end", "250 a", Reply{}, io.EOF},
		{"end before the reply's end", "250-a\r\n", Reply{}, io.EOF},
		{"nothing", "", Reply{}, io.EOF},
		{"no code", "hello\r\n", Reply{}, errNoCode},
		{"no code further on", "250-a\r\nb\r\n250 c\r\n", Reply{}, errNoCode},
		{"empty line", "\r\n250 a\r\n", Reply{}, errNoCode},
		{"two digits", "50 a\r\n", Reply{}, errNoCode},
		{"four digits", "2500 a\r\n", Reply{}, errNoCode},
		{"no such class", "150 a\r\n", Reply{}, errNoCode},
		{"text glued to the code", "220hello\r\n", Reply{}, errNoCode},
		{"longest line", long[:maxLine-1] + "\n", Reply{220, []string{long[4 : maxLine-1]}}, nil},
		{"line too long", long[:maxLine] + "\n", Reply{}, errLongLine},
		{"longest reply", strings.Repeat("250-a\n", maxReply-1) + "250 a\n", Reply{250, strings.Split(strings.Repeat("a", maxReply), "")}, nil},
		{"reply too long", strings.Repeat("250-a\n", maxReply) + "250 a\n", Reply{}, errLongReply},
		{"flood", strings.Repeat("250-"+long[:2000]+"\n", 40), Reply{}, errFlood},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := newReplyReader(strings.NewReader(tt.said), func(string) {}).read()
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if !errors.Is(err, tt.err) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
		})
	}
}

func TestEnhancedStatus(t *testing.T) {
	for text, want := range map[string]string{
		"5.1.1 no such user": "5.1.1", "4.7.650": "4.7.650", "2.1.5 Ok": "2.1.5", "#5.1.0 Address rejected.": "5.1.0",
		"": "", "no": "", "no 5.1.1": "", "5.1": "", "5.1.1.1": "", "3.1.1": "", "5.1.1111": "", "5..1": "", "5.a.1": "", "5.1.1: no": "",
	} {
		if got := (Reply{550, []string{text, "5.9.9"}}).Status(); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := (Reply{}).Status(); got != "" {
		t.Errorf("no reply: %q", got)
	}
}

func FuzzReply(f *testing.F) {
	f.Add([]byte("220 mx.example.net ESMTP\r\n"))
	f.Add([]byte("250-mx.example.net\r\n250-SIZE 26214400\r\n250 STARTTLS\r\n"))
	f.Add([]byte("250-a\n550\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		heard := 0
		r := newReplyReader(bytes.NewReader(said), func(line string) { heard += len(line) })
		for range 1 + maxSession/4 { // each reply takes four bytes at least
			reply, err := r.read()
			if err != nil {
				if reply.Code != 0 || reply.Lines != nil {
					t.Fatalf("%v with %+v", err, reply)
				}
				if heard > maxSession+maxLine {
					t.Fatalf("%d bytes heard", heard)
				}
				return
			}
			if reply.Code < 200 || reply.Code > 599 || len(reply.Lines) == 0 || len(reply.Lines) > maxReply {
				t.Fatalf("%+v", reply)
			}
			if n, known := size(extensions(reply)); n < 0 || !known && n != 0 {
				t.Fatalf("size %d, %v", n, known)
			}
			l := limits(extensions(reply))
			for _, n := range []int{l.MailMax, l.RcptMax, l.RcptDomainMax} {
				if n < 0 || n > 999_999 {
					t.Fatalf("limit %d", n)
				}
			}
		}
		t.Fatal("replies without end")
	})
}
