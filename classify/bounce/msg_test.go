package bounce

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

// item is an entry of a compound file to be: a storage with entries, or a
// stream with data.
type item struct {
	name  string
	data  []byte
	items []item
}

// writeCompound writes a compound file of version 3: streams below 4 KiB in
// the mini stream. [MS-CFB]
func writeCompound(items []item) []byte {
	w := &compound{}
	w.entry(item{name: "Root Entry", items: items}, 5)
	w.children(0, items)
	w.start(0, w.sectors(w.mini))
	w.size(0, len(w.mini))
	miniFAT := w.sectors(words(w.miniFAT))
	for len(w.dir)%512 != 0 {
		w.dir = append(w.dir, unused()...)
	}
	dir := w.sectors(w.dir)
	fatAt := len(w.fat) // the first of n sectors that hold the FAT itself, and more of them that list those
	n, more := 1, 0
	for (fatAt+n+more)*4 > n*512 {
		n++
		more = (max(n, 109) - 109 + 126) / 127
	}
	w.fat = append(w.fat, slices.Repeat([]uint32{0xFFFFFFFD}, n)...)
	w.fat = append(w.fat, slices.Repeat([]uint32{0xFFFFFFFC}, more)...)
	for len(w.fat)%128 != 0 {
		w.fat = append(w.fat, 0xFFFFFFFF)
	}
	var list []uint32
	for i := range n {
		list = append(list, uint32(fatAt+i))
	}
	list = append(list, slices.Repeat([]uint32{0xFFFFFFFF}, 109+127*more-n)...)
	listAt, further := uint32(0xFFFFFFFE), []uint32{}
	for i := range more {
		listAt = uint32(fatAt + n)
		next := listAt + uint32(i) + 1
		if i == more-1 {
			next = 0xFFFFFFFE
		}
		further = append(append(further, list[109+127*i:109+127*(i+1)]...), next)
	}
	head := make([]byte, 512)
	copy(head, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")
	for at, v := range map[int]uint16{24: 0x3E, 26: 3, 28: 0xFFFE, 30: 9, 32: 6} {
		binary.LittleEndian.PutUint16(head[at:], v)
	}
	for at, v := range map[int]uint32{44: uint32(n), 48: dir, 56: 4096, 60: miniFAT, 64: uint32((len(w.miniFAT)*4 + 511) / 512), 68: listAt, 72: uint32(more)} {
		binary.LittleEndian.PutUint32(head[at:], v)
	}
	copy(head[76:], words(list[:109]))
	return slices.Concat(head, w.data, words(w.fat), words(further))
}

type compound struct {
	dir, data, mini []byte
	fat, miniFAT    []uint32
}

func words(v []uint32) (b []byte) {
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, x)
	}
	return b
}

func unused() []byte {
	b := make([]byte, 128)
	for i := 68; i < 80; i++ {
		b[i] = 0xFF
	}
	return b
}

// entry adds an entry of kind 1 (storage), 2 (stream) or 5 (root).
func (w *compound) entry(it item, kind byte) int {
	b := unused()
	name := utf16.Encode([]rune(it.name))
	for i, u := range name {
		binary.LittleEndian.PutUint16(b[2*i:], u)
	}
	b[64], b[66], b[67] = byte(2*len(name)+2), kind, 1
	w.dir = append(w.dir, b...)
	return len(w.dir)/128 - 1
}

func (w *compound) link(i, at, to int) { binary.LittleEndian.PutUint32(w.dir[128*i+at:], uint32(to)) }
func (w *compound) start(i int, sector uint32) {
	binary.LittleEndian.PutUint32(w.dir[128*i+116:], sector)
}
func (w *compound) size(i, n int) { w.link(i, 120, n) }

// children writes what a storage holds, as a balanced tree ordered by length
// and then by name.
func (w *compound) children(parent int, items []item) {
	sorted := slices.SortedFunc(slices.Values(items), func(a, b item) int {
		if len(a.name) != len(b.name) {
			return len(a.name) - len(b.name)
		}
		return strings.Compare(strings.ToUpper(a.name), strings.ToUpper(b.name))
	})
	if len(sorted) > 0 {
		w.link(parent, 76, w.tree(sorted))
	}
}

func (w *compound) tree(items []item) int {
	mid := len(items) / 2
	it := items[mid]
	var i int
	switch {
	case it.data == nil:
		i = w.entry(it, 1)
		w.children(i, it.items)
	case len(it.data) < 4096:
		i = w.entry(it, 2)
		w.start(i, w.miniSectors(it.data))
		w.size(i, len(it.data))
	default:
		i = w.entry(it, 2)
		w.start(i, w.sectors(it.data))
		w.size(i, len(it.data))
	}
	if mid > 0 {
		w.link(i, 68, w.tree(items[:mid]))
	}
	if mid+1 < len(items) {
		w.link(i, 72, w.tree(items[mid+1:]))
	}
	return i
}

