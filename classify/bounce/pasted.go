package bounce

import "strings"

// isHTML tells the source of a page, or of a piece of one, by how it begins.
func isHTML(body string) bool {
	body, ok := strings.CutPrefix(body[:min(len(body), 512)], "<")
	n := strings.IndexAny(body, "> \t\r\n")
	return ok && n > 0 && strings.IndexByte(body, '>') > 0 &&
		tag{name: body[:n]}.is("!doctype", "html", "head", "meta", "body", "table", "tbody", "div", "span", "p", "b", "font", "h1", "h2", "h3", "center", "blockquote")
}

// away is what people who are away write of themselves. Servers do not.
var away = newPhrases(
	"i am out of", "i'm out of", "i\u2019m out of", "i will be out of", "i am currently out", "i am away", "i'm away", "i am currently away", "i am on leave",
	"i am on holiday", "i am on vacation", "i'm on vacation", "i'm on holiday", "i am on annual leave", "i am on maternity leave", "i am travelling",
	"this is an automatic reply", "this is an automated reply", "this is an auto-reply", "out of the office until", "out of office until",
	"ich bin nicht im b\u00fcro", "ich bin im urlaub", "ich bin derzeit nicht", "ich bin bis", "je suis absent", "je suis en cong\u00e9", "estoy fuera de la oficina",
	"\u6211\u76ee\u524d\u4e0d\u5728", "\u6211\u73fe\u5728\u4e0d\u5728", "\u6211\u73b0\u5728\u4e0d\u5728", "\u6211\u6b63\u5728\u4f11\u5047", "\u6211\u6b63\u5728\u51fa\u5dee", "\u672c\u4eba\u4f11\u5047", "\u672c\u4eba\u51fa\u5dee", "\u672c\u4eba\u4e0d\u5728", "\u81ea\u52d5\u56de\u8986", "\u81ea\u52a8\u56de\u590d", "\u4e0d\u5728\u306b\u3057\u3066\u304a\u308a",
)

// isAway tells a pasted answer of someone who is away: it says so, and has no
// reply of a server.
func isAway(notice string) bool {
	head := clip(notice, maxValue)
	if !away.in(head) {
		return false
	}
	f := hear(notice, false)
	return f.Reply.Code < 400 && f.Reply.Status == ""
}
