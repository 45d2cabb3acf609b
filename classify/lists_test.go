package classify

import (
	"strings"
	"testing"
)

func TestListIsNamedInAnyLanguage(t *testing.T) {
	for _, reply := range []string{
		"554 Su dirección IP 192.0.2.9 está listada en %",
		"550 5.7.1 Rechazado: 192.0.2.9 está en la lista negra %",
		"550 IP 192.0.2.9 bloqueada por la lista negra %",
		"550 Ihre IP-Adresse 192.0.2.9 ist bei % gelistet",
		"554 192.0.2.9 gelistet bei %",
		"550 Ihr Server steht auf der schwarzen Liste %",
		"550 5.7.1 Votre adresse IP 192.0.2.9 figure dans la liste noire %",
		"550 L'adresse IP 192.0.2.9 est répertoriée dans %",
		"550 Ваш IP 192.0.2.9 находится в списке %",
		"550 Адрес 192.0.2.9 внесён в список %",
		"550 您的IP 192.0.2.9 在 % 黑名單中",
		"550 您的IP地址已被列入%黑名单",
		"550 寄件伺服器位址列於 % 的阻擋清單",
		"550 5.7.1 因为您的IP在黑名单(%)中被拒绝",
		"550 Uw IP-adres 192.0.2.9 is op de zwarte lijst % geplaatst",
		"554 Uw server staat op %",
		"550 Twój adres IP 192.0.2.9 został wpisany na listę %",
		"550 L'indirizzo IP 192.0.2.9 è presente in %",
		"550 O seu IP 192.0.2.9 está na lista negra %",
		"550 送信元IPアドレス192.0.2.9は%に登録されています",
		"550 IPアドレスがブラックリスト(%)に掲載されています",
		"550 발신 IP 192.0.2.9가 % 블랙리스트에 등록되어 있습니다",
		"550 vaše IP je na seznamu %",
		"550 IP adresiniz 192.0.2.9 % kara listesinde",
		"550 Din IP-adress 192.0.2.9 finns i svartlistan %",
		"550 Din IP er listet hos %",
		"554 IP=192.0.2.9 listed by %",
		"550 192.0.2.9 is on the % list",
		"550 192.0.2.9 appears on %",
		"550 your IP has been blocked because it is present in %",
	} {
		for _, zone := range []string{"bl.example.org", "ix.example.net"} {
			got := shipped(t).Classify(said(withZone(reply, zone)))
			if got.Category != Blocklisted || got.List != zone {
				t.Errorf("%s: %s on %q by %v", withZone(reply, zone), got.Slug, got.List, got.Evidence)
			}
		}
	}
}

// A host of a list says so by its name, whatever the words around it.
func TestListIsNamedByItsZone(t *testing.T) {
	for _, reply := range []string{
		"550 IP bloqueado por %", "554 IP bloccato da %", "550 IP zablokowany przez %", "550 IP geblokkeerd door %",
		"550 來源 IP 被 % 封鎖", "550 IP 192.0.2.9 는 % 에 의해 차단되었습니다", "550 % lists your address 192.0.2.9",
		"550 5.7.1 blocked (rbl=%)", "550 5.7.1 Blacklisted by: %", "550 your IP is in the blocklist of mx.example.net, % that is",
	} {
		for _, zone := range []string{"rbl.example.org", "dnsbl-2.example.org"} {
			got := shipped(t).Classify(said(withZone(reply, zone)))
			if got.Category != Blocklisted || got.List != zone || got.Reason == ReasonPrivateList {
				t.Errorf("%s: %s on %q (%s) by %v", withZone(reply, zone), got.Slug, got.List, got.Reason, got.Evidence)
			}
		}
	}
}

func TestHostThatIsNoListIsNotTakenForOne(t *testing.T) {
	for _, reply := range []string{
		"550 your server is blacklisted: mail.example.org",
		"550 your IP address is on the blacklist of this site",
		"554 mx.example.net: your IP address is blacklisted",
		"554 your server mail.example.org is on a blacklist",
		"550 Ihr Server mail.example.org steht auf einer Sperrliste",
		"550 您的主機 mail.example.org 已在黑名單中",
		"550 el servidor mail.example.org está en una lista negra",
	} {
		if got := shipped(t).Classify(said(reply)); got.Category != Blocklisted || got.List != "" {
			t.Errorf("%s: %s on %q", reply, got.Slug, got.List)
		}
	}
	f := said("554 your IP is blocked by mx.example.net, it is on a blacklist")
	f.Remote.Name = "mx.example.net"
	if got := shipped(t).Classify(f); got.List != "" {
		t.Errorf("the remote itself is taken for the list %q", got.List)
	}
}

func withZone(reply, zone string) string { return strings.Replace(reply, "%", zone, 1) }
