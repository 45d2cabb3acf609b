package bounce

import (
	"bytes"
	"encoding/base64"
	"mime/quotedprintable"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
)

const (
	chinese    = "查無此收件人，請確認信箱是否正確"
	simplified = "用户不存在，请检查收件人地址"
	japanized  = "ユーザーが見つかりません。宛先をご確認ください"
	koreanized = "사용자를 찾을 수 없습니다"
	russian    = "Пользователь не найден"
	french     = "Cet utilisateur n'existe pas, vérifiez l'adresse à côté"
)

var (
	little = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	big    = unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	bare   = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
)

// charsets are the labels that mail has, true or not, and what the text under
// them really is.
var charsets = []struct {
	label, words string
	enc          encoding.Encoding
}{
	{"utf-8", chinese, encoding.Nop},
	{"UTF8", chinese, encoding.Nop},
	{"uft-8", chinese, encoding.Nop},
	{"us-ascii", chinese, encoding.Nop},
	{"", chinese, encoding.Nop},
	{"iso-8859-1", chinese, encoding.Nop},
	{"big5", chinese, traditionalchinese.Big5},
	{"cp950", chinese, traditionalchinese.Big5},
	{"", chinese, traditionalchinese.Big5},
	{"uft-8", chinese, traditionalchinese.Big5},
	{"gb2312", simplified + "镕", simplifiedchinese.GBK},
	{"gbk", simplified + "㐂", simplifiedchinese.GB18030},
	{"gb18030", simplified + "𠀀", simplifiedchinese.GB18030},
	{"hz-gb-2312", simplified, simplifiedchinese.HZGB2312},
	{"", simplified, simplifiedchinese.GBK},
	{"shift_jis", japanized, japanese.ShiftJIS},
	{"cp932", japanized, japanese.ShiftJIS},
	{"windows-31j", japanized, japanese.ShiftJIS},
	{"", japanized, japanese.ShiftJIS},
	{"iso-2022-jp", japanized, japanese.ISO2022JP},
	{"ISO-2022-JP", japanized, japanese.ISO2022JP},
	{"", japanized, japanese.ISO2022JP},
	{"euc-jp", japanized, japanese.EUCJP},
	{"euc-kr", koreanized, korean.EUCKR},
	{"ks_c_5601-1987", koreanized, korean.EUCKR},
	{"cp949", koreanized, korean.EUCKR},
	{"windows-1250", "Adresát neexistuje, ověřte", charmap.Windows1250},
	{"windows-1251", russian, charmap.Windows1251},
	{"cp1251", russian, charmap.Windows1251},
	{"windows-1252", french, charmap.Windows1252},
	{"iso-8859-1", french, charmap.ISO8859_1},
	{"", french, charmap.ISO8859_1},
	{"windows-1253", "Ο χρήστης δεν υπάρχει", charmap.Windows1253},
	{"windows-1254", "Kullanıcı bulunamadı, değiştirin", charmap.Windows1254},
	{"windows-1255", "המשתמש לא קיים", charmap.Windows1255},
	{"windows-1256", "المستخدم غير موجود", charmap.Windows1256},
	{"koi8-r", russian, charmap.KOI8R},
	{"utf-16le", chinese, bare},
	{"utf-16", chinese, big},
	{"utf-16", french, little},
}

