package bounce

// maxInside is how many attached messages of one mail are looked into.
const maxInside = 4

// inside is an attached message whose header is an ordinary one. Most are; some
// gateways and list managers report under such a header, too, and only the text
// tells.
type inside struct {
	header   header
	texts    []*text
	original header // of what is attached to it in turn
	returned Original
}

// mayReport is whether an attached message is worth keeping: nothing so far was
// a report, and the mail that it is attached to is a person's.
func (r *reader) mayReport() bool {
	return len(r.inside) < maxInside && r.nested == 0 && len(r.dsn.groups) == 0 && !r.within &&
		!isBounceHeader(r.header) && !r.isOfficial() && !isMailing(r.header) && !isComplaint(r.header, r.header.text(keySubject))
}

// readInside reads the body of such a message, keeps it, and gives its size.
func (r *reader) readInside(h header, depth int) (size int64, d delimiter) {
	left := r.left
	if r.again {
		left += r.size
	}
	outer, arf, mdn := inside{r.header, r.texts, r.original, r.rep.Original}, r.arf, r.mdn
	r.header, r.texts, r.original, r.rep.Original, r.within = h, nil, nil, Original{}, true
	if h.has(keyContentType) {
		d = r.entity(h, depth+1)
	} else {
		d = r.readText(h, false)
	}
	r.within, r.arf, r.mdn = false, arf, mdn
	if size = int64(left - r.left); d != end {
		size -= int64(r.size)
	}
	if r.nested > 0 || len(r.dsn.groups) > 0 { // a report was in it
		return size, d
	}
	r.inside = append(r.inside, inside{r.header, r.texts, r.original, r.rep.Original})
	r.header, r.texts, r.original, r.rep.Original = outer.header, outer.texts, outer.original, outer.returned
	return size, d
}

// reportInside makes the reports of the attached messages that are one by their
// text. Where none is, the report stays what it was.
func (r *reader) reportInside() {
	outer, all, first := *r.rep, r.inside, r.rep
	r.inside = nil
	found := false
	for _, m := range all {
		if r.rep = first; found {
			r.rep = &Report{}
		}
		*r.rep = Report{Original: m.returned, Notes: outer.Notes}
		r.header, r.texts, r.original, r.dsn = m.header, m.texts, m.original, dsn{}
		if r.finish(false); found {
			r.keepOther(r.rep)
		}
		found = found || len(first.Failures) > 0
	}
	if r.rep = first; !found {
		*r.rep = outer
	}
}
