package realtest

import (
	"context"
	"slices"
	"testing"
)

// cases is the table: see [bounceCase]. A domain is named for its case: p, x
// and s stand for a Postfix, an Exim and an OpenSMTPD that refuses.
var cases = slices.Concat(mailboxCases, messageCases, routeCases, policyCases, senderCases)

// Policies of the Postfix remote.
const (
	onlyPostmaster = "virtual_mailbox_maps = regexp:{{/^postmaster@/ theirs}}"
	announced      = "message_size_limit = 20000"
	banned         = "smtpd_client_restrictions = reject\nsmtpd_delay_reject = no"
	hidden         = "message_size_limit = 20000\nsmtpd_discard_ehlo_keywords = size, chunking"
)

// access refuses dave with a reply.
func access(reply string) string {
	return "smtpd_recipient_restrictions = check_recipient_access inline:{{dave@{d} = " + reply + "}}"
}

var mailboxCases = []bounceCase{
	{
		label: "unknown-p", category: 1, quick: true,
		cause: state{policy: onlyPostmaster},
		says:  "User unknown in virtual mailbox table",
		looks: []look{
			now("consistent", "recipient", "smtp.greets"),
			now("confirmed", "recipient", "rcpt.refused-alone", rcpt),
			fixed("consistent", "recipient", "smtp.greets"),
			fixed("cleared", "sender", "rcpt.exists", rcpt),
			instead(3, state{policy: access("452 4.2.2 The mailbox is over its quota")}, "consistent", "recipient", "smtp.greets", rcpt),
			instead(5, state{dns: "@ TXT \"no mail\""}, "contradicted", "remote-server", "mx.none"),
		},
	},
	{
		label: "unknown-x", category: 1, quick: true,
		at: "exim", mail: mail{to: []string{"nobody"}},
		says: "Unrouteable address",
		looks: []look{
			now("confirmed", "recipient", "rcpt.refused-alone", rcpt),
			fixed("cleared", "sender", "rcpt.exists", rcpt).
				after(state{policy: "rcpt: accept local_parts = nobody\nrequire verify = recipient\naccept"}),
			instead(13, state{policy: "rcpt: defer message = Greylisted, please come back later"}, "consistent", "recipient", "smtp.greets", rcpt),
		},
	},
	{
		label: "unknown-s", category: 1, quick: true,
		at: "smtpd", mail: mail{to: []string{"nobody"}},
		says: "Mailing list expansion problem",
		looks: []look{
			now("confirmed", "recipient", "rcpt.refused-alone", rcpt),
			fixed("cleared", "sender", "rcpt.exists", rcpt).after(state{policy: "users: nobody"}),
		},
	},
	{
		label: "disabled-p", category: 2, quick: true,
		cause: state{policy: access("550 5.2.1 The email account that you tried to reach is disabled")},
		says:  "is disabled",
		looks: []look{
			now("confirmed", "recipient", "rcpt.refused-alone", rcpt),
			fixed("cleared", "sender", "rcpt.exists", rcpt),
			instead(1, state{policy: onlyPostmaster}, "consistent", "recipient", "rcpt.refused-alone", rcpt),
		},
	},
	{
		label: "disabled-x", category: 2,
		at:    "exim",
		cause: state{policy: "rcpt: deny local_parts = dave\nmessage = 550 5.2.1 Mailbox disabled, not accepting messages\nrequire verify = recipient\naccept"},
		says:  "Mailbox disabled",
		looks: []look{
			now("confirmed", "recipient", "rcpt.refused-alone", rcpt),
			fixed("cleared", "sender", "rcpt.exists", rcpt),
			instead(8, state{policy: "connect: drop message = No SMTP service here for your host"}, "inconclusive", "unknown", "refuses", rcpt),
		},
	},
	{
		label: "disabled-s", category: 2,
		at:    "smtpd",
		cause: state{policy: `phase rcpt-to match rcpt-to { "dave@{d}" } reject "550 5.2.1 Mailbox disabled for this recipient"`},
		says:  "Mailbox disabled for this recipient",
		looks: []look{
			now("confirmed", "recipient", "rcpt.refused-alone", rcpt),
			fixed("cleared", "sender", "rcpt.exists", rcpt),
		},
	},
	{
		label: "full-p", category: 3, quick: true,
		cause: state{policy: access("452 4.2.2 The recipient's mailbox is over its quota")},
		says:  "over its quota",
		looks: []look{
			now("confirmed", "recipient", "", rcpt),
			fixed("cleared", "sender", "rcpt.exists", rcpt),
			instead(1, state{policy: onlyPostmaster}, "consistent", "recipient", "rcpt.refused-alone", rcpt),
		},
	},
	{
		label: "full-x", category: 3,
		at:    "exim",
		cause: state{policy: "rcpt: deny local_parts = dave\nmessage = 552 Mailbox full\nrequire verify = recipient\naccept"},
		says:  "Mailbox full",
		looks: []look{
			now("confirmed", "recipient", "rcpt.refused-alone", rcpt),
			fixed("cleared", "sender", "rcpt.exists", rcpt),
			instead(9, state{lost: true}, "inconclusive", "unknown", "", rcpt),
		},
	},
	{
		label: "full-s", category: 3,
		at:    "smtpd",
		cause: state{policy: `phase rcpt-to match rcpt-to { "dave@{d}" } reject "552 5.2.2 Over quota"`},
		says:  "Over quota",
		looks: []look{
			now("confirmed", "recipient", "rcpt.refused-alone", rcpt),
			fixed("cleared", "sender", "rcpt.exists", rcpt),
			instead(5, state{dns: "@ MX 0 ."}, "contradicted", "sender", "mx.null", rcpt),
		},
	},
	{
		label: "full-data-x", category: 3, unseen: true,
		at:    "exim",
		cause: state{policy: "data: deny message = 552 5.2.2 Quota exceeded, mailbox for user is full"},
		says:  "mailbox for user is full",
		looks: []look{
			now("consistent", "recipient", "smtp.greets", rcpt),
			fixed("consistent", "recipient", "smtp.greets", rcpt),
		},
	},
}

