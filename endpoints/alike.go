package endpoints

// Alike shares what many endpoints of a service have alike. What is read for each request is in the processor's caches then,
// whichever of them is asked. Nil shares nothing.
type Alike struct{ things map[string]any }

// NewAlike is empty.
func NewAlike() *Alike { return &Alike{map[string]any{}} }

// alike is the first thing of its type under a key, which says all of it; nobody may change it from then on.
func alike[T any](a *Alike, key string, thing T) T {
	if a == nil {
		return thing
	}
	if old, ok := a.things[key].(T); ok {
		return old
	}
	a.things[key] = thing
	return thing
}
