package classify

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"diagnose/classify/bounce"
)

// The parties of a proof: the message went from a sender at example.org to a
// recipient at example.net, unless the rule names another remote.
const (
	provenSender    = "sender@example.org"
	provenRecipient = "user@example.net"
)

// Prove checks every rule through the whole engine: it wins its examples, and
// does not match its counters. It gives a fault for each rule that fails, with
// the rule's file and line. Ask it of what [Default] or [Load] gave: beside an
// admin's own rules, the built-in ones may rightly lose.
func (c *Classifier) Prove() []error {
	var faults []error
	seen := make(map[string]bool, len(c.rules))
	for i := range c.rules {
		r := &c.rules[i]
		err := c.proveRule(r)
		if seen[r.ID] {
			err = errors.New("its id stands twice")
		}
		seen[r.ID] = true
		if err != nil {
			faults = append(faults, r.fault(err))
		}
	}
	return faults
}

// fault names the place of a rule.
func (r *Rule) fault(err error) error {
	_, id, _ := strings.Cut(r.ID, ".")
	return fmt.Errorf("%s:%d: rule %q: %w", r.File, r.Line, id, err)
}

func (c *Classifier) proveRule(r *rule) error {
	if len(r.Example) == 0 || len(r.Counter) == 0 {
		return errors.New("needs an example and a counter")
	}
	if _, err := compile(r.Pattern); err != nil {
		return err
	}
	for _, e := range r.Example {
		if got := c.Classify(r.failure(e)); len(got.Evidence) == 0 || got.Evidence[0].Rule != r.ID {
			return fmt.Errorf("example %q is won by %v", e, got.Evidence)
		}
	}
	for _, e := range r.Counter {
		if c.matches(r, r.failure(e)) {
			return fmt.Errorf("counter %q matches", e)
		}
	}
	return nil
}

// matches says whether a rule alone would speak.
func (c *Classifier) matches(r *rule, f bounce.Failure) bool {
	q := ask(&f)
	text, fromReply := q.reply.Text, true
	if text == "" {
		text, fromReply = q.text, false
	}
	s := c.sheets.get(text)
	defer c.sheets.put(s)
	var t trial
	c.masked.scan(s.words.text, &t.masked)
	c.raw.scan(s.plain.text, &t.raw)
	v := view{sheet: s, question: &q, fromReply: fromReply}
	_, ok := v.try(c, &t, r)
	return ok
}

// failure is the failure that a proof of r speaks of.
func (r *Rule) failure(text string) bounce.Failure {
	f := parseReply(text)
	f.Sender, f.Recipient = provenSender, provenRecipient
	if len(r.Stages) > 0 {
		f.Stage = r.Stages[0]
	}
	if len(r.Remote) > 0 {
		f.Remote.Name = "mx." + r.Remote[0]
	}
	return f
}

// parseReply reads a proof as an SMTP reply where it starts with a code, and
// as a report's own words where it does not.
func parseReply(text string) bounce.Failure {
	code, rest, _ := strings.Cut(strings.Replace(text, "-", " ", 1), " ")
	n, err := strconv.Atoi(code)
	if err != nil || len(code) != 3 {
		return bounce.Failure{Text: text}
	}
	f := bounce.Failure{Reply: bounce.Reply{Code: n, Text: text}}
	rest = strings.TrimLeft(rest, " #")
	if m := statusLen([]byte(rest)); m > 0 {
		f.Reply.Status = rest[:m]
	}
	return f
}
