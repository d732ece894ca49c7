package expr

import "testing"

func TestMistakesAreToldInOurWords(t *testing.T) {
	for text, want := range map[string]string{
		`req_method = 'GET'`:             `character 12: "=" is no operator (did you mean "=="?)`,
		`req_method == 'GET`:             `character 15: a string begins here and does not end`,
		`req_method == "GET' && true`:    `character 15: a string begins here and does not end`,
		`true & false`:                   `character 6: "&" is no operator (did you mean "&&"?)`,
		`req_method ==`:                  `character 14: ends too early, want a value`,
		`(true`:                          `character 6: ends too early, want )`,
		`size(req_method`:                `character 16: ends too early, want )`,
		`true)`:                          `character 5: ")" does not belong here`,
		`true false`:                     `character 6: "false" does not belong here`,
		"true &&\n  && false":            `line 2, character 3: "&&" does not belong here`,
		`req_method == 1`:                `character 12: == takes no (string, int)`,
		`req_method + 1 == ''`:           `character 12: + takes no (string, int)`,
		`!req_method`:                    `character 1: ! takes no (string)`,
		`'a' in req_method`:              `character 5: in takes no (string, string)`,
		`size(1) == 1`:                   `character 5: size takes no (int)`,
		`req_metod == 'GET'`:             `character 1: undeclared reference to 'req_metod' (did you mean 'req_method'?)`,
		`req_method == 1 || true == 'x'`: "character 12: == takes no (string, int)\ncharacter 25: == takes no (bool, string)",
		`§`:                              `character 1: "§" is not understood`,
		``:                               `character 1: ends too early, want a value`,
		`JWT.sub == 'a'`:                 `JWT needs a token, and the endpoint has no auth/validator`,
	} {
		if _, err := Compile(text, OfRequest); err == nil || err.Error() != want {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
}
