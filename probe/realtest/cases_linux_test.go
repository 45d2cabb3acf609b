package realtest

import "testing"

// cases is the table: see [bounceCase]. A domain is named for its case.
var cases = []bounceCase{
	{
		label: "unknown-p", category: 1, quick: true,
		cause: state{policy: onlyPostmaster},
		says:  "User unknown in virtual mailbox table",
		looks: []look{
			now("consistent", "recipient", "smtp.greets"),
			now("confirmed", "recipient", "rcpt.refused-alone", rcpt),
			fixed("consistent", "recipient", "smtp.greets"),
			fixed("", "", "").then("cleared", "sender", "rcpt.exists", rcpt),
		},
	},
}

const onlyPostmaster = "virtual_mailbox_maps = regexp:{{/^postmaster@/ theirs}}"

func tryGuard(t *testing.T, w *world) {
	const to = "lee@guard.example"                                             // whom no case before has a bounce for: this message must have failed before the port opens
	w.names.set(t, "example", "guard", "@ MX 10 mx\nmx A "+nth("control", 60)) // 203.0.113.252
	s := senders[0]
	closePort25(t, w)
	s.send(t, mail{from: "carol@example.org", to: []string{to}})
	bounce := s.bounce(t, to)
	openPort25(t, w)

	dialled := countPort25(t)
	diagnose(t, s, bounce).check(t, 9, want{"inconclusive", "unknown", "skipped.private"})
	if n := dialled(); n != 0 {
		t.Errorf("%d packets went out to port 25", n)
	}
	diagnose(t, s, bounce, allow...).check(t, 9, want{"cleared", "sender", "smtp.greets"})
	if dialled() == 0 {
		t.Error("no packet was counted, though it was dialled")
	}
}