var messageCases = []bounceCase{
	{
		label: "filter-p", category: 4, quick: true, unseen: true,
		cause: state{policy: "cleanup_service_name = filters"},
		says:  "message content rejected as spam",
		looks: []look{
			now("consistent", "sender", "smtp.greets", rcpt),
			fixed("consistent", "sender", "smtp.greets", rcpt),
			instead(9, state{policy: closed}, "inconclusive", "unknown", "smtp.refused"),
		},
	},
	{
		label: "filter-x", category: 4, unseen: true,
		at:    "exim",
		cause: state{policy: "data: deny message = This message was classified as spam and may not be delivered"},
		says:  "classified as spam",
		looks: []look{
			now("consistent", "sender", "smtp.greets", rcpt),
			fixed("consistent", "sender", "smtp.greets", rcpt),
		},
	},
	{
		label: "utf8-p", category: 6, quick: true,
		by: "postfix", mail: mail{to: []string{"dåve"}, port: 587},
		cause: state{policy: "smtputf8_enable = no"},
		says:  "SMTPUTF8 is required",
		looks: []look{
			now("confirmed", "sender", "smtp.greets"),
			fixed("consistent", "sender", "smtp.greets").after(state{policy: "virtual_mailbox_maps = static:all"}),
		},
	},
	{
		label: "utf8-x", category: 6,
		at: "exim", by: "postfix", mail: mail{to: []string{"dåve"}, port: 587},
		cause: state{policy: "ascii: yes"},
		says:  "SMTPUTF8 is required",
		looks: []look{
			now("confirmed", "sender", "smtp.greets"),
			now("confirmed", "sender", "smtp.greets", rcpt),
		},
	},
	{
		label: "size-p", category: 7, quick: true,
		mail:  mail{size: 30_000},
		cause: state{policy: announced},
		says:  "exceeds size limit 20000|Message size exceeds|message too big",
		looks: []look{
			now("confirmed", "sender", "smtp.greets"),
			fixed("consistent", "sender", "smtp.greets"),
			instead(4, state{policy: "cleanup_service_name = filters"}, "consistent", "sender", "smtp.greets"),
		},
	},
	{
		label: "size-x", category: 7,
		at: "exim", mail: mail{size: 30_000},
		cause: state{policy: "size: 20000"},
		says:  "exceeds size limit 20000|Message size exceeds|too big",
		looks: []look{
			now("confirmed", "sender", "smtp.greets"),
			fixed("consistent", "sender", "smtp.greets"),
		},
	},
	{
		label: "size-hidden-p", category: 7, unseen: true,
		mail:  mail{size: 30_000},
		cause: state{policy: hidden},
		says:  "Message too big|message file too big|exceeds",
		looks: []look{
			now("consistent", "sender", "smtp.greets"),
			fixed("consistent", "sender", "smtp.greets"),
		},
	},
	{
		label: "size-hidden-x", category: 7, unseen: true,
		at: "exim", mail: mail{size: 30_000},
		cause: state{policy: "data: deny condition = ${if >{$message_size}{20000}}\nmessage = 552 5.3.4 Message size exceeds fixed limit\naccept"},
		says:  "exceeds fixed limit",
		looks: []look{
			now("consistent", "sender", "smtp.greets"),
			fixed("consistent", "sender", "smtp.greets"),
		},
	},
	{
		label: "many-p", category: 10, unseen: true,
		by:    "postfix", // Exim has delivered to some, and keeps the others
		mail:  mail{to: []string{"dave", "dive", "dove", "postmaster"}},
		cause: state{policy: "smtpd_recipient_limit = 2"},
		says:  "too many recipients",
		looks: []look{
			now("consistent", "sender", "smtp.greets"),
		},
	},
	{
		label: "many-x", category: 10, quick: true, unseen: true,
		at: "exim", mail: mail{to: []string{"dave", "postmaster", "erin", "d1", "d2", "d3"}},
		cause: state{policy: "rcpt: deny condition = ${if >{$rcpt_count}{2}}\nmessage = 550 5.5.3 Too many recipients\naccept"},
		says:  "Too many recipients",
		looks: []look{
			now("consistent", "sender", "smtp.greets"),
		},
	},
}

// Records of a domain: one whose name server does not hold it; one with a
// second mail server, which is in order; one with a second that is not.
const (
	lame     = "@ NS ns.lists.example."
	spare    = "@ MX 10 mx\nmx A {ip}\n@ MX 20 control1.example."
	halfDead = "@ MX 10 mx\nmx A {ip}\n@ MX 20 shut\nshut A 203.0.113.250"
)

