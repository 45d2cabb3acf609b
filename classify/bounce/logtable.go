package bounce

import (
	"encoding/csv"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The columns of a row that comes without the line that names them.
var (
	accounting = strings.Split("type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,bounceCat,srcType,srcMta,dlvType,dlvSourceIp,dlvDestinationIp", ",")
	tracking   = strings.Split("date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,source,event-id,internal-message-id,message-id,network-message-id,recipient-address,recipient-status,total-bytes,recipient-count,related-recipient-address,reference,message-subject,sender-address,return-path", ",")
)

// readTable reads a line of comma separated values: PowerMTA's accounting file,
// and Exchange's message tracking log.
func (b *logbook) readTable(line string) (*Report, bool) {
	switch {
	case strings.HasPrefix(line, "#Fields: "):
		b.columns = strings.Split(strings.TrimSpace(line[len("#Fields: "):]), ",")
		return noDelivery()
	case strings.HasPrefix(line, "#Software: "), strings.HasPrefix(line, "#Version: "), strings.HasPrefix(line, "#Log-"), strings.HasPrefix(line, "#Date: "):
		return noDelivery()
	case strings.HasPrefix(line, "type,") && strings.Contains(line, ",rcpt"):
		b.columns = strings.Split(strings.TrimSpace(line), ",")
		return noDelivery()
	case !isAccounting(line) && !isTracking(line):
		return nil, false
	}
	r := csv.NewReader(strings.NewReader(line))
	r.LazyQuotes = true
	cells, err := r.Read()
	if err != nil {
		return nil, false
	}
	columns := b.columns
	switch {
	case columns != nil:
	case isAccounting(line):
		columns = accounting
	case len(cells) > 11 && strings.Contains(cells[11], "@"): // Exchange 2010
		columns = slices.Delete(slices.Clone(tracking), 11, 12)
	default:
		columns = tracking
	}
	row := row{}
	for i, name := range columns[:min(len(columns), len(cells))] {
		row[name] = cells[i]
	}
	if isAccounting(line) {
		return row.accounting()
	}
	return row.tracking()
}

// isAccounting tells a record of PowerMTA by its type: delivered, bounced,
// bounced later, transient, and those about no delivery.
func isAccounting(line string) bool {
	kind, _, ok := strings.Cut(line[:min(len(line), 4)], ",")
	switch kind {
	case "d", "b", "rb", "t", "r", "f", "tq", "rs", "p":
		return ok && strings.Count(line, ",") >= 5
	}
	return false
}

// isTracking tells a line that begins "2026-01-12T01:30:06.123Z,".
func isTracking(line string) bool {
	return len(line) > 25 && line[4] == '-' && line[10] == 'T' && line[13] == ':' && strings.IndexByte(line[19:26], ',') >= 0 && strings.Count(line, ",") >= 13
}

// row is a line of a table by the names of its columns.
type row map[string]string

// accounting reads a row of PowerMTA.
func (r row) accounting() (*Report, bool) {
	action, ok := map[string]Action{"d": ActionDelivered, "b": ActionFailed, "rb": ActionFailed, "t": ActionDelayed}[r["type"]]
	if !ok || !strings.Contains(r["rcpt"], "@") {
		return noDelivery()
	}
	f := group{final: r["rcpt"], original: r["orcpt"], action: string(action), status: r["dsnStatus"], remote: r["dsnMta"], diagnostic: r["dsnDiag"]}.failure(nil)
	f.Sender = r["orig"]
	f.setRemote(Host{f.Remote.Name, parseIP(r["dlvDestinationIp"])})
	f.sentFrom(r["dlvSourceIp"])
	rep := &Report{Kind: kindOf(action), ReportingHost: cleanHost(r["srcMta"]), Failures: []Failure{f}}
	rep.Original.EnvelopeSender = f.Sender
	rep.Date, _ = time.Parse("2006-01-02 15:04:05-0700", r["timeLogged"])
	return rep, true
}

// tracking reads a row of Exchange. FAIL and BADMAIL are final, DEFER is not;
// a row of another event has nothing to tell, unless the message went out. The
// DSN that follows a FAIL is addressed to the sender: it says nothing new.
func (r row) tracking() (*Report, bool) {
	action, ok := map[string]Action{"FAIL": ActionFailed, "BADMAIL": ActionFailed, "DEFER": ActionDelayed, "SEND": ActionDelivered, "SENDEXTERNAL": ActionDelivered, "DELIVER": ActionDelivered}[r["event-id"]]
	if !ok {
		return noDelivery()
	}
	rep := &Report{Kind: kindOf(action)}
	rep.Date, _ = time.Parse(time.RFC3339, r["date-time"])
	rep.Original = Original{MessageID: r["message-id"], Subject: clip(r["message-subject"], maxSubject), From: r["sender-address"], EnvelopeSender: strings.Trim(r["return-path"], "<>")}
	if size, err := strconv.ParseUint(r["total-bytes"], 10, 62); err == nil {
		rep.Original.Size = int64(size)
	}
	if n, err := strconv.ParseUint(r["recipient-count"], 10, 31); err == nil {
		rep.Original.Recipients = int(n)
	}
	to := strings.Split(r["recipient-address"], ";")
	statuses := splitStatuses(r["recipient-status"], len(to))
	for i, addr := range to {
		f, ok := hearLastError(statuses[i])
		if !ok {
			f = hear(statuses[i], false)
		}
		f.Recipient, f.Action, f.Sender = addr, action, rep.Original.EnvelopeSender
		if action == ActionDelivered {
			f.setRemote(Host{cleanHost(r["server-hostname"]), parseIP(r["server-ip"])})
		}
		rep.Failures = append(rep.Failures, f)
	}
	return rep, true
}

// splitStatuses divides the statuses of n recipients. A semicolon stands within
// them, too, but before a space or a brace: where they do not come out as n,
// all of it is said of each.
func splitStatuses(s string, n int) []string {
	var all []string
	rest := s
	for i := 0; i+1 < len(rest); i++ {
		if next := rest[i+1]; rest[i] == ';' && (next == '[' || next >= '0' && next <= '9') {
			all, rest, i = append(all, rest[:i]), rest[i+1:], 0
		}
	}
	if all = append(all, rest); len(all) == n {
		return all
	}
	return slices.Repeat([]string{s}, n)
}
