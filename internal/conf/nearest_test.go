package conf

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"endpoint", "extra_config", "max_errors", "sd", "timeout", "tls", "url_pattern", "auth/validator", "größe"}
	rows := []struct {
		name, meant string
		misspelt    bool
	}{
		{"endpont", "endpoint", true},
		{"endpoints", "endpoint", true},
		{"endpiont", "endpoint", true},
		{"Endpoint", "endpoint", true},
		{"ENDPOINT", "endpoint", true},
		{"max-errors", "max_errors", true},
		{"maxErrors", "max_errors", true},
		{"MAX_ERROR", "max_errors", false},
		{"max_the_errors", "max_errors", false},
		{"maximal_number_of_errors", "", false},
		{"maxi_errorss", "max_errors", true},
		{"maxima_errors", "max_errors", false},
		{"urlpattern", "url_pattern", true},
		{"url_patern", "url_pattern", true},
		{"extraConfig", "extra_config", true},
		{"timeuot", "timeout", true},
		{"time", "timeout", false},
		{"auth_validator", "auth/validator", true},
		{"grösse", "größe", true},
		{"id", "sd", true},
		{"x", "", true}, // two edits from "sd", but with nothing in common
		{"comment", "", false},
		{"", "", true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			meant, misspelt := nearest(row.name, known)
			if meant != row.meant || misspelt != row.misspelt {
				t.Errorf("got %q, %v, want %q, %v", meant, misspelt, row.meant, row.misspelt)
			}
		})
	}
}

func TestEdits(t *testing.T) {
	rows := []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "acb", 1},
		{"abc", "cab", 2}, {"ca", "abc", 3}, {"kitten", "sitting", 3}, {"é", "e", 1},
	}
	for _, row := range rows {
		if got := edits(row.a, row.b); got != row.want {
			t.Errorf("%q to %q: got %d, want %d", row.a, row.b, got, row.want)
		}
		if edits(row.a, row.b) != edits(row.b, row.a) {
			t.Errorf("%q and %q: the way back differs", row.a, row.b)
		}
	}
}