var routeCases = []bounceCase{
	{
		label: "nxdomain", category: 5, quick: true,
		cause: state{dns: ";"},
		says:  "Host or domain name not found|Unrouteable address",
		looks: []look{
			now("confirmed", "remote-server", "mx.nxdomain").byExim(1, "contradicted", "remote-server", "mx.nxdomain"),
			fixed("cleared", "sender", "mx.ok").byExim(1, "consistent", "recipient", "mx.ok"),
			instead(9, state{policy: closed}, "contradicted", "remote-server", "control.ok").byExim(1, "inconclusive", "unknown", "control.ok"),
		},
	},
	{
		label: "nomx", category: 5,
		cause: state{dns: "@ TXT \"no mail here\""},
		says:  "Host or domain name not found|Unrouteable address",
		looks: []look{
			now("confirmed", "remote-server", "mx.none").byExim(1, "contradicted", "remote-server", "mx.none"),
			fixed("cleared", "sender", "mx.ok").byExim(1, "consistent", "recipient", "mx.ok"),
			instead(9, state{lost: true}, "contradicted", "remote-server", "control.ok").byExim(1, "inconclusive", "unknown", "control.ok"),
		},
	},
	{
		label: "nullmx", category: 5, quick: true,
		cause: state{dns: "@ MX 0 ."},
		says:  "nullMX|an MX record points to a non-existent host|indicated no SMTP service",
		looks: []look{
			now("confirmed", "sender", "mx.null"),
			fixed("cleared", "sender", "mx.ok"),
			instead(5, state{dns: "@ TXT \"no mail here\""}, "confirmed", "remote-server", "mx.none"),
		},
	},
	{
		label: "deadmx", category: 5, quick: true,
		cause: state{dns: "@ MX 10 gone"},
		says:  "Host or domain name not found|non-existent host",
		looks: []look{
			now("confirmed", "remote-server", "mx.dead"),
			fixed("cleared", "sender", "mx.ok"),
			instead(5, state{dns: ";"}, "confirmed", "remote-server", "mx.nxdomain"),
		},
	},
	{
		label: "ipmx", category: 5,
		by:    "exim",
		cause: state{dns: "@ MX 10 {ip}."},
		says:  "IP address|Unrouteable|non-existent",
		looks: []look{
			now("consistent", "remote-server", "mx.ok"),
			fixed("cleared", "sender", "mx.ok"),
		},
	},
	{
		label: "servfail", category: 5,
		cause: state{dns: lame},
		says:  "Host or domain name not found|retry timeout exceeded|host lookup did not complete",
		looks: []look{
			now("confirmed", "remote-server", "ns.dead").byExim(9, "contradicted", "remote-server", "ns.dead"),
			fixed("cleared", "sender", "mx.ok").byExim(9, "consistent", "remote-server", "smtp.greets"),
		},
	},
	{
		label: "ns-silent", category: 5, alone: true,
		by:    "postfix",
		cause: state{dns: lame, do: func(t *testing.T, w *world) { w.lists.silence(t) }},
		says:  "Host or domain name not found",
		looks: []look{
			now("consistent", "remote-server", "name-server-silent"),
			fixed("cleared", "sender", "mx.ok").after(state{do: func(t *testing.T, w *world) { w.lists.speak(t) }}),
		},
	},
	{
		label: "bogus-expired", category: 5,
		cause: state{dns: "@ 3600 NS ns.example.", do: resign("bogus-expired.example", "expired")},
		says:  "Host or domain name not found|retry timeout exceeded",
		looks: []look{ // unbound remembers bad keys for a minute, so that it is not mended here
			now("confirmed", "remote-server", "mx.bogus").byExim(9, "contradicted", "remote-server", "mx.bogus"),
		},
	},
	{
		label: "bogus-changed", category: 5, quick: true,
		cause: state{dns: "@ 3600 NS ns.example.", do: resign("bogus-changed.example", "changed")},
		says:  "Host or domain name not found|retry timeout exceeded",
		looks: []look{
			now("confirmed", "remote-server", "mx.bogus").byExim(9, "contradicted", "remote-server", "mx.bogus"),
			fixed("cleared", "sender", "mx.ok").byExim(9, "consistent", "remote-server", "smtp.greets").after(state{dns: "@ 3600 NS ns.example.", do: resign("bogus-changed.example", "")}),
		},
	},
	{
		label: "refused-p", category: 9, quick: true,
		cause: state{policy: closed},
		says:  "Connection refused|retry timeout exceeded",
		looks: []look{
			now("confirmed", "remote-server", "control.ok"),
			fixed("cleared", "sender", "smtp.greets").byExim(9, "consistent", "remote-server", "smtp.greets"),
			instead(5, state{dns: ";"}, "contradicted", "remote-server", "mx.nxdomain"),
		},
	},
	{
		label: "pool-p", category: 9,
		cause: state{policy: closed},
		says:  "Connection refused|retry timeout exceeded",
		looks: []look{
			fixed("consistent", "remote-server", "hosts-differ").after(state{policy: closed, dns: spare}), // by the other one
			fixed("cleared", "sender", "smtp.greets").byExim(9, "consistent", "remote-server", "given-up").after(state{dns: spare}),
			instead(9, state{policy: closed, dns: halfDead}, "confirmed", "remote-server", "control.ok"),
		},
	},
	{
		label: "refused-s", category: 9,
		at:    "smtpd",
		cause: state{policy: closed},
		says:  "Connection refused|retry timeout exceeded",
		looks: []look{
			now("confirmed", "remote-server", "control.ok"),
			fixed("cleared", "sender", "smtp.greets").byExim(9, "consistent", "remote-server", "smtp.greets"),
			instead(8, state{policy: `phase connect match src 198.51.100.0/24 disconnect "554 5.7.1 Your network is not welcome here"`}, "inconclusive", "unknown", "refuses"),
		},
	},
	{
		label: "dropped-x", category: 9,
		at:    "exim",
		cause: state{lost: true},
		says:  "Connection timed out|retry timeout exceeded",
		looks: []look{
			now("confirmed", "remote-server", "control.ok"),
			fixed("cleared", "sender", "smtp.greets").byExim(9, "consistent", "remote-server", "smtp.greets"),
		},
	},
	{
		label: "silent-x", category: 9,
		at:    "exim",
		cause: state{policy: "connect: accept delay = 100s"},
		says:  "timed out|timeout",
		looks: []look{
			now("confirmed", "remote-server", "smtp.silent").byExim(9, "inconclusive", "unknown", "smtp.silent"),
			fixed("cleared", "sender", "smtp.greets").byExim(9, "consistent", "remote-server", "smtp.greets"),
		},
	},
	{
		label: "port25", category: 9, quick: true, alone: true,
		cause: state{do: closePort25},
		says:  "connect to mx.port25.example|retry timeout exceeded",
		looks: []look{
			now("confirmed", "our-server", "control.failed"),
			fixed("cleared", "sender", "smtp.greets").after(state{do: openPort25}).byExim(9, "consistent", "remote-server", "smtp.greets"),
		},
	},
	{
		label: "fault-p", category: 16,
		cause: state{policy: "virtual_mailbox_maps = texthash:/run/lab/missing"},
		says:  "Temporary lookup failure",
		looks: []look{
			now("consistent", "remote-server", "smtp.greets"),
			now("confirmed", "remote-server", "", rcpt),
			fixed("cleared", "sender", "rcpt.exists", rcpt),
		},
	},
	{
		label: "fault-x", category: 16, quick: true,
		at:    "exim",
		cause: state{policy: "rcpt: defer message = 451 Temporary local problem - please try later"},
		says:  "Temporary local problem",
		looks: []look{
			now("confirmed", "remote-server", "", rcpt),
			fixed("cleared", "sender", "rcpt.exists", rcpt),
			instead(13, state{policy: "rcpt: defer message = 451 4.7.1 Greylisting in action, please try again in 300 seconds"}, "consistent", "remote-server", "", rcpt),
		},
	},
	{
		label: "busy-greeting-s", category: 9,
		at:    "smtpd",
		cause: state{policy: `phase connect match src 198.51.100.0/24 disconnect "421 4.3.2 Service not available, closing transmission channel"`},
		says:  "Service not available|retry timeout exceeded",
		looks: []look{
			now("confirmed", "remote-server", "smtp.greeting-rejected"),
			fixed("cleared", "sender", "smtp.greets"),
		},
	},
	{
		label: "hops-p", category: 16, unseen: true,
		cause: state{policy: "cleanup_service_name = hops"},
		says:  "too many hops",
		looks: []look{
			now("consistent", "remote-server", "smtp.greets", rcpt),
			fixed("consistent", "remote-server", "smtp.greets", rcpt),
		},
	},
	{
		label: "loop", category: 16, quick: true, unseen: true,
		cause: state{dns: "@ MX 10 mail\nmail A 198.51.100.25\n@ MX 10 mail2\nmail2 A 198.51.100.90"},
		says:  "retry timeout exceeded|loops back to myself|Too many .Received|remote host address is the local host",
		looks: []look{
			now("consistent", "remote-server", "smtp.greets").byExim(9, "consistent", "remote-server", "smtp.greets"),
			fixed("consistent", "remote-server", "smtp.greets").byExim(9, "consistent", "remote-server", "smtp.greets"),
		},
	},
}

