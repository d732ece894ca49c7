package gateway

import (
	"gatehouse/internal/conf"
)

// Parse reads a file. The document locates later mistakes (those of [New]) and keeps the warnings. env looks up ${NAME};
// nil is the process's environment. What overrides say wins over the file. With an error comes what could be read: it is for
// [Further] and nothing else.
func Parse(file string, data []byte, env func(string) (string, bool), overrides ...conf.Override) (Config, *conf.Document, error) {
	doc, err := conf.Parse(file, data)
	if err != nil {
		return Config{}, nil, err
	}
	var cfg Config
	if err := doc.Decode(&cfg, conf.Options{Env: env, Unserved: unserved(), Renamed: renamed(), Override: overrides}); err != nil {
		return cfg, doc, err
	}
	return cfg, doc, nil
}
