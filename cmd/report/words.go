package report

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

//go:embed locale/*.toml
var locales embed.FS

// Languages are the tags of the catalogues that there are; the first is what
// the project was made for.
func Languages() []string { return []string{"zh-TW", "zh-CN", "en"} }

// Match finds the catalogue for a language tag or a POSIX locale
// ("zh_TW.UTF-8", "zh-Hans-SG", "en_US"); English where none fits, and false.
// Of Chinese the script decides, else the region; with neither it is the
// project's own.
func Match(tag string) (string, bool) {
	tag, _, _ = strings.Cut(strings.ReplaceAll(tag, "_", "-"), ".")
	tag, _, _ = strings.Cut(strings.ToLower(tag), "@")
	parts := strings.Split(tag, "-")
	switch has := func(part string) bool { return slices.Contains(parts[1:], part) }; {
	case parts[0] == "zh" && !has("hant") && (has("hans") || has("cn") || has("sg") || has("my")):
		return "zh-CN", true
	case parts[0] == "zh":
		return "zh-TW", true
	case parts[0] == "en":
		return "en", true
	}
	return "en", false
}

// Words is the catalogue of one language: every text that the project says,
// under the code that the rest of it uses.
type Words struct {
	Lang  string
	text  map[string]string
	terms []string // the keys of the family term
}

// Load reads the catalogue of a language that [Match] gave.
func Load(lang string) (*Words, error) {
	if !slices.Contains(Languages(), lang) {
		return nil, fmt.Errorf("no words for language %q; there are %s", lang, strings.Join(Languages(), ", "))
	}
	data, err := locales.ReadFile("locale/" + lang + ".toml")
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	if err := toml.Unmarshal(data, &tree); err != nil {
		return nil, fmt.Errorf("locale %s: %w", lang, err)
	}
	w := &Words{Lang: lang, text: make(map[string]string, 400)}
	w.flatten("", tree)
	for key := range w.text {
		if strings.HasPrefix(key, "term.") {
			w.terms = append(w.terms, key)
		}
	}
	return w, nil
}

func (w *Words) flatten(prefix string, tree map[string]any) {
	for k, v := range tree {
		switch v := v.(type) {
		case string:
			w.text[prefix+k] = v
		case map[string]any:
			w.flatten(prefix+k+".", v)
		}
	}
}

// Has says whether the catalogue has a text for a key.
func (w *Words) Has(key string) bool { _, ok := w.text[key]; return ok }

// Say gives the text of a key. {name} stands for an argument; a part in
// <<...>> is left out where an argument inside it is empty. Arguments come
// from strangers and are made safe here, once, for every text. A key without
// a text is shown as it is: a test sees to it that there is none.
func (w *Words) Say(key string, args map[string]string) string {
	text, ok := w.text[key]
	if !ok {
		return key
	}
	var b strings.Builder
	for text != "" {
		before, rest, found := strings.Cut(text, "<<")
		b.WriteString(fill(before, args, nil))
		if !found {
			break
		}
		part, after, _ := strings.Cut(rest, ">>")
		missing := false
		if s := fill(part, args, &missing); !missing {
			b.WriteString(s)
		}
		text = after
	}
	return b.String()
}

// fill puts the arguments in; missing is set where one of them is empty.
func fill(text string, args map[string]string, missing *bool) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, after, _ := strings.Cut(rest, "}")
		if args[name] == "" && missing != nil {
			*missing = true
		}
		b.WriteString(Safe(args[name]))
		text = after
	}
}