var policyCases = []bounceCase{
	{
		label: "banned-p", category: 8, quick: true,
		cause: state{policy: banned},
		says:  "Access denied",
		looks: []look{
			now("confirmed", "our-server", "smtp.greeting-rejected"),
			fixed("cleared", "sender", "smtp.greets"),
			instead(9, state{policy: closed}, "inconclusive", "unknown", "smtp.refused"),
		},
	},
	{
		label: "banned-pool-p", category: 8,
		cause: state{policy: banned},
		says:  "Access denied",
		looks: []look{
			instead(8, state{policy: banned, dns: spare}, "confirmed", "our-server", "smtp.greeting-rejected"),
			fixed("cleared", "sender", "smtp.greets").after(state{dns: halfDead}),
		},
	},
	{
		label: "banned-x", category: 8,
		at:    "exim",
		cause: state{policy: "connect: drop message = No SMTP service here for your host"},
		says:  "No SMTP service here",
		looks: []look{
			now("confirmed", "our-server", "smtp.greeting-rejected"),
			fixed("cleared", "sender", "smtp.greets"),
			instead(15, state{policy: "tls: /run/lab/tls/expired.pem"}, "cleared", "sender", "smtp.greets"),
		},
	},
	{
		label: "banned-s", category: 8,
		at:    "smtpd",
		cause: state{policy: `phase connect match src 198.51.100.0/24 disconnect "554 5.7.1 Your network is not welcome here"`},
		says:  "not welcome here",
		looks: []look{
			now("confirmed", "our-server", "smtp.greeting-rejected"),
			fixed("cleared", "sender", "smtp.greets"),
		},
	},
	{
		label: "relay-p", category: 8, quick: true,
		cause: state{policy: "smtpd_relay_restrictions = check_recipient_access inline:{{dave@{d} = 554 5.7.1 Relay access denied}}, reject_unauth_destination"},
		says:  "Relay access denied",
		looks: []look{
			now("confirmed", "remote-server", "", rcpt),
			fixed("cleared", "sender", "rcpt.exists", rcpt),
			instead(1, state{policy: onlyPostmaster}, "consistent", "remote-server", "rcpt.refused-alone", rcpt),
		},
	},
	{
		label: "relay-x", category: 8,
		at:    "exim",
		cause: state{policy: "rcpt: deny message = relay not permitted"},
		says:  "relay not permitted",
		looks: []look{
			now("confirmed", "remote-server", "", rcpt),
			fixed("cleared", "sender", "rcpt.exists", rcpt),
		},
	},
	{
		label: "zen-p", category: 11, quick: true, alone: true,
		cause: state{policy: "smtpd_client_restrictions = reject_rbl_client zen.spamhaus.org", do: listUs("zen.spamhaus.org")},
		says:  "blocked using zen.spamhaus.org",
		looks: []look{
			now("confirmed", "our-server", "named.listed"),
			fixed("cleared", "sender", "named.not-listed").after(state{policy: "smtpd_client_restrictions = reject_rbl_client zen.spamhaus.org", do: unlist("zen.spamhaus.org")}),
			instead(12, state{policy: "smtpd_client_restrictions = reject_unknown_reverse_client_hostname", do: noPTR(unlist("zen.spamhaus.org"))}, "cleared", "sender", "ptr.none"),
			fixed("cleared", "sender", "named.not-listed").after(state{do: restorePTR}),
		},
	},
	{
		label: "spamcop-x", category: 11, alone: true,
		at:    "exim",
		cause: state{policy: "rcpt: deny dnslists = bl.spamcop.net\nmessage = $sender_host_address is listed at $dnslist_domain\naccept", do: listUs("bl.spamcop.net")},
		says:  "is listed at bl.spamcop.net",
		looks: []look{
			now("confirmed", "our-server", "named.listed"),
			fixed("cleared", "sender", "named.not-listed").after(state{do: unlist("bl.spamcop.net")}),
			fixed("inconclusive", "unknown", "named.no-answer").after(state{do: func(t *testing.T, w *world) { w.lists.silence(t) }}),
			fixed("cleared", "sender", "named.not-listed").after(state{do: func(t *testing.T, w *world) { w.lists.speak(t) }}),
		},
	},
	{
		label: "list-refuses-p", category: 11, quick: true, alone: true,
		cause: state{policy: "smtpd_client_restrictions = reject_rbl_client zen.spamhaus.org", do: func(t *testing.T, w *world) {
			w.lists.set(t, "zen.spamhaus.org", "0.0.0.0/0 :127.255.255.254:Error: open resolver", senders[0].addr, "127.255.255.254")
		}},
		says: "blocked using zen.spamhaus.org",
		looks: []look{
			now("consistent", "remote-server", ""),
			fixed("consistent", "remote-server", "named.not-listed").after(state{do: unlist("zen.spamhaus.org")}),
		},
	},
	{
		label: "list-retired-x", category: 11, quick: true,
		at:    "exim",
		cause: state{policy: "rcpt: deny dnslists = dnsbl.njabl.org\nmessage = rejected because $sender_host_address is in a black list at $dnslist_domain\naccept"},
		says:  "black list at dnsbl.njabl.org",
		looks: []look{
			now("consistent", "remote-server", "named.dead"),
			fixed("consistent", "remote-server", "named.dead"),
		},
	},
	{
		label: "greylist-p", category: 13, quick: true,
		cause: state{policy: "smtpd_recipient_restrictions = check_recipient_access static:{450 4.2.0 Greylisted, see http://postgrey.schweikert.ch/help/{d}.html}"},
		says:  "Greylisted",
		looks: []look{
			now("consistent", "unknown", "smtp.greets"),
			now("confirmed", "unknown", "rcpt.greylisted", rcpt),
			fixed("consistent", "unknown", "", rcpt),
		},
	},
	{
		label: "greylist-x", category: 13,
		at:    "exim",
		cause: state{policy: "rcpt: defer message = 451 4.7.1 Greylisting in action, please try again in 300 seconds"},
		says:  "Greylisting in action",
		looks: []look{
			now("confirmed", "unknown", "rcpt.greylisted", rcpt),
			fixed("consistent", "unknown", "", rcpt),
			instead(16, state{policy: "rcpt: defer message = 451 Temporary local problem - please try later"}, "consistent", "unknown", "", rcpt),
		},
	},
	{
		label: "greylist-memory-x", category: 13, // it knows who came before
		at:    "exim",
		cause: state{policy: greylist},
		says:  "Greylisted, please try again",
		looks: []look{
			now("confirmed", "unknown", "rcpt.greylisted", rcpt),
			fixed("consistent", "unknown", "", rcpt).after(state{policy: greylist}),
		},
	},
	{
		label: "rate-p", category: 13, prime: true, quick: true, alone: true,
		cause: state{policy: "smtpd_client_message_rate_limit = 1"},
		says:  "too much mail from",
		looks: []look{
			now("consistent", "unknown", "smtp.greets"),
			fixed("consistent", "unknown", "smtp.greets", rcpt),
		},
	},
	{
		label: "rate-x", category: 13, prime: true,
		at:    "exim",
		cause: state{policy: "mail: defer ratelimit = 1.5 / 1h / strict / per_mail / {d}-$sender_host_address\nmessage = 451 4.7.1 Sending rate $sender_rate/$sender_rate_period exceeds the limit, slow down\naccept"},
		says:  "exceeds the limit",
		looks: []look{
			now("consistent", "unknown", "smtp.greets"),
			fixed("consistent", "unknown", "smtp.greets", rcpt),
		},
	},
	{
		label: "busy-s", category: 13,
		at:    "smtpd",
		cause: state{policy: `phase mail-from match mail-from { "carol@example.org" } reject "421 4.7.0 Too many messages from your address, try again later"`},
		says:  "Too many messages",
		looks: []look{
			now("consistent", "unknown", "smtp.greets"),
			fixed("consistent", "unknown", "smtp.greets", rcpt),
		},
	},
}

