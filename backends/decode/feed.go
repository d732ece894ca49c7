package decode

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"

	"github.com/mmcdole/gofeed"
	"golang.org/x/net/html/charset"

	"gatehouse/internal/rawjson"
)

// feed is what clients get of an RSS, Atom or JSON feed: KrakenD's fields, in the order that it prints them.
type feed struct {
	Author      *gofeed.Person    `json:"author"`
	Categories  []string          `json:"categories"`
	Copyright   string            `json:"copyright"`
	Custom      map[string]string `json:"custom"`
	Description string            `json:"description"`
	ImageURL    *string           `json:"img_url,omitempty"`
	Items       []*gofeed.Item    `json:"items"`
	Language    string            `json:"language"`
	Published   string            `json:"published"`
	Title       string            `json:"title"`
	Type        string            `json:"type"`
	Updated     string            `json:"updated"`
}

// feed reads RSS, Atom and JSON feeds, also those that are not quite well-formed.
func (o Options) feed(v *rawjson.Value, a Answer, depth int) (kept []byte, err error) {
	defer recovered(&err)
	kept = a.Text // also of a panic
	if firstByte(a.Text) == '{' {
		err = small(a.Text)
	} else {
		err = shallow(a.Text)
	}
	if err != nil {
		return kept, err
	}
	f, err := gofeed.NewParser().Parse(bytes.NewReader(a.Text))
	if err != nil {
		return kept, err
	}
	said := feed{Author: f.Author, Categories: f.Categories, Copyright: f.Copyright, Custom: f.Custom, Description: f.Description,
		Items: f.Items, Language: f.Language, Published: f.Published, Title: f.Title, Type: f.FeedType, Updated: f.Updated}
	if f.Image != nil {
		said.ImageURL = &f.Image.URL
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(said); err != nil {
		return kept, err
	}
	if o.Max > 0 && int64(out.Len()) > o.Max {
		return kept, fmt.Errorf("over %d bytes as JSON", o.Max)
	}
	return out.Bytes(), v.ParseWithin(out.Bytes(), depth, o.size())
}

// The bounds of a feed: gofeed keeps some kilobyte for each item, and joins the pieces of an element's text by copying all
// that came before each of them.
const (
	maxFeedElements = 30_000
	maxFeedCopies   = 1 << 30
	maxJSONFeed     = 2 << 20
)

// small refuses a JSON feed with more in it than any has.
func small(data []byte) error {
	if len(data) > maxJSONFeed {
		return fmt.Errorf("over %d bytes of JSON feed", maxJSONFeed)
	}
	if n := bytes.Count(data, []byte{'{'}); n > maxFeedElements {
		return fmt.Errorf("more than %d objects", maxFeedElements)
	}
	return nil
}

// shallow refuses a document that is deeper than any feed, since gofeed goes down by calling itself, or cut into more
// pieces. It reads as leniently as gofeed does, and leaves it to gofeed to say what else is wrong.
func shallow(data []byte) error {
	if crowded(data) {
		return errCrowded
	}
	d := xml.NewDecoder(bytes.NewReader(data))
	d.Strict = false
	d.CharsetReader = charset.NewReaderLabel
	var texts [maxXMLDepth + 1]int
	for level, copied, elements := 0, 0, 0; ; {
		token, err := d.RawToken()
		if err != nil {
			return nil //nolint:nilerr // it is gofeed's to say
		}
		switch token := token.(type) {
		case xml.StartElement:
			if level++; level > maxXMLDepth {
				return fmt.Errorf("elements more than %d deep", maxXMLDepth)
			}
			if elements++; elements > maxFeedElements {
				return fmt.Errorf("more than %d elements", maxFeedElements)
			}
			texts[level] = 0
		case xml.EndElement:
			if level--; level < 0 {
				return nil
			}
		case xml.CharData:
			copied += texts[level]
			if texts[level] += len(token); copied > maxFeedCopies {
				return errors.New("text in too many pieces")
			}
		}
	}
}

// recovered makes an error of a panic in a parser that is not ours: one answer must not end the process.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = errors.New("the parser cannot cope with it")
	}
}