func chain(fat *[]uint32, n int) uint32 {
	first := uint32(len(*fat))
	for i := range n {
		next := first + uint32(i) + 1
		if i == n-1 {
			next = 0xFFFFFFFE
		}
		*fat = append(*fat, next)
	}
	if n == 0 {
		return 0xFFFFFFFE
	}
	return first
}

func (w *compound) sectors(b []byte) uint32 {
	n := (len(b) + 511) / 512
	w.data = append(append(w.data, b...), make([]byte, 512*n-len(b))...)
	return chain(&w.fat, n)
}

func (w *compound) miniSectors(b []byte) uint32 {
	n := (len(b) + 63) / 64
	w.mini = append(append(w.mini, b...), make([]byte, 64*n-len(b))...)
	return chain(&w.miniFAT, n)
}

// unicodeText, ansiText and bytesOf are properties of variable size.
func unicodeText(id int, s string) item {
	b := []byte{}
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return item{name: fmt.Sprintf("__substg1.0_%04X001F", id), data: b}
}

func ansiText(id int, s string) item {
	return item{name: fmt.Sprintf("__substg1.0_%04X001E", id), data: []byte(s)}
}

func bytesOf(id int, s string) item {
	return item{name: fmt.Sprintf("__substg1.0_%04X0102", id), data: []byte(s)}
}

// fixed is the stream of the properties of fixed size, behind a head.
func fixed(head int, values map[int]uint64) item {
	b := make([]byte, head)
	for _, id := range slices.Sorted(func(yield func(int) bool) {
		for id := range values {
			if !yield(id) {
				return
			}
		}
	}) {
		kind := uint32(3)
		if values[id] > 0xFFFFFFFF {
			kind = 0x40
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(id)<<16|kind)
		b = binary.LittleEndian.AppendUint32(b, 6)
		b = binary.LittleEndian.AppendUint64(b, values[id])
	}
	return item{name: "__properties_version1.0", data: b}
}

func fileTime(t time.Time) uint64 { return uint64(t.Unix()+11644473600) * 1e7 }

var reported = time.Date(2026, 1, 12, 1, 30, 6, 0, time.UTC)

func recipient(n int, items ...item) item {
	return item{name: fmt.Sprintf("__recip_version1.0_#%08X", n), items: items}
}

func attachment(n int, items ...item) item {
	return item{name: fmt.Sprintf("__attach_version1.0_#%08X", n), items: items}
}

// exchangeReport is what Outlook saves of a bounce that Exchange wrote: one
// recipient refused by a remote, one by Exchange itself.
func exchangeReport() []item {
	return []item{
		fixed(32, map[int]uint64{propReportTime: fileTime(reported), propOriginalTime: fileTime(reported.Add(-time.Minute)), propCodepage: 1252}),
		unicodeText(propClass, "REPORT.IPM.Note.NDR"),
		unicodeText(propSubject, "無法傳遞: 報價單"),
		unicodeText(propOriginalSubject, "報價單"),
		unicodeText(propOriginalID, "<1@mail.example.org>"),
		unicodeText(propOriginalSender, "wang@example.org"),
		unicodeText(propReportingHost, "ex01.example.org"),
		unicodeText(propBody, "您的郵件沒有到達部分或全部收件者。\r\n\r\n      主旨: 報價單\r\n\r\n下列收件者無法連絡上:\r\n\r\n      kim@example.net\r\n"+strings.Repeat("說明。", 1500)),
		recipient(0,
			fixed(8, map[int]uint64{propReason: 1, propDiagnosis: 0, propStatus: 511}),
			unicodeText(propDisplayName, "Kim"),
			unicodeText(propSMTPAddress, "kim@example.net"),
			unicodeText(propSupplementary, "<mx.example.net #5.1.1 smtp;550 5.1.1 <kim@example.net>: Recipient address rejected: User unknown>"),
		),
		recipient(1,
			fixed(8, map[int]uint64{propStatus: 522}),
			unicodeText(propEmailAddress, "/O=EXAMPLE/OU=FIRST/CN=RECIPIENTS/CN=LEE"),
			unicodeText(propDisplayName, "lee@example.org"),
			unicodeText(propReportText, "The recipient's mailbox is full and can't accept messages now."),
		),
		attachment(0, item{name: "__substg1.0_3701000D", items: []item{
			fixed(24, nil),
			unicodeText(propClass, "IPM.Note"),
			unicodeText(propHeader, "Received: from ex01.example.org ([192.0.2.9]) by mail.example.org; Mon, 12 Jan 2026 09:29:06 +0800\r\n"+
				"From: Wang <wang@example.org>\r\nTo: kim@example.net, lee@example.org\r\nSubject: =?utf-8?B?5aCx5YO55Zau?=\r\nMessage-ID: <1@mail.example.org>\r\nDate: Mon, 12 Jan 2026 09:29:05 +0800\r\n\r\n"),
		}}),
	}
}

