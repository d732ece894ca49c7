package outbound

// New makes the client that suits an origin. It is the one place where that is chosen; nothing is dialed yet.
func New(origin Origin, opt Options) (Client, error) {
	return NewPool(origin, opt)
}
