package bounce

import (
	"strings"
	"testing"
)

func TestEveryFieldIsFoundByItsName(t *testing.T) {
	for i, name := range fieldNames[1:] {
		key := fieldKey(i + 1)
		for _, written := range []string{name, strings.ToUpper(name)} {
			if got := keyOf(written); got != key {
				t.Errorf("%s is field %d, not %d", written, got, key)
			}
		}
		for _, other := range []string{name + "x", "x" + name, name[:1], name[:len(name)-1] + "_"} {
			if got := keyOf(other); got == key {
				t.Errorf("%s is taken for %s", other, name)
			}
		}
	}
}
