package cli_test

import (
	"strings"
	"testing"
)

func TestTheEnvironmentOverridesTheTopLevel(t *testing.T) {
	const v3 = `{"version": 3, "timeout": "1s", "host": ["http://127.0.0.1:1"], "endpoints": [{"endpoint": "/a", "backend": [{"url_pattern": "/a"}]}]}`
	v4 := strings.Replace(v3, `"version": 3`, `"version": 4`, 1)
	rows := []struct {
		name, file string
		env        map[string]string
		code       int
		out, err   string // what is in them
	}{
		{"a duration", v3, map[string]string{"KRAKEND_TIMEOUT": "7s"}, 0, "7s", ""},
		{"a list, parted by commas", v3, map[string]string{"KRAKEND_HOST": "http://127.0.0.1:2, http://127.0.0.1:3"}, 0, "http://127.0.0.1:2,http://127.0.0.1:3/a", ""},
		{"by our name, in version 4", v4, map[string]string{"GATEHOUSE_TIMEOUT": "6s"}, 0, "6s", ""},
		{"ours wins", v4, map[string]string{"KRAKEND_TIMEOUT": "7s", "GATEHOUSE_TIMEOUT": "6s"}, 0, "6s", ""},
		{"what stands in a variable is not expanded", v4, map[string]string{"GATEHOUSE_NAME": "${NOBODY}"}, 0, "/a", ""},
		{"a number that is none", v3, map[string]string{"KRAKEND_PORT": "http"}, 1, "", `KRAKEND_PORT: port: got "http", want a number` + "\n"},
		{"a number that is too large", v3, map[string]string{"GATEHOUSE_PORT": "70000"}, 1, "", "GATEHOUSE_PORT: port: got 70000, want 0 to 65535\n"},
		{"a boolean that is none", v4, map[string]string{"GATEHOUSE_ECHO_ENDPOINT": "yes"}, 1, "", `GATEHOUSE_ECHO_ENDPOINT: echo_endpoint: got "yes", want a boolean` + "\n"},
		{"a duration without a unit", v3, map[string]string{"KRAKEND_TIMEOUT": "3"}, 1, "", `KRAKEND_TIMEOUT: timeout: got "3", want a duration with its unit, such as "3s"`},
		{"an encoding that nobody knows", v3, map[string]string{"KRAKEND_OUTPUT_ENCODING": "yml"}, 1, "", `KRAKEND_OUTPUT_ENCODING: output_encoding: got "yml", want "json"`},
		{"a host that is none", v3, map[string]string{"KRAKEND_HOST": "http://127.0.0.1:1/path"}, 1, "", `KRAKEND_HOST: host[0]: `},
		{"what one text cannot say", v3, map[string]string{"KRAKEND_ENDPOINTS": "x"}, 1, "", `KRAKEND_ENDPOINTS: no key "endpoints" of the top level can be set like this`},
		{"names that mean nothing to us", v3, map[string]string{"KRAKEND_SERVICE_HOST": "10.0.0.1", "GATEHOUSE_X": ""}, 0, "1s", ""},
		{"what Kubernetes sets for a service of this name", v3, map[string]string{"KRAKEND_PORT": "tcp://10.0.0.1:8080"}, 0, "1s", ""},
		{"the version of an image", v3, map[string]string{"KRAKEND_VERSION": "2.13.8"}, 0, "1s", ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			for name, value := range row.env {
				t.Setenv(name, value)
			}
			code, out, errOut := run(t, "check", "-c", file(t, row.file))
			if code != row.code || !strings.Contains(out, row.out) || !strings.Contains(errOut, row.err) {
				t.Errorf("got %d\n%s%s\nwant %d\n%s%s", code, out, errOut, row.code, row.out, row.err)
			}
		})
	}
}