// ansiReport is one of an old Exchange: nothing but the words for the user, in
// the code page of its country.
func ansiReport() []item {
	return []item{
		fixed(32, map[int]uint64{propReportTime: fileTime(reported), propCodepage: 950}),
		ansiText(propClass, "REPORT.IPM.Note.NDR"),
		ansiText(propSubject, "\xb5L\xaak\xb6\xc7\xbb\xbc: hello"), // 無法傳遞
		recipient(0,
			fixed(8, map[int]uint64{propReason: 0, propDiagnosis: 3}),
			ansiText(propDisplayName, "\xb3\xaf"), // 陳
			ansiText(propEmailAddress, "chen@example.net"),
			ansiText(propReportText, "\xb6l\xa5\xf3\xb0j\xb0\xe9 (#5.4.6)"), // 郵件迴圈
		),
	}
}

// msgSamples are the files of testdata/bounces that -update writes.
var msgSamples = map[string]func() []item{"outlook-exchange-ndr": exchangeReport, "outlook-ansi-big5": ansiReport}

func readMsg(t testing.TB, items []item) *Report {
	t.Helper()
	rep, err := Read(bytes.NewReader(writeCompound(items)))
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestOutlookSamplesReadAsRecorded(t *testing.T) {
	for name, items := range msgSamples {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(samples, name+".msg")
			if *update {
				if err := os.WriteFile(file, writeCompound(items()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			in, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			checkGolden(t, name, collect(t, All(bytes.NewReader(in))))
		})
	}
}

func TestOutlookReportTellsEachRecipient(t *testing.T) {
	for _, test := range []struct {
		name, class string
		recipient   []item
		kind        Kind
		want        Failure
	}{
		{"the remote's reply", "REPORT.IPM.Note.NDR",
			[]item{unicodeText(propSMTPAddress, "a@example.net"), unicodeText(propSupplementary, "<mx.example.net #5.7.1 smtp;554 5.7.1 Service unavailable>")}, KindBounce,
			Failure{Recipient: "a@example.net", Action: ActionFailed, Reply: Reply{554, "5.7.1", "554 5.7.1 Service unavailable"}, Text: "<mx.example.net #5.7.1 smtp;", Remote: Host{Name: "mx.example.net"}}},
		{"a reply of Exchange itself", "REPORT.IPM.Note.NDR",
			[]item{unicodeText(propEmailAddress, "a@example.org"), unicodeText(propSupplementary, "#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##")}, KindBounce,
			Failure{Recipient: "a@example.org", Action: ActionFailed, Reply: Reply{550, "5.1.1", "550 5.1.1 RESOLVER.ADR.RecipNotFound; not found"}}},
		{"a status alone", "report.ipm.note.ndr",
			[]item{fixed(8, map[int]uint64{propStatus: 447}), unicodeText(propEmailAddress, "a@example.net")}, KindBounce,
			Failure{Recipient: "a@example.net", Action: ActionFailed, Reply: Reply{Status: "4.4.7"}}},
		{"an X.400 code alone", "REPORT.IPM.Note.NDR",
			[]item{fixed(8, map[int]uint64{propReason: 1, propDiagnosis: 7}), unicodeText(propEmailAddress, "a@example.net")}, KindBounce,
			Failure{Recipient: "a@example.net", Action: ActionFailed, Text: "content-too-long"}},
		{"a status that is none", "REPORT.IPM.Note.NDR",
			[]item{fixed(8, map[int]uint64{propStatus: 0xFFFFFFFF, propDiagnosis: 0xFFFFFFFF}), unicodeText(propEmailAddress, "a@example.net")}, KindBounce,
			Failure{Recipient: "a@example.net", Action: ActionFailed}},
		{"a delay", "REPORT.IPM.Note.Delayed",
			[]item{unicodeText(propRecipientName, "a@example.net"), unicodeText(propRemote, "mx.example.net"), unicodeText(propReportText, "Delivery is delayed.")}, KindDelay,
			Failure{Recipient: "a@example.net", Action: ActionDelayed, Text: "Delivery is delayed.", Remote: Host{Name: "mx.example.net"}}},
		{"a delivery", "REPORT.IPM.Note.DR", []item{unicodeText(propDisplayName, "a@example.net")}, KindDelivered, Failure{Recipient: "a@example.net", Action: ActionDelivered}},
		{"a relay", "REPORT.IPM.Note.Relayed.DR", []item{unicodeText(propDisplayName, "a@example.net")}, KindDelivered, Failure{Recipient: "a@example.net", Action: ActionRelayed}},
	} {
		rep := readMsg(t, []item{unicodeText(propClass, test.class), recipient(0, test.recipient...)})
		if rep.Kind != test.kind || len(rep.Notes) > 0 {
			t.Errorf("%s: %s, %v", test.name, rep.Kind, rep.Notes)
		}
		if diff := cmp.Diff([]Failure{test.want}, rep.Failures, sameReport); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

func TestOutlookItemIsReadAsTheMailItWas(t *testing.T) {
	const dsn = "Reporting-MTA: dns; mail.example.org\r\n\r\nFinal-Recipient: rfc822; a@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 unknown\r\n"
	const words = "This is the mail system at host mail.example.org.\r\n\r\nYour message could not be delivered.\r\n\r\n<a@example.net>: host mx.example.net[203.0.113.25] said: 550 5.1.1 unknown (in reply to RCPT TO command)\r\n"
	bounced := item{name: "__substg1.0_3701000D", items: []item{unicodeText(propClass, "REPORT.IPM.Note.NDR"), recipient(0, unicodeText(propSMTPAddress, "a@example.net"), unicodeText(propSupplementary, "<mx.example.net #5.1.1 smtp;550 5.1.1 unknown>"))}}
	for name, test := range map[string]struct {
		items []item
		kind  Kind
		code  int
	}{
		"ordinary mail":        {[]item{unicodeText(propSubject, "lunch"), unicodeText(propBody, "At 12:30, room 550.")}, KindNotABounce, 0},
		"a bounce as mail":     {[]item{unicodeText(propHeader, "From: MAILER-DAEMON@mail.example.org\r\nSubject: Undelivered Mail Returned to Sender\r\n\r\n"), unicodeText(propBody, words)}, KindBounce, 550},
		"a page":               {[]item{unicodeText(propSubject, "Undeliverable: hello"), bytesOf(propHTML, "<html><p>"+strings.ReplaceAll(strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(words), "\r\n", "<br>"))}, KindBounce, 550},
		"status attached":      {[]item{unicodeText(propSubject, "Undeliverable"), attachment(0, ansiText(propMediaType, "message/delivery-status"), bytesOf(propAttached, dsn))}, KindBounce, 550},
		"mail attached":        {[]item{unicodeText(propSubject, "FW: help"), attachment(0, ansiText(propMediaType, "message/rfc822"), bytesOf(propAttached, string(readSample(t, "postfix-unknown-user"))))}, KindBounce, 550},
		"report attached":      {[]item{unicodeText(propSubject, "FW: help"), unicodeText(propBody, "See below."), attachment(0, bounced)}, KindBounce, 550},
		"words pasted":         {[]item{unicodeText(propSubject, "help"), unicodeText(propBody, "Mail is broken, I got this:\r\n\r\n"+words)}, KindBounce, 550},
		"read receipt":         {[]item{unicodeText(propClass, "REPORT.IPM.Note.IPNRN"), recipient(0, unicodeText(propSMTPAddress, "a@example.net"))}, KindFeedbackReport, 0},
		"nothing":              {[]item{}, KindNotABounce, 0},
		"deeper than is read":  {[]item{attachment(0, item{name: "__substg1.0_3701000D", items: []item{attachment(0, item{name: "__substg1.0_3701000D", items: []item{attachment(0, bounced)}})}})}, KindNotABounce, 0},
		"report, no recipient": {[]item{unicodeText(propClass, "REPORT.IPM.Note.NDR"), unicodeText(propBody, words)}, KindBounce, 550},
	} {
		rep := readMsg(t, test.items)
		code := 0
		if len(rep.Failures) > 0 {
			code = rep.Failures[0].Reply.Code
		}
		if rep.Kind != test.kind || code != test.code {
			t.Errorf("%s: %+v", name, rep)
		}
	}
}

func TestOutlookTextIsReadFromRTF(t *testing.T) {
	rep := readMsg(t, []item{
		unicodeText(propClass, "IPM.Note"), unicodeText(propSubject, "failure notice"), unicodeText(propSenderSMTP, "MAILER-DAEMON@mail.example.org"),
		bytesOf(propRTF, packRTF(`{\rtf1\ansi\ansicpg950\fromtext <a@example.net>:\par 550 5.1.1 \'a6\'ac\'a5\'f3\'a4H unknown user\par}`)),
	})
	want := Reply{550, "5.1.1", "550 5.1.1 收件人 unknown user"}
	if len(rep.Failures) != 1 || rep.Failures[0].Recipient != "a@example.net" || rep.Failures[0].Reply != want || len(rep.Notes) > 0 {
		t.Errorf("%+v", rep)
	}
}

func TestOutlookDamageIsNoted(t *testing.T) {
	whole := writeCompound(exchangeReport())
	many := []item{}
	for i := range maxStorages + 1 {
		many = append(many, recipient(i, unicodeText(propSMTPAddress, "a@example.net")))
	}
	for name, test := range map[string]struct {
		in   []byte
		note string
	}{
		"only the magic": {whole[:8], "msg.unreadable"},
		"cut":            {whole[:len(whole)/2], "msg.unreadable"},
		"too many":       {writeCompound(many), "msg.unreadable"},
		"damaged RTF":    {writeCompound([]item{bytesOf(propRTF, "LZFu")}), "msg.rtf-only"},
	} {
		rep, err := Read(bytes.NewReader(test.in))
		if err != nil || rep.Kind != KindNotABounce || len(rep.Notes) != 1 || rep.Notes[0].Code != test.note {
			t.Errorf("%s: %+v, %v", name, rep, err)
		}
	}
	broken := bytes.Clone(whole)
	at := bytes.Index(broken, []byte("_\x003\x009\x00F\x00E\x00")) // a name: the entry begins before it
	binary.LittleEndian.PutUint32(broken[at/128*128+116:], 0x00FFFFFF)
	rep, err := Read(bytes.NewReader(broken))
	if err != nil || len(rep.Notes) != 1 || rep.Notes[0].Code != "msg.damaged" || len(rep.Failures) != 2 {
		t.Errorf("%+v, %v", rep, err)
	}
}

// A large file lists the sectors of its FAT outside its header, too.
func TestLargeOutlookFileIsReadWhole(t *testing.T) {
	items := append(exchangeReport(), attachment(1, bytesOf(propAttached, strings.Repeat("x", 20<<20))))
	if diff := cmp.Diff(readMsg(t, exchangeReport()), readMsg(t, items), sameReport); diff != "" {
		t.Error(diff)
	}
}

// A directory that nests without end makes mscfb keep every path: it is
// refused before.
func TestOutlookNestingIsReadInBounds(t *testing.T) {
	deep := item{name: "x"}
	for range 50_000 {
		deep = item{name: "x", items: []item{deep}}
	}
	in := writeCompound([]item{deep})
	start := time.Now()
	if rep, err := Read(bytes.NewReader(in)); err != nil || len(rep.Notes) != 1 || time.Since(start) > 5*time.Second {
		t.Errorf("%+v, %v, %v", rep, err, time.Since(start))
	}
}

// FuzzMsg: no file makes reading panic, and every report keeps its bounds.
func FuzzMsg(f *testing.F) {
	for _, items := range msgSamples {
		f.Add(writeCompound(items()))
	}
	f.Add(writeCompound(nil))
	f.Fuzz(func(t *testing.T, in []byte) {
		if !isOutlook(in) {
			in = append([]byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"), in[min(8, len(in)):]...)
		}
		if rep, err := Read(bytes.NewReader(in)); err == nil {
			checkBounds(t, rep)
		}
	})
}

// FuzzMsgProperties: nor does anything inside a sound file.
func FuzzMsgProperties(f *testing.F) {
	f.Add("REPORT.IPM.Note.NDR", "Undeliverable", "a@example.net", "<mx.example.net #5.1.1 smtp;550 5.1.1 unknown>", []byte{0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0x20, 0x0C, 6, 0, 0, 0, 0xFF, 1, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, class, body, address, info string, properties []byte) {
		checkBounds(t, readMsg(t, []item{
			ansiText(propClass, class), ansiText(propBody, body), unicodeText(propHeader, body), {name: "__properties_version1.0", data: append([]byte{}, properties...)},
			recipient(0, item{name: "__properties_version1.0", data: append([]byte{}, properties...)}, unicodeText(propSMTPAddress, address), ansiText(propSupplementary, info)),
			attachment(0, unicodeText(propMediaType, class), bytesOf(propAttached, body)),
		}))
	})
}