var senderCases = []bounceCase{
	{
		label: "ptr-p", category: 12, quick: true, alone: true,
		cause: state{policy: "smtpd_client_restrictions = reject_unknown_reverse_client_hostname", do: setPTR("")},
		says:  "cannot find your reverse hostname",
		looks: []look{
			now("confirmed", "our-server", "ptr.none"),
			fixed("cleared", "sender", "ptr.ok").after(state{do: restorePTR}),
			fixed("cleared", "sender", "ptr.unconfirmed").after(state{policy: "smtpd_client_restrictions = reject_unknown_reverse_client_hostname", do: setPTR("mail.elsewhere.example.")}),
			fixed("cleared", "sender", "ptr.ok").after(state{do: restorePTR}),
		},
	},
	{
		label: "ptr-x", category: 12, alone: true,
		at:    "exim",
		cause: state{policy: "rcpt: deny !verify = reverse_host_lookup\nmessage = No PTR record for your address $sender_host_address, fix your reverse DNS\naccept", do: setPTR("")},
		says:  "No PTR record",
		looks: []look{
			now("confirmed", "our-server", "ptr.none"),
			fixed("cleared", "sender", "ptr.ok").after(state{do: restorePTR}),
		},
	},
	{
		label: "fcrdns-p", category: 12, alone: true,
		cause: state{policy: "smtpd_client_restrictions = reject_unknown_client_hostname", do: setPTR("mail.elsewhere.example.")},
		says:  "cannot find your hostname",
		looks: []look{
			now("confirmed", "our-server", "ptr.unconfirmed"),
			fixed("cleared", "sender", "ptr.ok").after(state{do: restorePTR}),
		},
	},
	{
		label: "fcrdns-s", category: 12, alone: true,
		at:    "smtpd",
		cause: state{policy: `phase connect match !fcrdns disconnect "550 5.7.25 Reverse DNS of your address does not resolve back to it"`, do: setPTR("mail.elsewhere.example.")},
		says:  "does not resolve back|retry timeout exceeded",
		looks: []look{
			now("confirmed", "our-server", "ptr.unconfirmed"),
			fixed("cleared", "sender", "ptr.ok").after(state{do: restorePTR}),
		},
	},
	{
		label: "badhelo-p", category: 12,
		cause: state{policy: "smtpd_helo_restrictions = reject_unknown_helo_hostname\nsmtpd_helo_required = yes"},
		says:  "Helo command rejected: Host not found",
		looks: []look{
			now("confirmed", "our-server", "address.nxdomain"),
			fixed("cleared", "sender", "address.ok").after(state{do: func(t *testing.T, w *world) { w.names.set(t, "example.org", "nowhere", "@ A 198.51.100.25") }}),
		},
	},
	{
		label: "badhelo-x", category: 12,
		at:    "exim",
		cause: state{policy: "rcpt: deny condition = ${if eq{${lookup dnsdb{defer_never,a=$sender_helo_name}{$value}}}{}}\nmessage = HELO name $sender_helo_name does not resolve\naccept"},
		says:  "does not resolve",
		looks: []look{
			now("confirmed", "our-server", "address.nxdomain"),
		},
	},
	{
		label: "nosender-p", category: 12, quick: true, own: true,
		cause: state{policy: "smtpd_sender_restrictions = reject_unknown_sender_domain\nunknown_address_reject_code = 550", ours: "@ TXT \"no mail\""},
		says:  "Sender address rejected: Domain not found",
		looks: []look{
			now("confirmed", "our-server", "mx.none"),
			fixed("cleared", "sender", "mx.ok"),
			instead(12, state{ours: ";"}, "confirmed", "our-server", "mx.nxdomain"),
		},
	},
	{
		label: "nosender-x", category: 12, own: true,
		at:    "exim",
		cause: state{policy: "rcpt: require verify = sender\naccept", ours: "@ TXT \"no mail\""},
		says:  "Sender verify failed",
		looks: []look{
			now("confirmed", "our-server", "mx.none"),
			fixed("cleared", "sender", "mx.ok"),
		},
	},
	{
		label: "ipmx-sender-p", category: 12, own: true,
		cause: state{
			policy: "smtpd_sender_restrictions = check_sender_mx_access regexp:{{/^198\\.51\\.100\\.25$$/ 550 5.7.1 Your domain has installed an invalid MX record with an IP address}}",
			ours:   "@ MX 10 198.51.100.25.",
		},
		says: "with an IP address",
		looks: []look{
			now("confirmed", "our-server", ""),
			fixed("cleared", "sender", "mx.ok"),
		},
	},
	{
		label: "spf-x", category: 14, quick: true, own: true,
		at: "exim",
		cause: state{
			policy: "rcpt: deny spf = fail\nmessage = SPF check failed: $sender_host_address is not allowed to send mail from $sender_address_domain\naccept",
			ours:   "@ MX 10 mail.example.org.\n@ TXT \"v=spf1 ip4:192.0.2.1 -all\"",
		},
		says: "SPF check failed",
		looks: []look{
			now("confirmed", "our-server", "spf.fail"),
			fixed("cleared", "sender", "spf.pass"),
			instead(14, state{ours: "@ MX 10 mail.example.org.\n@ TXT \"v=spf1 ip4:192.0.2.1 ~all\""}, "consistent", "our-server", "spf.softfail"),
		},
	},
	{
		label: "spf-p", category: 14, own: true,
		cause: state{
			policy: "smtpd_recipient_restrictions = check_policy_service unix:private/spf",
			ours:   "@ MX 10 mail.example.org.\n@ TXT \"v=spf1 ip4:192.0.2.1 -all\"",
		},
		says: "SPF fail - not authorized",
		looks: []look{
			now("confirmed", "our-server", "spf.fail"),
			fixed("cleared", "sender", "spf.pass").after(state{policy: "smtpd_recipient_restrictions = check_policy_service unix:private/spf"}),
		},
	},
	{
		label: "dmarc-p", category: 14, own: true,
		cause: state{
			policy: "smtpd_milters = inet:127.0.0.1:8893",
			ours:   "@ MX 10 mail.example.org.\n@ TXT \"v=spf1 ip4:192.0.2.1 -all\"\n_dmarc TXT \"v=DMARC1; p=reject\"",
		},
		says: "rejected by DMARC policy",
		looks: []look{
			now("consistent", "our-server", "spf.fail"),
			fixed("consistent", "our-server", "spf.pass").after(state{
				policy: "smtpd_milters = inet:127.0.0.1:8893",
				ours:   "@ MX 10 mail.example.org.\n@ TXT \"v=spf1 ip4:198.51.100.0/24 -all\"\n_dmarc TXT \"v=DMARC1; p=reject\"",
			}),
		},
	},
	{
		label: "dmarc-foreign-p", category: 14, // a desk writes as the recipient's own domain
		mail: mail{as: "boss@{d}", header: "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=lab; h=from; bh=; b=\r\n"},
		cause: state{
			policy: "smtpd_milters = inet:127.0.0.1:8893",
			dns:    "@ MX 10 mx\nmx A {ip}\n_dmarc TXT \"v=DMARC1; p=reject\"",
		},
		says: "rejected by DMARC policy",
		looks: []look{
			now("confirmed", "sender", "dmarc.reject"),
			fixed("consistent", "sender", "dmarc-asks-nothing").after(state{
				policy: "smtpd_milters = inet:127.0.0.1:8893",
				dns:    "@ MX 10 mx\nmx A {ip}\n_dmarc TXT \"v=DMARC1; p=none\"",
				do:     awaitTXT("_dmarc.dmarc-foreign-p.example."),
			}),
		},
	},
	{
		label: "dkim-gone-x", category: 14, own: true,
		at: "exim", by: "exim",
		cause: state{policy: refuseUnsigned},
		says:  "DKIM",
		looks: []look{
			now("consistent", "our-server", "spf.pass"),
			fixed("consistent", "our-server", "spf.pass").after(state{policy: refuseUnsigned, ours: signed + "{dkim}"}),
		},
	},
	{
		label: "dkim-revoked-x", category: 14, own: true,
		at: "exim", by: "exim",
		cause: state{policy: refuseUnsigned, ours: signed + "lab._domainkey TXT \"v=DKIM1; p=\""},
		says:  "DKIM",
		looks: []look{
			now("consistent", "our-server", "spf.pass"),
			fixed("consistent", "our-server", "spf.pass").after(state{policy: refuseUnsigned, ours: signed + "{dkim}"}),
		},
	},
	{
		label: "notls-p", category: 15, quick: true,
		says: "retry timeout exceeded|TLS is required, but was not offered|a TLS session is required|STARTTLS",
		looks: []look{
			now("confirmed", "remote-server", "smtp.greets").byExim(9, "consistent", "remote-server", "smtp.greets"),
			fixed("cleared", "sender", "smtp.greets").byExim(9, "consistent", "remote-server", "smtp.greets").after(state{policy: tlsWith("good")}),
			fixed("cleared", "sender", "smtp.greets").byExim(9, "consistent", "remote-server", "smtp.greets").after(state{policy: tlsWith("expired")}), // nobody asked for a good one
		},
	},
	{
		label: "notls-x", category: 15,
		at:   "exim",
		says: "retry timeout exceeded|TLS is required, but was not offered|a TLS session is required|STARTTLS",
		looks: []look{
			now("confirmed", "remote-server", "smtp.greets").byExim(9, "consistent", "remote-server", "smtp.greets"),
			fixed("cleared", "sender", "smtp.greets").byExim(9, "consistent", "remote-server", "smtp.greets").after(state{policy: "tls: /run/lab/tls/good.pem"}),
		},
	},
	{
		label: "sts-p", category: 15, // what we demand, the domain announces
		cause: state{dns: announcing},
		says:  "retry timeout exceeded|TLS is required, but was not offered|a TLS session is required|STARTTLS",
		looks: []look{
			now("confirmed", "remote-server", "sts.enforce").byExim(9, "consistent", "remote-server", "smtp.greets"),
			instead(15, state{policy: tlsWith("expired"), dns: announcing}, "consistent", "remote-server", "sts.enforce").byExim(9, "consistent", "remote-server", "smtp.greets"),
			fixed("cleared", "sender", "sts.enforce").byExim(9, "consistent", "remote-server", "smtp.greets").after(state{policy: tlsWith("good"), dns: announcing}),
		},
	},
	{
		label: "expired-p", category: 15, quick: true,
		cause: state{policy: tlsWith("expired")},
		says:  "retry timeout exceeded|certificate",
		looks: []look{
			now("confirmed", "remote-server", "smtp.greets").byExim(9, "consistent", "remote-server", "smtp.greets"),
			fixed("cleared", "sender", "smtp.greets").byExim(9, "consistent", "remote-server", "smtp.greets").after(state{policy: tlsWith("good")}),
			instead(15, state{}, "consistent", "remote-server", "smtp.greets").byExim(9, "consistent", "remote-server", "smtp.greets"),
		},
	},
	{
		label: "expired-x", category: 15,
		at:    "exim",
		cause: state{policy: "tls: /run/lab/tls/expired.pem"},
		says:  "retry timeout exceeded|certificate",
		looks: []look{
			now("confirmed", "remote-server", "smtp.greets").byExim(9, "consistent", "remote-server", "smtp.greets"),
			fixed("cleared", "sender", "smtp.greets").byExim(9, "consistent", "remote-server", "smtp.greets").after(state{policy: "tls: /run/lab/tls/good.pem"}),
		},
	},
	{
		label: "another-p", category: 15,
		cause: state{policy: tlsWith("another")},
		says:  "retry timeout exceeded|certificate|Server certificate not verified",
		looks: []look{
			now("confirmed", "remote-server", "smtp.greets").byExim(9, "consistent", "remote-server", "smtp.greets"),
			fixed("cleared", "sender", "smtp.greets").byExim(9, "consistent", "remote-server", "smtp.greets").after(state{policy: tlsWith("good")}),
			instead(15, state{policy: tlsWith("expired")}, "confirmed", "remote-server", "smtp.greets").byExim(9, "consistent", "remote-server", "smtp.greets"),
		},
	},
	{
		label: "another-x", category: 15,
		at:    "exim",
		cause: state{policy: "tls: /run/lab/tls/another.pem"},
		says:  "retry timeout exceeded|certificate|Server certificate not verified",
		looks: []look{
			now("confirmed", "remote-server", "smtp.greets").byExim(9, "consistent", "remote-server", "smtp.greets"),
			fixed("cleared", "sender", "smtp.greets").byExim(9, "consistent", "remote-server", "smtp.greets").after(state{policy: "tls: /run/lab/tls/good.pem"}),
		},
	},
}

