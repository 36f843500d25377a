package caseupdate

import (
	"errors"
	"math/big"
	"strconv"
	"strings"
)

// MaxAmount is the largest amount, 999,999,999,999.99: far below 2^53 minor
// units, so every JavaScript receiver holds and prints it exactly.
const MaxAmount Amount = 99_999_999_999_999

// Amount is money in minor units (cents). On the wire it is a JSON number in
// major units, printed as JavaScript prints it: 15950 is 159.5.
type Amount int64

// String returns a in major units: "159.5".
func (a Amount) String() string {
	sign, n := "", uint64(a)
	if a < 0 {
		sign, n = "-", -n
	}
	s := sign + strconv.FormatUint(n/100, 10)
	if cents := n % 100; cents != 0 {
		s += "." + strings.TrimSuffix(strconv.FormatUint(100+cents, 10)[1:], "0")
	}
	return s
}

// MarshalJSON writes a as a number in major units. More than [MaxAmount], or less
// than its negative, is an error.
func (a Amount) MarshalJSON() ([]byte, error) {
	if a < -MaxAmount || a > MaxAmount {
		return nil, errors.New("caseupdate: amount outside -" + MaxAmount.String() + " to " + MaxAmount.String())
	}
	return []byte(a.String()), nil
}

// UnmarshalJSON reads a number in major units, exactly: more than two decimal
// places, or more than [MaxAmount], is a [json.UnmarshalTypeError], which does not
// repeat the number.
func (a *Amount) UnmarshalJSON(b []byte) error {
	s := string(b)
	if s == "null" {
		return nil
	}
	// The length bounds the work that an exponent can ask of big.Rat.
	if len(s) > 32 || strings.ContainsAny(s, `"/xXpP_`) || hugeExponent(s) {
		return mistyped[Amount]()
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return mistyped[Amount]()
	}
	r.Mul(r, big.NewRat(100, 1))
	if !r.IsInt() || !r.Num().IsInt64() {
		return mistyped[Amount]()
	}
	minor := Amount(r.Num().Int64())
	if minor < -MaxAmount || minor > MaxAmount {
		return mistyped[Amount]()
	}
	*a = minor
	return nil
}

// hugeExponent reports whether s is written with an exponent of more than two
// digits, which no amount needs.
func hugeExponent(s string) bool {
	i := strings.IndexAny(s, "eE")
	return i >= 0 && len(strings.TrimLeft(s[i+1:], "+-0")) > 2
}
