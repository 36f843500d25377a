package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/casehook/casehook/webhook"
)

// secretVariable is where the secrets are where no flag says so.
const secretVariable = "CASEHOOK_SECRET"

// secretFlags say where the secrets of an endpoint are.
type secretFlags struct {
	given []string
	file  string
}

func (f *secretFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.given, "secret", nil, "a `SECRET` of the endpoint, whsec_...; may be repeated. Every process of the machine can read it here")
	cmd.Flags().StringVar(&f.file, "secret-file", "", "the `FILE` that has the secrets, one a line; without both they are in "+secretVariable)
}

// secrets are those of an endpoint: as they were shown, and as they sign and verify.
type secrets struct {
	texts []string
	keys  []webhook.Secret
}

// read reads the secrets. There may be none.
func (f *secretFlags) read(cmd *cobra.Command) (secrets, error) {
	texts := f.given
	if f.file != "" {
		content, err := readFile(cmd, f.file)
		if err != nil {
			return secrets{}, err
		}
		texts = append(texts, strings.Fields(string(content))...)
	}
	if len(texts) == 0 {
		texts = strings.Fields(os.Getenv(secretVariable))
	}
	s := secrets{texts: texts}
	for i, text := range texts {
		key, err := webhook.ParseSecret(text)
		if err != nil {
			return secrets{}, misuse{fmt.Errorf("secret %d of %d: %w", i+1, len(texts), err)}
		}
		s.keys = append(s.keys, key)
	}
	return s, nil
}

// require is read, where there must be a secret.
func (f *secretFlags) require(cmd *cobra.Command) (secrets, error) {
	s, err := f.read(cmd)
	if err == nil && len(s.keys) == 0 {
		err = misuse{errors.New("a secret is needed: --secret-file FILE, " + secretVariable + " in the environment, or --secret SECRET")}
	}
	return s, err
}

// symmetric returns the secrets that x-cv-signature can be made with, as they were shown.
func (s secrets) symmetric() []string {
	var all []string
	for _, text := range s.texts {
		if strings.HasPrefix(text, "whsec_") {
			all = append(all, text)
		}
	}
	return all
}
