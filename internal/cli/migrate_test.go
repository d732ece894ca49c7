package cli_test

import (
	"path/filepath"
	"strings"
	"testing"
)

const tutorial2 = `{
  "version": 2,
  "@comment": "kept",
  "timeout": "3s",
  "endpoints": [
    {
      "endpoint": "/orders",
      "headers_to_pass": "X-A",
      "colour": "blue",
      "extra_config": {
        "github.com/devopsfaith/krakend-jose/validator": {
          "alg": "RS256", "audience": ["a", "b"], "jwk-url": "https://id.test/jwks.json"
        }
      },
      "backend": [{"host": ["http://127.0.0.1:1"], "url_pattern": "/orders", "blacklist": ["card"], "group": "${x}"}]
    }
  ]
}
`

const tutorial4 = `{
  "version": 4,
  "@comment": "kept",
  "timeout": "3s",
  "endpoints": [
    {
      "endpoint": "/orders",
      "input_headers": ["X-A"],
      "@colour": "blue",
      "extra_config": {
        "auth/validator": {
          "alg": "RS256", "audience": ["a", "b"], "jwk_url": "https://id.test/jwks.json",
          "audience_match": "all",
          "require_exp": false
        }
      },
      "backend": [{"host": ["http://127.0.0.1:1"], "url_pattern": "/orders", "deny": ["card"], "group": "$${x}", "success_status": [200, 201], "on_error": "fail", "follow_redirects": 10}],
      "pass_status": false,
      "error_statuses": "500"
    }
  ],
  "error_format": "krakend",
  "headers_prefix": "X-KrakenD",
  "extra_config": {"router": {"auto_head": false, "auto_options": false, "disable_path_decoding": false, "hide_version_header": false}}
}
`

func TestMigrateKeepsWhatNeedsNoChange(t *testing.T) {
	old := file(t, tutorial2)
	code, out, notes := run(t, "migrate", old)
	if code != 0 || out != tutorial4 {
		t.Errorf("code %d\n%s\n%s\nwant\n%s", code, notes, out, tutorial4)
	}
	for _, want := range []string{
		`:8:7: endpoints[0].headers_to_pass: now "input_headers"`,
		`:8:26: endpoints[0].headers_to_pass: a list of one instead of a string`,
		`:9:7: endpoints[0].colour: nobody reads it: kept as a remark, "@colour"`,
		`:12:51: endpoints[0].extra_config.github.com/devopsfaith/krakend-jose/validator.jwk-url: now "jwk_url"`,
		"follow_redirects: 10 (endpoints[0].backend[0]): version 4 hands redirects to the client",
		`group: "${" is filled in from version 4 on`,
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("want the note %s in\n%s", want, notes)
		}
	}
	if code, _, errOut := run(t, "check", "--strict", "-c", file(t, out)); code != 0 {
		t.Errorf("what migrate writes is no good: %s", errOut)
	}
}

func TestMigrateRefusesWhatIsWrong(t *testing.T) {
	rows := []struct {
		name string
		args []string
		code int
		says string
	}{
		{"no file", []string{}, 2, "which file?"},
		{"a file that is not there", []string{filepath.Join(t.TempDir(), "nope.json")}, 3, "nope.json: no such file"},
		{"a file with mistakes", []string{file(t, `{"version": 3, "endpoint": []}`)}, 1, `did you mean "endpoints"?`},
		{"a file of version 4", []string{file(t, good)}, 1, "is of version 4 already"},
		{"what version 4 refuses", []string{file(t, strings.Replace(good, `"version": 4`, `"version": 3, "extra_config": {"security/cors": {"allow_origins": ["app.example"], "allow_credentials": true}}`, 1))}, 1, "want an origin"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if code, _, errOut := run(t, append([]string{"migrate"}, row.args...)...); code != row.code || !strings.Contains(errOut, row.says) {
				t.Errorf("got %d %s\nwant %d %s", code, errOut, row.code, row.says)
			}
		})
	}
}