func inCharset(t testing.TB, enc encoding.Encoding, s string) []byte {
	t.Helper()
	b, err := enc.NewEncoder().Bytes([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// letter is a mail whose one part says words, in any transfer encoding.
func letter(label, media, transfer string, body []byte) []byte {
	var b bytes.Buffer
	b.WriteString("From: MAILER-DAEMON@mail.example.org\nSubject: failure notice\nContent-Type: " + media)
	if label != "" {
		b.WriteString("; charset=" + label)
	}
	b.WriteString("\nContent-Transfer-Encoding: " + transfer + "\n\n")
	switch transfer {
	case "base64":
		packed := base64.StdEncoding.EncodeToString(body)
		for len(packed) > 76 {
			b.WriteString(packed[:76] + "\n")
			packed = packed[76:]
		}
		b.WriteString(packed + "\n")
	case "quoted-printable":
		w := quotedprintable.NewWriter(&b)
		w.Write(body)
		w.Close()
	default:
		b.Write(body)
	}
	return b.Bytes()
}

func says(t *testing.T, in []byte, words string) {
	t.Helper()
	rep, err := Read(bytes.NewReader(in))
	if err != nil || len(rep.Failures) != 1 || rep.Failures[0].Reply.Text != "550 5.1.1 "+words || rep.Failures[0].Recipient != "a@example.net" || len(rep.Notes) > 0 {
		t.Errorf("%+v, %v", rep, err)
	}
}

func TestCharsetsAreRead(t *testing.T) {
	for _, c := range charsets {
		for _, transfer := range []string{"8bit", "base64", "quoted-printable"} {
			if transfer != "base64" && strings.HasPrefix(c.label, "utf-16") {
				continue // elsewhere its newlines are none
			}
			t.Run(c.label+" "+transfer, func(t *testing.T) {
				says(t, letter(c.label, "text/plain", transfer, inCharset(t, c.enc, "<a@example.net>:\n550 5.1.1 "+c.words+"\n")), c.words)
			})
			t.Run(c.label+" page "+transfer, func(t *testing.T) {
				says(t, letter(c.label, "text/html", transfer, inCharset(t, c.enc, "<html><body><p>&lt;a@example.net&gt;: 550 5.1.1 "+c.words+"</p></body></html>\n")), c.words)
			})
		}
	}
}

func TestSevenBitUnicodeIsRead(t *testing.T) {
	// 無法傳遞 & more, as RFC 2152 has it.
	const utf7 = "<a@example.net>:\n550 5.1.1 +cSFs1VCzkF4 a+-b +2EDcAA-.\n"
	for _, label := range []string{"unicode-1-1-utf-7", "UTF-7", `"utf-7"`} {
		says(t, letter(label, "text/plain", "7bit", []byte(utf7)), "無法傳遞 a+b \U00020000.")
	}
	rep, err := Read(strings.NewReader("From: postmaster@example.org\nSubject: =?unicode-1-1-utf-7?Q?+cSFs1VCzkF4-:_x?=\n\n550 5.1.1 no\n"))
	if err != nil || rep.Subject != "無法傳遞: x" {
		t.Errorf("%+v, %v", rep, err)
	}
}

func TestWholeFileMayBeUTF16(t *testing.T) {
	for name, enc := range map[string]encoding.Encoding{"little": little, "big": big, "no mark": bare} {
		t.Run(name, func(t *testing.T) {
			says(t, inCharset(t, enc, string(letter("utf-8", "text/plain", "8bit", []byte("<a@example.net>:\n550 5.1.1 "+chinese+"\n")))), chinese)
		})
	}
}

// RFC 6533 section 3
func TestGlobalDeliveryStatusIsRead(t *testing.T) {
	const in = `From: MAILER-DAEMON@mail.example.org
Subject: failure notice
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: message/global-delivery-status
Content-Transfer-Encoding: 8bit

Reporting-MTA: dns; mail.example.org

Original-Recipient: utf-8; \x{738B}@example.net
Final-Recipient: utf-8; 王小明@例子.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 ` + chinese + `
--b--
`
	rep, err := Read(strings.NewReader(in))
	if err != nil || len(rep.Failures) != 1 {
		t.Fatalf("%+v, %v", rep, err)
	}
	if f := rep.Failures[0]; f.Recipient != "王小明@例子.example" || f.OriginalRecipient != "王@example.net" || f.Reply.Text != "550 5.1.1 "+chinese {
		t.Errorf("%+v", f)
	}
}

func TestWhatCannotBeDecodedIsNotedAndReadingGoesOn(t *testing.T) {
	const words = "<a@example.net>:\n550 5.1.1 unknown user\n"
	for name, in := range map[string][]byte{
		"half a character": letter("big5", "text/plain", "8bit", []byte("\xb5\n"+words)),
		"an unknown label": letter("x-klingon", "text/plain", "8bit", []byte("\xe7\x84\n"+words+"\xe7\x84\xa1\xe6\xb3\x95\xe5\x82\xb3\xe9\x81\x9e\xe7\x84\xa1\xe6\xb3\x95\n")),
		"UTF-7":            letter("utf-7", "text/plain", "7bit", []byte("+2EA-\n"+words)),
	} {
		rep, err := Read(bytes.NewReader(in))
		if err != nil || len(rep.Failures) != 1 || rep.Failures[0].Reply.Code != 550 || len(rep.Notes) != 1 || rep.Notes[0].Code != "text.undecoded" {
			t.Errorf("%s: %+v, %v", name, rep, err)
		}
	}
}

func TestDamagedPartIsNotedAndReadingGoesOn(t *testing.T) {
	const words = "<a@example.net>:\n550 5.1.1 unknown user\n\n"
	packed := base64.StdEncoding.EncodeToString([]byte(words))
	for name, c := range map[string]struct {
		encoding, body string
		damaged        bool
	}{
		"whole base64":         {"base64", packed, false},
		"a footer":             {"base64", packed + "\n-- \nthe list\n", false},
		"no padding":           {"base64", strings.TrimRight(packed, "="), false},
		"a byte that none has": {"base64", packed + "!!!!", true},
		"cut in a byte":        {"base64", strings.TrimRight(packed, "=") + "QQ", true},
		"whole quoted":         {"quoted-printable", words + "=41=\n", false},
		"a lone equals sign":   {"quoted-printable", "see a=b, =ZZ and=20=\nmore\n\n<a@example.net>:\n550 5.1.1 unknown=20user\n", true},
		"damaged twice":        {"quoted-printable", words + "a=b c=d\n", true},
	} {
		in := bytes.Replace(letter("utf-8", "text/plain", "8bit", []byte(c.body)), []byte("8bit"), []byte(c.encoding), 1)
		rep, err := Read(bytes.NewReader(in))
		if err != nil || len(rep.Failures) != 1 || rep.Failures[0].Reply.Text != "550 5.1.1 unknown user" {
			t.Errorf("%s: %+v, %v", name, rep, err)
			continue
		}
		var want []Note
		if c.damaged {
			want = []Note{{Code: "part.damaged", Args: map[string]string{"encoding": c.encoding}}}
		}
		if !reflect.DeepEqual(rep.Notes, want) {
			t.Errorf("%s: notes %v", name, rep.Notes)
		}
	}
}

func TestUncodedBytesInQuotedPrintableStay(t *testing.T) {
	in := letter("utf-8", "text/plain", "8bit", []byte("無\n<a@example.net>:\n550 5.1.1 unknown=20user=\n"))
	says(t, bytes.Replace(in, []byte("8bit"), []byte("quoted-printable"), 1), "unknown user")
}
