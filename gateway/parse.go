package gateway

import (
	"gatehouse/internal/conf"
)

// Parse reads a file. The document locates later mistakes (those of [New]) and keeps the warnings. env looks up ${NAME};
// nil is the process's environment.
func Parse(file string, data []byte, env func(string) (string, bool)) (Config, *conf.Document, error) {
	doc, err := conf.Parse(file, data)
	if err != nil {
		return Config{}, nil, err
	}
	var cfg Config
	if err := doc.Decode(&cfg, conf.Options{Env: env, Unserved: unserved(), Renamed: renamed()}); err != nil {
		return Config{}, doc, err
	}
	return cfg, doc, nil
}
