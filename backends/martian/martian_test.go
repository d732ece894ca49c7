package martian

import (
	"strings"
	"testing"

	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

func TestMistakes(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"an unknown one", `{"header.Modifyer":{}}`, `header.Modifyer: no such modifier (did you mean "header.Modifier"?)`},
		{"none", `{}`, "want one modifier by its name"},
		{"two at once", `{"header.Id":{},"header.Append":{}}`, "want one modifier by its name"},
		{"an unknown key", `{"header.Modifier":{"nam":"x"}}`, `header.Modifier: unknown key "nam"`},
		{"another type", `{"header.Modifier":{"name":1}}`, `header.Modifier: name: got a number, want another type`},
		{"deep inside", `{"fifo.Group":{"modifiers":[{"header.Id":{}},{"priority.Group":{"modifiers":[{"modifier":{"x":{}}}]}}]}}`, "fifo.Group.modifiers[1].priority.Group.modifiers[0].modifier.x: no such modifier"},
		{"a host in a filter", `{"url.Filter":{"modifier":{"url.Modifier":{"host":"b"}}}}`, "url.Filter.modifier.url.Modifier.host: a filter cannot choose the host"},
		{"no directory", `{"static.Modifier":{"rootPath":"/no/such"}}`, `static.Modifier.rootPath: "/no/such" is not a directory`},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := (&Config{raw: []byte(row.text)}).Compile(outbound.Origin{})
			var got []string
			for _, m := range conf.Flatten(err) {
				got = append(got, strings.TrimPrefix(m.Path.String()+": "+m.Err.Error(), ": "))
			}
			if !strings.HasPrefix(strings.Join(got, "; "), row.want) {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}