const (
	refuseUnsigned = "dkim: deny dkim_status = none:invalid:fail\nmessage = 550 5.7.20 DKIM signature of $dkim_cur_signer is not valid: $dkim_verify_reason\naccept"
	announcing     = "@ MX 10 mx\nmx A {ip}\n_mta-sts TXT \"v=STSv1; id=1\"\nmta-sts A " + policiesAddr
	signed         = "@ MX 10 mail.example.org.\n@ TXT \"v=spf1 ip4:198.51.100.0/24 -all\"\n"
)

// greylist lets in who came a second ago, or earlier.
const greylist = "rcpt: defer !seen = -1s / key=$sender_host_address-$sender_address-$local_part@$domain\nmessage = 451 4.7.1 Greylisted, please try again later\naccept"

func tlsWith(name string) string {
	return "smtpd_tls_security_level = may\nsmtpd_tls_chain_files = /run/lab/tls/" + name + ".pem"
}

// listUs puts our addresses on a list; unlist takes them off.
func listUs(zone string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		w.lists.set(t, zone, senders[0].addr+"\n"+senders[1].addr, senders[0].addr, "127.0.0.2")
	}
}

func unlist(zone string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) { w.lists.set(t, zone, "", senders[0].addr, "") }
}

func resign(zone, fault string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) { w.names.resign(t, zone, fault) }
}

