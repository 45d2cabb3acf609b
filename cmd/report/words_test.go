package report

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/width"
)

func words(t testing.TB, lang string) *Words {
	t.Helper()
	w, err := Load(lang)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestALanguageIsFoundForEveryTag(t *testing.T) {
	for tag, want := range map[string]string{
		"zh-TW": "zh-TW", "zh_TW.UTF-8": "zh-TW", "zh-Hant": "zh-TW", "ZH": "zh-TW", "zh_TW@radical": "zh-TW",
		"zh-HK": "zh-TW", "zh_MO.UTF-8": "zh-TW", "zh-Hant-CN": "zh-TW",
		"zh-CN": "zh-CN", "zh_CN.GB18030": "zh-CN", "zh-SG": "zh-CN", "zh-MY": "zh-CN", "zh-Hans": "zh-CN", "zh-Hans-TW": "zh-CN",
		"en": "en", "en_US.UTF-8": "en", "en-GB": "en",
	} {
		if got, ok := Match(tag); !ok || got != want {
			t.Errorf("Match(%q) = %q, %v; want %q", tag, got, ok, want)
		}
	}
	for _, tag := range []string{"", "C", "POSIX", "de_DE.UTF-8", "english", "zhong"} {
		if got, ok := Match(tag); ok || got != "en" {
			t.Errorf("Match(%q) = %q, %v; want English and false", tag, got, ok)
		}
	}
}

func TestALanguageWithoutACatalogueIsAnError(t *testing.T) {
	if _, err := Load("../en"); err == nil {
		t.Error("no error")
	}
}

func TestSayLeavesOutWhatHasNoArgument(t *testing.T) {
	w := &Words{text: map[string]string{"k": "a<< {b}>>{c}<<, {d} and {b}>>."}}
	for _, tt := range []struct {
		args map[string]string
		want string
	}{
		{nil, "a."},
		{map[string]string{"b": "B"}, "a B."},
		{map[string]string{"b": "B", "c": "C", "d": "D"}, "a BC, D and B."},
		{map[string]string{"b": "<<{c}>>", "c": "\x1b[2J"}, `a <<{c}>>\x1b[2J.`},
	} {
		if got := w.Say("k", tt.args); got != tt.want {
			t.Errorf("Say(%v) = %q, want %q", tt.args, got, tt.want)
		}
	}
	if got := w.Say("no.such", nil); got != "no.such" {
		t.Errorf("a key without a text gives %q", got)
	}
}

func TestTheCataloguesHaveTheSameKeysAndArguments(t *testing.T) {
	en := words(t, "en")
	for _, lang := range Languages() {
		w := words(t, lang)
		if d := cmp.Diff(slices.Sorted(maps.Keys(en.text)), slices.Sorted(maps.Keys(w.text))); d != "" {
			t.Errorf("keys of en and %s differ:\n%s", lang, d)
		}
		for key, text := range w.text {
			if d := cmp.Diff(placeholders(t, en.text[key]), placeholders(t, text)); d != "" {
				t.Errorf("arguments of %s in en and %s differ:\n%s", key, lang, d)
			}
		}
	}
}

// placeholders are a text's arguments, each with whether it may be missing,
// once however often it stands.
func placeholders(t *testing.T, text string) []string {
	t.Helper()
	if strings.Count(text, "<<") != strings.Count(text, ">>") || regexp.MustCompile(`<<([^>]|>[^>])*<<`).MatchString(text) {
		t.Errorf("%q: the parts in << >> are not closed, or one is in another", text)
	}
	found := map[string]bool{}
	optional := false
	for _, m := range regexp.MustCompile(`<<|>>|\{[a-z]*\}|[{}]`).FindAllString(text, -1) {
		switch {
		case m == "<<" || m == ">>":
			optional = m == "<<"
		case len(m) < 3:
			t.Errorf("%q: a stray %q", text, m)
		default:
			found[fmt.Sprint(m, " optional: ", optional)] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func TestNoWordOfOursHasAnAmbiguousWidth(t *testing.T) {
	for _, lang := range Languages() {
		for key, text := range words(t, lang).text {
			for _, r := range text {
				if width.LookupRune(r).Kind() == width.EastAsianAmbiguous {
					t.Errorf("%s, %s: %q has another width on another console", lang, key, r)
				}
			}
		}
	}
}

// The same common characters in both scripts. Those that one script uses for
// another word of the other's (后, 里, 制, 余, 云) are left out.
const (
	traditional = "這說時間為網絡錯誤郵發務連絕隊請轉換載調設頁沒過還進對開關頭門問題書單雙東車長見觀規類庫證應徑權號結構圖標籤級線維統計讀寫認識詞語與個們項華處備順閉閱陸隨難頂須" +
		"預驗賬戶軟碼擊檢詢訪聯測試嘗從給經輸運達遲釋話該談誰謝議譯護讓變質費資賣購贈損據擇擬擴攔斷無舊暫會業極機濾熱爾狀獨現環當療監盤礙禮種稱積簡簽籌紅約純納紙細組終絲" +
		"綁綜緩緣編緒縮總繼續罰罷義習聽聲職腦腳膚臨舉艙艱蓋薦藍藝虛術衛補裝覽觸訂訊記許註詳誘課謹譽貝負財責貨貼貴買賴贊趕趙跡踐躍軌較輔輕輪輯農遠遷選遺邊鄰釘銀銷鍵鎖鏈鏡" +
		"鐵鑰閃閘階際險隱離電靜響頻額願顯風飛駐驅體點齊傳僅債價儘優儲內兩冊凍別刪則剛創劃動勞勢區協卻參員啟嚴圍園圓報場壓壞夾奪學實審寬專將層屬島幣幫廢廠廣張強彈徹態憑憶" +
		"懷戰戲拋掃掛揮擔擠擾攝敗數敵錄蟲"
	simplified = "这说时间为网络错误邮发务连绝队请转换载调设页没过还进对开关头门题题书单双东车长见观规类库证应径权号结构图标签级线维统计读写认识词语与个们项华处备顺闭阅陆随难顶须" +
		"预验账户软码击检询访联测试尝从给经输运达迟释话该谈谁谢议译护让变质费资卖购赠损据择拟扩拦断无旧暂会业极机滤热尔状独现环当疗监盘碍礼种称积简签筹红约纯纳纸细组终丝" +
		"绑综缓缘编绪缩总继续罚罢义习听声职脑脚肤临举舱艰盖荐蓝艺虚术卫补装览触订讯记许注详诱课谨誉贝负财责货贴贵买赖赞赶赵迹践跃轨较辅轻轮辑农远迁选遗边邻钉银销键锁链镜" +
		"铁钥闪闸阶际险隐离电静响频额愿显风飞驻驱体点齐传仅债价尽优储内两册冻别删则刚创划动劳势区协却参员启严围园圆报场压坏夹夺学实审宽专将层属岛币帮废厂广张强弹彻态凭忆" +
		"怀战戏抛扫挂挥担挤扰摄败数敌录虫"
)

func TestTheChineseCataloguesKeepToTheirScripts(t *testing.T) {
	if utf8.RuneCountInString(traditional) != utf8.RuneCountInString(simplified) {
		t.Fatal("the tables are not of the same length")
	}
	for lang, foreign := range map[string]string{"zh-TW": simplified, "zh-CN": traditional} {
		for key, text := range words(t, lang).text {
			for _, r := range text {
				if strings.ContainsRune(foreign, r) {
					t.Errorf("%s, %s: %q in %q", lang, key, r, text)
				}
			}
		}
	}
}

// What a bounce does not say must leave no hole in a sentence.
func TestNothingIsMissedWhereABounceSaysLittle(t *testing.T) {
	holes := regexp.MustCompile(`  |^ | $| [.,:;]|[:：] ?[.。]|\(\)|（）|@[)]|。。`)
	for _, lang := range Languages() {
		w := words(t, lang)
		for key := range w.text {
			family, _, _ := strings.Cut(key, ".")
			if family != "category" && family != "advice" || key == "advice.did-you-mean" {
				continue
			}
			if text := w.Say(key, nil); holes.MatchString(text) {
				t.Errorf("%s, %s: %q", lang, key, text)
			}
		}
	}
}

// "Ask the postmaster" helps nobody who does not know whose.
func TestEveryAdviceNamesSomething(t *testing.T) {
	for _, lang := range Languages() {
		for key, text := range words(t, lang).text {
			if strings.HasPrefix(key, "advice.") && len(placeholders(t, text)) == 0 {
				t.Errorf("%s, %s: %q", lang, key, text)
			}
		}
	}
}

// Every code that the program can say has words, and there are none besides.
func TestEveryCodeHasWordsAndEveryTextIsUsed(t *testing.T) {
	have := words(t, "en").text
	used := codes(t)
	if len(used) < 250 {
		t.Fatalf("only %d codes were found in the sources", len(used))
	}
	for _, key := range slices.Sorted(maps.Keys(used)) {
		if _, ok := have[key]; !ok {
			t.Errorf("%s has no words; it is from %s", key, used[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(have)) {
		if _, ok := used[key]; !ok {
			t.Errorf("nothing says %s", key)
		}
	}
}

// codes reads the sources for what they can say: a map from the catalogue's
// keys to where each comes from.
func codes(t *testing.T) map[string]string {
	c := collector{t: t, used: map[string]string{}}
	for prefix, values := range map[string][]string{
		"kind.": c.constants("classify/bounce", "Kind"), "confidence.": c.constants("classify", "Confidence"),
		"verdict.": c.constants("probe", "Verdict"), "verdict-means.": c.constants("probe", "Verdict"),
		"party.": append(c.constants("probe", "Party"), "nobody"), "party-short.": append(c.constants("probe", "Party"), "nobody"),
		"verdict-short.": append(c.constants("probe", "Verdict"), "not-looked"), "term.": termsOf(t),
		"outcome.": c.constants("probe", "Outcome"), "step.": c.named("probe", "Step"),
		"sending-by.": without(c.constants("probe", "SendingBy"), ""),
		"list.":       c.constants("rbl", "Status"), "check.rbl.": c.constants("rbl", "Verdict"),
		"check.mx.": {"healthy", "faulty", "unknown"}, "check.ptr.": {"healthy", "faulty", "unknown"}, "check.smtp.": {"healthy", "faulty", "unknown"}, "check.server.": {"healthy", "faulty", "unknown"},
		"address-by.": c.constants("probe", "AddressBy"), "urgency.": c.constants("probe", "Urgency"),
		"meaning.": append(c.named("rbl", "Meaning"), "timeout", "servfail", "refused", "failed", "blind"),
		"tls.":     c.named("smtpcheck", "Problem"), "starttls.": without(c.constants("probe", "STARTTLS"), "encrypted"), "died.": c.constants("rbl", "Death"), "scope.": {"range", "asn"}, "fault.": {"syntax", "length", "domain"}, "fault.spf-": behind("spf-", c.constants("dnscheck", "Problem")),
		"category.": c.slugs(), "name.": append(c.slugs(), "backscatter"),
		"letter.dear-": c.constants("cmd/report", "Addressee"), "letter.end-": c.constants("cmd/report", "Addressee"),
		"letter.now-": append(c.constants("probe", "Verdict"), "offline"), "letter.whose-": append(c.constants("probe", "Party"), "nobody"),
		"html.party-": {"nobody", "unknown"},
		"html.state-": {"passed", "broken", "mended", "waits", "beyond", "unknown"},
		"explain.":    c.perSlug(".cause", ".remedy", ".confirmed", ".cleared", ".otherwise"),
		// Codes that are put together, and what can be put behind the dot.
		"finding.mx.": {"servfail", "refused", "timeout", "failed", "blind"}, "finding.address.": {"servfail", "refused", "timeout", "failed", "blind"},
		"finding.ptr.": {"servfail", "refused", "timeout", "failed", "blind"}, "finding.spf.": c.constants("dnscheck", "Result"),
		"finding.dkim.": behind("dkim-", c.constants("dnscheck", "Problem")), "finding.sts.": behind("sts-", c.constants("dnscheck", "Problem")),
		"finding.named.": c.constants("rbl", "Status"),
		"finding.rcpt.":  without(c.constants("smtpcheck", "MailboxVerdict"), ""),
		"finding.smtp.":  {"unreachable", "timeout", "closed", "failed"}, "finding.smtp.ehlo-": {"timeout", "closed", "not-smtp", "failed"},
		"finding.smtp.greeting-": {"closed", "not-smtp", "failed"},
	} {
		for _, v := range values {
			c.used[prefix+v] = "constants"
		}
	}
	for _, m := range regexp.MustCompile(`say "([a-z.-]+)"`).FindAllStringSubmatch(pageTemplate, -1) {
		c.used[m[1]] = "cmd/report/page.html.tmpl"
	}
	for _, dir := range []string{"classify/bounce", "probe", "cmd/report", "cmd/cli"} {
		for _, f := range c.files(dir) {
			c.place = f.name
			ast.Inspect(f.tree, c.visit)
		}
	}
	return c.used
}

// behind are the values that begin alike, without the beginning.
func behind(prefix string, list []string) (out []string) {
	for _, v := range list {
		if rest, ok := strings.CutPrefix(v, prefix); ok {
			out = append(out, rest)
		}
	}
	return out
}

// termsOf are the terms that are explained. They need no code: a report is
// searched for them.
func termsOf(t *testing.T) (out []string) {
	for _, key := range words(t, "en").terms {
		out = append(out, strings.TrimPrefix(key, "term."))
	}
	return out
}

// A colleague reads the report too: what looks like a term is explained, or is
// one that everybody knows.
func TestEveryTermIsExplained(t *testing.T) {
	known := []string{"IP", "OK", "FAULT", "LISTED", "FROM", "TO", "RTF", "RFC", "JSON", "HOST", "NETWORK", "DKIM1", "SHA-256"}
	term := regexp.MustCompile(`\b[A-Z][A-Z0-9-]*[A-Z0-9]\b`)
	for _, lang := range Languages() {
		w := words(t, lang)
		for key := range w.text {
			switch family, _, _ := strings.Cut(key, "."); family {
			case "category", "party", "verdict-means", "advice", "finding", "also", "limit", "note", "tls", "fault", "step":
			default:
				continue
			}
			text := &Text{Words: w}
			said := strings.NewReplacer("--rcpt", "", "RFC 2181", "").Replace(w.Say(key, nil))
			text.meet(said)
			explained := ""
			for _, found := range text.terms {
				word, _ := text.term(found)
				explained += " " + word
			}
			for _, word := range term.FindAllString(said, -1) {
				if !slices.Contains(known, word) && !hasWord(explained, word) {
					t.Errorf("%s, %s: %s is not explained", lang, key, word)
				}
			}
		}
	}
}

// The word before the colon is what is looked for.
func TestEveryTermHasAMeaning(t *testing.T) {
	for _, lang := range Languages() {
		text := &Text{Words: words(t, lang)}
		for _, key := range text.Words.terms {
			if term, meaning := text.term(key); term == "" || meaning == "" {
				t.Errorf("%s, %s: %q means %q", lang, key, term, meaning)
			}
		}
	}
}

func without(list []string, v string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == v })
}

type collector struct {
	t     *testing.T
	used  map[string]string
	place string
}

type parsed struct {
	name string
	tree *ast.File
}

func (c *collector) files(dir string) (out []parsed) {
	names, err := filepath.Glob(filepath.Join("../..", dir, "*.go"))
	if err != nil || len(names) == 0 {
		c.t.Fatal(dir, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			c.t.Fatal(err)
		}
		tree, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
		if err != nil {
			c.t.Fatal(err)
		}
		out = append(out, parsed{dir + "/" + filepath.Base(name), tree})
	}
	return out
}

// constants are the values of a string type.
func (c *collector) constants(dir, typ string) []string {
	return c.values(dir, func(v *ast.ValueSpec) bool { id, ok := v.Type.(*ast.Ident); return ok && id.Name == typ })
}

// named are the values of constants whose names begin alike.
func (c *collector) named(dir, prefix string) []string {
	return c.values(dir, func(v *ast.ValueSpec) bool {
		return strings.HasPrefix(v.Names[0].Name, prefix) && len(v.Names[0].Name) > len(prefix)
	})
}

func (c *collector) values(dir string, want func(*ast.ValueSpec) bool) (out []string) {
	for _, f := range c.files(dir) {
		ast.Inspect(f.tree, func(n ast.Node) bool {
			if g, ok := n.(*ast.GenDecl); ok && g.Tok == token.CONST {
				for _, s := range g.Specs {
					if v := s.(*ast.ValueSpec); len(v.Values) == 1 && want(v) {
						if s, ok := literal(v.Values[0]); ok {
							out = append(out, s)
						}
					}
				}
			}
			return true
		})
	}
	if len(out) == 0 {
		c.t.Errorf("no constants were found in %s", dir)
	}
	return out
}

func (c *collector) slugs() (out []string) {
	for _, f := range c.files("classify") {
		if o := f.tree.Scope.Lookup("slugs"); o != nil {
			for _, e := range o.Decl.(*ast.ValueSpec).Values[0].(*ast.CompositeLit).Elts {
				s, _ := literal(e)
				out = append(out, s)
			}
		}
	}
	return out
}

func (c *collector) perSlug(suffixes ...string) (out []string) {
	for _, slug := range without(c.slugs(), "unknown") {
		for _, suffix := range suffixes {
			out = append(out, slug+suffix)
		}
	}
	return out
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(l.Value)
	return s, err == nil
}

var findingCode = regexp.MustCompile(`^(mx|address|ptr|spf|dkim|dmarc|sts|dane|ns|helo|tls|relay|vantage|named|lists|smtp|control|skipped|rcpt)\.[a-z0-9-]*[a-z0-9]$`)

// wholeKey is a key of a family whose keys are not put together.
var wholeKey = regexp.MustCompile(`^(label|hint|explain|man|letter|html)\.[a-z-]*[a-z]$`)

func (c *collector) add(prefix string, e ast.Expr) {
	if s, ok := literal(e); ok && s != "" {
		c.used[prefix+s] = c.place
	}
}

// argument is the place of the code in a call, by the function's name.
var argument = map[string]struct {
	prefix string
	at     int
}{
	"limit": {"limit.", 0}, "invisible": {"limit.", 0}, "to": {"advice.", 1}, "us": {"advice.", 1}, "note": {"note.", 0},
	"usage": {"error.", 0}, "failed": {"error.", 0}, "warn": {"", 0},
	"say": {"", 0}, "Say": {"", 0}, "heading": {"", 0}, "row": {"", 0}, "seen": {"", 0}, "section": {"", 0},
	"BoolVar": {"flag.", 1}, "StringVar": {"flag.", 1}, "StringVarP": {"flag.", 1}, "StringArrayVar": {"flag.", 1},
	"IntVar": {"flag.", 1}, "Uint16Var": {"flag.", 1}, "DurationVar": {"flag.", 1}, "BoolP": {"flag.", 0},
}

func (c *collector) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BasicLit:
		switch s, ok := literal(n); {
		case ok && strings.HasPrefix(c.place, "probe/") && findingCode.MatchString(s):
			c.used["finding."+s] = c.place
		case ok && strings.HasPrefix(c.place, "cmd/") && wholeKey.MatchString(s):
			c.used[s] = c.place
		}
	case *ast.CallExpr:
		c.call(n)
	case *ast.CompositeLit:
		c.composite(n)
	case *ast.FuncDecl:
		if name := n.Name.Name; strings.HasSuffix(name, "Advice") || name == "whatWouldDecide" {
			ast.Inspect(n, func(n ast.Node) bool {
				if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) == 1 {
					c.add("advice.", r.Results[0])
				}
				return true
			})
		}
	}
	return true
}

func (c *collector) call(n *ast.CallExpr) {
	name := ""
	switch f := n.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
	}
	if a, ok := argument[name]; ok && len(n.Args) > a.at {
		c.add(a.prefix, n.Args[a.at])
	}
}

func (c *collector) composite(n *ast.CompositeLit) {
	typ := ""
	switch t := n.Type.(type) {
	case *ast.Ident:
		typ = t.Name
	case *ast.ArrayType:
		if id, ok := t.Elt.(*ast.Ident); ok { // elements that leave their type out
			for _, e := range n.Elts {
				if l, ok := e.(*ast.CompositeLit); ok && l.Type == nil {
					c.composite(&ast.CompositeLit{Type: id, Elts: l.Elts})
				}
			}
		}
		if st, ok := t.Elt.(*ast.StructType); ok && len(st.Fields.List) == 1 && strings.HasPrefix(c.place, "probe/advise") { // limit and advice in pairs
			for _, e := range n.Elts {
				if l, ok := e.(*ast.CompositeLit); ok && len(l.Elts) == 2 {
					c.add("limit.", l.Elts[0])
					c.add("advice.", l.Elts[1])
				}
			}
		}
	}
	switch {
	case typ == "Seen" && len(n.Elts) > 0:
		c.seen(n.Elts[0])
	case typ == "Advice" && len(n.Elts) > 1:
		c.add("advice.", n.Elts[1])
	case typ == "Note":
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok && kv.Key.(*ast.Ident).Name == "Code" {
				c.add("note.", kv.Value)
			}
		}
	case typ == "check": // a command of cmd/cli
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok && kv.Key.(*ast.Ident).Name == "name" {
				c.add("help.", kv.Value)
				if s, ok := literal(kv.Value); ok {
					c.used["help."+s+"-examples"] = c.place
				}
			}
		}
	}
}

// seen takes a code that is worded as a limit, as seen also, or as a finding.
func (c *collector) seen(e ast.Expr) {
	s, ok := literal(e)
	if !ok {
		return
	}
	w := words(c.t, "en")
	for _, family := range []string{"also.", "limit.", "finding."} {
		if w.Has(family + s) {
			c.used[family+s] = c.place
			return
		}
	}
	c.t.Errorf("%s: no words for what is seen: %s", c.place, s)
}

func FuzzSay(f *testing.F) {
	f.Add("a<< {b}>>{c}", "x\x1b[2J")
	f.Add("<<{", "")
	f.Add("{}<<>>>>", "<<{b}>>")
	f.Add("{b", "\u202e")
	f.Fuzz(func(t *testing.T, text, arg string) {
		w := &Words{text: map[string]string{"k": text}}
		got := w.Say("k", map[string]string{"b": arg, "c": arg})
		switch {
		case !utf8.ValidString(text) || strings.ContainsFunc(text, hidden): // no catalogue has such a text
		case strings.ContainsFunc(got, hidden):
			t.Errorf("Say lets a hidden character of %q through: %q", arg, got)
		case !utf8.ValidString(got):
			t.Errorf("%q is no UTF-8", got)
		}
	})
}
