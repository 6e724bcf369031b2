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
