package config

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

const (
	// fileFlag names the file of settings, as does fileVariable.
	fileFlag     = "config"
	fileVariable = "CASEHOOK_CONFIG"
)

// AddFlags defines a flag for each of the named settings, for all where none is
// named, and --config. Secrets have no flag.
func AddFlags(flags *pflag.FlagSet, names ...string) {
	defaults := Default()
	for _, s := range settings {
		if s.usage == "" || len(names) > 0 && !slices.Contains(names, s.name) {
			continue
		}
		switch field := s.field(&defaults).(type) {
		case *string:
			flags.String(s.name, *field, s.usage)
		case *bool:
			flags.Bool(s.name, *field, s.usage)
		case *int:
			flags.String(s.name, strconv.Itoa(*field), s.usage)
		case *[]netip.Prefix:
			flags.String(s.name, joinCIDRs(*field), s.usage)
		}
	}
	flags.String(fileFlag, "", "read settings from the YAML `FILE`")
}

// Load returns the configuration: the defaults, the file that --config or
// CASEHOOK_CONFIG names, environ (as of [os.Environ]) and the flags that were
// given, each over what came before. An empty variable counts as not set, a
// variable that is no setting is left alone, but a name in the file that is no
// setting is an error.
//
// An error names each setting that is wrong and what is allowed, and never repeats
// its value.
func Load(flags *pflag.FlagSet, environ []string) (Config, error) {
	merged := koanf.New(".")
	path := ""
	if given := flags.Lookup(fileFlag); given != nil {
		path = given.Value.String()
	}
	if path == "" {
		path = variable(environ, fileVariable)
	}
	if path != "" {
		settings, err := readFile(path)
		if err != nil {
			return Config{}, err
		}
		if err := merged.Load(confmap.Provider(settings, ""), nil); err != nil {
			return Config{}, fmt.Errorf("read the settings of %s: %w", path, err)
		}
	}
	if err := merged.Load(fromEnvironment(environ), nil); err != nil {
		return Config{}, fmt.Errorf("read the environment: %w", err)
	}
	if err := merged.Load(fromFlags(flags), nil); err != nil {
		return Config{}, fmt.Errorf("read the flags: %w", err)
	}
	return decode(merged)
}

// variable returns the value of a variable, "" where there is none.
func variable(environ []string, name string) string {
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// lineNumber finds where a YAML file is wrong. The rest of the parser's errors may
// repeat a value.
var lineNumber = regexp.MustCompile(`\bline \d+\b`)

// readFile returns the settings of a file, those that are null left out.
func readFile(path string) (map[string]any, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the settings: %w", err) // it names the file
	}
	found, err := yaml.Parser().Unmarshal(content)
	if err != nil {
		where := lineNumber.FindString(err.Error())
		if where == "" {
			where = "line 1"
		}
		return nil, fmt.Errorf("read the settings of %s: %s is not YAML of the form NAME: VALUE, with each name once", path, where)
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if _, known := named(name); !known {
			return nil, fmt.Errorf("read the settings of %s: there is no setting %q", path, name)
		}
	}
	maps.DeleteFunc(found, func(_ string, value any) bool { return value == nil })
	return found, nil
}

// fromEnvironment provides the settings of the environment. The names are mapped
// one by one: an underscore in them is none of koanf's business.
func fromEnvironment(environ []string) koanf.Provider {
	names := make(map[string]string, len(settings))
	for _, s := range settings {
		names[s.variable()] = s.name
	}
	return env.Provider(".", env.Opt{
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(variable, value string) (string, any) {
			if value == "" {
				return "", nil
			}
			return names[variable], value // nothing is kept under an empty name
		},
	})
}

// fromFlags provides the settings whose flags were given.
func fromFlags(flags *pflag.FlagSet) koanf.Provider {
	return posflag.ProviderWithFlag(flags, ".", nil, func(f *pflag.Flag) (string, any) {
		if _, known := named(f.Name); !known || !f.Changed {
			return "", nil
		}
		return f.Name, f.Value.String()
	})
}

// decode checks what was set and returns it over the defaults.
func decode(merged *koanf.Koanf) (Config, error) {
	config := Default()
	var faults []error
	for _, s := range settings {
		if !merged.Exists(s.name) {
			continue
		}
		if err := s.decode(&config, merged.Get(s.name)); err != nil {
			faults = append(faults, err)
		}
	}
	if len(faults) > 0 {
		return Config{}, errors.Join(faults...)
	}
	if config.OperatorKey != "" && config.OperatorKey == config.AdminKey {
		operator, _ := named("operator-key")
		return Config{}, operator.refuse("another one than admin-key")
	}
	config.PublicURL = strings.TrimRight(config.PublicURL, "/")
	return config, nil
}

// decode puts a value, a string or what YAML made of it, into the setting's field.
func (s setting) decode(config *Config, value any) error {
	text, isText := value.(string)
	if on, ok := s.field(config).(*bool); ok {
		if yes, isBool := value.(bool); isBool {
			*on = yes
			return nil
		}
		yes, err := strconv.ParseBool(text)
		if err != nil {
			return s.refuse("true or false")
		}
		*on = yes
		return nil
	}
	if number, isNumber := value.(int); isNumber {
		if _, wanted := s.field(config).(*int); wanted {
			text, isText = strconv.Itoa(number), true
		}
	}
	if !isText {
		return s.refuse("text: put it in quotes")
	}
	if s.check != nil {
		if allowed := s.check(text); allowed != "" {
			return s.refuse(allowed)
		}
	}
	switch field := s.field(config).(type) {
	case *string:
		*field = text
	case *Secret:
		*field = Secret(text)
	case *int:
		*field, _ = strconv.Atoi(text) // it was checked
	case *[]netip.Prefix:
		*field, _ = parseCIDRs(text) // checked above
	}
	return nil
}
