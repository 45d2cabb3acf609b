package bounce

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
)

// packRTF packs as it stands: no place in the dictionary is named but the end.
func packRTF(text string) string {
	var body []byte
	for i := 0; i < len(text); i += 8 {
		part := text[i:min(i+8, len(text))]
		body = append(append(body, 0), part...)
	}
	head := make([]byte, 16)
	binary.LittleEndian.PutUint32(head, uint32(len(body)+12))
	binary.LittleEndian.PutUint32(head[4:], uint32(len(text)))
	copy(head[8:], "LZFu")
	return string(head) + string(body)
}

func TestRTFIsUnpacked(t *testing.T) {
	unhexed := func(s string) []byte {
		b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, test := range []struct {
		name   string
		packed []byte
		want   string
	}{
		{"the first example of [MS-OXRTFCP] section 4.1", unhexed("2d000000 2b000000 4c5a4675 f1c5c7a7 03000a00 72637067 31323542 320af320 68656c09 00206277 05b06c64 7d0a800f a0"), "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"},
		{"that crosses its own end, section 4.2", unhexed("1a000000 1c000000 4c5a4675 e2d44b51 41000420 5758595a 0d6e7d 010eb0"), "{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"},
		{"not packed at all", append(unhexed("14000000 08000000 4d454c41 00000000"), "{\\rtf1 }beyond"...), "{\\rtf1 }"},
		{"a reference cut", unhexed("10000000 64000000 4c5a4675 00000000 0109"), ""},
		{"too short", []byte("LZFu"), ""},
		{"another kind", append(make([]byte, 8), "ABCD1234xxxx"...), ""},
	} {
		got := string(unpackRTF(test.packed))
		if got != test.want {
			t.Errorf("%s: %q; want %q", test.name, got, test.want)
		}
	}
}

func TestRTFGivesItsText(t *testing.T) {
	for _, test := range []struct{ name, rtf, want string }{
		{"words and paragraphs", `{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}\pard Your message\par could not be delivered\'2e}`, "Your message\ncould not be delivered."},
		{"a page inside: what it shows counts", `{\rtf1\ansi\fromhtml1{\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 a@example.net{\*\htmltag72 </p>}\htmlrtf\par}\htmlrtf0}`, "a@example.net\n"},
		{"a Unicode character and its substitute", `{\rtf1\ansi\uc1 \u25910?\u20214?\'41}`, "收件A"},
		{"more of a substitute", `{\rtf1{\uc2 \u25910??}x}`, "收x"},
		{"two bytes to a character", `{\rtf1\ansi\ansicpg950 \'a6\'ac\'a5\'f3}`, "收件"},
		{"the second byte as it is", `{\rtf1\ansi\ansicpg950 \'a4@}`, "一"},
		{"symbols", `{\rtf1 \{a\}\~b\\ \ldblquote c\rdblquote\emdash\tab d}`, `{a} b\ "c"- d`},
		{"bytes that are no text", "{\\rtf1 a{\\pict\\bin3 }}\\}b}c", "abc"},
		{"not RTF", `<p>a</p>`, ""},
	} {
		if got := plainRTF([]byte(test.rtf)); got != test.want {
			t.Errorf("%s: %q; want %q", test.name, got, test.want)
		}
	}
}

func TestRTFNestsInBounds(t *testing.T) {
	if got := plainRTF([]byte(`{\rtf1 a` + strings.Repeat("{", 1<<20) + "b")); got != "a" {
		t.Errorf("%.40q", got)
	}
}

func FuzzRTF(f *testing.F) {
	f.Add([]byte(packRTF(`{\rtf1\ansi\ansicpg950 \'a6\'ac{\*\x}\u25910?\bin9 }`)))
	f.Add([]byte("\x1a\x00\x00\x00\x1c\x00\x00\x00LZFu\xe2\xd4KQA\x00\x04 WXYZ\rn}\x01\x0e\xb0"))
	f.Fuzz(func(t *testing.T, b []byte) {
		out := unpackRTF(b)
		if len(out) > maxRTF {
			t.Errorf("%d bytes", len(out))
		}
		plainRTF(out)
		plainRTF(bytes.TrimLeft(b, "\x00"))
	})
}
