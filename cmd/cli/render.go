package cli

import (
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"diagnose/probe"
)

// renderCommand words reports that were saved as JSON, an array or lines: the
// same text that the run printed.
func (a *app) renderCommand() *cobra.Command {
	return &cobra.Command{
		Use: "render FILE.json", Short: a.words.Say("help.render", nil), Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			f := io.NopCloser(a.In)
			if args[0] != "-" {
				var err error
				if f, err = os.Open(args[0]); err != nil {
					return failed("%w", err)
				}
			}
			defer f.Close()
			return a.render(json.NewDecoder(f), args[0])
		},
	}
}

func (a *app) render(dec *json.Decoder, name string) error {
	text := a.text()
	for {
		var raw json.RawMessage
		if err := dec.Decode(&raw); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return failed("%s: not JSON as diagnose -o json writes it: %w", name, err)
		}
		var reports []probe.Report
		if err := json.Unmarshal(raw, &reports); err != nil {
			reports = make([]probe.Report, 1)
			if err := json.Unmarshal(raw, &reports[0]); err != nil {
				return failed("%s: not a report of diagnose: %w", name, err)
			}
		}
		for _, r := range reports {
			if r.Schema != probe.Schema {
				return failed("%s: schema %d; this version reads %d", name, r.Schema, probe.Schema)
			}
			a.judge(r)
			if err := text.Report(r); err != nil {
				return failed("writing the report: %w", err)
			}
		}
	}
}
