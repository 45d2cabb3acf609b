package bounce

import (
	"encoding/base64"
	"io"
)

// maxOutlookPart bounds a saved message inside a mail: it is read whole, and
// a bounce has no use for more.
const maxOutlookPart = 16 << 20

// isSavedOutlook tells an attachment that Outlook made of a message: by
// dragging a bounce into a mail to the admin.
func isSavedOutlook(h header) bool {
	return h.mediaType() == "application/vnd.ms-outlook" || containsFold(h.get(keyContentType), ".msg") || containsFold(h.get(keyContentDisposition), ".msg")
}

// attachedOutlook reads such an attachment as returned reads a message: a
// bounce is then the report, any other the message that came back.
func (r *reader) attachedOutlook(h header) delimiter {
	in := &part{reader: reader{lines: r.lines, bounds: r.bounds}, at: end}
	var body io.Reader = in
	if lower(h.get(keyContentTransferEncoding)) == "base64" {
		body = base64.NewDecoder(base64.StdEncoding, in)
	}
	data, _ := io.ReadAll(io.LimitReader(body, maxOutlookPart))
	if isOutlook(data) {
		r.takeOutlook(data)
	}
	if !in.ended {
		_, in.at = in.skip()
	}
	return in.at
}

func (r *reader) takeOutlook(data []byte) {
	file, root, err := openOutlook(data)
	if err != nil {
		r.note("msg.unreadable", "error", err.Error())
		return
	}
	item := root.reportItem()
	own := isBounceHeader(r.header)
	switch {
	case r.nested < 4 && len(r.dsn.groups) == 0 && (item.isReport() || isBounceHeader(item.header()) && !own && !isComplaint(r.header, r.header.text(keySubject))):
		r.nested++
		r.texts, r.original, r.rep.Original = nil, nil, Original{}
		r.readItem(item)
	case own && r.original == nil:
		r.setOriginal(root.header())
	}
	if file.damaged {
		r.rep.Notes = append(r.rep.Notes, Note{Code: "msg.damaged"})
	}
}
