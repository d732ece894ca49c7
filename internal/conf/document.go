package conf

// Document is one parsed file: its values, the place of each, and the warnings found so far.
type Document struct {
	file string
}

// Parse reads JSON and keeps the place of every key and value. Errors are [*Error]s: bad JSON with line and column, a
// key that stands twice in one object with both places, an empty file, a YAML or TOML file by its name.
func Parse(file string, data []byte) (*Document, error) { panic("todo") }

// Version is the document's "version": 2, 3 or 4. Anything else is a mistake that says what is wanted.
func (d *Document) Version() (int, error) { panic("todo") }

// Decode fills root (a pointer to a struct) and returns every mistake at once, located.
func (d *Document) Decode(root any, opt Options) error { panic("todo") }

// Locate gives each mistake of err its file, line and column and sorts them by place. A path that does not exist in
// the file gets the place of its nearest parent that does.
func (d *Document) Locate(err error) []*Error { panic("todo") }

// Warnings are the things that Decode let pass, located, in the order of the file.
func (d *Document) Warnings() []*Error { panic("todo") }

// Warn adds warnings (an error made with At, joined or not) to those of the document.
func (d *Document) Warn(err error) { panic("todo") }

func (d *Document) asErrors() []error { panic("todo") }