// awaitTXT waits until a name has a text: a failure to find it, while the name
// server read its zones anew, may be remembered for some seconds.
func awaitTXT(name string) func(*testing.T, *world) {
	return func(t *testing.T, _ *world) {
		eventually(t, "text of "+name, func(ctx context.Context) error {
			_, err := resolver.LookupTXT(ctx, name)
			return err
		})
	}
}

// setPTR gives our addresses another reverse name, or none.
func setPTR(name string) func(*testing.T, *world) {
	records := ""
	if name != "" {
		records = "25.100.51.198 PTR " + name + "\n90.100.51.198 PTR " + name + "\n"
	}
	return func(t *testing.T, w *world) { w.names.setBase(t, "in-addr.arpa", records) }
}

func restorePTR(t *testing.T, w *world) {
	w.names.setBase(t, "in-addr.arpa", read(t, workDir+"/zones/in-addr.arpa"))
}

// noPTR takes our PTR away beside what else is done.
func noPTR(do func(*testing.T, *world)) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		do(t, w)
		setPTR("")(t, w)
	}
}

// tryGuard tries a bounce whose addresses are not public, as none is here.
func tryGuard(t *testing.T, w *world) {
	const to = "lee@guard.example" // whom no case before has a bounce for: this message must have failed before the port opens
	w.names.set(t, "example", "guard", "@ MX 10 control1.example.")
	s := senders[0]
	closePort25(t, w)
	s.send(t, mail{from: "carol@example.org", to: []string{to}})
	bounce := s.bounce(t, to)
	openPort25(t, w)

	dialled := countPort25(t)
	diagnose(t, s, bounce).check(t, want{9, "inconclusive", "unknown", "skipped.private"})
	if n := dialled(); n != 0 {
		t.Errorf("%d packets went out to port 25", n)
	}
	diagnose(t, s, bounce, allow...).check(t, want{9, "cleared", "sender", "smtp.greets"})
	if dialled() == 0 {
		t.Error("no packet was counted, though it was dialled")
	}
}
