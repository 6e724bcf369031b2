package prove

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
)

// Build makes the program in a folder, as make build does, so that what is compiled is shared with it. It must be called inside
// the module.
func Build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "latchkey")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", binary, "github.com/latchkey-dev/latchkey/cmd/latchkey")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build latchkey: %w: %s", err, out)
	}
	return binary, nil
}

// ParseKind finds a kind of fault by its name.
func ParseKind(name string) (Kind, error) {
	if k := Kind(name); slices.Contains(AllKinds, k) {
		return k, nil
	}
	return "", fmt.Errorf("no kind of fault is called %q; there are %q", name, AllKinds)
}

// ParseDoor finds a door by its name.
func ParseDoor(name string) (Door, error) {
	if d := Door(name); slices.Contains(allDoors, d) {
		return d, nil
	}
	return "", fmt.Errorf("no door is called %q; there are %q", name, allDoors)
}
