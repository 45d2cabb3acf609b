package bounce

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/richardlehane/mscfb"
)

// Outlook saves a mail not as it came but as the properties that MAPI made of
// it, in a compound file, a small file system ([MS-CFB], [MS-OXMSG]). A bounce
// that Exchange wrote or took apart is an item of a class of its own,
// REPORT.IPM.Note.NDR: no part of the mail is left of it, and what the remote
// said stands with each recipient.
const (
	maxProperty = 1 << 20 // bytes read of one property
	maxEntries  = 1 << 16 // streams and storages in one file
	maxStorages = 2 << 10 // recipients and attachments in one file
	maxEnclosed = 5       // storages inside storages: a report, forwarded, with its original
)

// The properties that are read. [MS-OXPROPS] section 2
const (
	propClass           = 0x001A // PidTagMessageClass
	propReportTime      = 0x0032
	propSubject         = 0x0037
	propSubmitTime      = 0x0039
	propOriginalSubject = 0x0049
	propOriginalTime    = 0x004E // PidTagOriginalSubmitTime
	propOriginalSender  = 0x0067 // PidTagOriginalSenderEmailAddress
	propReceivedBy      = 0x0076 // PidTagReceivedByEmailAddress
	propHeader          = 0x007D // PidTagTransportMessageHeaders
	propReason          = 0x0C04 // PidTagNonDeliveryReportReasonCode
	propDiagnosis       = 0x0C05 // PidTagNonDeliveryReportDiagCode
	propSupplementary   = 0x0C1B // PidTagSupplementaryInfo
	propSenderAddress   = 0x0C1F // PidTagSenderEmailAddress
	propStatus          = 0x0C20 // PidTagNonDeliveryReportStatusCode
	propRemote          = 0x0C21 // PidTagRemoteMessageTransferAgent
	propDeliveryTime    = 0x0E06 // PidTagMessageDeliveryTime
	propBody            = 0x1000
	propReportText      = 0x1001
	propRTF             = 0x1009 // PidTagRtfCompressed
	propHTML            = 0x1013
	propMessageID       = 0x1035 // PidTagInternetMessageId
	propInReplyTo       = 0x1042
	propOriginalID      = 0x1046 // PidTagOriginalMessageId
	propDisplayName     = 0x3001
	propEmailAddress    = 0x3003
	propAttached        = 0x3701 // PidTagAttachDataBinary
	propMediaType       = 0x370E // PidTagAttachMimeTag
	propSMTPAddress     = 0x39FE
	propBodyCodepage    = 0x3FDE // PidTagInternetCodepage
	propCodepage        = 0x3FFD // PidTagMessageCodepage
	propSenderSMTP      = 0x5D01
	propReceivedBySMTP  = 0x5D07
	propRecipientName   = 0x5FF6 // PidTagRecipientDisplayName
	propReportingHost   = 0x6820 // PidTagReportingMessageTransferAgent
)

