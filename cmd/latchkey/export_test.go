package main

import "reflect"

// Settings lists the names of all settings.
func Settings() []string {
	var names []string
	t := reflect.TypeFor[config]()
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("env"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// Default is the default of a setting, as help prints it.
func Default(setting string) string {
	t := reflect.TypeFor[config]()
	for i := range t.NumField() {
		if tag := t.Field(i).Tag; tag.Get("env") == setting {
			return tag.Get("default")
		}
	}
	return ""
}
