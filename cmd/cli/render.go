package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"unicode"

	"github.com/spf13/cobra"

	"diagnose/probe"
)

// renderCommand words reports that were saved as JSON, an array or lines: the
// same text that the run printed.
func (a *app) renderCommand() *cobra.Command {
	return &cobra.Command{
		Use: "render FILE.json", Short: a.words.Say("help.render", nil), Args: exactly(1), ValidArgsFunction: anyFile,
		RunE: func(c *cobra.Command, args []string) error {
			f, err := a.openAny(c.Context(), args[0])
			if err != nil {
				a.unreadable(args[0], err)
				return nil
			}
			defer f.Close()
			return a.render(bufio.NewReader(f), args[0])
		},
	}
}

// render reads one report at a time, so that a long file needs no more memory
// than a short one.
func (a *app) render(in *bufio.Reader, name string) error {
	array, err := startsArray(in)
	dec := json.NewDecoder(in)
	if err == nil && array {
		_, err = dec.Token()
	}
	out := a.output(a.Out)
	n := 0
	for ; err == nil && dec.More(); n++ {
		var raw json.RawMessage
		if err = dec.Decode(&raw); err == nil {
			err = a.renderOne(out, raw)
		}
	}
	var said *complaint
	if errors.As(err, &said) {
		return err
	}
	if err == nil && array {
		_, err = dec.Token()
	}
	if err == nil && n == 0 && !array {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return failed("not-json", "name", name, "error", err.Error())
	}
	return written(out.Close())
}

// startsArray skips blanks and looks at what follows.
func startsArray(in *bufio.Reader) (bool, error) {
	for {
		r, _, err := in.ReadRune()
		if err != nil {
			return false, err
		}
		if !unicode.IsSpace(r) && r != '\ufeff' {
			return r == '[', in.UnreadRune()
		}
	}
}

// renderOne words a report of any command, which its fields tell.
func (a *app) renderOne(out output, raw json.RawMessage) error {
	var form struct {
		Schema   int
		Tool     *string // a bounce
		Findings *[]any  // mx, ptr, smtp
	}
	if err := json.Unmarshal(raw, &form); err != nil {
		return err
	}
	if form.Schema != probe.Schema {
		return failed("schema", "schema", strconv.Itoa(form.Schema), "known", strconv.Itoa(probe.Schema))
	}
	switch {
	case form.Tool != nil:
		return renderAs[probe.Report](a, out, raw)
	case form.Findings != nil:
		return renderAs[probe.CheckReport](a, out, raw)
	}
	return renderAs[probe.ListReport](a, out, raw)
}

func renderAs[T any](a *app, out output, raw json.RawMessage) error {
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	a.judge(v)
	return written(out.Write(v))
}
