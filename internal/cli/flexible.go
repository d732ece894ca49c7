package cli

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"

	"gatehouse/internal/conf"
)

// flexible is KrakenD's flexible configuration (krakend.md 1.1): the file is a template, filled in with settings, partials
// and other templates before it is read as JSON.
type flexible struct {
	settings  string // FC_SETTINGS: a directory whose x.json is .x in templates
	partials  string // FC_PARTIALS: a directory of files for {{ include "name" }}, which are put in as they are
	templates string // FC_TEMPLATES: a directory of *.tmpl files for {{ template "name.tmpl" . }}
	out       string // FC_OUT: where the rendered file is kept; "": nowhere
}

// flexibleOf reads the environment. It is false unless FC_ENABLE says something.
func flexibleOf(env func(string) (string, bool)) (flexible, bool) {
	get := func(name string) string { value, _ := env(name); return value }
	return flexible{get("FC_SETTINGS"), get("FC_PARTIALS"), get("FC_TEMPLATES"), get("FC_OUT")}, get("FC_ENABLE") != ""
}

// render fills a template in. Its mistakes name the template and the line. name is what the rendered file is called: FC_OUT,
// or a file that [keep] writes where somebody has to look at it.
func (f flexible) render(file string, data []byte) (name string, rendered []byte, err error) {
	settings, err := f.load()
	if err != nil {
		return "", nil, err
	}
	root := template.New(file).Funcs(sprig.GenericFuncMap()).Funcs(template.FuncMap{"include": f.include, "marshal": marshal})
	if err := f.parseOthers(root); err != nil {
		return "", nil, err
	}
	if _, err := root.Parse(string(data)); err != nil {
		return "", nil, ofTemplate(err)
	}
	var out bytes.Buffer
	if err := root.ExecuteTemplate(&out, file, settings); err != nil {
		return "", nil, ofTemplate(err)
	}
	if name, err = f.name(file); err != nil {
		return "", nil, err
	}
	if f.out != "" {
		if err := os.WriteFile(f.out, out.Bytes(), 0o600); err != nil {
			return "", nil, unable(fmt.Errorf("FC_OUT: %w", err))
		}
	}
	return name, out.Bytes(), unset(name, out.Bytes())
}

// name is what the rendered file is called.
func (f flexible) name(file string) (string, error) {
	if f.out != "" {
		return f.out, nil
	}
	var random [6]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", err
	}
	base := filepath.Base(file)
	if ext := filepath.Ext(base); ext == ".tmpl" || ext == "" {
		base = strings.TrimSuffix(base, ext)
		if filepath.Ext(base) != ".json" {
			base += ".json"
		}
	}
	return filepath.Join(os.TempDir(), "gatehouse-"+hex.EncodeToString(random[:])+"-"+base), nil
}

// keep writes a rendered file that has no place of its own, for people to look at what is wrong with it. It may hold
// secrets, so that only its owner may read it, and it never goes through a name that is there already.
func keep(name string, rendered []byte) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil // kept already
	}
	if err != nil {
		return err
	}
	_, err = file.Write(rendered)
	return errors.Join(err, file.Close())
}

// load reads the settings.
func (f flexible) load() (map[string]any, error) {
	settings := map[string]any{}
	files, err := list("FC_SETTINGS", f.settings, ".json")
	if err != nil {
		return nil, err
	}
	var wrong []error
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, unable(fmt.Errorf("FC_SETTINGS: %w", err))
		}
		var value any
		if err := json.Unmarshal(data, &value); err != nil {
			wrong = append(wrong, badJSON(file, data, err))
		}
		settings[strings.TrimSuffix(filepath.Base(file), ".json")] = value
	}
	return settings, errors.Join(wrong...)
}

// parseOthers reads FC_TEMPLATES into the set of root.
func (f flexible) parseOthers(root *template.Template) error {
	files, err := list("FC_TEMPLATES", f.templates, ".tmpl")
	if err != nil {
		return err
	}
	var wrong []error
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return unable(fmt.Errorf("FC_TEMPLATES: %w", err))
		}
		if _, err := root.New(filepath.Base(file)).Parse(string(data)); err != nil {
			wrong = append(wrong, ofTemplate(err))
		}
	}
	return errors.Join(wrong...)
}

// list finds the files of a directory by their extension. A directory that is not there is a mistake, not an empty one.
func list(variable, dir, ext string) (files []string, err error) {
	if dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, unable(fmt.Errorf("%s: %w", variable, err))
	}
	for _, e := range entries {
		if !e.IsDir() && filepath.Ext(e.Name()) == ext {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, nil
}

// include puts a partial in as it is.
func (f flexible) include(name string) (string, error) {
	data, err := os.ReadFile(filepath.Join(f.partials, name))
	if err != nil {
		return "", fmt.Errorf("FC_PARTIALS: %w", err)
	}
	return string(data), nil
}

// marshal writes a value as JSON.
func marshal(value any) (string, error) {
	out, err := json.Marshal(value)
	return string(out), err
}

// ofTemplate is a mistake in a template. text/template says where: "template: NAME:LINE:COLUMN: what".
func ofTemplate(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "template: "))
}

// badJSON gives a mistake in a file of settings its line and column.
func badJSON(file string, data []byte, err error) error {
	at := len(data)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && !strings.HasPrefix(err.Error(), "unexpected end") {
		at = max(0, min(at, int(syntax.Offset)-1))
	}
	before := data[:at]
	line := bytes.Count(before, []byte("\n")) + 1
	column := at - bytes.LastIndexByte(before, '\n')
	return &conf.Error{File: file, Line: line, Column: column, Err: errors.New(strings.TrimPrefix(err.Error(), "json: "))}
}

// noValue is what text/template writes for a key that no map has.
const noValue = "<no value>"

// unset finds settings that a template asked for and that nobody has set: KrakenD puts "<no value>" into the file and goes
// on with it, as the name of a host or an audience.
func unset(name string, rendered []byte) error {
	var wrong []error
	places := map[int]bool{}
	for at := 0; ; {
		i := bytes.Index(rendered[at:], []byte(noValue))
		if i < 0 {
			return errors.Join(wrong...)
		}
		at += i
		line := bytes.Count(rendered[:at], []byte("\n")) + 1
		if !places[line] {
			places[line] = true
			wrong = append(wrong, &conf.Error{File: name, Line: line, Column: at - bytes.LastIndexByte(rendered[:at], '\n'),
				Err: errors.New(noValue + ": a template asks here for a setting that is not there (where it may be missing, write {{ with }} or | default)")})
		}
		at += len(noValue)
	}
}