// isOutlook tells a compound file. [MS-CFB] section 2.2
func isOutlook(head []byte) bool {
	return bytes.HasPrefix(head, []byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"))
}

// readOutlook reads a message that Outlook has saved. One of the class of
// reports is read by its properties; any other as the mail that it was.
func readOutlook(l *lines) *Report {
	data, err := io.ReadAll(io.LimitReader(l.rest(), maxMessage))
	l.err = err
	r := &reader{lines: l, rep: &Report{}}
	file, root, err := openOutlook(data)
	if err != nil {
		r.rep.Kind = KindNotABounce
		r.note("msg.unreadable", "error", err.Error())
		return r.rep
	}
	if mail := root.enclosedMail(); mail != nil && !root.isReport() {
		if rep := new(reader).readMessage(new(lines).begin(bytes.NewReader(mail), sniffed)); len(rep.Failures) > 0 {
			return rep
		}
	}
	r.readItem(root.reportItem())
	r.finish(false)
	if len(data) == maxMessage {
		r.note("input.truncated", "bytes", strconv.Itoa(maxMessage))
	}
	if file.damaged {
		r.rep.Notes = append(r.rep.Notes, Note{Code: "msg.damaged"})
	}
	return r.rep
}

// outlook is an open file.
type outlook struct {
	codepage int
	left     int  // bytes that may still be read: many entries can name the same stream
	damaged  bool // a stream did not hold what it should, or all of them too much
}

// storage is a message, a recipient or an attachment.
type storage struct {
	file        *outlook
	head        int // bytes before the first property of fixed size. [MS-OXMSG] section 2.4.1
	streams     map[string]*mscfb.File
	fixed       []byte // the properties of fixed size, 16 bytes each; read when first asked for
	recipients  []*storage
	attachments []*storage
	message     *storage // of an attachment: the message that it is
}

// openOutlook finds the storages of a file.
func openOutlook(data []byte) (*outlook, *storage, error) {
	dir := &directory{Reader: bytes.NewReader(data)}
	c, err := mscfb.New(dir)
	if err != nil {
		return nil, nil, err
	}
	dir.read = true
	file := &outlook{left: maxMessage}
	root := &storage{file: file, head: 32, streams: map[string]*mscfb.File{}}
	all := map[string]*storage{"": root}
	for _, f := range c.File {
		parent := all[strings.ToLower(strings.Join(f.Path[:min(len(f.Path), maxEnclosed+1)], "/"))]
		switch name := strings.ToLower(f.Name); {
		case parent == nil || len(f.Path) > maxEnclosed:
		case f.FileInfo().IsDir():
			all[strings.TrimPrefix(strings.ToLower(strings.Join(f.Path, "/"))+"/"+name, "/")] = parent.enclose(name)
		case parent.streams[name] == nil:
			parent.streams[name] = f
		}
	}
	file.codepage = int(root.number(propCodepage))
	return file, root, nil
}

// directory bounds the directory that mscfb reads, which it takes as long and
// as deep as the file says: it walks it by recursion, and keeps for each entry
// the whole path to it.
type directory struct {
	*bytes.Reader
	read              bool
	entries, storages int
}

var errDirectory = errors.New("too many streams")

// ReadAt counts the entries of directory sectors: of what mscfb reads before
// the first stream, only they and a few others are read whole.
func (d *directory) ReadAt(p []byte, off int64) (int, error) {
	n, err := d.Reader.ReadAt(p, off)
	if d.read || len(p)%128 != 0 || off == 0 {
		return n, err
	}
	for entry := p[:n]; len(entry) >= 128; entry = entry[128:] {
		d.entries++
		if binary.LittleEndian.Uint32(entry[76:]) != 0xFFFFFFFF {
			d.storages++ // it has a child
		}
	}
	if d.entries > maxEntries || d.storages > maxStorages {
		return 0, errDirectory
	}
	return n, err
}

// enclose adds a storage. [MS-OXMSG] section 2.2
func (s *storage) enclose(name string) *storage {
	child := &storage{file: s.file, head: 8, streams: map[string]*mscfb.File{}}
	switch {
	case strings.HasPrefix(name, "__recip_version1.0_"):
		s.recipients = append(s.recipients, child)
	case strings.HasPrefix(name, "__attach_version1.0_"):
		s.attachments = append(s.attachments, child)
	case name == fmt.Sprintf("__substg1.0_%04x000d", propAttached):
		child.head = 24
		s.message = child
	}
	return child
}

// stream reads a stream; nil where there is none.
func (s *storage) stream(name string) []byte {
	f := s.streams[name]
	if f == nil || f.Size == 0 {
		return nil
	}
	want := min(f.Size, maxProperty)
	b := make([]byte, min(want, int64(s.file.left)))
	n, _ := f.ReadAt(b, 0)
	s.file.left -= n
	if int64(n) < want {
		s.file.damaged = true
	}
	return b[:n]
}

// binary is a property of bytes.
func (s *storage) binary(id uint16) []byte {
	return s.stream(fmt.Sprintf("__substg1.0_%04x0102", id))
}

// text is a property of text; empty where there is none.
func (s *storage) text(id uint16) string {
	if b := s.stream(fmt.Sprintf("__substg1.0_%04x001f", id)); b != nil {
		return strings.TrimRight(decodeUTF16(b), "\x00")
	}
	b := s.stream(fmt.Sprintf("__substg1.0_%04x001e", id))
	return strings.TrimRight(decodeCharset(b, codepage(s.file.codepage)), "\x00")
}

func decodeUTF16(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

// value is the eight bytes of a property of fixed size.
func (s *storage) value(id uint16) (uint64, bool) {
	if s.fixed == nil {
		b := s.stream("__properties_version1.0")
		s.fixed = append([]byte{}, b[min(len(b), s.head):]...)
	}
	for p := s.fixed; len(p) >= 16; p = p[16:] {
		if binary.LittleEndian.Uint16(p[2:]) == id {
			return binary.LittleEndian.Uint64(p[8:]), true
		}
	}
	return 0, false
}

func (s *storage) number(id uint16) int32 {
	v, _ := s.value(id)
	return int32(v)
}

// time reads tenths of microseconds since 1601; the zero time where there are
// none, or more than a date can hold. [MS-DTYP] section 2.3.3
func (s *storage) time(id uint16) time.Time {
	v, ok := s.value(id)
	t := time.Unix(int64(v/1e7)-11644473600, 0).UTC()
	if !ok || v == 0 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

// codepage is the charset of a Windows code page.
func codepage(n int) string {
	switch n {
	case 932:
		return "shift_jis"
	case 949:
		return "euc-kr"
	case 20866:
		return "koi8-r"
	case 50220, 50221, 50222:
		return "iso-2022-jp"
	case 54936:
		return "gb18030"
	case 65001:
		return "utf-8"
	}
	return "cp" + strconv.Itoa(n)
}

// isReport tells the class of a report: REPORT, the class of the original, and
// what has become of it. [MS-OXOMSG] section 2.2.2
func (s *storage) isReport() bool {
	return strings.HasPrefix(lower(s.text(propClass)), "report.")
}

// action is what the class of a report tells.
func (s *storage) action() Action {
	class := lower(s.text(propClass))
	switch {
	case strings.HasSuffix(class, ".ndr"):
		return ActionFailed
	case strings.HasSuffix(class, ".delayed"), strings.HasSuffix(class, ".delayed.dr"):
		return ActionDelayed
	case strings.HasSuffix(class, ".relayed.dr"):
		return ActionRelayed
	case strings.HasSuffix(class, ".expanded.dr"):
		return ActionExpanded
	case strings.HasSuffix(class, ".dr"):
		return ActionDelivered
	}
	return ""
}

// reportItem is the message itself, or the bounce that is attached to it.
func (s *storage) reportItem() *storage {
	if s.isReport() {
		return s
	}
	for _, a := range s.attachments {
		if a.message != nil && (a.message.isReport() || isBounceHeader(a.message.header())) {
			return a.message
		}
	}
	return s
}

// enclosedMail is a bounce attached as the mail that it was.
func (s *storage) enclosedMail() []byte {
	for _, a := range s.attachments {
		if !strings.EqualFold(a.text(propMediaType), "message/rfc822") {
			continue
		}
		if mail := a.binary(propAttached); isBounceHeader(headerOf(mail)) {
			return mail
		}
	}
	return nil
}

func headerOf(mail []byte) header {
	h, _ := parseHeader(string(mail[:min(len(mail), maxHeader)]))
	return h
}

// header is that which the mail came with, else what the properties tell of it.
func (s *storage) header() header {
	if h := headerOf([]byte(s.text(propHeader))); len(h) > 0 {
		return h
	}
	h := header{
		{keySubject, s.text(propSubject)},
		{keyDate, mailDate(s.time(propReportTime), s.time(propSubmitTime), s.time(propDeliveryTime))},
		{keyFrom, s.address(propSenderSMTP, propSenderAddress)},
		{keyTo, s.address(propReceivedBySMTP, propReceivedBy)},
		{keyMessageID, s.text(propMessageID)},
	}
	if s.isReport() {
		h = append(h, field{keyContentType, "multipart/report; report-type=delivery-status"})
	}
	return h
}

// mailDate writes the first date that there is.
func mailDate(dates ...time.Time) string {
	for _, t := range dates {
		if !t.IsZero() {
			return t.Format(time.RFC1123Z)
		}
	}
	return ""
}

// address is the first of some properties that holds an address as mail has
// it, not one of a directory: "/O=EXAMPLE/OU=...".
func (s *storage) address(ids ...uint16) string {
	for _, id := range ids {
		if addr := s.text(id); strings.Contains(addr, "@") {
			return clip(addr, maxValue)
		}
	}
	return ""
}

// readItem takes from an item what the walk through a mail would have kept.
func (r *reader) readItem(s *storage) {
	r.header = s.header()
	r.readBody(s)
	for _, a := range s.attachments {
		r.readAttachment(a)
	}
	if !s.isReport() {
		return
	}
	if strings.Contains(lower(s.text(propClass)), ".ipn") { // read, or deleted unread
		r.mdn = true
		return
	}
	r.dsn.reporting = "dns;" + s.text(propReportingHost)
	for _, to := range s.recipients[:min(len(s.recipients), maxFailures)] {
		r.dsn.groups = append(r.dsn.groups, to.group(s.action()))
	}
	if r.original == nil {
		r.setOriginal(header{
			{keySubject, s.text(propOriginalSubject)},
			{keyDate, mailDate(s.time(propOriginalTime))},
			{keyFrom, s.address(propOriginalSender)},
			{keyMessageID, s.address(propOriginalID, propInReplyTo)},
		})
	}
}

// readBody keeps the text, that of the page or of the RTF where there is no
// other.
func (r *reader) readBody(s *storage) {
	body, page := s.text(propBody), false
	if strings.TrimSpace(body) == "" {
		page = true
		if body = s.text(propHTML); body == "" {
			body = r.decode(s.binary(propHTML), codepage(int(s.number(propBodyCodepage))))
		}
	}
	packed := s.streams[fmt.Sprintf("__substg1.0_%04x0102", propRTF)] != nil
	if body == "" && packed {
		body, page = plainRTF(unpackRTF(s.binary(propRTF))), false
	}
	if kept := clip(body, maxText); kept != "" {
		r.texts = append(r.texts, &text{body: kept, html: page, extra: int64(len(body) - len(kept))})
	} else if packed {
		r.rep.Notes = append(r.rep.Notes, Note{Code: "msg.rtf-only"})
	}
}

// readAttachment reads the parts of a report that was a mail, and the original.
func (r *reader) readAttachment(a *storage) {
	media := lower(a.text(propMediaType))
	switch {
	case media == "message/delivery-status" || media == "message/global-delivery-status":
		for line := range bytes.Lines(a.binary(propAttached)) {
			r.dsn.line(trimNewline(line), &r.store)
		}
		r.dsn.flush()
	case r.original != nil:
	case media == "message/rfc822" || media == "text/rfc822-headers":
		r.setOriginal(headerOf(a.binary(propAttached)))
	case a.message != nil:
		r.setOriginal(a.message.header())
	}
}

// group is what a report tells of one recipient.
func (s *storage) group(action Action) group {
	g := group{
		final:      s.address(propSMTPAddress, propEmailAddress, propRecipientName, propDisplayName),
		action:     string(action),
		status:     s.status(),
		remote:     clip(s.text(propRemote), maxValue),
		diagnostic: clip(s.text(propSupplementary), maxValue),
	}
	if g.final == "" {
		g.final = clip(s.text(propDisplayName), maxValue)
	}
	if g.diagnostic == "" {
		g.diagnostic = clip(s.text(propReportText), maxValue)
	}
	if g.diagnostic == "" && g.status == "" && action == ActionFailed {
		g.diagnostic = s.x400()
	}
	return g
}

// status is the enhanced status, which stands there as the number 511 for
// "5.1.1". [MS-OXCMAIL]
func (s *storage) status() string {
	n := s.number(propStatus)
	if c := n / 100; n > 999 || c != 2 && c != 4 && c != 5 {
		return ""
	}
	return fmt.Sprintf("%d.%d.%d", n/100, n/10%10, n%10)
}

// x400 names the diagnostic code, or else the reason, by the words of X.411,
// where an old Exchange tells nothing more.
func (s *storage) x400() string {
	name := func(id uint16, names ...string) string {
		v, ok := s.value(id)
		if n := uint32(v); ok && n < uint32(len(names)) {
			return names[n]
		}
		return ""
	}
	if diagnosis := name(propDiagnosis, "unrecognised-OR-name", "ambiguous-OR-name", "mts-congestion", "loop-detected",
		"recipient-unavailable", "maximum-time-expired", "encoded-information-types-unsupported", "content-too-long"); diagnosis != "" {
		return diagnosis
	}
	return name(propReason, "transfer-failure", "unable-to-transfer", "conversion-not-performed")
}
