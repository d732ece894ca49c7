package cli

import (
	"slices"
	"strings"

	"gatehouse/gateway"
	"gatehouse/internal/conf"
)

// overrides are the keys of the file's top level that the environment sets: GATEHOUSE_PORT, or KRAKEND_PORT as KrakenD
// has it. Ours wins where both are there. The grammar's version is not among them: it says what a file means, and images
// carry KRAKEND_VERSION for other reasons. What cannot be set by one text, such as KRAKEND_ENDPOINTS, is left in the list
// to be a mistake; names that mean nothing to us are left alone.
func overrides(environ []string) []conf.Override {
	plain, others := conf.Overridable(gateway.Config{})
	var list []conf.Override
	for _, prefix := range []string{"GATEHOUSE_", "KRAKEND_"} {
		for _, variable := range environ {
			name, text, _ := strings.Cut(variable, "=")
			rest, ok := strings.CutPrefix(name, prefix)
			key := strings.ToLower(rest)
			known := slices.Contains(plain, key) && key != "version" || slices.Contains(others, key)
			if ok && known && !ofKubernetes(key, text) {
				list = append(list, conf.Override{Source: name, Key: key, Text: text})
			}
		}
	}
	return list
}

// ofKubernetes recognises what Kubernetes sets in every container near a service called krakend or gatehouse:
// KRAKEND_PORT=tcp://10.0.0.1:8080. Nobody means a port by that.
func ofKubernetes(key, text string) bool {
	return key == "port" && (strings.HasPrefix(text, "tcp://") || strings.HasPrefix(text, "udp://"))
}
