package caseupdate

// Name is a person of whom only the name is told: a comment's author, or who
// uploaded an attachment.
type Name struct {
	FirstName string `json:"firstName"`
	LastName  string `json:"lastName"`
}

// Person is a person with the id under which the platform knows them.
type Person struct {
	ID        string `json:"id"`
	FirstName string `json:"firstName"`
	LastName  string `json:"lastName"`
}

// Name returns p without the id.
func (p Person) Name() Name {
	return Name{FirstName: p.FirstName, LastName: p.LastName}
}

// User is a person who acts on cases or is assigned to them.
type User struct {
	ID        string  `json:"id"`
	FirstName string  `json:"firstName"`
	LastName  string  `json:"lastName"`
	Email     *string `json:"email"` // nil for an API key's own user
}

// Person returns u without the email.
func (u User) Person() Person {
	return Person{ID: u.ID, FirstName: u.FirstName, LastName: u.LastName}
}
