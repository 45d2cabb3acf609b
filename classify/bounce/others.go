package bounce

import (
	"slices"
	"strconv"
	"strings"
)

// maxOthers is how many bounces of one mail are kept besides the first. Together
// they have at most maxFailures.
const maxOthers = 100

// isOther tells a bounce that is attached beside one that was read already, or
// further out, to a mail that is none itself: somebody forwards several, or a digest of them.
func (r *reader) isOther(h header, depth int) bool {
	return 0 < depth && depth <= r.forwards && isBounceHeader(h)
}

// readOther reads the body of such a bounce, and keeps its report.
func (r *reader) readOther(h header, depth int) delimiter {
	first := *r
	r.startOver(h)
	var d delimiter
	if h.has(keyContentType) {
		d = r.entity(h, depth+1)
	} else {
		d = r.readText(h, false)
	}
	r.finish(false)
	rep, parts := r.rep, r.parts
	*r = first
	r.parts = parts
	r.keepOther(rep)
	return d
}

// startOver forgets what was read so far, for a report of its own.
func (r *reader) startOver(h header) {
	r.rep, r.header, r.texts, r.dsn, r.original, r.inside = &Report{}, h, nil, dsn{}, nil, nil
	r.arf, r.mdn, r.kept, r.nested, r.forwards = false, false, 0, 1, 0
}

// keepOther keeps a report, or counts its failures where they are too many.
func (r *reader) keepOther(rep *Report) {
	n := len(rep.Failures)
	switch {
	case n == 0:
	case len(r.others) == maxOthers || r.told+n > maxFailures:
		r.lost += n
	default:
		r.others = append(r.others, rep)
		r.told += n
	}
}

// giveOthers puts what was kept into the report.
func (r *reader) giveOthers() {
	r.rep.Others = slices.Clone(r.others)
	if r.lost > 0 {
		r.note("failures.capped", "more", strconv.Itoa(r.lost))
	}
}

// isDigest tells the multipart of which a part without a type is a message. RFC
// 2046 section 5.1.5
func isDigest(h header) bool { return strings.EqualFold(h.mediaType(), "multipart/digest") }
