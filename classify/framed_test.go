package classify

import (
	"os"
	"strings"
	"testing"
)

// frames are what servers write around a cause, and in place of one.
var frames = []string{
	"550 %", "550 5.7.1 %", "550 Access denied, %", "550 Requested action not taken: %",
	"554 5.7.1 Message rejected: %", "554 Service unavailable; %", "554 Transaction failed. %",
	"550 5.7.1 Delivery not authorized: %", "451 4.7.1 Service temporarily unavailable; %", "554 refused by policy: %",
}

// framesOf are those of a language, beside the English ones.
var framesOf = map[string][]string{
	"de":    {"550 Nachricht abgelehnt: %", "554 Zugriff verweigert: %"},
	"es":    {"550 Mensaje rechazado: %", "554 Acceso denegado: %"},
	"fr":    {"550 Message refusé : %", "554 Accès refusé : %"},
	"it":    {"550 Messaggio rifiutato: %", "554 Accesso negato: %"},
	"ja":    {"550 メールは拒否されました: %", "554 アクセスが拒否されました: %"},
	"ko":    {"550 메일이 거부되었습니다: %", "554 접근이 거부되었습니다: %"},
	"nl":    {"550 Bericht geweigerd: %", "554 Toegang geweigerd: %"},
	"pl":    {"550 Wiadomość odrzucona: %", "554 Odmowa dostępu: %"},
	"pt":    {"550 Mensagem recusada: %", "554 Acesso negado: %"},
	"ru":    {"550 Сообщение отклонено: %", "554 Доступ запрещён: %"},
	"zh-CN": {"550 拒绝接收: %", "550 %，拒绝接收"},
	"zh-TW": {"550 拒絕: %", "550 %，拒絕接收"},
}

// TestTheCauseOutweighsItsFrame puts each wording of testdata/framed.txt into
// every frame. Some lose, since some words mean nothing beside a refusal: the
// floors are percentages of what is named rightly.
func TestTheCauseOutweighsItsFrame(t *testing.T) {
	floors := map[string]int{
		"bad-command": 90, "connection-failed": 75, "dns-failure": 80, "rejected": 92, "remote-fault": 88, "sender-dns": 95,
	}
	text, err := os.ReadFile("testdata/framed.txt")
	if err != nil {
		t.Fatal(err)
	}
	c := shipped(t)
	right, asked, wrong := map[string]int{}, map[string]int{}, map[string][]string{}
	for line := range strings.Lines(string(text)) {
		want, rest, _ := strings.Cut(strings.TrimSpace(line), "\t")
		language, words, _ := strings.Cut(rest, "\t")
		for _, set := range [][]string{frames, framesOf[language]} {
			for _, frame := range set {
				reply := strings.Replace(frame, "%", words, 1)
				asked[want]++
				if got := c.Classify(said(reply)); got.Slug == want {
					right[want]++
				} else {
					wrong[want] = append(wrong[want], got.Slug+" for "+reply)
				}
			}
		}
	}
	for _, category := range slugs[1:] {
		floor, ok := floors[category]
		if !ok {
			floor = 97
		}
		if 100*right[category] < floor*asked[category] || asked[category] == 0 {
			t.Errorf("%s: %d of %d, below %d %%\n\t%s", category, right[category], asked[category], floor, strings.Join(wrong[category], "\n\t"))
		}
	}
}
