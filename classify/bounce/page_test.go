package bounce

import "testing"

func TestPageIsReadAsItsWords(t *testing.T) {
	for page, want := range map[string]string{
		"plain":                                "plain",
		"<P>one</P>two<br/>three<BR>four":      "\none\ntwo\nthree\nfour",
		"<td>a</td><td>b</td>":                 " a b",
		"550&nbsp;5.1.1 &lt;a@example.net&gt;": "550 5.1.1 <a@example.net>",
		"<title>x <b>y</b></title>z":           "z",
		"<style>p > a { }</STYLE >z":           "z",
		"<script>if (a</b) '</script>'":        "'",
		"<script>never ends":                   "",
		"a<!-- <p> -->b<!-->c<!DOCTYPE html>d": "abcd",
		`<a title="x > y" href='>'>z</a>`:      "z",
		`<a title="never ends>z`:               "z",
		"1 < 2 <3 <":                           "1 < 2 <3 <",
		"<b":                                   "",
	} {
		if got := plainText(page); got != want {
			t.Errorf("%q: got %q, want %q", page, got, want)
		}
	}
}
