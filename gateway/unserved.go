package gateway

import "strings"

// unserved are the namespaces that KrakenD's users may have and that we refuse: an endpoint must never be more open, or do
// less, than its author believes. Each says in a few words what it is.
func unserved() map[string]string {
	return map[string]string{
		"auth/gcp":                         "Google service authentication",
		"auth/ntlm":                        "NTLM authentication",
		"async_agent":                      "asynchronous agents",
		"async/amqp":                       "asynchronous agents",
		"async/kafka":                      "asynchronous agents",
		"backend/amqp/consumer":            "message queues",
		"backend/amqp/producer":            "message queues",
		"backend/pubsub/publisher":         "message queues",
		"backend/pubsub/subscriber":        "message queues",
		"backend/lambda":                   "AWS Lambda",
		"backend/grpc":                     "gRPC",
		"backend/soap":                     "SOAP",
		"backend/static-filesystem":        "static files",
		"backend/conditional":              "conditional backends",
		"grpc":                             "gRPC",
		"modifier/jmespath":                "JMESPath queries",
		"modifier/body-generator":          "body templates",
		"modifier/response-body-generator": "body templates",
		"modifier/request-body-generator":  "body templates",
		"modifier/response-headers":        "header rules",
		"modifier/response-body":           "body rules",
		"plugin":                           "Go plugins",
		"plugin/http-server":               "Go plugins",
		"plugin/http-client":               "Go plugins",
		"plugin/req-resp-modifier":         "Go plugins",
		"qos/ratelimit/service":            "rate limits of the service",
		"qos/ratelimit/tiered":             "tiered rate limits",
		"qos/circuit-breaker-http":         "circuit breaking by status; qos/circuit-breaker has failure_status",
		"security/policies":                "security policies",
		"server/static-filesystem":         "static files",
		"server/virtualhost":               "virtual hosts",
		"telemetry/ganalytics":             "telemetry",
		"telemetry/gelf":                   "telemetry",
		"telemetry/influx":                 "telemetry",
		"telemetry/instana":                "telemetry",
		"telemetry/logging":                "telemetry",
		"telemetry/logstash":               "telemetry",
		"telemetry/metrics":                "telemetry",
		"telemetry/newrelic":               "telemetry",
		"telemetry/opencensus":             "telemetry",
		"telemetry/opentelemetry":          "telemetry",
		"telemetry/moesif":                 "telemetry",
		"validation/response-json-schema":  "JSON schemas of answers",
		"documentation/openapi":            "OpenAPI documents",
		"websocket":                        "WebSockets",
		"workflow":                         "workflows",
	}
}

// renamed are the namespaces of KrakenD up to 1.4 and what they are called today (krakend.md 1.7). The service wrote
// github_com, endpoints and backends github.com; who mixes them up means the same.
func renamed() map[string]string {
	all := map[string]string{}
	for old, today := range firstNames() {
		_, rest, _ := strings.Cut(old, "/")
		all["github.com/"+rest], all["github_com/"+rest] = today, today
	}
	return all
}

func firstNames() map[string]string {
	return map[string]string{
		"github.com/devopsfaith/krakend-jose/validator":                 "auth/validator",
		"github.com/devopsfaith/krakend-jose/signer":                    "auth/signer",
		"github.com/devopsfaith/krakend-oauth2-clientcredentials":       "auth/client-credentials",
		"github_com/devopsfaith/bloomfilter":                            "auth/revoker",
		"github.com/devopsfaith/krakend/proxy":                          "proxy",
		"github_com/luraproject/lura/router/gin":                        "router",
		"github.com/devopsfaith/krakend/http":                           "backend/http",
		"github.com/devopsfaith/krakend/transport/http/client/graphql":  "backend/graphql",
		"github.com/devopsfaith/krakend-lambda":                         "backend/lambda",
		"github.com/devopsfaith/krakend-amqp/consume":                   "backend/amqp/consumer",
		"github.com/devopsfaith/krakend-amqp/produce":                   "backend/amqp/producer",
		"github.com/devopsfaith/krakend-pubsub/publisher":               "backend/pubsub/publisher",
		"github.com/devopsfaith/krakend-pubsub/subscriber":              "backend/pubsub/subscriber",
		"github.com/devopsfaith/krakend-amqp/agent":                     "async/amqp",
		"github.com/devopsfaith/krakend-ratelimit/juju/router":          "qos/ratelimit/router",
		"github.com/devopsfaith/krakend-ratelimit/juju/proxy":           "qos/ratelimit/proxy",
		"github.com/devopsfaith/krakend-circuitbreaker/gobreaker":       "qos/circuit-breaker",
		"github.com/devopsfaith/krakend-httpcache":                      "qos/http-cache",
		"github_com/devopsfaith/krakend-cors":                           "security/cors",
		"github_com/devopsfaith/krakend-httpsecure":                     "security/http",
		"github_com/devopsfaith/krakend-botdetector":                    "security/bot-detector",
		"github.com/devopsfaith/krakend-cel":                            "validation/cel",
		"github.com/devopsfaith/krakend-jsonschema":                     "validation/json-schema",
		"github.com/devopsfaith/krakend-lua/router":                     "modifier/lua-endpoint",
		"github.com/devopsfaith/krakend-lua/proxy":                      "modifier/lua-proxy",
		"github.com/devopsfaith/krakend-lua/proxy/backend":              "modifier/lua-backend",
		"github.com/devopsfaith/krakend-martian":                        "modifier/martian",
		"github_com/devopsfaith/krakend/transport/http/server/handler":  "plugin/http-server",
		"github.com/devopsfaith/krakend/transport/http/client/executor": "plugin/http-client",
		"github.com/devopsfaith/krakend/proxy/plugin":                   "plugin/req-resp-modifier",
		"github_com/devopsfaith/krakend-gologging":                      "telemetry/logging",
		"github_com/devopsfaith/krakend-gelf":                           "telemetry/gelf",
		"github_com/devopsfaith/krakend-logstash":                       "telemetry/logstash",
		"github_com/devopsfaith/krakend-metrics":                        "telemetry/metrics",
		"github_com/letgoapp/krakend-influx":                            "telemetry/influx",
		"github_com/devopsfaith/krakend-opencensus":                     "telemetry/opencensus",
	}
}
